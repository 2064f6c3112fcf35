"""
What is known of a direct message at its recipient, and what news makes of it (DESIGN 6).

``queued`` (not transmitted) -> ``sent`` (may have left) -> ``acked`` (the recipient's signed receipt) |
``unknown`` (the deadline passed) | ``rejected`` (the recipient said no).  ``unknown`` never goes back;
a late receipt makes it acked.  A recipient that does not take it yet says nothing final: it has left,
and is offered again.  ``expired`` says only that this disk has no record of sending it.  A
receipt beats everything, also a refusal or our own giving up: it is signed and they are not.  One that
is damaged on our disk cannot be offered: it is ``expired`` if it never was, else ``unknown``.
"""

from __future__ import annotations

from enum import StrEnum

from securechat.notices import Delivery

Q, S, U, A, R, X = (
    Delivery.QUEUED,
    Delivery.SENT,
    Delivery.UNKNOWN,
    Delivery.ACKED,
    Delivery.REJECTED,
    Delivery.EXPIRED,
)


class News(StrEnum):
    """What can be learned about a direct message that we sent or mean to send."""

    TRANSMITTED = "given to a link"
    DEADLINE = "the deadline passed without evidence"
    RECEIPT = "the recipient's signed receipt"
    REJECTED = "the recipient refused it"
    PUT_OFF = "the recipient does not take it yet"
    KEPT = "it was offered as long as it is kept"
    CANCELLED = "cancelled"
    ROLLED_BACK = "this disk was set back: it may have been sent"
    DAMAGED = "damaged on this disk"


TRANSITIONS: dict[Delivery, dict[News, Delivery]] = {
    Q: {
        News.TRANSMITTED: S,
        News.DEADLINE: Q,
        News.RECEIPT: A,
        News.REJECTED: R,
        News.PUT_OFF: S,
        News.KEPT: X,
        News.CANCELLED: X,
        News.ROLLED_BACK: U,
        News.DAMAGED: X,
    },
    S: {
        News.TRANSMITTED: S,
        News.DEADLINE: U,
        News.RECEIPT: A,
        News.REJECTED: R,
        News.PUT_OFF: S,
        News.KEPT: U,
        News.CANCELLED: S,
        News.ROLLED_BACK: S,
        News.DAMAGED: U,
    },
    U: {
        News.TRANSMITTED: U,
        News.DEADLINE: U,
        News.RECEIPT: A,
        News.REJECTED: R,
        News.PUT_OFF: U,
        News.KEPT: U,
        News.CANCELLED: U,
        News.ROLLED_BACK: U,
        News.DAMAGED: U,
    },
    A: dict.fromkeys(News, A),
    R: {**dict.fromkeys(News, R), News.RECEIPT: A},
    X: {**dict.fromkeys(News, X), News.RECEIPT: A},
}
"""Every cell; what stays the same is written out."""

CLOSING = frozenset({News.KEPT, News.CANCELLED, News.DAMAGED})
"""After these it is not offered again, whatever its state."""


def after(state: Delivery, news: News) -> Delivery:
    """The state once this is known."""
    return TRANSITIONS[state][news]
