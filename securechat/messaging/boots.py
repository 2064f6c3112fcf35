"""
Of which processes something is kept, by author and epoch: a post, what is known of a stream, a direct
message.  An id that is shown must say which process it is of where an author has two in one epoch.

That is asked for each id that is shown, in every event and every row of a reply.  So it is counted as
things come and go, and nothing is walked through when it is asked.
"""

from __future__ import annotations

from collections.abc import Collection

from attrs import define, field

from securechat.ids import BootId, MemberId, Stream


@define
class Boots:
    """How much is kept of each process."""

    _kept: dict[tuple[MemberId, int], dict[BootId, int]] = field(factory=dict)

    def of(self, author: MemberId, epoch: int) -> Collection[BootId]:
        """The processes of an author's epoch of which something is kept."""
        return self._kept.get((author, epoch), {}).keys()

    def add(self, stream: Stream) -> None:
        """One thing more of a process."""
        kept = self._kept.setdefault((stream.author, stream.epoch), {})
        kept[stream.boot] = kept.get(stream.boot, 0) + 1

    def take(self, stream: Stream) -> None:
        """One thing less."""
        kept = self._kept[stream.author, stream.epoch]
        kept[stream.boot] -= 1
        if not kept[stream.boot]:
            del kept[stream.boot]
        if not kept:
            del self._kept[stream.author, stream.epoch]
