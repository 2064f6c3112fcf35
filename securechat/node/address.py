"""
What a socket's address is in our words: as people write it, and as what it counts.

For the caps of the listener a stranger is an IPv4 address, or a whole /64 of IPv6, since one host may
use any address of its own.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network

from twisted.internet.interfaces import IAddress

from securechat.addresses import join, number


def shown(address: IAddress | None) -> str:
    """An address of a socket as ``HOST:PORT``; of something else its class name."""
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if isinstance(host, str) and isinstance(port, int):
        return join(host, port)
    return type(address).__name__


def source(address: IAddress | None) -> str:
    """What connections from this address are counted under."""
    host = str(getattr(address, "host", "")) or shown(address)
    found = number(host)
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        if not found.is_loopback:
            return str(IPv6Network((int(found), 64), strict=False))
    return host
