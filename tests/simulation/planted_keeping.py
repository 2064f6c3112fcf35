"""
Bugs in what a node keeps, for how long, and what it makes of what others lost; part of ``planted``.

Most show where histories are short, or something is kept for seconds: in few worlds of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

from securechat.effects import Effect
from securechat.messaging import outbox, reading, retention
from securechat.messaging.letters import Letter
from tests.simulation.planting import Patch, Planted


def _no_trim() -> Patch:
    """What is above a limit stays."""
    return mock.patch.object(retention.Retention, "_over", return_value=False)


def _smallest() -> Patch:
    """Of the author of whom there is least something goes, not of the flooder."""
    true_excess = retention.Retention._excess_posts

    def least(rest: Any, key: Any) -> Any:
        return min(rest, key=key)

    def excess(self: Any) -> list[Effect]:
        with mock.patch.object(retention, "max", least, create=True):
            return true_excess(self)

    return mock.patch.object(retention.Retention, "_excess_posts", excess)


def _too_much() -> Patch:
    """A third of what may be kept is kept."""
    true_over = retention.Retention._over

    def over(self: Any, count: int, size: int) -> bool:
        return true_over(self, 3 * count, 3 * size)

    return mock.patch.object(retention.Retention, "_over", over)


def _waiting_forgotten() -> Patch:
    """Our letters go when they are the oldest, delivered or not."""

    def free(self: Any, party: Any) -> Iterator[Letter]:
        fresh = self._book.fresh_letters
        rows = self._book.letters.with_party(party)
        return (letter for letter in rows if letter.hash not in fresh)

    return mock.patch.object(retention.Retention, "_free", free)


def _never_old() -> Patch:
    """No post is ever too old."""
    return mock.patch.object(retention.Retention, "_old_posts", return_value=[])


def _nonces_for_ever() -> Patch:
    """A nonce is never forgotten."""
    return mock.patch.object(retention.Retention, "_nonces", return_value=[])


def _never_expired() -> Patch:
    """A letter that nobody acknowledges is offered for ever."""
    return mock.patch.object(outbox.Outbox, "_expire", return_value=[])


def _not_offered_again() -> Patch:
    """What a recipient acknowledged and then lost is not offered to it again."""
    return mock.patch.object(outbox.Outbox, "offer_again")


def _loss_not_shown() -> Patch:
    """The evidence of a receipt does not say that its signer has lost its disk since."""
    return mock.patch.object(reading, "since_lost", return_value="")


BUGS: tuple[Planted, ...] = (
    Planted("nothing is trimmed", ("I10",), _no_trim),
    Planted("the smallest author is evicted", ("G2",), _smallest),
    Planted("more is forgotten than must be", ("G2",), _too_much),
    Planted("letters that wait are forgotten", ("I9",), _waiting_forgotten),
    Planted("old posts are kept", ("G2",), _never_old),
    Planted("nonces are kept for ever", ("G2",), _nonces_for_ever),
    Planted("letters are offered for ever", ("I1",), _never_expired),
    Planted("lost letters are not offered again", ("L",), _not_offered_again),
    Planted("the evidence hides a lost disk", ("I1",), _loss_not_shown),
)
