"""
Addresses as people write them: ``HOST:PORT``, with an IPv6 address in brackets, ``[::1]:7400``.

An address that a newcomer is to dial must name one host; ``0.0.0.0`` and ``[::]`` name every
interface of this machine, so the address by which it reaches the network stands in for them.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST = re.compile(rf"{LABEL}(\.{LABEL})*\.?")
NUMERIC = re.compile(r"[0-9.]+")
PORT = re.compile(r"[1-9][0-9]{0,4}")
MAX_HOST = 253
MAX_PORT = 65535
ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses kept for documentation: no packet is sent to them."""


def split(address: str) -> tuple[str, int]:
    """Host and port; ValueError with a readable text if it is not HOST:PORT."""
    host, colon, port = address.rpartition(":")
    if not colon:
        raise ValueError("not HOST:PORT")
    if not PORT.fullmatch(port) or int(port) > MAX_PORT:
        raise ValueError(f"the port is a number from 1 to {MAX_PORT}")
    if host.startswith("[") and host.endswith("]"):
        if not isinstance(_number(host[1:-1]), IPv6Address):
            raise ValueError("in brackets stands an IPv6 address")
        return host[1:-1], int(port)
    if ":" in host:
        raise ValueError("an IPv6 address stands in brackets, [ADDRESS]:PORT")
    if not _is_host(host):
        raise ValueError("the host is a name or an IP address")
    return host, int(port)


def join(host: str, port: int) -> str:
    """``HOST:PORT``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect there."""
    number = _number(host)
    return host.lower() == "localhost" if number is None else number.is_loopback


def is_wildcard(host: str) -> bool:
    """Whether it stands for every interface, and so for nothing that can be dialled."""
    number = _number(host)
    return number is not None and number.is_unspecified


def dialled_by_others(listen: str) -> str:
    """The address that others dial to reach what listens there."""
    host, port = split(listen)
    if not is_wildcard(host):
        return listen
    return join(_outward(socket.AF_INET6 if ":" in host else socket.AF_INET), port)


def _outward(family: socket.AddressFamily) -> str:
    """This machine's address on the network; loopback if it has no network."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ELSEWHERE[family], 9))
        except OSError:
            return "::1" if family is socket.AF_INET6 else "127.0.0.1"
        return str(probe.getsockname()[0])


def _number(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_host(host: str) -> bool:
    if _number(host) is not None:
        return True
    return (
        len(host) <= MAX_HOST
        and HOST.fullmatch(host) is not None
        and NUMERIC.fullmatch(host) is None
    )
