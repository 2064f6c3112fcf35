"""
The panels beside the transcript on a wide screen, as lines: pages on the left, members on the right.

They show again what ``/members`` ``/gaps`` ``/outbox`` and ``/delivery`` say, for a glance; nothing is
only here.
"""

from __future__ import annotations

from securechat.chat.clock import Clock
from securechat.chat.lines import MEMBER_GLYPHS, heard, shorten, state_words, tabs
from securechat.chat.rows import Gap, age, number, words
from securechat.chat.state import ROOM, STATUS, State
from securechat.notices import Liveness

LEFT, RIGHT = 18, 34
WIDE = 120

Line = tuple[str, str]
"""Tone and text."""


def left(state: State) -> list[Line]:
    """Pages, gaps and the outbox."""
    lines: list[Line] = []
    for (tone, label), name in zip(tabs(state), state.buffers, strict=True):
        head = {ROOM: " ROOM", STATUS: " SYSTEM"}.get(name, " DIRECT")
        if ("panel_head", head) not in lines:
            lines.append(("panel_head", head))
        here = ">" if name == state.current else " "
        lines.append((tone, here + label.strip("[]")))
    gaps = [row for row in state.buffers[ROOM].rows[-500:] if isinstance(row, Gap)]
    lines += [("panel", ""), ("panel_head", f" GAPS {number(state.status.get('gaps'))}")]
    for gap in gaps[-5:]:
        wait = "" if gap.next_try is None else f" {age(gap.next_try)}"
        lines.append(("gap", f" {shorten(gap.author, 8)} {gap.first}-{gap.last}{wait}"))
    outbox = number(state.status.get("outbox")) + state.outgoing.untaken
    lines += [("panel", ""), ("panel_head", f" OUTBOX {outbox}")]
    if state.outgoing.untaken:
        lines.append(("bad", f" {state.outgoing.untaken} held here"))
    return lines


def right(state: State, clock: Clock) -> list[Line]:
    """Members with state words, and how far the latest own message of this page has come."""
    lines: list[Line] = [("panel_head", f"{f' MEMBERS {len(state.members)}':<23} ago    rtt")]
    lines += [member(found) for found in state.members.values()]
    said = state.buffer.newest(own=True)
    if said is not None:
        lines += [("panel", ""), ("panel_head", f" LATEST OF YOURS ({clock.minute(said.at)})")]
        lines += [("panel", f" id     {said.id}"), ("panel", f" state  {state_words(said)}")]
        if said.state == "unknown":
            lines += [
                ("panel", " no receipt yet: it may or may not"),
                ("panel", " be there; /explain"),
            ]
    return lines


def member(found: object) -> Line:
    """One member in 33 cells: glyph, name, state word, age, round trip."""
    item = found if isinstance(found, dict) else {}
    word = words(item.get("state"))
    glyph = MEMBER_GLYPHS[Liveness(word)] if word in set(Liveness) else " "
    name = f" {glyph} {shorten(words(item.get('name')), 8):<8}"
    if item.get("self"):
        return ("panel", f"{name} (you) {word}")
    rtt = item.get("rtt_ms")
    trip = f"{rtt:.0f}ms" if isinstance(rtt, int | float) else "-"
    tone = "panel" if word == "alive" else "presence"
    return (tone, f"{name} {word:<11} {heard(item.get('last_heard_s')):>3} {trip:>6}")
