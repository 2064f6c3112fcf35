"""
What others may read of messaging: frozen values, made on request, never kept.

Texts are not here: a line names the signed object (``hash``) and the text's place in it (``index``),
and the store has the bytes; ``statements.texts_of`` reads them.  Members are ids, times are wall
milliseconds.  ``state``, ``acked`` and ``of`` are None on what others said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from attrs import field, frozen

from securechat.ids import Hash, MemberId, MessageId, Stream
from securechat.notices import Delivery

Span = tuple[int, int]


@frozen
class Said:
    """The answer to Say: the post's id, and whether it is new (False: its nonce was known)."""

    id: MessageId
    state: Delivery
    fresh: bool


@frozen
class Told:
    """The answer to Tell."""

    id: MessageId
    to: MemberId
    state: Delivery
    fresh: bool


@frozen
class Tried:
    """The answer to Retry and Cancel: the message's state now."""

    id: MessageId
    state: Delivery


@frozen
class PostLine:
    """One post of the transcript."""

    kind: ClassVar[str] = "post"
    id: MessageId
    author: MemberId
    hlc: int
    time: int
    """The author's wall clock, from the HLC."""
    at: int
    """When this node stored it."""
    hash: Hash
    index: int
    state: Delivery | None
    acked: int | None
    of: int | None
    late: bool
    recovered: bool
    mark: str
    """What is odd about it, words joined by commas: clock, forked, after-end; else empty."""


@frozen
class DirectLine:
    """One direct message of the transcript, from us or to us."""

    kind: ClassVar[str] = "dm"
    id: MessageId
    author: MemberId
    to: MemberId
    hlc: int
    time: int
    at: int
    hash: Hash
    index: int
    state: Delivery | None
    acked: int | None
    of: int | None
    late: bool
    recovered: bool
    mark: str


@frozen
class Answered:
    """What one member said when it was asked for a missing range."""

    member: MemberId
    answer: str
    """``asked``, ``no answer``, ``bad answer``, ``pruned`` or ``never had``."""


@frozen
class GapLine:
    """Posts that are known to exist and are not here; it stands before its successor."""

    kind: ClassVar[str] = "gap"
    stream: Stream
    first: int
    last: int
    asked: tuple[Answered, ...]
    not_asked: tuple[MemberId, ...]
    """Roster members that could not be asked yet."""
    verdict: str
    """
    ``asking``, ``waiting`` (nobody linked claims it) or ``closed: CAUSE`` (all have shown no, or it
    lies beyond a proven fork).
    """
    next_try: float | None
    """Seconds from now; None if nothing is planned before news comes."""


Line = PostLine | DirectLine | GapLine


@frozen
class Page:
    """A piece of the transcript, in its order; ``more`` tells that it goes on in that direction."""

    lines: tuple[Line, ...]
    more: bool


@frozen
class RecipientLine:
    """What is known of one message at one recipient."""

    member: MemberId
    state: Delivery
    at: int
    """When that became known; if no record tells it any more, of what the evidence says."""
    evidence: str


@frozen
class OtherLine:
    """A member whom an own post was not for."""

    member: MemberId
    at: int
    """When the post was said."""
    evidence: str


@frozen
class OutboxLine:
    """An own message that lacks evidence; ``to`` is None for a post."""

    id: MessageId
    to: MemberId | None
    state: Delivery
    why: str
    at: int
    acked: int
    of: int


@frozen
class StreamLine:
    """One stream as the digest counts it."""

    stream: Stream
    ranges: tuple[Span, ...]
    head: Hash | None
    """The header that ends the last range."""
    known: int
    """The highest seq with evidence signed by the author."""
    floor: int
    forked: int
    """The seq from which the stream is left out of the digest; 0 if it is sound."""


@frozen
class DiffLine:
    """A range where this node and a peer differ; ``stored``, ``missing`` or ``pruned`` on each side."""

    stream: Stream
    first: int
    last: int
    here: str
    there: str


@frozen
class MessagingView:
    """Counts for ``status`` and ``counters``."""

    posts: int
    directs: int
    bytes: int
    gaps: int
    outbox: int
    unknown: int
    digest: str
    """64 hex digits; people compare the first 8."""
    hlc: int
    streams: int
    counters: Mapping[str, int] = field(factory=dict)
    offsets: Mapping[MemberId, float] = field(factory=dict)
    """Seconds that the clocks of linked peers are ahead of our own, uncorrected one."""
    corrected: float | None = None
    """Seconds by which our clock is corrected; None while it is not."""
