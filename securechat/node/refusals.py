"""
Links that were refused, by us or by the other end: counted, logged, told, and the last of each kept.

A peer is known by its certificate; who never proved anything is known by an address only, and many of
those must not displace what is known of peers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from attrs import define, field

from securechat.ids import MemberId
from securechat.node.log import note
from securechat.notices import LinkChanged
from securechat.settings import MAX_LINKS

MAX_STRANGERS = 16
"""Unproven addresses whose last refusal is kept."""


@define
class Refusals:
    """The last refusal of each peer, of each address that we dialled, and of some strangers."""

    _counters: Counter[str]
    _tell: Callable[[LinkChanged], None]
    known: dict[str, str] = field(factory=dict, init=False)
    """By peer, or by the address that we dialled."""
    strangers: dict[str, str] = field(factory=dict, init=False)
    """Of those who came to us unproven, by address."""

    def of_stream(self, address: str, dialled: bool, reason: str, text: str, times: int) -> None:
        """So many connections that never became wires: the last, and what was wrong with it."""
        self._counters[f"refused.{reason}"] += times
        rows, most = (self.known, MAX_LINKS) if dialled else (self.strangers, MAX_STRANGERS)
        rows[address] = f"{reason}: {text}" if text else reason
        while len(rows) > most:
            del rows[next(iter(rows))]
        direction = "out" if dialled else "in"
        note("link-refused", address=address, direction=direction, reason=reason, text=text)
        self._tell(LinkChanged(None, "refused", direction, f"{address}: {reason}: {text}"))

    def of_peer(self, peer: MemberId, address: str, reason: str, detail: str) -> None:
        """A proven peer was refused, or refused us."""
        self._counters[f"refused.{reason}"] += 1
        self.known[peer] = f"{reason}: {detail}" if detail else reason
        note("link-refused", peer=peer, address=address, reason=reason, text=detail or None)
        self._tell(LinkChanged(peer, "refused", "", self.known[peer]))

    def linked(self, peer: MemberId) -> None:
        """It has a link that is up: its last refusal is history."""
        self.known.pop(peer, None)
