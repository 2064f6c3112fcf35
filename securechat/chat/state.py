"""
Everything the chat knows: one value that the inputs change and the screen shows.

Nothing here asks or draws.  ``news`` collects what happened since it was last read, for the client that
prints; ``hint`` is the one line above the input.
"""

from __future__ import annotations

from attrs import define, field, frozen

from securechat.chat.acts import Act, Ask, Purpose, Reply
from securechat.chat.buffers import Buffer
from securechat.chat.contact import Contact
from securechat.chat.outgoing import Outgoing
from securechat.chat.rows import Row, Said, Waiting, words
from securechat.inputs import Instant

ROOM, STATUS = "room", "status"


@frozen
class News:
    """One thing that happened: a new row, or a row whose state changed (``former``)."""

    buffer: str
    row: Row
    former: Said | None = None


@define
class State:
    """
    ``looking`` holds the questions that are open, each with the one to ask again behind it;
    ``wanted`` the ids that an event named and no page has brought yet; ``behind`` tells that the
    transcript changed inside and is to be read again.
    """

    outgoing: Outgoing
    buffers: dict[str, Buffer] = field(factory=dict)
    current: str = ROOM
    status: dict[str, object] = field(factory=dict)
    members: dict[str, Reply] = field(factory=dict)
    contact: Contact = field(factory=Contact)
    focused: bool = True
    hint: str = ""
    news: list[News] = field(factory=list)
    looking: dict[tuple[Purpose, str], Ask | None] = field(factory=dict)
    wanted: set[str] = field(factory=set)
    behind: bool = False
    suspicions: dict[str, tuple[float, str, str]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.buffers = {ROOM: Buffer(ROOM, "room"), STATUS: Buffer(STATUS, STATUS, whole=True)}

    @property
    def me(self) -> str:
        """Our own name, once the node has said it; empty before."""
        return words(self.status.get("name"))

    @property
    def room(self) -> str:
        """The room's name, once the node has said it."""
        return words(self.status.get("room")) or "room"

    @property
    def buffer(self) -> Buffer:
        """The one on the screen."""
        return self.buffers[self.current]

    def direct(self, name: str) -> Buffer:
        """The buffer of one partner, made on first use; it stands before the status page."""
        key = f"@{name}"
        if key not in self.buffers:
            status = self.buffers.pop(STATUS)
            self.buffers[key] = Buffer(key, key)
            self.buffers[STATUS] = status
        return self.buffers[key]

    def title(self, buffer: Buffer) -> str:
        """How a tab names it."""
        return self.room if buffer.name == ROOM else buffer.title

    def tail(self, buffer: Buffer) -> list[Waiting]:
        """What stands at the very end: own messages the transcript does not show yet."""
        return [
            Waiting(one.nonce, one.text, one.at, one.state or "not yet with our node")
            for one in self.outgoing.of(buffer.name)
        ]

    def find(self, message: str) -> tuple[Buffer, Said] | None:
        """A message by its id, wherever it stands."""
        for buffer in self.buffers.values():
            said = buffer.find(message)
            if said is not None:
                return buffer, said
        return None

    def mentions(self, said: Said) -> bool:
        """Somebody else's row names us."""
        if said.own or not said.text or not self.me:
            return False
        kept = (c if c.isalnum() or c in "._-" else " " for c in said.text.lower())
        return self.me in (word.strip(".-_") for word in "".join(kept).split())

    def watched(self, buffer: Buffer) -> bool:
        """The person sees a new row of this buffer as it comes."""
        return buffer.name == self.current and buffer.at_bottom and self.focused

    def tell(self, buffer: str, text: str, now: Instant, tone: str = "note") -> None:
        """A system row."""
        place = self.buffers.get(buffer, self.buffers[STATUS])
        self.news.append(News(place.name, place.note(now.wall_ms, text, tone)))

    def ask_once(self, ask: Ask) -> list[Act]:
        """Ask; while the same question is open, it is asked again once that has its answer."""
        key = (ask.purpose, ask.about)
        if key in self.looking:
            self.looking[key] = ask
            return []
        self.looking[key] = None
        return [ask]

    def closed(self, ask: Ask) -> list[Act]:
        """The question has its answer, or will never have one; what waited behind it is asked."""
        behind = self.looking.pop((ask.purpose, ask.about), None)
        return [] if behind is None else self.ask_once(behind)

    def oldest(self) -> Said | None:
        """The first message held, in whatever buffer."""
        held = [row for b in self.buffers.values() if (row := b.oldest()) is not None]
        return min(held, key=lambda row: row.key, default=None)

    def newest(self) -> Said | None:
        """The last message of the transcript, in whatever buffer."""
        held = [row for b in self.buffers.values() if (row := b.newest()) is not None]
        return max(held, key=lambda row: row.key, default=None)
