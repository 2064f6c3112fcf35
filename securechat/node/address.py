"""
``HOST:PORT`` and back; an IPv6 address stands in brackets.

What a stranger counts as for the caps of the listener is decided here too: an IPv4 address, or a
whole /64 of IPv6, since one host may use any address of its own.
"""

from __future__ import annotations

from ipaddress import IPv4Address as Four
from ipaddress import IPv6Address as Six
from ipaddress import IPv6Network, ip_address

from twisted.internet.interfaces import IAddress

MAX_HOST = 253


def split(address: str) -> tuple[str, int]:
    """Host and port; ValueError with a readable text if it is not HOST:PORT."""
    host, colon, port = address.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    shown = ascii(address[:64])
    if not colon or not host or len(host) > MAX_HOST or not host.isprintable() or " " in host:
        raise ValueError(f"{shown} is not HOST:PORT")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65536):
        raise ValueError(f"{shown}: the port is a number from 0 to 65535")
    if bracketed != (":" in host) or (bracketed and number(host) is None):
        raise ValueError(f"{shown}: an IPv6 address is written [ADDRESS]:PORT")
    return host, int(port)


def join(host: str, port: int) -> str:
    """``HOST:PORT``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def shown(address: IAddress | None) -> str:
    """An address of a socket as ``HOST:PORT``; of something else its class name."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if isinstance(host, str) and isinstance(port, int):
        return join(host, port)
    return type(address).__name__


def number(host: str) -> Four | Six | None:
    """The IP address that this host is written as; None if it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def source(address: IAddress | None) -> str:
    """What connections from this address are counted under."""
    host = str(getattr(address, "host", "")) or shown(address)
    found = number(host)
    if isinstance(found, Six):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        if not found.is_loopback:
            return str(IPv6Network((int(found), 64), strict=False))
    return host


def is_loopback(source: str) -> bool:
    """Whether these connections come from this machine."""
    found = number(source)
    return found is not None and found.is_loopback
