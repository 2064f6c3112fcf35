"""
Addresses as people write them: ``HOST:PORT``, with an IPv6 address in brackets, ``[::1]:7400``.

One spelling for the configuration, the command line, the admissions, the sockets and what members
tell each other.  A host is an IP address or a name by the rules of DNS; a scope stays with the IPv6
address that it belongs to, ``[fe80::1%eth0]:7400``, and means something on one machine only.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
HOST = re.compile(rf"{LABEL}(\.{LABEL})*\.?")
NUMERIC = re.compile(r"[0-9.]+")
SCOPE = re.compile(r"[A-Za-z0-9_.-]{1,32}")
PORT = re.compile(r"[1-9][0-9]{0,4}")
MAX_HOST = 253
MAX_PORT = 65535
MAX_TOLD = 100
"""Characters of an address that members tell each other: four of them fit the first frame."""


def split(address: str) -> tuple[str, int]:
    """Host and port; ValueError with a readable text if it is not HOST:PORT."""
    host, colon, port = address.rpartition(":")
    if not colon:
        raise ValueError("not HOST:PORT")
    if not PORT.fullmatch(port) or int(port) > MAX_PORT:
        raise ValueError(f"the port is a number from 1 to {MAX_PORT}")
    if host.startswith("[") and host.endswith("]"):
        if not isinstance(number(host[1:-1]), IPv6Address):
            raise ValueError("in brackets stands an IPv6 address")
        return host[1:-1], int(port)
    if ":" in host:
        raise ValueError("an IPv6 address is written [ADDRESS]:PORT")
    if not _is_host(host):
        raise ValueError("the host is a name or an IP address")
    return host, int(port)


def join(host: str, port: int) -> str:
    """``HOST:PORT``, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def number(host: str) -> IPv4Address | IPv6Address | None:
    """The IP address that this host is written as; None if it is a name."""
    _, scoped, scope = host.partition("%")
    if scoped and not SCOPE.fullmatch(scope):
        return None
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect there."""
    found = number(host)
    return host.lower() == "localhost" if found is None else found.is_loopback


def is_wildcard(host: str) -> bool:
    """Whether it stands for every interface, and so for nothing that can be dialled."""
    found = number(host)
    return found is not None and found.is_unspecified


def check_told(address: str) -> None:
    """ValueError with a readable text unless members may tell each other to dial this."""
    host, _ = split(address)
    if "%" in host:
        raise ValueError("a scope means something on one machine only")
    if len(address) > MAX_TOLD:
        raise ValueError(f"it has more than {MAX_TOLD} characters")


def _is_host(host: str) -> bool:
    if number(host) is not None:
        return True
    return (
        len(host) <= MAX_HOST
        and HOST.fullmatch(host) is not None
        and NUMERIC.fullmatch(host) is None
    )
