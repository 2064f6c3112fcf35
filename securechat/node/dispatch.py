"""
Which core an input, a fact or a notice belongs to, and which class has which code.

The tables are all there is to routing; the cores are made here, so that a start and a rebuild after a
failed commit are the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import define

from securechat.effects import Answer, Effect, Fact, Forget
from securechat.errors import LocalError, RemoteError
from securechat.ids import Hash
from securechat.inputs import (
    Asked,
    Cancel,
    Damaged,
    DialFailed,
    Goodbye,
    Greeted,
    Heard,
    Instant,
    LinkDown,
    LinkUp,
    Received,
    Refused,
    Tick,
)
from securechat.membership import facts as membership_facts
from securechat.membership import messages as membership_messages
from securechat.membership.core import Membership
from securechat.messaging import facts as messaging_facts
from securechat.messaging import hearing
from securechat.messaging import messages as messaging_messages
from securechat.messaging.core import Messaging
from securechat.node import handshake
from securechat.notices import Roster
from securechat.objects import Purpose
from securechat.wire import Codec

MESSAGES: dict[int, type[Any]] = {
    **handshake.MESSAGES,
    **membership_messages.MESSAGES,
    **messaging_messages.MESSAGES,
}
STATEMENTS: dict[Purpose, type[Any]] = {
    **membership_messages.STATEMENTS,
    **messaging_messages.STATEMENTS,
}
FACTS: dict[str, type[Any]] = {**membership_facts.FACTS, **messaging_facts.FACTS}
OF_MEMBERSHIP = frozenset(membership_facts.FACTS.values())

PURPOSES = {kind: purpose for purpose, kind in STATEMENTS.items()}
CARRIES: dict[type[Any], frozenset[Purpose]] = {
    message: frozenset(PURPOSES[kind] for kind in kinds)
    for message, kinds in {**membership_messages.CARRIES, **hearing.CARRIES}.items()
}
"""Which objects each message may carry, for the door."""
CONTROL = frozenset(membership_messages.MESSAGES.values())
"""Messages that go first on a link, so that bulk never delays a probe."""


def codec() -> Codec:
    """The codec of all messages and statements of this version."""
    return Codec(MESSAGES, STATEMENTS)


@define
class Cores:
    """Both cores, and who gets what."""

    membership: Membership
    messaging: Messaging

    def holds(self, name: Hash) -> bool:
        """The door's question: is an object of this hash held already?"""
        return self.messaging.holds(name) or self.membership.holds(name)

    def apply(self, fact: Fact | Forget) -> None:
        """Give a fact to the core that keeps it."""
        if _kind(fact) in OF_MEMBERSHIP:
            self.membership.apply(fact)
        else:
            self.messaging.apply(fact)

    def start(self, now: Instant, fresh: bool) -> Iterator[list[Effect]]:
        """The first effects of each core, membership's before messaging looks at anything."""
        yield self.membership.start(now, fresh)
        yield self.messaging.start(now, fresh)

    def route(self, item: Any, now: Instant) -> Iterator[list[Effect]]:
        """The effects of one input, core by core; each must be absorbed before the next is asked."""
        yield from ROUTES[type(item)](self, item, now)

    def dropped(self, now: Instant) -> None:
        """The facts of the input just handled could not be written, and were not applied."""
        self.membership.dropped(now)

    def settle(self, now: Instant) -> Iterator[list[Effect]]:
        """The last word of a turn."""
        yield self.membership.settle(now)
        yield from self.messaging.settle(now)


def _kind(fact: Fact | Forget) -> type[Any] | None:
    """The class of a fact, or of the facts that are forgotten."""
    if isinstance(fact, Forget):
        return FACTS.get(fact.keys[0].partition("/")[0])
    return type(fact)


Route = Callable[[Cores, Any, Instant], Iterator[list[Effect]]]


def _both(name: str) -> Route:
    def route(cores: Cores, item: Any, now: Instant) -> Iterator[list[Effect]]:
        yield getattr(cores.membership, name)(item, now)
        yield getattr(cores.messaging, name)(item, now)

    return route


def _membership(name: str) -> Route:
    def route(cores: Cores, item: Any, now: Instant) -> Iterator[list[Effect]]:
        yield getattr(cores.membership, name)(item, now)

    return route


def _received(cores: Cores, item: Received, now: Instant) -> Iterator[list[Effect]]:
    """To the core that speaks the message; to membership in any case, as contact."""
    kind = type(item.message)
    if kind in CONTROL:
        yield cores.membership.received(item, now)
    elif kind in MESSAGING:
        yield cores.membership.heard(Heard(item.peer, item.link), now)
        yield cores.messaging.received(item, now)
    else:
        raise RemoteError("out-of-order", kind.__name__)
    if item.unknown:
        yield cores.membership.unknown(item, now)


def _asked(cores: Cores, item: Asked, now: Instant) -> Iterator[list[Effect]]:
    if isinstance(item.command, Goodbye):
        yield cores.membership.asked(item, now)
    elif cores.membership.silent and not isinstance(item.command, Cancel):
        why = "another process speaks with this key, so this one has stopped; see: status"
        yield [Answer(item.ticket, LocalError(420, why))]
    else:
        yield cores.messaging.asked(item, now)


def _ticked(cores: Cores, item: Tick, now: Instant) -> Iterator[list[Effect]]:
    if cores.membership.due(item, now):
        yield cores.membership.tick(item, now)
    if cores.messaging.due(item, now):
        yield cores.messaging.tick(item, now)


def _damaged(cores: Cores, item: Damaged, now: Instant) -> Iterator[list[Effect]]:
    yield cores.messaging.damaged(item, now)


def _roster(cores: Cores, item: Roster, now: Instant) -> Iterator[list[Effect]]:
    yield cores.messaging.noticed(item, now)


MESSAGING = frozenset(messaging_messages.MESSAGES.values())
ROUTES: dict[type[Any], Route] = {
    Greeted: _membership("greeted"),
    LinkUp: _both("link_up"),
    LinkDown: _both("link_down"),
    DialFailed: _membership("dial_failed"),
    Refused: _membership("refused"),
    Heard: _membership("heard"),
    Received: _received,
    Damaged: _damaged,
    Asked: _asked,
    Tick: _ticked,
    Roster: _roster,
}
