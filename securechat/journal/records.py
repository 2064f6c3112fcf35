"""
What the journal keeps, as values and as bytes: facts, and the records of turns.

A fact is kept as its word and the MessagePack of its class; reading is strict, as on the wire.  A
turn record says which inputs came, which facts were made and what was done, in short forms: class
names, members and ids, never message text (DESIGN 7).

Short forms are read again by ``trace``, so they have one grammar: the class name, then words apart
by one space.  A peer is its member id; a link is ``link=N``, and ``at=ENDS`` names it for both its
ends when it comes up; a signed object is ``#`` and 16 hex digits of its hash; several receivers are
joined by commas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from attrs import frozen

from securechat.effects import Answer, Dial, Effect, Fact, Forget, Hangup, Notify, Record, Send
from securechat.errors import LocalError, RemoteError
from securechat.inputs import (
    Asked,
    Damaged,
    DialFailed,
    Disturb,
    Greeted,
    Heal,
    Instant,
    LinkDown,
    LinkUp,
    Offended,
    Received,
    Refused,
    Tick,
)
from securechat.objects import Signed
from securechat.signing import object_hash
from securechat.wire import pack, unpack


@frozen
class FactNote:
    """What a fact said of itself when it was made; it outlives a fact that was replaced."""

    key: str
    words: str
    evidence: str = ""
    cause: str = ""
    about: tuple[int, ...] = ()
    """Which of the ids in ``TurnRecord.about``, by position: a burst of posts has many."""


@frozen
class TurnRecord:
    """One turn: why it ran, what became durable, what was done."""

    turn: int
    wall_ms: int
    mono: float
    causes: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    facts: tuple[FactNote, ...] = ()
    effects: tuple[str, ...] = ()
    fault: str = ""


@frozen
class StoredFact:
    """A fact with the turn that committed it."""

    fact: Fact
    turn: int
    at_ms: int


class FactCodec:
    """Fact classes by word; the word is the first part of a fact's key."""

    def __init__(self, facts: Mapping[str, type[Any]]) -> None:
        self._kinds = {word: (kind, msgspec.msgpack.Decoder(kind)) for word, kind in facts.items()}
        self._words = {kind: word for word, kind in facts.items()}

    def encode(self, fact: Fact) -> tuple[str, bytes]:
        """
        The word and the bytes of a fact; RemoteError ``corrupt`` if they could not be read again.

        That is tried here, before anything is written: a fact that replay cannot read would make
        the whole journal unreadable.
        """
        word = self._words.get(type(fact), "")
        try:
            body = pack(fact)
        except ValueError as problem:
            raise RemoteError("corrupt", f"{type(fact).__name__}: {problem}") from None
        self.decode(word, body)
        return word, body

    def decode(self, word: str, body: bytes) -> Fact:
        """The fact of exactly these bytes; RemoteError ``corrupt`` for anything else."""
        if word not in self._kinds:
            raise RemoteError("corrupt", f"no fact is called {word[:40]!r}")
        kind, decoder = self._kinds[word]
        try:
            fact: Fact = unpack(kind, body, decoder)
        except RemoteError as problem:
            raise RemoteError("corrupt", problem.detail) from None
        return fact


_json = msgspec.json.Encoder()
_turns = msgspec.json.Decoder(TurnRecord)


def encode_turn(record: TurnRecord) -> bytes:
    """One line of JSON."""
    return _json.encode(record)


def decode_turn(body: bytes) -> TurnRecord:
    """The record of exactly these bytes; RemoteError ``corrupt`` for anything else."""
    try:
        record = _turns.decode(body)
        again = _json.encode(record)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as problem:
        raise RemoteError("corrupt", f"turn record: {type(problem).__name__}") from None
    if again != body:
        raise RemoteError("corrupt", "turn record: not the canonical encoding")
    return record


def note(record: Record, places: dict[str, int]) -> FactNote:
    """
    What a fact says of itself, or which keys were forgotten.

    ``places`` numbers the ids that the turn is about; new ones are added.
    """
    fact = record.fact
    if isinstance(fact, Forget):
        return FactNote("forget", f"{len(fact.keys)} facts forgotten", " ".join(fact.keys[:16]))
    about = tuple([places.setdefault(name, len(places)) for name in fact.about])
    return FactNote(fact.key, fact.words, fact.evidence, fact.cause, about)


def turn_record(
    turn: int,
    now: Instant,
    inputs: Sequence[Any],
    records: Sequence[Record],
    effects: Sequence[Effect] = (),
    fault: str = "",
    room: str = "",
) -> TurnRecord:
    """
    The record of one turn; ``effects`` are those worth telling.

    With ``room``, signed objects that ride inside a message are named by their hash too.
    """
    about: dict[str, int] = {}
    for item in inputs:
        for name in _touched(item):
            about.setdefault(name, len(about))
    notes = tuple([note(record, about) for record in records])
    return TurnRecord(
        turn,
        now.wall_ms,
        now.mono,
        tuple([short_input(item) for item in inputs]),
        tuple(about),
        notes,
        short_effects(effects, room),
        fault,
    )


def object_name(digest: bytes) -> str:
    """How a signed object is named in short forms."""
    return "#" + digest[:8].hex()


def link_ends(address: str, local: str) -> str:
    """One name of a link for both its ends."""
    return "-".join(sorted((address, local)))


def short_input(item: Any) -> str:
    """The short form of an input; of an unknown kind, its class and its peer if it has one."""
    match item:
        case Received():
            words = [item.peer, f"link={item.link}", type(item.message).__name__]
            words += [object_name(admitted.hash) for admitted in item.admitted]
        case Greeted():
            words = [item.peer, f"link={item.link}", f"epoch={item.alive.statement.epoch}"]
        case Offended():
            words = [item.peer, f"link={item.link}", item.message, _plain(item.reason)]
        case LinkUp():
            ends = link_ends(item.address, item.local)
            words = [item.peer, f"link={item.link}", f"epoch={item.epoch}", f"at={ends}"]
        case LinkDown():
            words = [item.peer, f"link={item.link}", item.how, _plain(item.reason)]
        case DialFailed():
            words = [item.peer or "", item.address, item.how]
        case Refused():
            words = [item.peer, _plain(item.reason)]
        case Asked():
            return f"Asked {_command(item)}"
        case Damaged():
            words = [item.owner[:80]]
        case Tick():
            words = [item.name]
        case str():
            return item
        case _:
            words = [str(getattr(item, "peer", ""))]
    return " ".join([type(item).__name__, *filter(None, words)])


def short_effects(effects: Iterable[Effect], room: str = "") -> tuple[str, ...]:
    """
    Short forms in order; the same message to many peers is one of them.

    So is a notice about many messages, with the first of them and ``+N``: all are in the facts.
    """
    forms: list[str] = []
    alike: dict[tuple[Any, ...], tuple[int, Effect, list[str]]] = {}
    for effect in effects:
        same = _likeness(effect)
        if same:
            if same in alike:
                alike[same][2].append(getattr(effect, "peer", ""))
                continue
            alike[same] = (len(forms), effect, [getattr(effect, "peer", "")])
        forms.append("" if isinstance(effect, Send) else _short(effect))
    for place, effect, peers in alike.values():
        if isinstance(effect, Send):
            forms[place] = _sent(effect, peers, room)
        elif len(peers) > 1:
            forms[place] += f" +{len(peers) - 1}"
    return tuple(forms)


def _likeness(effect: Effect) -> tuple[Any, ...]:
    """What makes effects one short form; empty if it stands alone."""
    if isinstance(effect, Send):
        return (id(effect.message), effect.objects)
    if isinstance(effect, Notify) and hasattr(effect.notice, "id"):
        return (type(effect.notice), getattr(effect.notice, "member", None))
    return ()


def _short(effect: Effect) -> str:
    match effect:
        case Dial():
            words = [effect.peer or "", effect.address, "instead" * effect.instead]
        case Hangup():
            words = [effect.peer, _plain(effect.reason)]
        case Notify():
            words = [_notice(effect.notice)]
        case Answer():
            code = effect.value.code if isinstance(effect.value, LocalError) else "ok"
            words = [f"ticket={effect.ticket}", str(code)]
        case _:
            words = []
    return " ".join([type(effect).__name__, *filter(None, words)])


def _sent(send: Send, peers: list[str], room: str) -> str:
    names = [object_name(digest) for digest in send.objects]
    if room:
        inside: tuple[Signed, ...] = getattr(send.message, "objects", ())
        names += [object_name(object_hash(room, signed)) for signed in inside]
    return " ".join(["Send", ",".join(peers), type(send.message).__name__, *names])


def _notice(notice: Any) -> str:
    """The class and the ids of a notice; its words (why, what) are in the fact it tells of."""
    found = (getattr(notice, name, None) for name in ("id", "member", "peer", "stream", "to"))
    return " ".join([type(notice).__name__, *(str(value) for value in found if value)])


def _command(asked: Asked) -> str:
    command = asked.command
    found = (getattr(command, name, None) for name in ("to", "id"))
    named = [str(value) for value in found if value]
    if isinstance(command, Disturb | Heal):
        named += [",".join(peer or "everybody" for peer in command.peers), *_disturbance(command)]
    return " ".join([type(command).__name__, f"ticket={asked.ticket}", *filter(None, named)])


def _disturbance(command: Disturb | Heal) -> list[str]:
    """What the cable shall do, in words of a short form."""
    if isinstance(command, Heal):
        return []
    cut = {None: [], True: ["cut"], False: ["uncut"]}[command.cut]
    shares = (("drop", command.drop_percent), ("delay", command.delay_ms))
    return cut + [f"{word}={share:g}" for word, share in shares if share is not None]


def _touched(item: Any) -> tuple[str, ...]:
    """Whom an input concerns that is no fact: a breach, or a changed cable, a cause of other things."""
    if isinstance(item, Offended):
        return (f"member:{item.peer}",)
    command = item.command if isinstance(item, Asked) else None
    if not isinstance(command, Disturb | Heal):
        return ()
    return tuple(f"member:{peer}" for peer in command.peers if peer)


def _plain(reason: str) -> str:
    """A reason as one word of a short form: a peer chose some of them."""
    return "-".join(reason.split())[:80]
