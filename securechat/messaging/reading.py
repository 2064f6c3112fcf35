"""
The read API: frozen values of ``views``, made from the index when asked (DESIGN 3, wall R4).

Nothing here changes anything; times in seconds are from now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from securechat.errors import LocalError
from securechat.ids import MAX_INT, Hash, Kind, MemberId, MessageId, Stream
from securechat.inputs import Instant
from securechat.messaging.book import Book
from securechat.messaging.claims import Claims
from securechat.messaging.gaps import Gaps
from securechat.messaging.held import Held, StreamState
from securechat.messaging.losses import since_lost
from securechat.messaging.offsets import Offsets
from securechat.messaging.peers import Peers
from securechat.messaging.ranges import Ranges, Span
from securechat.messaging.reasons import PRUNED, absence, of_letter, of_post
from securechat.messaging.recovery import Recovery
from securechat.messaging.standing import Standing, standings, tally
from securechat.messaging.views import (
    DiffLine,
    DirectLine,
    GapLine,
    MessagingView,
    OtherLine,
    OutboxLine,
    Page,
    PostLine,
    RecipientLine,
    StreamLine,
)
from securechat.notices import Delivery

Recorded = Callable[[str, str], tuple[int, str] | None]
"""
The first turn record in which a fact of such a key, said in words that begin so, told of the message
that is asked about: its time and the fact's evidence.
"""
UNRECORDED = "since when is in no record that is kept"


def nowhere(key: str, words: str) -> None:
    """No records."""


class Reading:
    """Answers questions about what is kept."""

    def __init__(
        self,
        book: Book,
        claims: Claims,
        gaps: Gaps,
        recovery: Recovery,
        offsets: Offsets,
        peers: Peers,
    ) -> None:
        self._book, self._claims, self._gaps, self._recovery = book, claims, gaps, recovery
        self._offsets, self._peers = offsets, peers

    def snapshot(self, now: Instant) -> MessagingView:
        """Counts."""
        book = self._book
        letters = [letter for row in book.letters.open.values() for letter in row.values()]
        unsure = sum(letter.state is Delivery.UNKNOWN for letter in letters)
        waiting, unknown = tally(book.evidence)
        return MessagingView(
            posts=book.streams.posts,
            directs=len(book.letters),
            bytes=book.streams.size + book.letters.size,
            gaps=self._gaps.count(),
            outbox=waiting + len(letters),
            unknown=unknown + unsure,
            digest=book.streams.digest().hex(),
            hlc=book.clock.last,
            streams=sum(1 for _ in book.streams),
            counters=dict(book.counters),
            offsets=self._offsets.measured(now),
            corrected=self._offsets.corrected(now),
        )

    def transcript(
        self,
        kind: str | None = None,
        peer: MemberId | None = None,
        before: MessageId | None = None,
        after: MessageId | str | None = None,
        limit: int = 50,
        now: Instant | None = None,
    ) -> Page:
        """
        The latest lines, in transcript order; those before a message; or, with ``after``, the next
        ones (``after=""``: from the first).  With ``now`` gaps tell when they are next asked for.
        """

        def gap(state: StreamState, first: int, last: int) -> GapLine:
            line = self._gaps.line(state, first, last)
            return line if now is None else self._gaps.timed(line, now)

        return self._book.transcript.page(gap, kind, peer, before, after, limit)

    def line(self, wanted: MessageId) -> PostLine | DirectLine:
        """One message; LocalError 520 if it is not kept."""
        found = self._book.transcript.line(wanted)
        if found is None:
            raise LocalError(520, "no such message is kept here")
        return found

    def counts(self, wanted: MessageId) -> tuple[Delivery | None, int | None, int | None]:
        """Of an own message its state, and how many of how many recipients have it."""
        return self._book.transcript.counts(wanted)

    def delivery(
        self, wanted: MessageId, recorded: Recorded = nowhere
    ) -> tuple[RecipientLine, ...]:
        """
        What is known of an own message at each recipient; LocalError 520 if it is not ours.

        Facts of a stream hold only its newest news: when an older post came to its state, and by what,
        is ``recorded`` in the turns.  Where it is not any more, the evidence says so.
        """
        if wanted.kind is Kind.DIRECT:
            letter = self._book.letters.by_id(wanted)
            if letter is None or not self._book.letters.own(letter):
                raise LocalError(520, "no direct message of ours has this id")
            why = of_letter(self._peers, letter)
            if letter.receipt is not None:
                lost = since_lost(self._book, letter.to, letter.receipt.epoch)
                why = letter.receipt.evidence + lost
            return (RecipientLine(letter.to, letter.state, letter.since, why),)
        held = self._own(wanted)
        members = self._book.evidence.audience(held)
        return tuple(self._recipient(held, member, recorded) for member in members)

    def others(self, wanted: MessageId) -> tuple[OtherLine, ...]:
        """Members that an own post was not for: they were not in the roster when it was said."""
        if wanted.kind is Kind.DIRECT:
            return ()
        held = self._own(wanted)
        meant = set(self._book.evidence.audience(held))
        return tuple(
            OtherLine(member, held.at, self._not_then(held, member))
            for member in self._peers.roster
            if member not in meant
        )

    def receipt(self, wanted: MessageId, member: MemberId | None) -> Hash | None:
        """The stored object in which that member says that it has this message."""
        if wanted.kind is Kind.DIRECT:
            letter = self._book.letters.by_id(wanted)
            if letter is None:
                return None
            given = self._book.letters.given.get(letter.hash)
            if given is not None and member in (None, self._book.me):
                return given.hash
            fact = letter.receipt
            return fact.hash if fact is not None and member in (None, letter.to) else None
        held = self._held(wanted)
        if held is None or member is None:
            return None
        proof = self._book.evidence.proof(held, member)
        return proof.hash if proof is not None and proof.kept else None

    def outbox(self) -> tuple[OutboxLine, ...]:
        """Own messages that lack evidence, oldest first."""
        lines = []
        words: dict[Standing, str] = {}
        for held, known in standings(self._book.evidence):
            why = words.get(known)
            if why is None:
                states = zip(known.members, known.states, strict=True)
                why = words[known] = of_post(self._peers, list(states))
            of = len(known.states)
            lines += [
                OutboxLine(post, None, known.weakest, why, held.at, known.acked, of)
                for post in held.ids()
            ]
        for row in self._book.letters.open.values():
            lines += [
                OutboxLine(
                    letter.id,
                    letter.to,
                    letter.state,
                    of_letter(self._peers, letter),
                    letter.at,
                    0,
                    1,
                )
                for letter in row.values()
            ]
        return tuple(sorted(lines, key=lambda line: (line.at, str(line.id))))

    def gaps(self, now: Instant) -> tuple[GapLine, ...]:
        """What is missing."""
        return tuple(self._gaps.timed(line, now) for line in self._gaps.all())

    def streams(self) -> tuple[StreamLine, ...]:
        """Every stream as the digest counts it."""
        lines = []
        for state in sorted(self._book.streams, key=lambda state: state.stream):
            entry = state.entry()
            floor = self._book.streams.floor(state.stream)
            lines.append(
                StreamLine(
                    state.stream,
                    tuple((first, last) for first, last, _ in entry),
                    entry[-1][2] if entry else None,
                    state.known,
                    floor if floor < MAX_INT else state.known,
                    state.breach.seq if state.breach is not None else 0,
                )
            )
        return tuple(lines)

    def diff(self, member: MemberId) -> tuple[DiffLine, ...]:
        """
        Where this node and a member differ, by the member's latest frontier.

        A frontier of live posts goes to their author alone; equal digests are the later evidence, and
        leave open only what a member has pruned: its floor is true for good.
        """
        if member == self._book.me:
            raise LocalError(503, "this node does not differ from itself; name a peer")
        equal = self._claims.digests.get(member) == self._book.streams.digest()
        claim = self._claims.get(member)
        if claim is None:
            if equal:
                return ()
            raise LocalError(420, "no frontier of this member was heard since the start")
        streams = {state.stream for state in self._book.streams} | set(claim.streams)
        lines: list[DiffLine] = []
        for stream in sorted(streams):
            state = self._book.streams.get(stream)
            entry = state.entry() if state is not None else ()
            ours = Ranges.of((first, last) for first, last, _ in entry)
            theirs = Ranges.of(claim.spans(stream))
            for first, last, here in _split(_less(theirs, ours), self._book.streams.floor(stream)):
                lines.append(DiffLine(stream, first, last, here, "stored"))
            for first, last, there in _split(_less(ours, theirs), claim.floor(stream)):
                lines.append(DiffLine(stream, first, last, "stored", there))
            lines += _heads(stream, entry, claim.streams.get(stream, ()))
        return tuple(line for line in lines if not equal or line.there == "pruned")

    def twins(self, author: MemberId, epoch: int) -> bool:
        """Whether an author has two streams of one epoch, so that ids must say which."""
        return len(self._book.streams.boots.of(author, epoch)) > 1

    def find(
        self, author: MemberId, epoch: int, boot: str, seq: int, kind: Kind, side: str = ""
    ) -> MessageId:
        """The message that a printed id means; LocalError 520 or 521."""
        ids = [
            MessageId(Stream(author, epoch, b), seq, kind, side)
            for b in sorted(self._book.streams.boots.of(author, epoch))
            if b.startswith(boot)
        ]
        kept = [wanted for wanted in ids if self._book.transcript.line(wanted) is not None]
        if not kept:
            raise LocalError(520, "no such message is kept here")
        if len(kept) > 1:
            raise LocalError(
                521, "two streams of one epoch have this number", tuple(map(str, kept))
            )
        return kept[0]

    # Inside.

    def _recipient(self, held: Held, member: MemberId, recorded: Recorded) -> RecipientLine:
        state = self._book.evidence.state(held, member)
        if state is Delivery.ACKED:
            at, why = self._acked(held, member, recorded)
            return RecipientLine(member, state, at, why)
        at, sure = held.at, True
        if state is Delivery.UNKNOWN or (state is Delivery.SENT and member in held.unsent):
            at, sure = self._offered(held, member, recorded, state is Delivery.UNKNOWN)
        why = {
            Delivery.QUEUED: "not linked since it was said",
            Delivery.SENT: "may have left on its link; on a slow one it goes when it is asked for",
            Delivery.UNKNOWN: "the deadline passed without evidence",
        }[state]
        claim = self._claims.get(member)
        if claim is not None and claim.pruned(held.stream, held.last):
            why = PRUNED
        away = absence(self._peers, member)
        parts = [why, "" if sure else UNRECORDED, away]
        return RecipientLine(member, state, at, "; ".join(filter(None, parts)))

    def _acked(self, held: Held, member: MemberId, recorded: Recorded) -> tuple[int, str]:
        """When a member first signed that it has a post, and by what; else what it signed since."""
        proof = self._book.evidence.proof(held, member)
        lost = since_lost(self._book, member, proof.holder_epoch if proof is not None else 0)
        also = lost or (self._unlisted(held, member) if proof is not None else "")
        first = recorded(f"stored/{held.stream}/{member}/", f"{{{member}}} signed")
        if first is not None:
            return first[0], first[1] + also
        if proof is None:
            return held.at, f"a frontier that is not kept any more; {UNRECORDED}{also}"
        told = _covers(proof.news, held)
        return proof.at, proof.evidence + ("" if told else "; an earlier one is not kept") + also

    def _offered(
        self, held: Held, member: MemberId, recorded: Recorded, silence: bool
    ) -> tuple[int, bool]:
        """When a post was sent later than at once, or was overdue, and whether that is known."""
        offered, _, _ = self._book.evidence.offered((held.stream, member))
        words = f"{{{member}}} gave no evidence" if silence else "our posts "
        first = recorded(f"offered/{held.stream}/{member}", words)
        if first is not None:
            return first[0], True
        told = offered is not None and offered.silence is silence and _covers(offered.news, held)
        return (offered.at, True) if offered is not None and told else (held.at, False)

    def _unlisted(self, held: Held, member: MemberId) -> str:
        """What is to be added if a member has signed since that it lacks what it acknowledged."""
        claim = self._claims.get(member)
        if claim is None or claim.floor(held.stream) >= held.first:
            return ""
        said = claim.whole or held.stream in claim.streams
        spans = claim.spans(held.stream)
        older = held.first <= claim.unsaid(held.stream)
        listed = any(first <= held.first and held.last <= last for first, last in spans)
        return "" if listed or older or not said else "; its latest frontier does not list it"

    def _not_then(self, held: Held, member: MemberId) -> str:
        claim = self._claims.get(member)
        has = claim is not None and Ranges.of(claim.spans(held.stream)).covers(
            held.first, held.last
        )
        return "not a member then; it has it by now" if has else "not a member then"

    def _own(self, wanted: MessageId) -> Held:
        held = self._held(wanted)
        if held is None or not held.audience:
            raise LocalError(520, "no post of ours has this id")
        return held

    def _held(self, wanted: MessageId) -> Held | None:
        state = self._book.streams.get(wanted.stream)
        around = state.around(wanted.seq, wanted.seq) if state is not None else []
        found = [held for held in around if held.hash.hex().startswith(wanted.side)]
        return next((held for held in found if held.audience), found[0] if found else None)


def _covers(spans: Iterable[Span], held: Held) -> bool:
    return Ranges.of(spans).covers(held.first, held.last)


def _less(some: Ranges, others: Ranges) -> list[Span]:
    return [part for span in some.spans for part in others.missing(*span)]


def _split(spans: list[Span], floor: int) -> list[tuple[int, int, str]]:
    """Ranges that one side lacks: what lies below its floor is pruned there."""
    pruned = [(first, min(last, floor), "pruned") for first, last in spans if first <= floor]
    return pruned + [(max(a, floor + 1), b, "missing") for a, b in spans if b > floor]


def _heads(
    stream: Stream,
    ours: tuple[tuple[int, int, Hash], ...],
    theirs: tuple[tuple[int, int, Hash], ...],
) -> list[DiffLine]:
    """Ranges that end at the same post with another header: one of us holds a fork."""
    ends = {last: (first, head) for first, last, head in theirs}
    return [
        DiffLine(stream, max(first, ends[last][0]), last, "stored", "other")
        for first, last, head in ours
        if last in ends and ends[last][1] != head
    ]
