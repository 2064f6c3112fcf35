"""
The facts about posts: what is held, known, pruned and forked of each stream, and the evidence that
others have ours.

Objects are named by the hash of their signed bytes, and so is the key of an envelope: two envelopes of
one place in a stream are two facts.  Gaps, breaches and states of posts are derived, never stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from attrs import frozen

from securechat.effects import Fact
from securechat.ids import BootId, Hash, MemberId, MessageId, Stream, posts_named
from securechat.messaging.messages import Why
from securechat.messaging.ranges import Span, newest, shown
from securechat.messaging.statements import Opening

MANY = 256
"""
Posts that one fact names at most: as many as one want asks for, and more than a burst.  Of more, as
after long partitions, the newest; the others have their evidence from ``delivery`` alone.
"""

NAMED = 8
"""Members whom one line names at most."""


@frozen
class Placed(Fact):
    """A fact of one stream."""

    rests_on: ClassVar[str] = ""

    author: MemberId
    epoch: int
    boot: BootId

    @property
    def stream(self) -> Stream:
        """The stream it belongs to."""
        return Stream(self.author, self.epoch, self.boot)

    def named(self, seqs: Iterable[int]) -> tuple[str, ...]:
        """The canonical ids of posts of the stream."""
        return posts_named(self.author, self.epoch, self.boot, seqs)

    @property
    def evidence(self) -> str:
        name: Hash | None = getattr(self, "hash", None)
        return f"{self.rests_on} {name.hex()[:16]}" if name and self.rests_on else ""


@frozen
class EnvelopeHeld(Placed):
    """An envelope is stored; owns its signed form.  ``audience`` is set on what we said here."""

    rests_on: ClassVar[str] = "envelope"
    first: int
    count: int
    previous: bytes
    hlc: int
    hash: Hash
    size: int
    at: int
    via: MemberId  # whose link it came on; ourselves if we said it
    opening: Opening | None = None
    late: bool = False
    recovered: bool = False
    ahead: bool = False  # its stamp was more than 60 s ahead of our clock
    audience: str = ""
    """Names the Audience; empty on what was not said on this disk."""
    unsent: tuple[MemberId, ...] = ()
    """Members of the audience that it was not pushed to at once."""

    @property
    def last(self) -> int:
        """The seq of its last post."""
        return self.first + self.count - 1

    def posts(self) -> tuple[MessageId, ...]:
        """The ids of its posts."""
        stream = self.stream
        return tuple(MessageId(stream, seq) for seq in range(self.first, self.last + 1))

    @property
    def key(self) -> str:
        return f"held/{self.hash.hex()}"

    @property
    def about(self) -> tuple[str, ...]:
        return self.named(range(self.first, self.last + 1))

    @property
    def words(self) -> str:
        what = f"{self.count} posts" if self.count > 1 else "a post"
        if self.audience and self.via != self.author:
            return f"{what} of ours fetched again from {{{self.via}}} and stored"
        if self.audience:
            return f"{what} of ours stored, for the roster; without a link then: {self._away}"
        how = "recovered" if self.recovered else "received"
        return f"{what} of {{{self.author}}} {how} from {{{self.via}}} and stored"

    @property
    def _away(self) -> str:
        named = ", ".join(f"{{{member}}}" for member in self.unsent[:NAMED])
        more = len(self.unsent) - NAMED
        return (f"{named} and {more} more" if more > 0 else named) or "nobody"


@frozen
class Audience(Fact):
    """Who was in the roster when we spoke; shared by all envelopes of one roster."""

    name: str
    members: tuple[MemberId, ...]

    @property
    def key(self) -> str:
        return f"audience/{self.name}"

    @property
    def words(self) -> str:
        return "posts from here on are for: " + ", ".join(f"{{{m}}}" for m in self.members)


@frozen
class HeadKnown(Placed):
    """The author's header of posts that are not here; owns that header, signed."""

    rests_on: ClassVar[str] = "head"
    seq: int
    hlc: int
    hash: Hash

    @property
    def key(self) -> str:
        return f"head/{self.stream}"

    @property
    def about(self) -> tuple[str, ...]:
        return (f"gap:{self.stream}",)

    @property
    def words(self) -> str:
        return f"{{{self.author}}} signed that this stream goes up to {self.seq}"


@frozen
class Floor(Placed):
    """Everything of this author up to this post was pruned: not wanted again, no gap."""

    seq: int
    hash: Hash
    hlc: int

    @property
    def key(self) -> str:
        return f"floor/{self.author}"

    @property
    def about(self) -> tuple[str, ...]:
        return (f"gap:{self.stream}", str(MessageId(self.stream, self.seq)))

    @property
    def words(self) -> str:
        return f"retention: posts of {{{self.author}}} up to {self.epoch}/{self.seq} were pruned"


@frozen
class FloorAside(Placed):
    """
    A stream of a place below its author's floor was said after what that floor took (ADR 19), by a
    process that did not know of it.  So it has a floor of its own: up to this post it was pruned.
    """

    rests_on: ClassVar[str] = "header"
    seq: int
    """Nothing of it was yet, if 0."""
    hash: Hash
    """Of the header there; if nothing was pruned, of the one that tells of the stream."""
    hlc: int
    """No post of it that is known of is newer; once its author's floor is as new, all of it is gone."""

    @property
    def key(self) -> str:
        return f"aside/{self.stream}"

    @property
    def about(self) -> tuple[str, ...]:
        return (f"gap:{self.stream}",)

    @property
    def words(self) -> str:
        pruned = f"; pruned up to {self.epoch}/{self.seq}" if self.seq else ""
        return f"epoch {self.epoch} of {{{self.author}}} is newer than what retention took{pruned}"


@frozen
class Begun(Fact):
    """A process of ours was there in this epoch; a missing epoch tells of a lost disk."""

    epoch: int
    boot: BootId
    lost: bool  # we had a past, and this disk does not know its end
    since: int = 0  # what we had stored before this epoch may be gone; 0 if nothing ever was lost

    @property
    def key(self) -> str:
        return "begun"

    @property
    def words(self) -> str:
        gone = f"; what we had stored before epoch {self.since} may be gone" if self.since else ""
        return f"we speak as epoch {self.epoch}{gone}"


@frozen
class Forked(Placed):
    """Two envelopes of one stream that contradict each other, both signed by its author."""

    seq: int
    one: Hash
    other: Hash
    what: str

    @property
    def key(self) -> str:
        return f"fork/{self.stream}"

    @property
    def about(self) -> tuple[str, ...]:
        return (str(MessageId(self.stream, self.seq)), f"member:{self.author}")

    @property
    def words(self) -> str:
        return f"{{{self.author}}} signed {self.what} at {self.epoch}/{self.seq}"

    @property
    def evidence(self) -> str:
        return f"envelopes {self.one.hex()[:16]} and {self.other.hex()[:16]}"


@frozen
class GapClosed(Placed):
    """Every member of the roster has shown that it has none of these posts: they are given up."""

    first: int
    last: int
    why: str
    answers: tuple[tuple[MemberId, str], ...]
    at: int

    @property
    def key(self) -> str:
        return f"closed/{self.stream}/{self.first}"

    @property
    def pruned(self) -> bool:
        """Whether retention took them, from one member at least, so that this is not a loss to all."""
        return any(answer == Why.PRUNED for _, answer in self.answers)

    @property
    def about(self) -> tuple[str, ...]:
        return (f"gap:{self.stream}",)

    @property
    def words(self) -> str:
        posts = shown([(self.first, self.last)])
        return f"nobody has posts {posts} of {{{self.author}}}: given up ({self.why})"

    @property
    def evidence(self) -> str:
        return "; ".join(f"{{{member}}}: {answer}" for member, answer in self.answers)


@frozen
class PostsOffered(Placed):
    """Own posts sent to a member after they were said, and those whose deadline passed there."""

    member: MemberId
    sent: tuple[Span, ...]
    overdue: tuple[Span, ...]
    news: tuple[Span, ...]
    at: int
    silence: bool = False  # the news is a deadline that passed; else posts that were sent

    @property
    def key(self) -> str:
        return f"offered/{self.stream}/{self.member}"

    @property
    def about(self) -> tuple[str, ...]:
        return self.named(newest(self.news, MANY))

    @property
    def words(self) -> str:
        if self.silence:
            return f"{{{self.member}}} gave no evidence in time of our posts {shown(self.news)}"
        return f"our posts {shown(self.news)} sent to {{{self.member}}}"


@frozen
class PostsStored(Placed):
    """
    A member's signed frontier says that it has these own posts; owns that frontier.

    It is evidence for as long as these posts are kept, also where there was no room for the frontier.
    """

    rests_on: ClassVar[str] = "frontier"
    member: MemberId
    number: int  # several stand side by side while none covers the others: the union counts
    ranges: tuple[Span, ...]
    news: tuple[Span, ...]
    hash: Hash
    at: int
    listed: tuple[Span, ...] = ()  # what that frontier itself lists, if less than ``ranges``
    holder_epoch: int = 0  # in which the member signed it
    size: int = 0  # bytes of that frontier
    kept: bool = True  # whether it is here

    @property
    def key(self) -> str:
        return f"stored/{self.stream}/{self.member}/{self.number}"

    @property
    def about(self) -> tuple[str, ...]:
        return self.named(newest(self.news, MANY))

    @property
    def words(self) -> str:
        said = f"{{{self.member}}} signed that it has our posts {shown(self.news)}"
        return said if self.kept else f"no room for the frontier in which {said}"

    @property
    def evidence(self) -> str:
        return super().evidence + ("" if self.kept else ", not kept any more")
