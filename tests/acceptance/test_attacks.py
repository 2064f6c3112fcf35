"""
The published attacks on membership, from a peer with a valid certificate against real nodes.

Each is one that harmed another program; ``docs/attacks.md`` names them.  The rogue speaks to ada.
During and after each attack every node sees the others exactly as before, nothing that the rogue
said counts as evidence about another member, what was refused is counted and in ada's log, and a post
still reaches everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from signal import SIGCONT, SIGSTOP
from typing import Any, ClassVar
from unittest import mock

from attrs import asdict, define, evolve
from twisted.trial.unittest import SynchronousTestCase, TestCase

from securechat.certificates import found_authority
from securechat.drills.rig import Room, until
from securechat.ids import MAX_INT, BootId, MemberId
from securechat.membership.messages import (
    FIRST_ID,
    LAST_ID,
    Ack,
    AskClaims,
    AskVouch,
    Claims,
    Nack,
    Observation,
    Ping,
    Rows,
    SignedAck,
    Vouch,
)
from securechat.membership.probing import Probing
from securechat.node.handshake import Close, Hello, Welcome
from securechat.objects import Purpose, Signed
from securechat.wire import pack
from tests.acceptance.rogue import CODEC, NAME, Asked, Line, Rogue, rogue
from tests.acceptance.rooms import OwnRoomCase, RoomCase
from tests.membership.bench import Bench, someone
from tests.zoo import NOW_MS, good_member

NAMES = ("ada", "bob", "carol")
DIGITS = str.maketrans("0189", "abcd")
"""Numbers as base32, which has neither 0, 1, 8 nor 9."""
LAN = '"lan"'
"""A machine with much to do answers within its timeouts: nobody is suspected meanwhile."""
AT_REST = 3.0
"""Seconds without a change after which nothing is on its way: a refutation takes one at most."""
ELSEWHERE = "127.0.0.9:9"
"""Where the rogue would have others look for its victim."""
HIGHEST = (2**32 - 1, MAX_INT)
"""What overflowed elsewhere, and the most that the wire can say."""
SEEN = ("name", "state", "epoch", "incarnation", "since")


@define
class Witness:
    """What three nodes say of each other, and what ada says of the rogue."""

    case: TestCase
    room: Room
    rogue: Rogue

    def id_of(self, name: str) -> MemberId:
        """A member's id."""
        return MemberId(self.room[name].ask("status")["id"])

    def views(self) -> dict[str, list[tuple[Any, ...]]]:
        """How each node sees all members but the rogue."""
        rows = {name: self.room[name].items("members") for name in NAMES}
        return {
            name: [tuple(row[key] for key in SEEN) for row in seen if row["name"] != NAME]
            for name, seen in rows.items()
        }

    def evidence(self) -> list[Any]:
        """What counts about a member because the rogue said it, unasked."""
        told = [
            (name, other, line)
            for name in NAMES
            for other in NAMES
            for line in self.room[name].ask("who", name=other)["evidence"]
        ]
        return [each for each in told if counts_unasked(*each, self.id_of, self.rogue.asked)]

    def settled(self) -> None:
        """
        Wait until nobody has changed for anybody for a while, and all hold the same.

        What was suspected before on a busy machine is then refuted, and the refutation is everywhere.
        """
        until(lambda: all(map(self._still, NAMES)), f"a room at rest: {self.moved({})}")
        self.room.agree(*NAMES)

    def _still(self, name: str) -> bool:
        rows = [row for row in self.room[name].items("members") if row["name"] in NAMES]
        since = max(datetime.fromisoformat(row["since"]) for row in rows)
        quiet = (datetime.now(UTC) - since).total_seconds() > AT_REST
        return quiet and all(row["state"] == "alive" for row in rows)

    def logged(self) -> dict[str, int]:
        """How long each node's log is."""
        return {name: self.room[name].log.stat().st_size for name in NAMES}

    def moved(self, since: dict[str, int]) -> str:
        """What the nodes logged of each other since then, to explain a view that changed."""
        logs = {name: self.room[name].log.read_text()[since.get(name, 0) :] for name in NAMES}
        told = [f"{name}: {line}" for name, log in logs.items() for line in log.splitlines()]
        return "\n".join(line for line in told if "member-changed" in line or "fault" in line)

    def refused(self) -> dict[str, int]:
        """Ada's refusals by reason."""
        found: dict[str, int] = self.room["ada"].ask("counters")["refused"]
        return found

    def serves(self) -> None:
        """A post of bob's reaches all, and the digests are equal."""
        text = f"still here, {sum(self.refused().values())} {len(self.room['bob'].texts())}"
        self.room["bob"].ask("say", text=text)
        for name in NAMES:
            self.room.shows(name, text)
        self.room.agree(*NAMES)

    @contextmanager
    def nothing_changes(self, *reasons: str) -> Iterator[None]:
        """Whatever happens in here changes nothing, and is refused for each of these reasons."""
        self.settled()
        before, counts, start = self.views(), self.refused(), self.logged()
        yield
        for reason in reasons:
            until(lambda r=reason: self.refused().get(r, 0) > counts.get(r, 0), reason)  # type: ignore[misc]
        told = self.room["ada"].log.read_text()[start["ada"] :]
        for reason in reasons:
            self.case.assertIn(f"reason={reason}", told)
        self.serves()
        self.case.assertEqual(self.views(), before, self.moved(start))
        self.case.assertEqual(self.evidence(), [])
        for name in NAMES:
            self.case.assertNotIn("Traceback", self.room[name].log.read_text())
            self.case.assertNotIn(ELSEWHERE, str(self.room[name].items("members")))


def counts_unasked(
    name: str,
    other: str,
    line: dict[str, Any],
    id_of: Callable[[str], MemberId],
    asked: Asked,
) -> bool:
    """
    Whether a node's line about another counts because the rogue said it, unasked.

    Who asks the rogue about a member gets a nack, as from any go-between: nothing else may count.
    """
    if line["by"] != NAME or not line["counted"]:
        return False
    return line["what"] != "no answer to it either" or (name, id_of(other)) not in asked


def alive_of(rogue: Rogue, port: int) -> Signed:
    """A node's own Alive, as it shows it to everybody who comes."""
    line = rogue.dial(port)
    hello: Hello = line.gets(Hello)
    line.end()
    return hello.objects[0]


class UnaskedNacks(SynchronousTestCase):
    """What the witness finds, on a node with a bug: it takes nacks that it did not ask for."""

    def test_a_nack_that_counts_is_found_unless_it_was_asked_for(self) -> None:
        """Bob is suspect to ada, and mallory says that it does not reach him: nobody had asked."""
        mallory = someone(NAME)

        def believed(self: Probing, peer: MemberId, nack: Nack, now: Any) -> None:
            self._verdicts.nack(nack.subject, peer, now)

        with mock.patch.object(Probing, "nacked", believed):
            bench = Bench().start()
            for who in (someone("bob"), mallory, someone("carol")):
                bench.link(who)
            bench.cut(someone("bob"), 1)
            bench.receive(mallory, Nack(someone("bob").id, 4711), 2)
        seen = bench.member(someone("bob"))
        names = {mallory.id: NAME}
        lines = [{**asdict(line), "by": names.get(line.by, "")} for line in seen.evidence]
        bob = someone("bob").id
        for asked, found in ((set(), 1), ({("ada", bob)}, 0), ({("carol", bob)}, 1)):
            told = [counts_unasked("ada", "bob", line, lambda _: bob, asked) for line in lines]
            self.assertEqual(sum(told), found)


class AttackCase(RoomCase):
    """Three nodes that have met, and a rogue that knows bob's Alive."""

    names = NAMES
    config = {"preset": LAN}  # noqa: RUF012 - never changed
    asked: ClassVar[Asked]
    """What the rogue was asked in the room of this class, in whatever test."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.asked = set()

    def setUp(self) -> None:
        """A later process of the rogue for each test."""
        super().setUp()
        self.rogue: Rogue = rogue(asked=self.asked)
        self.witness = Witness(self, self.room, self.rogue)
        self.addCleanup(self.rogue.hang_up)
        self.port = self.room["ada"].port
        self.bob = self.witness.id_of("bob")

    def link(self) -> Line:
        """A link to ada that is up."""
        return self.rogue.link(self.port, "ada")

    def alive_of(self, name: str) -> Signed:
        """A member's Alive."""
        return alive_of(self.rogue, self.room[name].port)

    def refused_for(self, reason: str, *objects: Signed) -> None:
        """These claims cost the rogue its link, change nothing, and are counted."""
        with self.witness.nothing_changes(reason):
            line = self.link()
            line.say(Claims(objects))
            self.assertEqual(line.refused(), reason)


class ForgedClaims(AttackCase):
    """Claims about bob that bob never signed (memberlist 358, 370; al8n 200)."""

    def setUp(self) -> None:
        """What the rogue starts from."""
        super().setUp()
        self.his = self.alive_of("bob")

    def test_the_highest_incarnation_of_another_is_refused(self) -> None:
        """Incarnation 2^32-1 or 2^63-1 of bob, signed by the rogue under bob's certificate."""
        for incarnation in HIGHEST:
            forged = self.rogue.forged(self.his, incarnation=incarnation)
            self.refused_for("bad-signature", forged)

    def test_an_incarnation_beyond_the_wire_is_malformed(self) -> None:
        """2^63 cannot be said at all, by whomever."""
        self.refused_for("malformed", self.rogue.forged(self.his, incarnation=MAX_INT + 1))

    def test_an_epoch_jump_by_a_third_party_is_refused(self) -> None:
        """Epoch 2^62 of bob, signed by the rogue: bob is not shut out of his own room."""
        self.refused_for("bad-signature", self.rogue.forged(self.his, epoch=2**62))

    def test_bobs_name_at_another_address_is_refused(self) -> None:
        """Under bob's certificate the signature is wrong, under the rogue's own the author is."""
        moved = self.rogue.forged(self.his, incarnation=9, addresses=(ELSEWHERE,))
        self.refused_for("bad-signature", moved)
        own = evolve(moved, attachment=self.rogue.identity.certificate)
        self.refused_for("key-mismatch", own)

    def test_no_signature_at_all(self) -> None:
        """Sixty-four zero bytes, and bob's signature for what he did say."""
        said = evolve(CODEC.statement(Purpose.ALIVE, self.his.statement), incarnation=7)
        for signature in (bytes(64), self.his.signature):
            self.refused_for(
                "bad-signature", evolve(self.his, statement=pack(said), signature=signature)
            )

    def test_a_forged_leave_and_then_another_alive(self) -> None:
        """Dead{X, X} and then X elsewhere: bob neither leaves nor moves."""
        for epoch, incarnation in ((1, 0), (1, MAX_INT), (2**62, 0)):
            self.refused_for("bad-signature", self.rogue.leave(self.bob, epoch, incarnation))
        moved = self.rogue.forged(self.his, epoch=2, incarnation=0, addresses=(ELSEWHERE,))
        self.refused_for("bad-signature", moved)
        leave = self.rogue.leave(self.bob, 1)
        self.refused_for("bad-signature", leave, moved)

    def test_a_claim_behind_a_good_one_is_refused_as_well(self) -> None:
        """A true claim in front does not carry a forged one in."""
        forged = self.rogue.forged(self.his, incarnation=1)
        self.refused_for("bad-signature", self.rogue.alive(incarnation=1), self.his, forged)


class Strangers(AttackCase):
    """Members that the authority never admitted (S12)."""

    def test_a_thousand_names_of_its_own_making_admit_nobody(self) -> None:
        """Leaves of a thousand invented members: nobody joins, ada asks for each at most once."""
        with self.witness.nothing_changes():
            line = self.link()
            names = [MemberId(f"{number:052d}".translate(DIGITS)) for number in range(1000)]
            leaves = [self.rogue.leave(name, 1) for name in names]
            for start in range(0, len(leaves), 100):
                line.say(Claims(tuple(leaves[start : start + 100])))
            asked = until(lambda: self.asked_for(line, names[-1]), "ada asks for the last")
            self.assertLessEqual(asked, 1000)
        members = {row["name"] for row in self.room["ada"].items("members")}
        self.assertEqual(members, {*NAMES, NAME})

    def asked_for(self, line: Line, last: MemberId) -> int:
        """How many strangers ada asked for, once she has come to the last."""
        firsts = [one.first for one in list(line.heard) if isinstance(one, AskClaims)]
        return len(firsts) - firsts.count(FIRST_ID) if last in firsts else 0

    def test_a_certificate_of_its_own_making_is_refused(self) -> None:
        """An Alive under the certificate of another authority, of this room's very name."""
        certificate, _ = good_member(found_authority("lab", NOW_MS), "dave")
        self.refused_for("wrong-room", evolve(self.rogue.alive(0, 7), attachment=certificate))


class ForgedGreetings(AttackCase):
    """What a HELLO may not say."""

    def greet(self, reason: str, hello: Hello) -> None:
        """This HELLO is refused for this reason, and a link that was up is not harmed by it."""
        with self.witness.nothing_changes(reason):
            standing = self.link()
            line = self.rogue.dial(self.port, "ada")
            line.say(hello)
            self.assertEqual(line.refused(), reason)
            rows = [row for row in self.room["ada"].items("links") if row["peer"] == NAME]
            self.assertIn(reason, rows[0]["last_refusal"])
            standing.end()

    def test_an_epoch_other_than_the_alive_says(self) -> None:
        """HELLO names an epoch for which it shows no signature."""
        self.greet("malformed", self.rogue.hello(epoch=self.rogue.epoch + 1))

    def test_the_boot_id_of_another_member(self) -> None:
        """HELLO names bob's boot id, its own Alive does not."""
        his = CODEC.statement(Purpose.ALIVE, self.alive_of("bob").statement)
        self.greet("stale-epoch", self.rogue.hello(boot=his.boot))
        self.greet("malformed", self.rogue.hello(epoch=MAX_INT, boot=his.boot))

    def test_the_alive_of_another_member(self) -> None:
        """HELLO shows bob's true Alive, with bob's epoch and boot id, over the rogue's certificate."""
        his = self.alive_of("bob")
        said = CODEC.statement(Purpose.ALIVE, his.statement)
        epoch = self.rogue.epoch
        self.greet("stale-epoch", self.rogue.hello(his, epoch=epoch, boot=said.boot))
        self.greet("malformed", self.rogue.hello(his))

    def test_a_forged_past_of_the_node_itself(self) -> None:
        """HELLO says that ada had reached epoch 2^62, signed by the rogue: ada's epoch stays."""
        mine = self.alive_of("ada")
        for changes in ({"epoch": 2**62}, {"incarnation": MAX_INT}, {"boot": BootId("f" * 32)}):
            forged = self.rogue.forged(mine, **changes)
            self.greet("bad-signature", self.rogue.hello(self.rogue.alive(), forged))

    def test_an_earlier_process_of_its_own(self) -> None:
        """An epoch that is over is refused, and told that the newer one is live."""
        standing = self.link()
        old = evolve(self.rogue, epoch=self.rogue.epoch, boot=BootId("0" * 32))
        self.addCleanup(old.hang_up)
        with self.witness.nothing_changes("stale-epoch"):
            line = old.dial(self.port, "ada")
            line.say(old.hello())
            self.assertEqual(line.refused(), "stale-epoch")
            self.assertTrue(line.gets(Close).live)
        standing.end()

    def test_welcome_or_claims_before_the_hello(self) -> None:
        """Nothing counts before HELLO and WELCOME have crossed."""
        for early in (Welcome(1), Claims((self.rogue.alive(),)), Ping(1, b"12345678")):
            with self.witness.nothing_changes("out-of-order"):
                line = self.rogue.dial(self.port, "ada")
                line.say(early)
                self.assertEqual(line.refused(), "out-of-order")


class ForgedEndings(AttackCase):
    """CLOSE with a proof: how a node would learn that its own disk is old, or its home copied."""

    def close(self, proof: Signed, live: bool, *reasons: str) -> None:
        """Refuse ada's HELLO with this proof."""
        with self.witness.nothing_changes(*reasons):
            line = self.rogue.dial(self.port, "ada")
            line.say(self.rogue.hello())
            line.gets(Hello)
            line.say(Close("stale-epoch", live, (proof,)))
            line.refused()
        self.assertNotIn("conflict what=", self.room["ada"].log.read_text())

    def test_a_forged_proof(self) -> None:
        """A newer epoch of ada, signed by the rogue: neither a jump nor a conflict."""
        mine = self.alive_of("ada")
        for live in (False, True):
            self.close(self.rogue.forged(mine, epoch=2**62), live, "bad-signature")
            self.close(self.rogue.alive(2**62), live, "malformed")

    def test_adas_own_words_prove_nothing_against_her(self) -> None:
        """Her own Alive of this very process, shown as if a second ada were live."""
        self.close(self.alive_of("ada"), True, "by-peer.stale-epoch")


class Floods(AttackCase):
    """Much of what costs the sender nothing."""

    def test_acks_that_nobody_asked_for(self) -> None:
        """Twenty thousand invented nonces, and every nonce of ada's pings twenty times over."""
        with self.witness.nothing_changes():
            line = self.link()
            line.say(*(Ack(number * 7919) for number in range(20_000)))
            until(lambda: len(line.pings) > 3, "pings")
            line.say(*(Ack(ping.nonce) for ping in line.pings for _ in range(20)))
            line.flushed()
        self.assertFalse(line.closed)

    def test_pings_are_answered_one_by_one(self) -> None:
        """Ten thousand pings with a foreign digest: an ack each, and few questions."""
        with self.witness.nothing_changes():
            line = self.link()
            line.say(*(Ping(number, b"12345678") for number in range(10_000)))
            until(lambda: line.acks >= 10_000, "an ack each")
            questions = [one for one in list(line.heard) if isinstance(one, AskClaims)]
            self.assertLess(len(questions), 100)

    def test_the_same_question_again_and_again(self) -> None:
        """Five thousand times the whole view: answered now and then, the rest refused and counted."""
        before = self.witness.refused().get("asks-too-often", 0)
        with self.witness.nothing_changes():
            line = self.link()
            line.say(*(AskClaims(FIRST_ID, LAST_ID) for _ in range(5000)))
            until(
                lambda: self.witness.refused().get("asks-too-often", 0) > before + 4000, "counted"
            )
        answers = [one for one in line.heard if isinstance(one, Claims)]
        self.assertLess(len(answers), 500)

    def test_a_new_incarnation_each_moment(self) -> None:
        """Five thousand incarnations of its own: few reach bob through ada, the rest is counted."""
        taken = self.room["bob"].ask("counters")["claims"]
        with self.witness.nothing_changes():
            line = self.link()
            for number in range(1, 5001):
                line.say(Claims((self.rogue.alive(0, number),)))
            until(lambda: self.claims("ada").get("too-often", 0) > 4000, "counted")
        raised = self.claims("bob").get("raised", 0) - taken.get("raised", 0)
        self.assertLess(raised, 500)

    def test_goodbye_without_end(self) -> None:
        """Five thousand goodbyes of its own: few reach bob through ada, the rest is counted."""
        taken = self.room["bob"].ask("counters")["claims"]
        before = self.claims("ada").get("too-often", 0)
        with self.witness.nothing_changes():
            line = self.link()
            for number in range(1, 5001):
                line.say(Claims((self.rogue.leave(self.rogue.id, self.rogue.epoch, number),)))
            until(lambda: self.claims("ada").get("too-often", 0) > before + 4000, "counted")
        left = self.claims("bob").get("left", 0) - taken.get("left", 0)
        self.assertLess(left, 500)

    def claims(self, name: str) -> dict[str, int]:
        """What became of claims at a node."""
        found: dict[str, int] = self.room[name].ask("counters")["claims"]
        return found


class LyingObservers(AttackCase):
    """Rows, nacks and vouches of one who lies about others (S13)."""

    def rows(self, *against: tuple[MemberId, int, int]) -> Rows:
        """All of these are gone and refused its dials, says the rogue, and that it is well."""
        return Rows(0, tuple(Observation(m, e, i, "unreachable", True) for m, e, i in against))

    def test_a_row_against_everybody(self) -> None:
        """For six periods the rogue accuses bob and carol as they are: both stay alive for ada."""
        carol = self.witness.id_of("carol")
        with self.witness.nothing_changes():
            line = self.link()
            start = len(line.pings)

            def six() -> bool:
                line.say(self.rows((self.bob, 1, 0), (carol, 1, 0)))
                return len(line.pings) > start + 6

            until(six, "six periods")
        evidence = self.room["ada"].ask("who", name="bob")["evidence"]
        lines = [one for one in evidence if one["by"] == NAME]
        self.assertTrue(lines, "what it said is shown, and why it did not count")
        self.assertFalse([one for one in lines if one["counted"]])

    def test_versions_that_nobody_signed(self) -> None:
        """Of bob and of ada herself: refuted by nobody, counted each time, and shown of both."""
        ada = self.witness.id_of("ada")
        told = ((1, 999), (1, 2**32 - 1), (1, MAX_INT), (2**62, 0), (MAX_INT, MAX_INT))
        with self.witness.nothing_changes():
            line = self.link()
            for subject, name in ((self.bob, "bob"), (ada, "ada")):
                before = self.witness.refused().get("row-version", 0)
                start = datetime.now(UTC).replace(microsecond=0)
                line.say(*(self.rows((subject, *version)) for version in told))
                line.flushed()
                until(lambda n=before: self.row_versions() >= n + len(told), "counted")  # type: ignore[misc]
                self.assertTrue(self.refusals(name, start), f"what it said of {name} is shown")

    def row_versions(self) -> int:
        """How many observations ada refused for the version that they cite."""
        return self.witness.refused().get("row-version", 0)

    def refusals(self, name: str, since: datetime) -> list[dict[str, Any]]:
        """What ada shows that the rogue said about a member since then, refused for the version."""
        return [
            line
            for line in self.room["ada"].ask("who", name=name)["evidence"]
            if line["by"] == NAME and "version than the one that is held" in line["why"]
            if not line["counted"] and datetime.fromisoformat(line["at"]) >= since
        ]

    def test_what_cannot_be_said_of_a_version(self) -> None:
        """A negative epoch, one beyond 63 bits, a third state: malformed."""
        for observation in (
            Observation(self.bob, -1, 0, "suspect", False),
            Observation(self.bob, MAX_INT + 1, 0, "suspect", False),
            Observation(self.bob, 1, 0, "dead", False),  # type: ignore[arg-type]
        ):
            with self.witness.nothing_changes("malformed"):
                line = self.link()
                line.say(Rows(0, (observation,)))
                self.assertEqual(line.refused(), "malformed")

    def test_one_accusation_of_ada_a_thousand_times(self) -> None:
        """Ada refutes it once: her incarnation rises by one, and nobody believes worse of her."""
        said = CODEC.statement(Purpose.ALIVE, self.alive_of("ada").statement)
        line = self.link()
        for _ in range(1000):
            line.say(self.rows((said.author, said.epoch, said.incarnation)))
        line.flushed()
        for name in NAMES:
            until(lambda n=name: incarnation(self.room, n, "ada") > said.incarnation, name)  # type: ignore[misc]
        with self.witness.nothing_changes():
            line.say(self.rows((said.author, said.epoch, said.incarnation)))
        self.assertEqual(incarnation(self.room, "bob", "ada"), said.incarnation + 1)

    def test_vouches_and_nacks_that_nobody_asked_for(self) -> None:
        """Of bob, with every nonce that ada sent: signed by the rogue refused, else not asked for."""
        said = CODEC.statement(Purpose.ALIVE, self.alive_of("bob").statement)
        ada = self.witness.id_of("ada")
        false = SignedAck(self.bob, said.epoch, said.boot, ada, 7)
        with self.witness.nothing_changes("bad-signature"):
            line = self.link()
            line.say(Vouch((self.rogue.sign(false, Purpose.ACK),)))
            self.assertEqual(line.refused(), "bad-signature")
        before = self.witness.refused()
        with self.witness.nothing_changes():
            line = self.link()
            own = SignedAck(self.rogue.id, self.rogue.epoch, self.rogue.boot, ada, 0)
            until(lambda: len(line.pings) > 3, "pings")
            for ping in line.pings:
                mine = evolve(own, nonce=ping.nonce)
                line.say(Vouch((self.rogue.sign(mine, Purpose.ACK),)), Nack(self.bob, ping.nonce))
            line.flushed()
            for reason in ("vouch-not-asked", "nack-not-asked"):
                until(lambda r=reason: self.witness.refused().get(r, 0) > before.get(r, 0), reason)  # type: ignore[misc]

    def test_a_vouch_is_good_for_one_asker_and_one_question(self) -> None:
        """What bob signs for the rogue, through ada, is refused as an answer to anybody else."""
        before = self.witness.refused().get("vouch-not-asked", 0)
        with self.witness.nothing_changes():
            line = self.link()
            line.say(AskVouch(self.bob, 4711))
            vouch: Vouch = line.gets(Vouch)
            said = CODEC.statement(Purpose.ACK, vouch.objects[0].statement)
            self.assertEqual((said.author, said.asker, said.nonce), (self.bob, self.rogue.id, 4711))
            for _ in range(10):
                line.say(vouch)
            until(
                lambda: self.witness.refused().get("vouch-not-asked", 0) >= before + 10, "counted"
            )


def incarnation(room: Room, at: str, name: str) -> int:
    """A member's incarnation as a node holds it."""
    return next(int(r["incarnation"]) for r in room[at].items("members") if r["name"] == name)


class OwnVersion(OwnRoomCase):
    """What a member says of itself is its own affair."""

    def test_its_own_highest_version_harms_nobody_else(self) -> None:
        """Incarnation 2^32-1, then 2^63-1, then epoch 2^63-1: held of the rogue, and of nobody else."""
        room = self.make(*NAMES, preset=LAN)
        room.start(*NAMES)
        room.meet(*NAMES)
        one = rogue(1)
        witness = Witness(self, room, one)
        self.addCleanup(one.hang_up)
        with witness.nothing_changes():
            line = one.link(room["ada"].port, "ada")
            for epoch, incarnation in (*((1, high) for high in HIGHEST), (MAX_INT, MAX_INT)):
                line.say(Claims((one.alive(epoch, incarnation),)))
                for name in NAMES:
                    until(
                        lambda n=name, v=(epoch, incarnation): version_of(room, n) == v,  # type: ignore[misc]
                        f"{name} holds {epoch}.{incarnation}",
                    )


def version_of(room: Room, name: str) -> tuple[int, int]:
    """The rogue's version as a node holds it."""
    (row,) = [row for row in room[name].items("members") if row["name"] == NAME]
    return row["epoch"], row["incarnation"]


class Replays(OwnRoomCase):
    """True statements at the wrong time."""

    def begin(self, **config: str) -> None:
        """Three nodes that have met, and a rogue."""
        self.room = self.make(*NAMES, **config)
        self.room.start(*NAMES)
        self.room.meet(*NAMES)
        self.rogue = rogue()
        self.witness = Witness(self, self.room, self.rogue)
        self.addCleanup(self.rogue.hang_up)
        self.bob = self.witness.id_of("bob")

    def test_the_leave_and_the_alive_of_an_earlier_epoch(self) -> None:
        """Bob left and is back: his old words change nothing, and ada answers with his newer one."""
        self.begin(preset=LAN)
        line = self.rogue.link(self.room["ada"].port, "ada")
        old = alive_of(self.rogue, self.room["bob"].port)
        self.room.end("bob")
        self.room.sees("ada", "left", "bob")

        def leaves() -> list[Signed]:
            said = [one for m in list(line.heard) if isinstance(m, Claims) for one in m.objects]
            return [one for one in said if one.purpose is Purpose.LEAVE]

        (leave,) = until(leaves, "ada passes the leave on")
        self.room.start("bob")
        self.room.meet(*NAMES)
        with self.witness.nothing_changes():
            line.heard.clear()
            for _ in range(20):
                line.say(Claims((leave,)), Claims((old,)), Claims((leave, old)))
            answer = line.gets(Claims)
            said = CODEC.statement(Purpose.ALIVE, answer.objects[0].statement)
            self.assertEqual((said.author, said.epoch), (self.bob, 2))
        shown = [one for m in list(line.heard) if isinstance(m, Claims) for one in m.objects]
        self.assertEqual(len(shown), len(set(shown)), "no proof is shown twice")
        self.assertGreaterEqual(self.room["ada"].ask("counters")["claims"]["answered"], 20)

    def test_nobody_keeps_a_stopped_member_alive(self) -> None:
        """Bob sleeps: the rogue shows his Alive and acks every nonce, ada sees him unreachable."""
        self.begin()
        line = self.rogue.link(self.room["ada"].port, "ada")
        his = alive_of(self.rogue, self.room["bob"].port)
        self.room.signal("bob", SIGSTOP)
        self.addCleanup(self.room.signal, "bob", SIGCONT)

        def gone() -> bool:
            line.say(Claims((his,)), *(Ack(ping.nonce) for ping in line.pings))
            return all(
                self.room[name].state_of("bob") == "unreachable" for name in ("ada", "carol")
            )

        until(gone, "bob is unreachable, whatever the rogue says")
        self.room.signal("bob", SIGCONT)
        self.room.meet(*NAMES)
        self.witness.serves()
