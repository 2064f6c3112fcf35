"""
Why something is as it is: the facts and turn records about an id, selected, ordered, walked.

Nothing is added here.  Every line is what a fact said of itself or the short form of something that
was sent; its cause is the one the fact names or else the input that brought it.  From each chosen
fact its causes are followed backwards.  Turn numbers order the story, clocks do not.  Members stand
as ``{MEMBERID}``; whoever prints a story names them (DESIGN 7, G10).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from attrs import frozen

from securechat.journal.records import FactNote, StoredFact, TurnRecord

MEMBER = re.compile(r"\b[a-z2-7]{52}\b")
OBJECT = re.compile(r"\b[0-9a-f]{16,64}\b")
CABLE = ("Asked Disturb", "Asked Heal")
"""How the cause of a cut, a drop, a delay or their mending begins."""


@frozen
class Item:
    """One step of a story."""

    at: int
    """Wall time of this node, ms; for people."""
    turn: int | None
    """None for what no turn recorded: it stands where its time is."""
    what: str
    evidence: str
    cause: str


@frozen
class Story:
    """What is known of an id, oldest first; the summary is the newest fact."""

    summary: str
    items: tuple[Item, ...]


@frozen
class _Told:
    """What a fact said when it was made."""

    turn: int
    at: int
    note: FactNote
    about: tuple[str, ...]


def explain(
    name: str,
    facts: Sequence[StoredFact],
    turns: Sequence[TurnRecord],
    extra: Sequence[Item] = (),
) -> Story:
    """The story of an id; ``extra`` lines (what is so just now, and why) stand where their time is."""
    chosen = _walk(name, _told(facts, turns))
    objects = _objects(told.note for told in chosen if name in told.about)
    records = {record.turn: record for record in turns}
    items = [_item(told, records.get(told.turn), objects) for told in chosen]
    for record in turns:
        items += _sendings(record, objects) + _disturbances(record, name)
    # Sorting is stable: in a turn, facts come before what was sent.
    items = _merged(sorted(items, key=lambda item: item.turn or 0), extra)
    if chosen:
        summary = chosen[-1].note.words
    else:
        summary = items[-1].what if extra else f"nothing is recorded about {name}"
    return Story(summary, tuple(items))


def first_told(
    turns: Iterable[TurnRecord], name: str, key: str, words: str
) -> tuple[int, FactNote] | None:
    """The first of these records with a fact about an id whose key and words begin so; its time."""
    for record in turns:
        for note in record.facts:
            about = name in (record.about[place] for place in note.about)
            if about and note.key.startswith(key) and note.words.startswith(words):
                return record.wall_ms, note
    return None


def _merged(recorded: Sequence[Item], extra: Sequence[Item]) -> list[Item]:
    """The recorded in their order, the others among them by time, behind what is as old."""
    items = list(recorded)
    for line in sorted(extra, key=lambda item: item.at):
        later = (place for place, item in enumerate(items) if item.at > line.at)
        items.insert(next(later, len(items)), line)
    return items


def _told(facts: Sequence[StoredFact], turns: Sequence[TurnRecord]) -> list[_Told]:
    """All notes of the records, and the facts whose record is gone, in order of turns."""
    told = []
    for record in turns:
        for note in record.facts:
            about = tuple(record.about[place] for place in note.about)
            told.append(_Told(record.turn, record.wall_ms, note, about))
    noted = {(entry.turn, entry.note.key) for entry in told}
    for stored in facts:
        fact = stored.fact
        if (stored.turn, fact.key) not in noted:
            note = FactNote(fact.key, fact.words, fact.evidence, fact.cause)
            told.append(_Told(stored.turn, stored.at_ms, note, fact.about))
    return sorted(told, key=lambda entry: entry.turn)


def _walk(name: str, told: Sequence[_Told]) -> list[_Told]:
    """What is about the id, and what led to it: a cause is a fact's key or a message's id."""
    names = [{entry.note.key, *entry.about} for entry in told]
    wanted = {name}
    waiting = [name]
    while waiting:
        sought = waiting.pop()
        causes = {told[place].note.cause for place, known in enumerate(names) if sought in known}
        waiting += sorted(causes - wanted - {""})
        wanted |= causes - {""}
    return [entry for entry, known in zip(told, names, strict=True) if wanted & known]


def _objects(notes: Iterable[FactNote]) -> frozenset[str]:
    """The signed objects that the notes rest on, as short forms name them."""
    found = (OBJECT.findall(f"{note.key} {note.evidence}") for note in notes)
    return frozenset(f"#{digest[:16]}" for digests in found for digest in digests)


def _item(told: _Told, record: TurnRecord | None, objects: frozenset[str]) -> Item:
    cause = told.note.cause or (_brought(record, objects) if record else "")
    return Item(told.at, told.turn, told.note.words, told.note.evidence, cause)


def _brought(record: TurnRecord, objects: frozenset[str]) -> str:
    """The inputs that carried these objects; the only input, if there was but one."""
    carried = [cause for cause in record.causes if objects.intersection(cause.split())]
    if not carried and len(record.causes) == 1:
        carried = list(record.causes)
    return "; ".join(spoken(cause) for cause in carried)


def _sendings(record: TurnRecord, objects: frozenset[str]) -> list[Item]:
    sent = [form for form in record.effects if form.startswith("Send ")]
    evidence = f"record of turn {record.turn}"
    return [
        Item(record.wall_ms, record.turn, spoken(form), evidence, "")
        for form in sent
        if objects.intersection(form.split())
    ]


def _disturbances(record: TurnRecord, name: str) -> list[Item]:
    """What this node's operator did to the cable to a member."""
    kind, _, member = name.partition(":")
    asked = [form for form in record.causes if form.startswith(CABLE)]
    evidence = f"record of turn {record.turn}"
    return [
        Item(record.wall_ms, record.turn, spoken(form), evidence, "fault, on the admin port")
        for form in asked
        if kind == "member" and member in MEMBER.findall(form)
    ]


def spoken(form: str) -> str:
    """A short form with its members marked for naming."""
    return MEMBER.sub(lambda found: f"{{{found.group()}}}", form)
