"""Facts and turn records keep what was said, in bytes that are read strictly or not at all."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Answer, Dial, Effect, Fact, Forget, Hangup, Notify, Record, Send
from securechat.errors import LocalError, RemoteError
from securechat.ids import BootId, Hash, MessageId, Stream
from securechat.inputs import (
    Asked,
    Cancel,
    DialFailed,
    DialOutcome,
    Ending,
    Instant,
    LinkDown,
    LinkUp,
    Received,
    Refused,
    Say,
    Tell,
    Tick,
)
from securechat.journal.records import (
    FactCodec,
    FactNote,
    TurnRecord,
    decode_turn,
    encode_turn,
    link_ends,
    object_name,
    short_effects,
    short_input,
    turn_record,
)
from securechat.notices import FaultNoticed, PostShown, ReceiptHeld, Roster
from securechat.objects import Admitted, Signed
from securechat.signing import object_hash
from securechat.wire import pack
from tests.journal.kinds import ADA, BOB, BOOT, CAROL, FACTS, ROOM, Count, Held, signed

text = st.text(max_size=40)
notes = st.builds(FactNote, text, text, text, text, st.tuples(st.integers(0, 3)))
turns = st.builds(
    TurnRecord,
    st.integers(0, 2**63 - 1),
    st.integers(0, 2**63 - 1),
    st.floats(0, 1e12),
    st.lists(text).map(tuple),
    st.lists(text).map(tuple),
    st.lists(notes).map(tuple),
    st.lists(text).map(tuple),
    text,
)


@frozen
class Parcel:
    """A message with objects."""

    text: str
    objects: tuple[Signed, ...] = ()


class FactCodecTests(SynchronousTestCase):
    """Facts as bytes."""

    codec = FactCodec(FACTS)

    @given(text, st.integers(0, 2**63 - 1), st.lists(text, max_size=3))
    def test_what_is_read_is_what_was_written(self, name: str, count: int, ids: list[str]) -> None:
        """A fact comes back from its bytes as it was."""
        fact = Held(name, count, tuple(ids))
        self.assertEqual(self.codec.decode(*self.codec.encode(fact)), fact)

    @given(st.sampled_from(sorted(FACTS)), st.binary(max_size=60))
    def test_any_other_bytes_are_refused(self, word: str, body: bytes) -> None:
        """Bytes that are not exactly a fact give one typed error, or are exactly its bytes."""
        try:
            fact = self.codec.decode(word, body)
        except RemoteError as problem:
            self.assertEqual(problem.reason, "corrupt")
        else:
            self.assertEqual(self.codec.encode(fact), (word, body))

    def test_unknown_word_and_spare_fields_are_refused(self) -> None:
        """A fact this program does not know, or with a field too many, is not guessed at."""
        for word, body in (
            ("later", pack({"value": 1})),
            ("count", pack({"value": 1, "more": 2})),
            ("count", pack({"value": 1}) + b"\0"),
            ("count", pack({})),
        ):
            problem = self.assertRaises(RemoteError, self.codec.decode, word, body)
            self.assertEqual(problem.reason, "corrupt")

    def test_a_fact_that_could_not_be_read_is_not_written(self) -> None:
        """What replay could not read is refused before it reaches the disk."""
        bad: list[Any] = [Held("x", -1), Held("x", 2**70), Count("1"), Held("\ud800", 1)]  # type: ignore[arg-type]
        for fact in bad:
            self.assertRaises(RemoteError, self.codec.encode, fact)

        class Unknown(Count):
            pass

        self.assertRaises(RemoteError, self.codec.encode, Unknown(1))


class TurnRecordTests(SynchronousTestCase):
    """Turn records as bytes."""

    @given(turns)
    def test_round_trip(self, record: TurnRecord) -> None:
        """A record comes back from its line of JSON as it was."""
        body = encode_turn(record)
        self.assertNotIn(b"\n", body)
        self.assertEqual(decode_turn(body), record)

    @given(turns, st.integers(0), st.integers(1, 255))
    def test_altered_record_is_never_a_traceback(
        self, record: TurnRecord, place: int, change: int
    ) -> None:
        """A changed byte gives a typed error, or a record of exactly these bytes."""
        body = bytearray(encode_turn(record))
        body[place % len(body)] ^= change
        try:
            self.assertEqual(encode_turn(decode_turn(bytes(body))), bytes(body))
        except RemoteError as problem:
            self.assertEqual(problem.reason, "corrupt")

    def test_what_a_turn_says(self) -> None:
        """A record tells causes, facts with the ids they are about, and what was done."""
        facts = [
            Record(Held("x", 1, ("id/1", "id/2"), "held/y", "envelope 77")),
            Record(Forget(("held/a", "held/b"))),
            Record(Held("y", 2, ("id/2",))),
        ]
        made = turn_record(7, Instant(1.5, 99), ["start"], facts, [Dial("h:1", BOB)], "broken")
        self.assertEqual((made.turn, made.wall_ms, made.mono), (7, 99, 1.5))
        self.assertEqual(made.about, ("id/1", "id/2"))
        self.assertEqual(made.causes, ("start",))
        self.assertEqual(made.effects, (f"Dial {BOB} h:1",))
        self.assertEqual(made.fault, "broken")
        first, gone, last = made.facts
        self.assertEqual(
            (first.key, first.cause, first.evidence), ("held/x", "held/y", "envelope 77")
        )
        self.assertEqual(first.about, (0, 1))
        self.assertEqual((gone.key, gone.evidence), ("forget", "held/a held/b"))
        self.assertEqual(last.about, (1,))

    def test_no_message_text(self) -> None:
        """What people wrote is in no record, whether said, told, received or answered."""
        secret = "canary"
        stream = Stream(ADA, 1, BootId(BOOT))
        admitted = Admitted(Hash(b"h" * 32), ADA, secret, signed(secret.encode()))
        inputs = [
            Asked(1, Say(secret, nonce=secret)),
            Asked(2, Tell(BOB, secret)),
            Asked(3, Cancel(MessageId(stream, 4))),
            Received(ADA, 1, Parcel(secret), (admitted,)),
        ]
        effects: list[Effect] = [
            Send(BOB, Parcel(secret, (signed(secret.encode()),))),
            Answer(1, secret),
            Answer(2, LocalError(520, secret)),
            Notify(PostShown(MessageId(stream, 4), late=False, recovered=False)),
            Notify(FaultNoticed(secret)),
        ]
        body = encode_turn(turn_record(1, Instant(0, 0), inputs, [], effects, room=ROOM))
        self.assertNotIn(secret.encode(), body)
        self.assertIn(f"{stream}/4".encode(), body)


class ShortFormTests(SynchronousTestCase):
    """One line for each input and effect."""

    def test_inputs(self) -> None:
        """Each input says its class, its peer and what it names."""
        name = Hash(bytes(range(32)))
        one = Admitted(name, ADA, None, signed(b""))
        up = LinkUp(BOB, 3, 5, BootId(BOOT), "h:2", None, "h:1", one)
        for item, form in (
            (
                Received(BOB, 3, Parcel(""), (one,)),
                f"Received {BOB} link=3 Parcel #0001020304050607",
            ),
            (up, f"LinkUp {BOB} link=3 epoch=5 at=h:1-h:2"),
            (
                LinkDown(BOB, 3, Ending.FIN, "went  away\n", None, linked=False),
                f"LinkDown {BOB} link=3 fin went-away",
            ),
            (DialFailed("h:1", None, DialOutcome.REFUSED, ""), "DialFailed h:1 refused"),
            (DialFailed("h:1", BOB, DialOutcome.TIMEOUT, ""), f"DialFailed {BOB} h:1 timeout"),
            (Refused(BOB, "older epoch"), f"Refused {BOB} older-epoch"),
            (Asked(9, Tell(BOB, "x")), f"Asked Tell ticket=9 {BOB}"),
            (Tick("probing"), "Tick probing"),
            (Roster(()), "Roster"),
            ("start", "start"),
        ):
            self.assertEqual(short_input(item), form)

    def test_the_two_ends_of_a_link_call_it_the_same(self) -> None:
        """Both nodes name a link alike, so that their records can be put together."""
        self.assertEqual(link_ends("h:1", "h:2"), link_ends("h:2", "h:1"))

    def test_one_message_to_many_is_one_line(self) -> None:
        """A post to all peers is one line in its place, with every receiver and object."""
        parcel = Parcel("", (signed(b"inside"),))
        stored = Hash(b"\xff" * 32)
        inside = object_name(object_hash(ROOM, signed(b"inside")))
        forms = short_effects(
            [
                Hangup(CAROL, "two words"),
                Send(ADA, parcel, (stored,)),
                Dial("h:1"),
                Dial("h:1", BOB, instead=True),
                Send(BOB, parcel, (stored,)),
                Send(BOB, Parcel("")),
                Answer(4, "done"),
                Answer(5, LocalError(421, "slow down")),
            ],
            ROOM,
        )
        self.assertEqual(
            forms,
            (
                f"Hangup {CAROL} two-words",
                f"Send {ADA},{BOB} Parcel #ffffffffffffffff {inside}",
                "Dial h:1",
                f"Dial {BOB} h:1 instead",
                f"Send {BOB} Parcel",
                "Answer ticket=4 ok",
                "Answer ticket=5 421",
            ),
        )

    def test_a_notice_about_many_messages_is_one_line(self) -> None:
        """A receipt for a burst is one line for each who gave it; what is of a member stands alone."""
        stream = Stream(ADA, 1, BootId("0" * 32))
        posts = [MessageId(stream, seq) for seq in (1, 2, 3)]
        forms = short_effects(
            [
                *(Notify(ReceiptHeld(post, BOB)) for post in posts),
                *(Notify(FaultNoticed("twice")) for _ in range(2)),
                Notify(ReceiptHeld(posts[0], CAROL)),
            ]
        )
        self.assertEqual(
            forms,
            (
                f"Notify ReceiptHeld {posts[0]} {BOB} +2",
                "Notify FaultNoticed",
                "Notify FaultNoticed",
                f"Notify ReceiptHeld {posts[0]} {CAROL}",
            ),
        )

    def test_objects_inside_are_named_only_if_the_room_is_known(self) -> None:
        """Without the room no hash can be told, and none is."""
        forms = short_effects([Send(ADA, Parcel("", (signed(b"inside"),)))])
        self.assertEqual(forms, (f"Send {ADA} Parcel",))

    def test_a_fact_names_itself(self) -> None:
        """The defaults of a fact: about nothing, no evidence, no cause."""
        fact: Fact = Count(1)
        made = turn_record(1, Instant(0, 0), [], [Record(fact)])
        self.assertEqual(made.facts, (FactNote("count", "count 1"),))
