"""
What we say to the room: the posts of one turn become one signed envelope (DESIGN 6).

``say`` judges and collects drafts; ``settle`` makes them durable and gives them to every linked peer.
A nonce seen within 24 h gives the id it gave before: a client that lost an answer says nothing twice.
The first envelope of a stream names where our stream before it ended, as far as this disk proves it by
what we signed.  A peer's unsigned word for more is no proof: its frontier and heads come with the link,
so what we signed is asked for and given back, and if this disk lacks it ``losses`` says so.
"""

from __future__ import annotations

import hashlib
from math import ceil

from attrs import define, field, frozen

from securechat.effects import Answer, Effect, Notify, Record, Send
from securechat.errors import LocalError
from securechat.ids import MessageId, Stream
from securechat.inputs import Asked, Instant, LinkUp, Say, StreamEnd
from securechat.messaging.acks import Acks
from securechat.messaging.book import Book
from securechat.messaging.evidence import RANK
from securechat.messaging.facts import Audience, Begun, EnvelopeHeld, NonceUsed
from securechat.messaging.floors import lay_aside
from securechat.messaging.hlc import ahead
from securechat.messaging.messages import Posts
from securechat.messaging.peers import Peers
from securechat.messaging.rates import Bucket
from securechat.messaging.statements import Envelope, Opening, Start, attachment_of
from securechat.messaging.views import Said
from securechat.notices import Delivery, PostShown
from securechat.objects import Purpose
from securechat.settings import MAX_ENVELOPE, MAX_POSTS, MAX_TEXT
from securechat.signing import Signer, object_hash
from securechat.wire import pack

MAX_NONCE = 128


def check_text(text: str) -> bytes:
    """The bytes of a text that may be said; LocalError 503 or 501 says why it may not."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        raise LocalError(503, "the text is not valid Unicode") from None
    if not encoded:
        raise LocalError(503, "the text is empty")
    if len(encoded) > MAX_TEXT:
        raise LocalError(501, f"the text has {len(encoded)} bytes; {MAX_TEXT} is the most")
    return encoded


def used_before(book: Book, nonce: str | None, digest: bytes) -> MessageId | None:
    """The id that this nonce gave before; LocalError 503 if it was for another text."""
    if nonce is None:
        return None
    if not 1 <= len(nonce) <= MAX_NONCE or not nonce.isprintable():
        raise LocalError(503, f"a nonce is 1 to {MAX_NONCE} printable characters")
    used = book.nonces.get(nonce)
    if used is not None and used.digest != digest:
        raise LocalError(503, "this nonce was used for another text")
    return MessageId.parse(used.id) if used is not None else None


@frozen
class Draft:
    """A post that was accepted and has no id yet."""

    ticket: int
    text: str
    size: int
    nonce: str | None
    digest: bytes


@define(eq=False)
class Speaking:
    """Our own posts."""

    _signer: Signer
    _book: Book
    _peers: Peers
    _acks: Acks
    _bucket: Bucket
    _drafts: list[Draft] = field(factory=list)
    _again: list[tuple[int, str]] = field(factory=list)
    """Tickets whose nonce is that of a draft of this same turn."""

    def say(self, asked: Asked, command: Say, now: Instant) -> list[Effect]:
        """Take a post, or LocalError."""
        digest = hashlib.sha256(check_text(command.text)).digest()
        before = used_before(self._book, command.nonce, digest)
        if before is not None:
            return [Answer(asked.ticket, Said(before, self._state(before), fresh=False))]
        if self._peers.stream is None:
            raise LocalError(420, "not ready: this node does not know its epoch yet")
        if self._repeated(asked.ticket, command.nonce, digest):
            return []
        if not self._bucket.take(1, now.mono):
            # Rounded up: after that time it may be said indeed.
            wait = max(1, ceil(self._bucket.wait(1, now.mono) * 10)) / 10
            raise LocalError(421, f"slow down: the next post may be said in {wait:.1f} s")
        size = len(command.text.encode())
        self._drafts.append(Draft(asked.ticket, command.text, size, command.nonce, digest))
        return []

    def learn(self, link: LinkUp, now: Instant) -> None:
        """A peer told where it thinks our streams end: unsigned, so our clock alone goes by it."""
        for end in link.ends:
            soon = end.hlc >= 0 and ahead(end.hlc, now.wall_ms) <= self._book.settings.skew_refused
            if soon:
                self._book.clock.heard(end.hlc, now.wall_ms)

    def begin(self) -> list[Effect]:
        """
        Our epoch is known: remember that we were here.  An epoch that is missing between two starts,
        or passed over by one process, tells that this disk does not know all that we did.
        """
        mine, begun = self._peers.stream, self._book.begun
        if mine is None or (begun and (begun.epoch, begun.boot) == (mine.epoch, mine.boot)):
            return []
        before = begun.epoch if begun else 0
        jumped = begun is not None and begun.boot == mine.boot
        hole = jumped or mine.epoch != before + 1
        silent = begun is not None and begun.lost and not self._ends()
        since = mine.epoch if hole else begun.since if begun else 0
        return [Record(Begun(mine.epoch, mine.boot, lost=hole or silent, since=since))]

    def settle(self, now: Instant) -> list[Effect]:
        """The turn's drafts as envelopes: recorded, pushed, answered."""
        drafts, self._drafts = self._drafts, []
        again, self._again = self._again, []
        stream = self._peers.stream
        if not drafts or stream is None:
            return []
        effects: list[Effect] = []
        audience = self._audience(effects)
        end = self._book.streams.end(stream)
        given: dict[str, Said] = {}
        for group in _groups(drafts, self._book.settings.history_posts):
            end = self._envelope(group, stream, end, audience, now, effects, given)
        effects += [Answer(t, Said(given[n].id, given[n].state, False)) for t, n in again]
        return effects

    def _envelope(
        self,
        group: list[Draft],
        stream: Stream,
        end: StreamEnd | None,
        audience: str,
        now: Instant,
        effects: list[Effect],
        given: dict[str, Said],
    ) -> StreamEnd:
        attachment = attachment_of(tuple(draft.text for draft in group))
        opening = None if end else self._opening()
        header = Envelope(
            stream.author,
            stream.epoch,
            stream.boot,
            first=end.seq + 1 if end else 1,
            count=len(group),
            previous=end.hash if end else b"",
            hlc=self._stamp(end, now),
            body=hashlib.sha256(attachment).digest(),
            opening=opening,
        )
        signed = self._signer.sign(Purpose.ENVELOPE, pack(header), attachment)
        name = object_hash(self._signer.room, signed)
        linked = self._peers.linked
        unsent = tuple(member for member in self._peers.roster if member not in linked)
        fact = EnvelopeHeld(
            stream.author, stream.epoch, stream.boot, header.first, header.count, header.previous,
            header.hlc, name, signed.size, now.wall_ms, stream.author, opening,
            audience=audience, unsent=unsent,
        )  # fmt: skip
        effects += lay_aside(self._book.streams, stream, name, header.hlc)
        effects.append(Record(fact, (signed,)))
        state = Delivery.QUEUED if unsent or not self._peers.roster else Delivery.SENT
        for index, draft in enumerate(group):
            post = MessageId(stream, header.first + index)
            said = Said(post, state, fresh=True)
            if draft.nonce is not None:
                nonce = NonceUsed(draft.nonce, str(post), draft.digest, now.wall_ms)
                effects.append(Record(nonce))
                given[draft.nonce] = said
            effects.append(Answer(draft.ticket, said))
            effects.append(Notify(PostShown(post, late=False, recovered=False)))
        message = Posts((signed,))
        effects += [Send(peer, message) for peer in linked]
        if linked:
            self._acks.pushed(stream, header.first, now)
        return StreamEnd(stream.epoch, stream.boot, header.last, name, header.hlc)

    def _stamp(self, end: StreamEnd | None, now: Instant) -> int:
        before = end or self._end_before()
        if before is not None:
            self._book.clock.spoke(before.hlc)
        return self._book.clock.stamp(now.wall_ms)

    def _opening(self) -> Opening:
        before = self._end_before()
        if before is not None:
            return Opening(Start.AFTER, before.epoch, before.boot, before.seq, before.hash)
        lost = self._book.begun is not None and self._book.begun.lost
        return Opening(Start.LOST if lost else Start.FIRST)

    def _end_before(self) -> StreamEnd | None:
        """The newest end of an earlier stream of ours, from headers that we signed."""
        mine = self._peers.stream
        ends = [
            e for e in self._ends() if mine is None or (e.epoch, e.boot) != (mine.epoch, mine.boot)
        ]
        return max(ends, key=lambda end: (end.hlc, end.epoch, end.boot), default=None)

    def _ends(self) -> tuple[StreamEnd, ...]:
        return self._book.streams.ends(self._peers.me)

    def _audience(self, effects: list[Effect]) -> str:
        members = self._peers.roster
        name = hashlib.sha256("".join(members).encode()).hexdigest()[:16]
        if name not in self._book.evidence.audiences:
            effects.append(Record(Audience(name, members)))
        return name

    def _repeated(self, ticket: int, nonce: str | None, digest: bytes) -> bool:
        for draft in self._drafts:
            if nonce is not None and draft.nonce == nonce:
                if draft.digest != digest:
                    raise LocalError(503, "this nonce was used for another text")
                self._again.append((ticket, nonce))
                return True
        return False

    def _state(self, wanted: MessageId) -> Delivery:
        line = self._book.transcript.line(wanted)
        return (line.state if line else None) or RANK[0]


def _groups(drafts: list[Draft], kept: int) -> list[list[Draft]]:
    """Drafts in order, as many together as fit one envelope, and what is kept."""
    most = min(MAX_POSTS, kept)
    groups: list[list[Draft]] = [[]]
    size = 0
    for draft in drafts:
        if len(groups[-1]) == most or size + draft.size > MAX_ENVELOPE:
            groups.append([])
            size = 0
        groups[-1].append(draft)
        size += draft.size
    return groups
