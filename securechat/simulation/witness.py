"""
Everything that is written on the network, read by somebody who takes no part.

The witness decodes what each node writes at the moment it writes it, and asks that node's disk:

- I1: who signs that it has stored something has it on disk now, or had it there and forgot it since
  (``kept``: only where histories are short); and the signature is the only thing that later justifies
  ``acked``.
- I6: an author's own envelope or direct message is on his disk before its first byte leaves.
- I7: whom a node has welcomed with one epoch it never welcomes with a lower one.
- I8: one place of a stream never has two objects signed by its author.
- G8: a goodbye counts once its member has said it itself.
- I12: a direct message travels on a link of its author to its recipient only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from attrs import define, field

from securechat.ids import Hash, MemberId, MessageId, Stream
from securechat.membership.messages import MESSAGES as MEMBERSHIP
from securechat.membership.messages import STATEMENTS as CLAIMS
from securechat.membership.messages import Claims
from securechat.messaging.messages import MESSAGES as MESSAGING
from securechat.messaging.statements import STATEMENTS, Direct, Envelope, Frontier, Receipt
from securechat.node.handshake import MESSAGES as HANDSHAKE
from securechat.node.handshake import Welcome
from securechat.objects import Purpose, Signed
from securechat.signing import object_hash
from securechat.simulation.frames import bodies
from securechat.wire import Codec

CACHED = 512
LATER = 3.0
"""Seconds after which a message that is kept no longer is not offered any more."""
WELCOME, FIRST_SPOKEN = 2, 32
CLAIMS_TOLD = next(code for code, kind in MEMBERSHIP.items() if kind is Claims)


class Site(Protocol):
    """A node as the checker may ask it."""

    name: str
    member: MemberId

    def on_disk(self, name: Hash) -> Signed | None:
        """The object of this hash that is on this node's disk now, whole."""
        ...


@define
class Disk:
    """What the witness has seen on one disk."""

    seen: set[Hash] = field(factory=set)
    posts: dict[Stream, set[int]] = field(factory=dict)
    welcomed: dict[MemberId, int] = field(factory=dict)


@define(eq=False)
class Witness:
    """Reads along, and remembers who signed what."""

    _room: str
    _report: Callable[[str, str, str], None]
    _now: Callable[[], float]
    places: dict[MessageId, Hash] = field(factory=dict)
    """The object at each place, as its author signed it."""
    stored: dict[MemberId, dict[MessageId, float]] = field(factory=dict)
    """What each member has signed to have stored, and when: posts by frontier, directs by receipt."""
    lost: dict[MemberId, set[MessageId]] = field(factory=dict)
    """What of that stood on a disk that was lost or set back since."""
    envelopes: dict[Stream, dict[int, tuple[Hash, int, int]]] = field(factory=dict)
    """Each post's envelope with its first and last seq."""
    stamps: dict[tuple[Stream, int], int] = field(factory=dict)
    """When each post was said that was ever read, by its author's stamp; of two the earlier."""
    leaves: set[tuple[MemberId, int]] = field(factory=set)
    """Who has said goodbye, and in which epoch."""
    sent: set[MessageId] = field(factory=set)
    """Direct messages of which a byte has left,"""
    closed: set[MessageId] = field(factory=set)
    """those that were cancelled,"""
    offered_for: float = math.inf
    """Seconds for which an author offers a direct message, and again after its recipient lost it."""
    until: dict[MessageId, float] = field(factory=dict)
    """and till when each is offered."""
    again: int = 0
    """How often one was offered that had been before."""
    epochs: dict[MessageId, int] = field(factory=dict)
    """The newest epoch in which each direct message was given a receipt."""
    _receipts: set[Hash] = field(factory=set)
    """Those that were good when they were signed."""
    _disks: dict[str, Disk] = field(factory=dict)
    _codec: Codec = field(init=False)
    _messages: dict[bytes, Any] = field(factory=dict)
    _objects: dict[bytes, tuple[Hash, Any]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self._codec = Codec({**HANDSHAKE, **MEMBERSHIP, **MESSAGING}, {**CLAIMS, **STATEMENTS})

    def disk_changed(self, site: Site, to: float | None) -> None:
        """This node's disk was lost (None), or is as it was at that time."""
        self._disks.pop(site.name, None)
        self.closed = {id for id in self.closed if id.author != site.member}
        stored = self.stored.get(site.member, {})
        gone = {id for id, at in stored.items() if to is None or at > to}
        self.lost.setdefault(site.member, set()).update(gone)

    def kept(self, site: Site, texts: Iterable[Signed]) -> None:
        """These are on a node's disk, after a commit: a word about them may leave when they are not."""
        seen = self._disks.setdefault(site.name, Disk()).seen
        whole = (one for one in texts if one.attachment or one.purpose is Purpose.DIRECT)
        seen.update(self.read(one)[0] for one in whole)

    def keeps(self, member: MemberId, id: MessageId) -> bool:
        """Whether a member has signed that it has this, and its disk is still that one."""
        return id in self.stored.get(member, ()) and id not in self.lost.get(member, ())

    def written(self, site: Site, to: MemberId, data: bytes) -> None:
        """A node writes whole frames."""
        for body in bodies(data):
            if body[1] in (WELCOME, CLAIMS_TOLD) or body[1] >= FIRST_SPOKEN:
                message = self.message(body)
                if isinstance(message, Welcome):
                    self._welcomed(site, to, message.epoch)
                for signed in getattr(message, "objects", ()):
                    self._object(site, to, signed)

    def message(self, body: bytes) -> Any:
        """Decoded once, however many peers it goes to."""
        found = self._messages.get(body)
        if found is None:
            if len(self._messages) >= CACHED:
                self._messages.clear()
            found = self._messages[body] = self._codec.message(body)
        return found

    def read(self, signed: Signed) -> tuple[Hash, Any]:
        """The hash of an object and what it says; RemoteError if it is none."""
        known = self._objects.get(signed.statement)
        if known is None:
            statement = self._codec.statement(signed.purpose, signed.statement)
            known = self._objects[signed.statement] = object_hash(self._room, signed), statement
            if isinstance(statement, Envelope):
                for seq in range(statement.first, statement.last + 1):
                    place = (statement.stream, seq)
                    self.stamps[place] = min(statement.hlc, self.stamps.get(place, statement.hlc))
        return known

    def _object(self, site: Site, to: MemberId, signed: Signed) -> None:
        if signed.purpose is Purpose.LEAVE:
            _, leave = self.read(signed)
            if leave.author == site.member:
                self.leaves.add((leave.author, leave.epoch))
        if signed.purpose not in STATEMENTS:
            return
        name, statement = self.read(signed)
        mine = statement.author == site.member
        if isinstance(statement, Envelope):
            self._envelope(statement, name)
            if mine and signed.attachment:
                self._left(site, name, "post", statement.stream)
        elif isinstance(statement, Direct):
            self._direct(site, to, statement, name)
        elif isinstance(statement, Receipt) and mine:
            self._receipt(site, statement, name)
        elif isinstance(statement, Frontier) and mine:
            self._frontier(site, statement)

    # I6, I8, I12.

    def _left(self, site: Site, name: Hash, what: str, stream: Stream) -> None:
        if not self._held(site, name):
            self._report("I6", site.name, f"sends a {what} of {stream} that is not on its disk")

    def _held(self, site: Site, name: Hash) -> bool:
        disk = self._disks.setdefault(site.name, Disk())
        if name in disk.seen:
            return True
        found = site.on_disk(name)
        if found is None or (found.purpose is Purpose.ENVELOPE and not found.attachment):
            return False
        disk.seen.add(name)
        return True

    def _place(self, place: MessageId, name: Hash) -> None:
        if self.places.setdefault(place, name) != name:
            self._report("I8", place.author, f"{place} has two objects signed by its author")

    def _envelope(self, envelope: Envelope, name: Hash) -> None:
        row = self.envelopes.setdefault(envelope.stream, {})
        known = row.get(envelope.first)
        if known is not None and known[0] == name:
            return
        for seq in range(envelope.first, envelope.last + 1):
            self._place(MessageId(envelope.stream, seq), name)
            row[seq] = (name, envelope.first, envelope.last)

    def _direct(self, site: Site, to: MemberId, direct: Direct, name: Hash) -> None:
        self._place(direct.id, name)
        if site.member != direct.author or to != direct.recipient:
            self._report("I12", site.name, f"sends {direct.id} to {to}")
        else:
            self._left(site, name, "direct message", direct.stream)
            self.again += direct.id in self.sent
            self.sent.add(direct.id)
            late = self._now() - self.until.get(direct.id, math.inf)
            if late > LATER and direct.id not in self.stored.get(direct.recipient, ()):
                text = f"offers {direct.id} for {late:.1f} s longer than it is kept"
                self._report("I1", site.name, text)
            if direct.id in self.closed:
                self._report("I1", site.name, f"sends {direct.id}, which was cancelled")

    # I1.

    def _receipt(self, site: Site, receipt: Receipt, name: Hash) -> None:
        self.epochs[receipt.id] = max(receipt.epoch, self.epochs.get(receipt.id, 0))
        if not self._held(site, receipt.hash):
            # One that was good is given again, also when its text was forgotten since.
            if name not in self._receipts:
                text = f"signs a receipt for {receipt.id}, which is not on its disk"
                self._report("I1", site.name, text)
            return
        self._receipts.add(name)
        if receipt.id in self.until:
            self.until[receipt.id] = self._now() + self.offered_for
        if self.places.get(receipt.id) == receipt.hash:
            self._stores(site.member, [receipt.id])

    def _frontier(self, site: Site, frontier: Frontier) -> None:
        disk = self._disks.setdefault(site.name, Disk())
        for entry in frontier.streams:
            posts = disk.posts.setdefault(entry.stream, set())
            for first, last, head in entry.stored:
                fresh = [seq for seq in range(first, last + 1) if seq not in posts]
                if fresh:
                    self._claimed(site, entry.stream, fresh, head)
                    posts.update(fresh)

    def _claimed(self, site: Site, stream: Stream, fresh: list[int], head: Hash) -> None:
        row = self.envelopes.get(stream, {})
        names = {row[seq][0] for seq in fresh if seq in row} | {head}
        if not all(self._held(site, name) for name in sorted(names)):
            text = f"signs that it has {stream} {fresh[0]} to {fresh[-1]}, not all on its disk"
            self._report("I1", site.name, text)
            return
        self._stores(site.member, [MessageId(stream, seq) for seq in fresh])

    def _stores(self, member: MemberId, ids: list[MessageId]) -> None:
        self.stored.setdefault(member, {}).update(dict.fromkeys(ids, self._now()))
        self.lost.setdefault(member, set()).difference_update(ids)

    # I7.

    def _welcomed(self, site: Site, to: MemberId, epoch: int) -> None:
        welcomed = self._disks.setdefault(site.name, Disk()).welcomed
        if epoch < welcomed.get(to, 0):
            self._report("I7", site.name, f"welcomes epoch {epoch} of {to} after {welcomed[to]}")
        welcomed[to] = max(epoch, welcomed.get(to, 0))
