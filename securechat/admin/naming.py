"""
How members, streams and messages are called on the admin port, and what a person means by a name.

Names come from the keyring; a name that two members share prints as ``NAME#first8ofid``.  A message
is ``NAME/EPOCH/SEQ`` or ``NAME/EPOCH/dSEQ``; where an author has two streams of one epoch, the first
digits of the boot id stand behind the epoch: ``ada/3~9f/17`` (DESIGN 6); where an author signed two
posts for one place, the first digits of the hash behind the seq: ``ada/3/17~7282240dbd090a5d``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

from attrs import frozen

from securechat.errors import LocalError
from securechat.ids import Kind, MemberId, MessageId
from securechat.keyring import Keyring

ID = re.compile(
    r"(?P<who>[^/]+)/(?P<epoch>\d{1,19})(?:~(?P<boot>[0-9a-f]{1,32}))?/(?P<d>d?)(?P<seq>\d{1,19})"
    r"(?:~(?P<side>[0-9a-f]{1,64}))?"
)
MEMBER = re.compile(r"\{([a-z2-7]{52})\}")


@lru_cache(maxsize=256)
def time_of(wall_ms: int) -> str:
    """RFC 3339, UTC, milliseconds."""
    try:
        return f"{_second(wall_ms // 1000)}.{wall_ms % 1000:03d}Z"
    except (OverflowError, ValueError, OSError):
        return f"{wall_ms}ms"


@lru_cache(maxsize=256)
def _second(wall: int) -> str:
    """Most of what is shown together happened in few seconds."""
    return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class Known(Protocol):
    """What is asked of messaging: which streams there are."""

    def twins(self, author: MemberId, epoch: int) -> bool:
        """Whether an author has two streams of one epoch."""
        ...

    def find(
        self, author: MemberId, epoch: int, boot: str, seq: int, kind: Kind, side: str = ""
    ) -> MessageId:
        """The kept message of these numbers; LocalError 520 or 521."""
        ...


@frozen
class Written:
    """An id as a person wrote it, its author found."""

    author: MemberId
    epoch: int
    boot: str
    seq: int
    kind: Kind
    side: str = ""


@frozen
class Names:
    """Names as they are at one moment."""

    keyring: Keyring
    known: Known

    def member(self, member: MemberId) -> str:
        """A member's name."""
        return self.keyring.named(member)

    def message(self, message: MessageId) -> str:
        """A message's id for people."""
        twin = self.known.twins(message.author, message.stream.epoch)
        return message.shown(self.member(message.author), twin)

    def words(self, text: str) -> str:
        """A line of a fact, its ``{MEMBERID}`` replaced by names."""
        if "{" not in text:
            return text
        return MEMBER.sub(lambda found: self.member(MemberId(found[1])), text)

    def find_member(self, word: str) -> MemberId:
        """Whom a person means; LocalError 520 or 521."""
        return self.keyring.find(word)

    def read_id(self, word: str) -> Written:
        """An id in its parts; LocalError 503 if it is none, 520 or 521 for its author."""
        found = ID.fullmatch(word)
        if found is None:
            raise LocalError(503, f"{word[:80]!r} is no id; ids look like ada/3/17 or ada/3/d17")
        kind = Kind.DIRECT if found["d"] else Kind.POST
        author = self.find_member(found["who"])
        boot, side = found["boot"] or "", found["side"] or ""
        return Written(author, int(found["epoch"]), boot, int(found["seq"]), kind, side)

    def find_message(self, word: str) -> MessageId:
        """Which message a person means; LocalError 503, 520 or 521."""
        id_ = self.read_id(word)
        try:
            return self.known.find(id_.author, id_.epoch, id_.boot, id_.seq, id_.kind, id_.side)
        except LocalError as problem:
            if problem.code != 521:
                raise LocalError(
                    520, f"no message {word[:80]!r} is kept here; see: messages"
                ) from None
            shown = tuple(self.message(MessageId.parse(text)) for text in problem.candidates)
            raise LocalError(521, f"{word[:80]!r} is in more than one stream", shown) from None
