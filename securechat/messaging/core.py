"""
The messaging core: what each input means to which part.  It routes, and holds no rule (wall R7).

Durable state is in ``parts.book``, moved by facts only; everything else is volatile and is made anew
at every start and after every failed commit.  The read API is inherited from ``reading``.
"""

from __future__ import annotations

from collections.abc import Iterator

from securechat.effects import Answer, Effect, Fact, Forget
from securechat.errors import LocalError
from securechat.ids import BootId, Hash, MemberId
from securechat.inputs import (
    Asked,
    Cancel,
    Damaged,
    Instant,
    LinkDown,
    LinkUp,
    Received,
    Retry,
    Say,
    StreamEnd,
    Tell,
    Tick,
)
from securechat.messaging.parts import Parts
from securechat.messaging.reading import Reading
from securechat.notices import Roster
from securechat.settings import Settings
from securechat.signing import Signer


class Messaging(Reading):
    """Subsystem 3: posts, direct messages, receipts, gaps, recovery."""

    def __init__(self, signer: Signer, boot: BootId, settings: Settings, rng: object) -> None:
        """``rng`` is not used yet: which of several holders is asked first will be drawn from it."""
        self.me = signer.member
        parts = self.parts = Parts.made(signer, boot, settings)
        super().__init__(
            parts.book, parts.claims, parts.gaps, parts.recovery, parts.offsets, parts.peers
        )

    # Facts.

    def apply(self, fact: Fact | Forget) -> None:
        """One fact; the only place where durable state changes."""
        self.parts.book.apply(fact)

    def holds(self, name: Hash) -> bool:
        """Whether a signed object is stored here, whole."""
        return self.parts.book.holds(name)

    def ends_of(self, member: MemberId) -> tuple[StreamEnd, ...]:
        """The ends of a member's streams as we hold them, for HELLO."""
        return self.parts.book.streams.ends(member)

    # Inputs.

    def start(self, now: Instant, fresh: bool) -> list[Effect]:
        """After replay: deadlines of what was under way, the same in a new and a rebuilt process."""
        parts = self.parts
        parts.book.committed()
        parts.acks.start(now)
        parts.outbox.start(now)
        return []

    def noticed(self, notice: Roster, now: Instant) -> list[Effect]:
        """Membership's whole state."""
        self.parts.peers.noticed(notice)
        self.parts.hearing.keep(set(self.parts.peers.roster))
        return self.parts.speaking.begin()

    def link_up(self, link: LinkUp, now: Instant) -> list[Effect]:
        """A link carries frames."""
        now = self.parts.offsets.right(now)
        self.parts.peers.up(link)
        self.parts.recovery.up(link.peer, now.mono)
        self.parts.speaking.learn(link, now)
        self.parts.announcing.up(link.peer, now)
        return self.parts.outbox.up(link, now) + self.parts.losses.up(link.peer, now)

    def link_down(self, link: LinkDown, now: Instant) -> list[Effect]:
        """A link is gone."""
        parts = self.parts
        parts.recovery.ended(link, now.mono)
        if parts.peers.down(link):
            told = (parts.recovery, parts.announcing, parts.outbox, parts.offsets, parts.serving)
            for part in told:
                part.down(link.peer)
        return parts.losses.again(link.peer) if link.linked else []

    def received(self, received: Received, now: Instant) -> list[Effect]:
        """One message of a peer."""
        return self.parts.hearing.received(received, self.parts.offsets.right(now))

    def damaged(self, item: Damaged, now: Instant) -> list[Effect]:
        """What is on disk is not what was written."""
        return self.parts.damage.noticed(item, now)

    def asked(self, asked: Asked, now: Instant) -> list[Effect]:
        """A command of the operator."""
        now = self.parts.offsets.right(now)
        try:
            match asked.command:
                case Say() as say:
                    return self.parts.speaking.say(asked, say, now)
                case Tell() as tell:
                    return self.parts.outbox.tell(asked, tell, now)
                case Retry(wanted):
                    return self.parts.trying.retry(asked.ticket, wanted, now)
                case Cancel(wanted):
                    return self.parts.trying.cancel(asked.ticket, wanted, now)
                case _:
                    raise LocalError(502, "not a command of messaging")
        except LocalError as problem:
            return [Answer(asked.ticket, problem)]

    def due(self, tick: Tick, now: Instant) -> bool:
        """Whether ``tick`` has anything to do."""
        parts = self.parts
        if parts.announcing.due(tick.name, now.mono) or parts.offsets.due(tick.name, now.mono):
            return True
        waiting = (parts.acks, parts.outbox, parts.recovery, parts.retention, parts.serving)
        return tick.name == "deadlines" and any(part.due(now.mono) for part in waiting)

    def tick(self, tick: Tick, now: Instant) -> list[Effect]:
        """Time passed; what others learn of our clock and we of theirs is not corrected."""
        self.parts.announcing.tick(tick.name, now.mono)
        effects = self.parts.offsets.tick(tick.name, now)
        by_age, now = self.parts.offsets.earlier(now), self.parts.offsets.right(now)
        if tick.name == "deadlines":
            self.parts.recovery.tick(now)
            effects += self.parts.acks.tick(now) + self.parts.outbox.tick(now)
            if self.parts.retention.due(now.mono):
                effects += self.parts.retention.tick(by_age)
        return effects

    def settle(self, now: Instant) -> Iterator[list[Effect]]:
        """Each list applied before the next, and one for each part: one with a fact may be dropped."""
        right, parts = self.parts.offsets.right(now), self.parts
        lists = [parts.speaking.settle(right), parts.outbox.settle(right), parts.taking.settle()]
        lists += [parts.gaps.settle(), parts.recovery.settle(right), parts.closing.settle(right)]
        parts.book.streams.changed.clear()
        yield from (*lists, *parts.serving.settle(right), parts.acks.settle())
        yield parts.retention.trim(now)
        yield parts.announcing.settle(now)
