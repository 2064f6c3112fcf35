"""
Where others reach a node that listens on every interface.

An address that a newcomer is to dial must name one host; ``0.0.0.0`` and ``[::]`` name every
interface of this machine, so the address by which it reaches the network stands in for them.
"""

from __future__ import annotations

import socket

from securechat.addresses import is_wildcard, join, split

ELSEWHERE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses kept for documentation: no packet is sent to them."""


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
