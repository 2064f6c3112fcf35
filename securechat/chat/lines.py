"""
The words of rows, tabs and the status line: the row grammar, without colours and without a screen.

Row: ``HH:MM``, one glyph, the name, the text, then state words and k/n for own messages.  A glyph never
stands without a word beside it.  A system row has ``--`` for a name, which no member can have.
"""

from __future__ import annotations

from attrs import frozen

from securechat.chat.buffers import Buffer
from securechat.chat.clock import Clock
from securechat.chat.contact import Phase
from securechat.chat.rows import GLYPHS, Gap, Note, Row, Said, Waiting, age, number, words
from securechat.chat.state import ROOM, State
from securechat.notices import Liveness

NAME_CELLS = 12
SEEN = ("alive", "suspect", "unreachable", "left")
MEMBER_GLYPHS = {
    Liveness.ALIVE: "+",
    Liveness.SUSPECT: "?",
    Liveness.UNREACHABLE: "-",
    Liveness.LEFT: "<",
    Liveness.REMOVED: "x",
}


@frozen
class Cells:
    """One row in its parts; ``tone`` names what it is for the theme."""

    time: str
    glyph: str
    name: str
    text: str
    right: str
    tone: str


def cells(row: Row, state: State, clock: Clock) -> Cells:
    """The parts of one row."""
    if isinstance(row, Said):
        return _said(row, state, clock)
    if isinstance(row, Waiting):
        return Cells(clock.minute(row.at), ".", state.me or "you", row.text, row.state, "own")
    if isinstance(row, Note):
        return Cells(clock.minute(row.at), " ", "--", row.text, "", row.tone)
    return Cells("", " ", "", f"-- {gap_line(row)}", "", "gap")


def _said(row: Said, state: State, clock: Clock) -> Cells:
    text = "(the text is being fetched)" if row.text is None else row.text
    minute = clock.minute(row.at)
    if row.own:
        glyph = GLYPHS.get(row.state, ".")
        return Cells(minute, glyph, row.author, text, _marked(state_words(row), row.mark), "own")
    mention = state.mentions(row)
    glyph = "*" if mention else "~" if row.late else " "
    return Cells(
        minute,
        glyph,
        row.author,
        text,
        _marked(row.late, row.mark),
        "mention" if mention else "said",
    )


def _marked(text: str, mark: str) -> str:
    return ", ".join(part for part in (text, mark) if part)


def state_words(said: Said) -> str:
    """``acked 2/2``: the state of an own message; direct messages have one recipient."""
    if said.kind == "dm" or not said.of:
        return said.state
    return f"{said.state} {said.acked}/{said.of}"


def gap_line(gap: Gap) -> str:
    """The row of a gap."""
    return f"{gap.line}  (/gaps)"


def shorten(name: str, cells: int = NAME_CELLS) -> str:
    """A name in a bounded column."""
    return name if len(name) <= cells else name[: cells - 2] + ".."


def tabs(state: State) -> list[tuple[str, str]]:
    """(tone, text) of each buffer: number, name, unread; ``!`` marks a mention."""
    found = []
    for nth, buffer in enumerate(state.buffers.values(), 1):
        unread = f"+{buffer.unread}" if buffer.unread else ""
        unread += "*" if buffer.mentions else ""
        label = f"{nth}:{state.title(buffer)}{unread}"
        here = buffer.name == state.current
        tone = "tab_on" if here else "tab_unread" if buffer.unread else "tab"
        found.append((tone, f"[{label}]" if here else label))
    return found


def heading(state: State, buffer: Buffer) -> str:
    """The right end of the top line: what this page is."""
    if buffer.name == ROOM:
        return f"{state.room}: {len(state.members) or '-'} members  F1=help"
    partner = state.members.get(buffer.name[1:], {})
    if buffer.name.startswith("@"):
        return f"only {buffer.name[1:]} ({words(partner.get('state')) or 'not known'})  F1=help"
    return "F1=help"


def status_line(state: State, now: float, width: int) -> str:
    """The longest wording that fits; it always says node, members, gaps, outbox and liveness."""
    wordings = _wordings(state, now)
    fitting = (f"-- {text} " for text in wordings if len(text) + 4 <= width)
    return next(fitting, wordings[-1][:width]).ljust(width, "-")[:width]


def _wordings(state: State, now: float) -> list[str]:
    counts = state.status.get("members")
    found = counts if isinstance(counts, dict) else {}
    seen = [(number(found.get(word)), word) for word in SEEN]
    every = " ".join(f"{n} {word}" for n, word in seen)
    some = " ".join(f"{n} {word}" for n, word in seen if n) or "0 alive"
    few = f"{seen[0][0]}/{sum(n for n, _ in seen)} alive"
    gaps, outbox, unknown = (number(state.status.get(k)) for k in ("gaps", "outbox", "unknown"))
    held = state.outgoing.untaken
    link = state.contact.words(now) + (f", {held} held here" if held else "")
    if state.contact.phase is Phase.DOWN:
        return [f"NODE DOWN | {link} | it last saw {some}", f"NODE DOWN | {link}", link]
    node = node_word(state)
    tail = f"gaps {gaps} | outbox {outbox}"
    return [
        f"{node} | {every} | {tail} | unknown {unknown} | {link}",
        f"{node} | {every} | {tail} | {link}",
        f"{node} | {some} | {tail} | unknown {unknown} | {link}",
        f"{node} | {some} | {tail} | {link}",
        f"{node} | {some} | gaps {gaps} outbox {outbox} | {link}",
        f"{node} | {few} | gaps {gaps} outbox {outbox} | {link}",
        f"{few} | {link}",
        f"{node} | {link}",
        link,
    ]


def node_word(state: State) -> str:
    """Whether our own node is well."""
    if not state.contact.live:
        return "node ok?"
    return "node READ-ONLY" if state.status.get("read_only") else "node ok"


def below(buffer: Buffer) -> str:
    """The line above the status line: what is out of sight."""
    parts = []
    if buffer.recovered:
        parts.append(f"{buffer.recovered} recovered above: Alt-G jumps")
    if buffer.scroll is not None:
        parts.append(f"v {buffer.below} below")
    return "   ".join(parts)


def heard(member: object) -> str:
    """How long ago a member was heard; ``-`` for never."""
    return "-" if not isinstance(member, int | float) else age(member)
