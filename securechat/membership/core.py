"""
Membership: who takes part, who seems reachable.  Routes; every rule is in the module it names.

``claims`` precedence · ``ledger`` what is known for good · ``verdict`` liveness from evidence ·
``contact`` links as evidence · ``redials`` failed dials, ``refusals`` the strong ones · ``probing`` ·
``gobetween`` asking for others · ``observers`` rows of evidence, ``observations`` what each does ·
``health`` our own · ``dialing``, ``dialback`` · ``dissemination`` · ``announce`` our own claims ·
``restart`` epochs and conflicts · ``deadlines`` · ``talk`` the messages · ``presence`` what is shown.
"""

from __future__ import annotations

from securechat.effects import Effect, Fact, Forget
from securechat.ids import Hash, MemberId, Version
from securechat.inputs import (
    Asked,
    DialFailed,
    Greeted,
    Heard,
    Instant,
    LinkDown,
    LinkUp,
    Received,
    Refused,
    Tick,
)
from securechat.keyring import Keyring
from securechat.membership.dialing import Chance
from securechat.membership.parts import Person, assemble
from securechat.membership.presence import MembershipView
from securechat.objects import Signed
from securechat.settings import Settings


class Membership:
    """The membership core of one process."""

    def __init__(self, person: Person, settings: Settings, rng: Chance) -> None:
        self._parts = parts = assemble(person, settings, rng)
        self._due = {"probing": parts.probing.due, "deadlines": parts.deadlines.due}
        self._tick = {"probing": parts.probing.tick, "deadlines": parts.deadlines.tick}

    # What happens.

    def apply(self, fact: Fact | Forget) -> None:
        """A fact, live or in replay: the only change of durable state."""
        self._parts.ledger.apply(fact)

    def start(self, now: Instant, fresh: bool) -> list[Effect]:
        """After the replay, before a socket opens."""
        return self._parts.talk.start(now, fresh)

    def greeted(self, greeted: Greeted, now: Instant) -> list[Effect]:
        """A peer's HELLO is acceptable: keep who it says it is."""
        return self._parts.contact.greeted(greeted, now)

    def link_up(self, link: LinkUp, now: Instant) -> list[Effect]:
        """A peer's HELLO and ours are accepted."""
        return self._parts.contact.link_up(link, now)

    def link_down(self, down: LinkDown, now: Instant) -> list[Effect]:
        """A link that was up is gone."""
        return self._parts.contact.link_down(down, now)

    def dial_failed(self, failed: DialFailed, now: Instant) -> list[Effect]:
        """A dial gave no link."""
        self._parts.redials.dial_failed(failed, now)
        return []

    def refused(self, refused: Refused, now: Instant) -> list[Effect]:
        """A peer refused our handshake, perhaps with a proof of our own past."""
        return self._parts.talk.refused(refused, now)

    def heard(self, heard: Heard, now: Instant) -> list[Effect]:
        """Bytes of a peer came in."""
        self._parts.contact.heard(heard.peer, heard.link, now)
        return []

    def received(self, received: Received, now: Instant) -> list[Effect]:
        """One of our messages, its claims checked by the door."""
        return self._parts.talk.received(received, now)

    def unknown(self, received: Received, now: Instant) -> list[Effect]:
        """Objects of members whose key we lack were dropped: ask who sent them."""
        return self._parts.questions.ask_for(received.peer, received.unknown, now)

    def asked(self, asked: Asked, now: Instant) -> list[Effect]:
        """The operator says goodbye."""
        return self._parts.talk.goodbye(asked.ticket, now)

    def noticed(self, notice: object, now: Instant) -> list[Effect]:
        """Nothing that messaging says concerns membership."""
        del notice, now
        return []

    def dropped(self, now: Instant) -> None:
        """The facts of the input just handled could not be written, and were not applied."""
        self._parts.verdicts.dropped(now)

    def due(self, tick: Tick, now: Instant) -> bool:
        """Whether this tick has anything to do."""
        return self._due[tick.name](now.mono)

    def tick(self, tick: Tick, now: Instant) -> list[Effect]:
        """Time passed."""
        return self._tick[tick.name](now)

    def settle(self, now: Instant) -> list[Effect]:
        """The turn is over: tell what it changed."""
        return self._parts.talk.settle(now)

    # What is asked.

    def holds(self, name: Hash) -> bool:
        """Whether a claim of this hash is held."""
        return name in self._parts.ledger.told_by

    @property
    def silent(self) -> bool:
        """Whether this process stopped speaking, since another has its key."""
        return self._parts.restart.silent

    @property
    def keyring(self) -> Keyring:
        """Whose keys we know."""
        return self._parts.ledger.keyring

    @property
    def epoch(self) -> int:
        """Ours."""
        return self._parts.ledger.epoch

    @property
    def alive(self) -> Signed:
        """Our own newest Alive."""
        return self._parts.ledger.own

    def alive_of(self, member: MemberId) -> Signed | None:
        """A member's newest Alive."""
        return self._parts.ledger.signed(member)

    def version_of(self, member: MemberId) -> Version | None:
        """The version of a member's newest Alive."""
        return self._parts.ledger.version(member)

    def snapshot(self, now: Instant) -> MembershipView:
        """Everything membership shows."""
        return self._parts.presence.view(now)
