"""
A trace for people: as text, as a Mermaid sequence diagram, as JSON; whole, or about one id.

About an id are the turns whose record names it, and those that sent or received a signed object that
their facts rest on.  An id is canonical or as people write it: ``ada/3/17``, ``member:ada``,
``gap:ada/3``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import msgspec
from attrs import define, field

from securechat.ids import MessageId
from securechat.journal.explain import CABLE, MEMBER, OBJECT
from securechat.journal.records import FactNote
from securechat.journal.trace import Arrow, Exported, Place, Trace

IMPOSSIBLE = "impossible history, each of these turns precedes the next and the last the first"
LINK_EVENTS = ("start", "LinkUp", "LinkDown", "DialFailed", "Refused", *CABLE)
MESSAGE = re.compile(r"\b[a-z2-7]{52}/\d{1,19}~[0-9a-f]{32}/d?\d{1,19}\b")
UNSAFE = re.compile(r"[;#<>\"%\s]+")


def narrowed(trace: Trace, about: str) -> Trace:
    """Only what is part of the story of an id."""
    names = {entry.member: entry.node for entry in trace.turns}
    objects: set[str] = set()
    named: set[Place] = set()
    for entry in trace.turns:
        ids = {name for name in entry.record.about if _means(name, about, names)}
        if ids:
            named.add(entry.place)
            objects.update(_objects(_notes_about(entry, ids)))
    turns = tuple(
        entry for entry in trace.turns if entry.place in named or objects & _carried(entry)
    )
    kept = {entry.place for entry in turns}
    arrows = tuple(
        arrow for arrow in trace.arrows if arrow.sent in kept and objects & set(arrow.what.split())
    )
    return Trace(turns, arrows, trace.cycle)


def _means(name: str, about: str, names: dict[str, str]) -> bool:
    """Whether a canonical id is the one that somebody wrote."""
    if name == about:
        return True
    kind, _, rest = name.rpartition(":")
    member, _, place = rest.partition("/")
    if kind:
        epoch = place.partition("~")[0]
        shown = f"{kind}:{names.get(member)}" + (f"/{epoch}" if epoch else "")
        return shown == about
    try:
        message = MessageId.parse(name)
    except ValueError:
        return False
    known = names.get(member, "")
    return about in (message.shown(known), message.shown(known, twin=True))


def _notes_about(entry: Exported, ids: set[str]) -> Iterable[FactNote]:
    record = entry.record
    return [note for note in record.facts if ids & {record.about[place] for place in note.about}]


def _objects(notes: Iterable[FactNote]) -> set[str]:
    found = (OBJECT.findall(f"{note.key} {note.evidence}") for note in notes)
    return {f"#{digest[:16]}" for digests in found for digest in digests}


def _carried(entry: Exported) -> set[str]:
    forms = (*entry.record.causes, *entry.record.effects)
    return {word for form in forms for word in form.split() if word.startswith("#")}


def as_text(trace: Trace) -> str:
    """A line for each turn; under it why it ran, what it made durable, what it sent."""
    return _Drawing(trace).text()


def as_mermaid(trace: Trace) -> str:
    """A sequence diagram: a message stands where it came, one that nobody tells of where it left."""
    return _Drawing(trace).mermaid()


def as_json(trace: Trace) -> str:
    """One object: turns in causal order, messages by the turns they left and came in, the cycle."""
    whole = {"turns": trace.turns, "messages": trace.arrows, "cycle": trace.cycle}
    return msgspec.json.encode(whole).decode() + "\n"


@define
class _Drawing:
    """One trace with the names of its members and its messages by turn."""

    _trace: Trace
    _names: dict[str, str] = field(factory=dict, init=False)
    _twins: set[tuple[str, int]] = field(factory=set, init=False)
    """Authors and epochs of which the records know two streams: their ids say which."""
    _came: dict[Place, list[Arrow]] = field(factory=dict, init=False)
    _left: dict[Place, list[Arrow]] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        for arrow in self._trace.arrows:
            self._names[arrow.to] = f"member {arrow.to[:8]}"
            self._left.setdefault(arrow.sent, []).append(arrow)
            if arrow.received is not None:
                self._came.setdefault(arrow.received, []).append(arrow)
        self._names.update((entry.member, entry.node) for entry in self._trace.turns)
        streams = set()
        for entry in self._trace.turns:
            for form in (*entry.record.about, *entry.record.causes, *entry.record.effects):
                streams |= {MessageId.parse(name).stream for name in MESSAGE.findall(form)}
        seen = Counter((stream.author, stream.epoch) for stream in streams)
        self._twins = {place for place, count in seen.items() if count > 1}

    def text(self) -> str:
        lines = [f"{self._title(entry.place)}\n{self._body(entry)}" for entry in self._trace.turns]
        return self._impossible("") + "".join(lines)

    def _body(self, entry: Exported) -> str:
        record = entry.record
        lines = [f"because {self._named(cause)}" for cause in record.causes]
        for arrow in self._came.get(entry.place, ()):
            lines.append(f"came from {self._title(arrow.sent)}: {arrow.what}")
        for note in record.facts:
            evidence = f" [{self._named(note.evidence)}]" if note.evidence else ""
            lines.append(self._named(note.words) + evidence)
        if record.fault:
            lines.append(f"fault: {record.fault}")
        for arrow in self._left.get(entry.place, ()):
            end = f"came in {self._title(arrow.received)}" if arrow.received else "not told there"
            lines.append(f"sent to {self._names[arrow.to]}: {arrow.what}, {end}")
        return "".join(f"    {_printable(line)}\n" for line in lines)

    def mermaid(self) -> str:
        members = sorted(self._names, key=lambda member: (self._names[member], member))
        lanes = {member: f"m{number}" for number, member in enumerate(members)}
        lines = [f"participant {lanes[member]} as {_safe(self._names[member])}" for member in lanes]
        for entry in self._trace.turns:
            lines += self._strokes(entry, lanes)
        body = "".join(f"    {line}\n" for line in lines)
        return f"sequenceDiagram\n{body}" + self._impossible("    %% ")

    def _strokes(self, entry: Exported, lanes: dict[str, str]) -> list[str]:
        lane = lanes[entry.member]
        told = [cause for cause in entry.record.causes if cause.startswith(LINK_EVENTS)]
        told += [note.words for note in entry.record.facts]
        lines = [
            f"{lanes[arrow.sent[0]]}->>{lane}: {_safe(arrow.what)}"
            for arrow in self._came.get(entry.place, ())
        ]
        lines += [f"Note over {lane}: {_safe(self._named(words))}" for words in told]
        lines += [
            f"{lane}-x{lanes[arrow.to]}: {_safe(arrow.what)}"
            for arrow in self._left.get(entry.place, ())
            if arrow.received is None
        ]
        return lines

    def _impossible(self, start: str) -> str:
        if not self._trace.cycle:
            return ""
        turns = ", ".join(self._title(place) for place in self._trace.cycle)
        return f"{start}{IMPOSSIBLE}: {turns}\n"

    def _title(self, place: Place) -> str:
        return f"{_printable(self._names.get(place[0], place[0][:8]))} turn {place[1]}"

    def _named(self, words: str) -> str:
        """With names for the ids of messages and of members, in braces or bare."""
        words = MESSAGE.sub(self._message, words)
        plain = re.sub(r"\{([a-z2-7]{52})\}", r"\1", words)
        return MEMBER.sub(lambda found: self._names.get(found.group(), found.group()[:8]), plain)

    def _message(self, found: re.Match[str]) -> str:
        """As people write it: ``ada/3/d1``."""
        message = MessageId.parse(found[0])
        author = self._names.get(message.author, message.author[:8])
        return message.shown(author, (message.author, message.stream.epoch) in self._twins)


def _safe(words: str) -> str:
    """Without what means something to Mermaid."""
    return UNSAFE.sub(" ", _printable(words)).strip() or "-"


def _printable(words: str) -> str:
    """An export may come from anybody: nothing in it moves a cursor or forges a line."""
    return "".join(letter if letter.isprintable() else "?" for letter in words)
