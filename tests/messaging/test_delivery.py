"""The table of what is known of a direct message: every cell."""

from __future__ import annotations

from itertools import permutations

from twisted.trial.unittest import SynchronousTestCase

from securechat.messaging.delivery import TRANSITIONS, News, after
from securechat.notices import Delivery

TABLE = """
            given    deadline receipt refused  put-off  kept    cancelled set back damaged
queued      sent     queued   acked   rejected sent     expired expired   unknown  expired
sent        sent     unknown  acked   rejected sent     unknown sent      sent     unknown
unknown     unknown  unknown  acked   rejected unknown  unknown unknown   unknown  unknown
acked       acked    acked    acked   acked    acked    acked   acked     acked    acked
rejected    rejected rejected acked   rejected rejected rejected rejected rejected rejected
expired     expired  expired  acked   expired  expired  expired expired   expired  expired
"""

STRENGTH = {
    Delivery.QUEUED: 0,
    Delivery.SENT: 1,
    Delivery.UNKNOWN: 2,
    Delivery.EXPIRED: 2,
    Delivery.REJECTED: 3,
    Delivery.ACKED: 4,
}


class DeliveryTests(SynchronousTestCase):
    """One word, one truth."""

    def test_every_cell(self) -> None:
        """Each state and each piece of news: what becomes of it."""
        rows = [line.split() for line in TABLE.strip().splitlines()[1:]]
        expected = {
            (row[0], news): word for row in rows for news, word in zip(News, row[1:], strict=True)
        }
        found = {(state, news): after(state, news) for state in Delivery for news in News}
        self.assertEqual(found, expected)
        self.assertEqual(set(TRANSITIONS), set(Delivery))

    def test_never_weaker(self) -> None:
        """Weaker news never overwrites stronger evidence."""
        for state in Delivery:
            for news in News:
                self.assertGreaterEqual(STRENGTH[after(state, news)], STRENGTH[state])

    def test_order_of_news(self) -> None:
        """Whatever comes in whatever order, a receipt among it ends as acked."""
        for order in permutations(News, 4):
            state = Delivery.QUEUED
            for news in order:
                state = after(state, news)
            if News.RECEIPT in order:
                self.assertEqual(state, Delivery.ACKED, order)
