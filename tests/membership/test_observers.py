"""Rows of evidence: what each says against others, when it counts, and how it is refuted."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Effect
from securechat.ids import Version
from securechat.inputs import DialOutcome, Ending, LinkDown, LinkUp
from securechat.membership.messages import (
    Ack,
    AskClaims,
    AskVouch,
    Claims,
    Nack,
    Observation,
    Ping,
    Rows,
)
from securechat.membership.observations import TRANSITIONS, Cited, Outcome, Standing, compare
from securechat.notices import Liveness
from tests.membership.bench import Bench, Someone, boot, hangups, sends, someone

ADA, BOB, CAROL, DAVE = (someone(name) for name in ("ada", "bob", "carol", "dave"))
PLACE = "10.0.0.4:7400"
EARLIER = "of an earlier version than the one that is held"
LATER = "of a later version than the one that is held"

VERSIONS = ((1, 9), (2, 0), (2, 1), (2, 2), (3, 0))
"""Where (2, 1) is held: an earlier epoch and incarnation, the same, a later incarnation and epoch."""
CELLS = {
    "unknown": ("ignored", "ignored", "ignored", "ignored", "ignored"),
    "ourselves": ("refused", "refused", "refuted", "fetched", "fetched"),
    "observer": ("refused", "refused", "ignored", "fetched", "fetched"),
    "alive": ("refused", "refused", "asked", "fetched", "fetched"),
    "suspect": ("refused", "refused", "confirmed", "fetched", "fetched"),
    "unreachable": ("refused", "refused", "shown", "fetched", "fetched"),
    "left": ("refused", "refused", "shown", "fetched", "fetched"),
}
"""What becomes of an observation of each of these versions, by what is believed of its subject."""
DOES: dict[str, set[str]] = {
    "ignored": set(),
    "refused": {"count", "line"},
    "fetched": {"count", "line", "question"},
    "refuted": {"incarnation", "line"},
    "asked": {"line", "ping"},
    "confirmed": {"confirmation"},
    "shown": {"line"},
}
"""What can be seen of it."""


def against(
    who: Someone, incarnation: int = 0, refused: bool = False, epoch: int = 1, gone: bool = False
) -> Observation:
    """An observation against a member."""
    state = "unreachable" if gone else "suspect"
    return Observation(who.id, epoch, incarnation, state, refused)  # type: ignore[arg-type]


class Room(SynchronousTestCase):
    """Ada is linked to bob, carol and dave, who answer her pings, unless they are mute."""

    def setUp(self) -> None:
        """All links are up."""
        self.bench = Bench(listen="10.0.0.1:7400").start()
        self.links = {who: self.bench.link(who, dialled=PLACE) for who in (BOB, CAROL, DAVE)}
        self.mute: set[Someone] = set()
        self.bench.effects.clear()

    def wait(self, seconds: float, nacks: bool = True) -> list[Effect]:
        """Time passes; who is not mute answers probes, and has not reached whom it is asked for."""
        out: list[Effect] = []
        for _ in range(round(seconds / 0.05)):
            effects = self.bench.wait(0.05)
            out += effects
            for who, number in self.links.items():
                if who in self.mute:
                    continue
                for ping in sends(effects, Ping, who):
                    self.bench.receive(who, Ack(ping.nonce), number)
                for ask in sends(effects, AskVouch, who) if nacks else []:
                    self.bench.receive(who, Nack(ask.subject, ask.nonce), number)
        return out

    def lose(self, who: Someone, how: Ending = Ending.FIN) -> list[Effect]:
        """A member's link ends; go-betweens have no word of it."""
        effects = self.bench.cut(who, self.links.pop(who), how)
        for peer, number in self.links.items():
            for ask in sends(effects, AskVouch, peer):
                effects += self.bench.receive(peer, Nack(ask.subject, ask.nonce), number)
        return effects

    def row(self, who: Someone, *rows: Observation, health: int = 0, on: int = 0) -> list[Effect]:
        """A member tells its row, on its only link or on this one."""
        return self.bench.receive(who, Rows(health, rows), on or self.links[who])

    def confirmed(self, who: Someone) -> int:
        """How many confirm a suspicion."""
        suspicion = self.bench.member(who).suspicion
        assert suspicion is not None
        return suspicion.confirmed

    def refused(self) -> int:
        """How many observations were refused for their version."""
        return self.bench.core.snapshot(self.bench.now).counters.get("refused.row-version", 0)

    def shown(self, who: Someone, by: Someone) -> list[str]:
        """Why what one member said about another did not count, as ``who`` shows it."""
        lines = self.bench.member(who).evidence
        return [line.why for line in lines if line.by == by.id and not line.counted]


class OursTests(Room):
    """The row that a node tells."""

    def test_told_to_all(self) -> None:
        """A member that is lost is told to every linked peer; that it is back, as well."""
        effects = self.lose(DAVE)
        for who in (BOB, CAROL):
            self.assertEqual(sends(effects, Rows, who), [Rows(0, (against(DAVE),))])
        self.bench.effects.clear()
        self.links[DAVE] = self.bench.link(DAVE)
        self.assertEqual(sends(self.bench.effects, Rows, BOB), [Rows(0)])

    def test_heard_of_is_no_accusation(self) -> None:
        """Nobody is accused who was never reached, until its time is up."""
        eve = someone("eve")
        effects = self.bench.receive(BOB, Claims((eve.alive().signed,)), self.links[BOB])
        self.assertIs(self.bench.state(eve), Liveness.SUSPECT)
        self.assertEqual(sends(effects + self.wait(3), Rows), [])
        told = [rows for rows in sends(self.wait(15), Rows, BOB) if rows.rows]
        self.assertEqual(told, [Rows(0, (against(eve, gone=True),))])

    def test_told_at_link_up(self) -> None:
        """Who is linked anew hears what was held against it, and against others."""
        self.lose(DAVE)
        self.lose(CAROL)
        self.bench.effects.clear()
        self.links[DAVE] = self.bench.link(DAVE)
        (first, *_) = sends(self.bench.effects, Rows, DAVE)
        self.assertEqual({row.subject for row in first.rows}, {CAROL.id, DAVE.id})

    def test_nothing_to_say(self) -> None:
        """A room that is well sends no rows at all."""
        self.assertEqual(sends(self.wait(30), Rows), [])

    def test_nothing_is_said_too(self) -> None:
        """On a new link it is said that nothing is held any more; so it is when one of two ends."""
        self.bench.effects.clear()
        second = self.bench.link(DAVE)
        self.assertEqual(sends(self.bench.effects, Rows, DAVE), [Rows(0)])
        effects = self.bench.cut(DAVE, second, Ending.BOOKKEEPING, linked=True)
        self.assertEqual(sends(effects, Rows), [Rows(0)])

    def test_taken_back_at_once(self) -> None:
        """What a new link is told and is not so any more at the end of that turn is taken back."""
        bench, core = self.bench, self.bench.core
        down = LinkDown(DAVE.id, self.links[DAVE], Ending.FIN, "", None, False)
        turn = bench.absorb(core.link_down(down, bench.now))
        for number, who in ((70, CAROL), (71, DAVE)):
            link = LinkUp(
                who.id, number, 1, boot("a"), PLACE, PLACE, "10.0.0.1:5000", who.alive(), None
            )
            turn += bench.absorb(core.link_up(link, bench.now))
        turn += bench.absorb(core.settle(bench.now))
        self.assertEqual(sends(turn, Rows, CAROL), [Rows(0, (against(DAVE),)), Rows(0)])


class TheirsTests(Room):
    """The rows that others tell."""

    def test_an_older_link(self) -> None:
        """What comes late on the older of two links does not replace what the newer one brought."""
        self.lose(DAVE)
        self.wait(0.5)
        older, newer = self.links[CAROL], self.bench.link(CAROL, dialled=PLACE)
        for nacked in (CAROL, BOB):
            self.bench.core._parts.verdicts.seen[DAVE.id].nacked.discard(nacked.id)
        self.row(CAROL, on=newer)
        self.row(CAROL, against(DAVE, refused=True), on=older)
        self.assertEqual(self.confirmed(DAVE), 0)
        self.bench.dial_failed(DAVE, PLACE, DialOutcome.REFUSED)
        self.assertIs(self.bench.state(DAVE), Liveness.SUSPECT)
        self.row(CAROL, against(DAVE), on=newer)
        self.assertEqual(self.confirmed(DAVE), 1)

    def test_the_link_that_stays(self) -> None:
        """Where the newer of two links ends, the row on the older one counts again."""
        self.mute |= {BOB, CAROL}
        self.bench.cut(DAVE, self.links.pop(DAVE), Ending.TIMEOUT)
        newer = self.bench.link(CAROL, dialled=PLACE)
        self.row(CAROL, against(DAVE))
        self.assertEqual(self.confirmed(DAVE), 1)
        self.row(CAROL, on=newer)
        self.assertEqual(self.confirmed(DAVE), 0)
        self.bench.cut(CAROL, newer, Ending.BOOKKEEPING, linked=True)
        self.assertEqual(self.confirmed(DAVE), 1)
        self.row(CAROL)
        self.assertEqual(self.confirmed(DAVE), 0)

    def test_an_earlier_process(self) -> None:
        """What a link of an observer's earlier process brings counts no more than that process."""
        self.mute |= {BOB, CAROL}
        self.bench.cut(DAVE, self.links.pop(DAVE), Ending.TIMEOUT)
        self.bench.link(CAROL, CAROL.alive(2, 0, "b"))
        self.row(CAROL, against(DAVE))
        self.assertEqual(self.confirmed(DAVE), 0)

    def test_a_later_version(self) -> None:
        """Who cites a later version than is held is asked for it, once, and then it counts."""
        self.mute |= {BOB, CAROL}
        self.bench.cut(DAVE, self.links.pop(DAVE), Ending.TIMEOUT)
        effects = self.row(BOB, against(DAVE, incarnation=3), against(someone("eve")))
        ask = AskClaims(DAVE.id, DAVE.id)
        self.assertEqual(sends(effects, AskClaims), [ask])
        self.assertEqual(sends(self.row(BOB, against(DAVE, incarnation=3)), AskClaims), [])
        self.assertEqual(self.confirmed(DAVE), 0)
        self.bench.receive(BOB, Claims((DAVE.alive(1, 3).signed,)), self.links[BOB])
        self.assertEqual(self.confirmed(DAVE), 1)
        self.mute.clear()
        self.wait(3)
        for incarnation in (2, 3):
            self.assertEqual(
                sends(self.row(BOB, against(DAVE, incarnation=incarnation)), AskClaims), []
            )
        (again,) = sends(self.row(BOB, against(DAVE, incarnation=4)), AskClaims)
        self.assertEqual(again, ask)

    def test_many_later_versions(self) -> None:
        """Of one row that cites later versions of many, few are asked for."""
        crowd = [someone(f"peer{number}") for number in range(20)]
        claims = Claims(tuple(who.alive().signed for who in crowd))
        self.bench.receive(BOB, claims, self.links[BOB])
        effects = self.row(BOB, *(against(who, incarnation=9) for who in crowd))
        self.assertEqual(len(sends(effects, AskClaims)), 8)

    def test_a_version_that_nobody_signed(self) -> None:
        """It is refused, shown and counted each time, whatever else speaks against its observer."""
        self.row(BOB, against(DAVE), against(CAROL), against(BOB), against(someone("eve")))
        self.assertEqual(self.refused(), 0)
        for count, version in enumerate((2**32 - 1, 2**63 - 1, 2**63 - 1), 1):
            self.row(BOB, against(DAVE, incarnation=version), health=7)
            self.assertEqual(self.refused(), count)
        self.assertIn(LATER, self.shown(DAVE, BOB))
        self.assertIs(self.bench.state(DAVE), Liveness.ALIVE)
        self.assertEqual(self.bench.core.version_of(DAVE.id), Version(1, 0))

    def test_no_row_begins_a_suspicion(self) -> None:
        """A member that we hear stays alive, whoever accuses it; it is asked at once."""
        self.wait(1.2)
        effects = self.row(BOB, against(DAVE, gone=True))
        self.row(CAROL, against(DAVE, gone=True))
        self.assertIs(self.bench.state(DAVE), Liveness.ALIVE)
        self.assertEqual(len(sends(effects, Ping, DAVE)), 1)

    def test_confirmation(self) -> None:
        """Each healthy observer, alive in our own view, confirms a suspicion once."""
        self.lose(DAVE, Ending.TIMEOUT)
        self.assertEqual(self.confirmed(DAVE), 2)
        for _ in range(3):
            self.row(BOB, against(DAVE))
        self.assertEqual(self.confirmed(DAVE), 2)

    def test_what_does_not_count(self) -> None:
        """An unhealthy observer, another version, and an observer that is lost do not count."""
        self.mute |= {BOB, CAROL}
        effects = self.bench.cut(DAVE, self.links.pop(DAVE), Ending.TIMEOUT)
        self.assertEqual(len(sends(effects, AskVouch)), 2)
        self.assertEqual(self.confirmed(DAVE), 0)
        self.row(BOB, against(DAVE), health=2)
        self.row(CAROL, against(DAVE, incarnation=3))
        self.assertEqual(self.confirmed(DAVE), 0)
        whys = [line.why for line in self.bench.member(DAVE).evidence if not line.counted]
        self.assertIn("its observer is not healthy", whys)
        self.assertIn(LATER, whys)
        self.row(BOB, against(DAVE), health=1)
        self.assertEqual(self.confirmed(DAVE), 1)
        self.lose(BOB)
        self.assertEqual(self.confirmed(DAVE), 0)

    def test_a_row_that_is_withdrawn(self) -> None:
        """The latest row replaces what its observer said before."""
        self.mute |= {BOB, CAROL}
        self.bench.cut(DAVE, self.links.pop(DAVE), Ending.TIMEOUT)
        self.row(BOB, against(DAVE))
        self.assertEqual(self.confirmed(DAVE), 1)
        self.row(BOB)
        self.assertEqual(self.confirmed(DAVE), 0)

    def test_strangers_and_oneself(self) -> None:
        """A row about a member that is not known, or about its observer, says nothing."""
        self.row(BOB, against(someone("eve")), against(BOB))
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)

    def test_a_refusal_of_another(self) -> None:
        """One refused redial of ours and one of another observer make a member unreachable."""
        self.lose(DAVE)
        self.bench.dial_failed(DAVE, PLACE, DialOutcome.REFUSED)
        self.assertIs(self.bench.state(DAVE), Liveness.SUSPECT)
        self.row(BOB, against(DAVE, refused=True))
        self.assertIs(self.bench.state(DAVE), Liveness.UNREACHABLE)

    def test_a_refusal_of_another_alone(self) -> None:
        """The refusals of others judge nobody without one of our own."""
        self.lose(DAVE)
        self.row(BOB, against(DAVE, refused=True))
        self.row(CAROL, against(DAVE, refused=True))
        self.wait(1)
        self.assertIs(self.bench.state(DAVE), Liveness.SUSPECT)

    def test_our_refusal_is_told(self) -> None:
        """A refused redial that counts goes into our row."""
        self.lose(DAVE)
        effects = self.bench.dial_failed(DAVE, PLACE, DialOutcome.REFUSED)
        self.assertEqual(sends(effects, Rows, BOB), [Rows(0, (against(DAVE, refused=True),))])


class RefutationTests(Room):
    """Accusations against ourselves."""

    def incarnation(self) -> int:
        """Ours."""
        return self.bench.core.snapshot(self.bench.now).incarnation

    def test_once(self) -> None:
        """All who accuse one version are refuted by one new incarnation (P11)."""
        effects = self.row(BOB, against(ADA))
        self.assertEqual(self.incarnation(), 1)
        for who in (BOB, CAROL, DAVE):
            (claims,) = sends(effects, Claims, who)
            self.assertEqual(claims.objects, (self.bench.core.alive,))
        for who in (CAROL, DAVE, BOB):
            self.row(who, against(ADA))
        self.assertEqual(self.incarnation(), 1)
        refuted = "of our present version: the next incarnation refutes it"
        self.assertEqual(self.shown(ADA, BOB), [refuted, EARLIER])
        self.wait(1)
        self.row(CAROL, against(ADA, incarnation=1))
        self.assertEqual(self.incarnation(), 2)
        self.assertEqual(self.bench.core.epoch, 1)

    def test_chased(self) -> None:
        """Who accuses each new version at once is refuted once a period, the last time too."""
        for _ in range(100):
            self.row(BOB, against(ADA, incarnation=self.incarnation()))
            self.wait(0.05)
        self.assertIn(self.incarnation(), range(4, 7))
        self.assertLessEqual(self.bench.core.snapshot(self.bench.now).health, 2)
        self.wait(3)
        last = self.incarnation()
        self.row(BOB, against(ADA, incarnation=last))
        self.wait(3)
        self.assertEqual(self.incarnation(), last + 1)

    def test_invented(self) -> None:
        """An accusation of a version that we never said is refused, and shown."""
        for row in (against(ADA, incarnation=2**62), against(ADA, epoch=7), against(BOB)):
            self.row(CAROL, row)
        self.assertEqual(self.incarnation(), 0)
        self.assertEqual(self.refused(), 2)
        self.assertEqual(self.shown(ADA, CAROL), [LATER])
        self.assertIs(self.bench.state(ADA), Liveness.ALIVE)

    def test_an_earlier_epoch(self) -> None:
        """An accusation of a process of ours that has ended is refused, whatever its incarnation."""
        self.bench.restart("1")
        self.assertEqual((self.bench.core.epoch, self.incarnation()), (2, 0))
        self.links[BOB] = self.bench.link(BOB, dialled=PLACE)
        for incarnation in (0, 9):
            self.row(BOB, against(ADA, incarnation, epoch=1))
        self.assertEqual(self.incarnation(), 0)
        self.assertEqual((self.refused(), self.shown(ADA, BOB)), (2, [EARLIER]))
        self.row(BOB, against(ADA, epoch=2))
        self.assertEqual(self.incarnation(), 1)

    def test_leaving(self) -> None:
        """Who has said goodbye refutes nothing any more."""
        self.bench.goodbye()
        self.row(BOB, against(ADA))
        self.assertEqual(self.incarnation(), 0)

    def test_it_counts_against_ourselves(self) -> None:
        """Having to refute is a sign that we are slow."""
        self.row(BOB, against(ADA))
        self.assertEqual(self.bench.core.snapshot(self.bench.now).health, 1)
        self.wait(3)
        self.assertEqual(self.bench.core.snapshot(self.bench.now).health, 0)

    def test_the_sleeper_comes_back(self) -> None:
        """Whoever refutes is suspect until it is reached: its claim alone proves the past."""
        self.lose(DAVE, Ending.TIMEOUT)
        self.wait(20)
        self.assertIs(self.bench.state(DAVE), Liveness.UNREACHABLE)
        effects = self.bench.receive(BOB, Claims((DAVE.alive(1, 1).signed,)), self.links[BOB])
        self.assertIs(self.bench.state(DAVE), Liveness.SUSPECT)
        self.assertEqual(hangups(effects), [])
        self.links[DAVE] = self.bench.link(DAVE, DAVE.alive(1, 1))
        self.assertIs(self.bench.state(DAVE), Liveness.ALIVE)


def cells() -> Iterator[tuple[str, tuple[int, int], str]]:
    """Each standing with each version, and what becomes of it."""
    for standing, row in CELLS.items():
        for version, word in zip(VERSIONS, row, strict=True):
            yield standing, version, word


class CellTests(Room):
    """Bob's row against a member, by what is believed of it and the version that he cites."""

    def setUp(self) -> None:
        """All, ada too, are in their second epoch, at incarnation 1."""
        self.bench = Bench(listen="10.0.0.1:7400").start().restart("1")
        self.links = {
            who: self.bench.link(who, who.alive(2, 1), dialled=PLACE) for who in (BOB, CAROL, DAVE)
        }
        self.mute = set()
        self.row(CAROL, against(ADA, epoch=2))
        self.wait(1.2)

    def test_the_table(self) -> None:
        """Each standing answers each version as written down here, and no cell is forgotten."""
        self.assertEqual({one.name.lower() for one in Standing}, set(CELLS))
        for standing, row in CELLS.items():
            table = TRANSITIONS[Standing[standing.upper()]]
            self.assertEqual(set(table), set(Cited))
            for version, word in zip(VERSIONS, row, strict=True):
                outcome = table[compare(Version(*version), Version(2, 1))]
                self.assertIs(outcome, Outcome[word.upper()], (standing, version))

    def test_every_cell(self) -> None:
        """What ada does, shows and counts of each observation."""
        for standing, version, word in cells():
            self.assertEqual(self.happens(standing, version), DOES[word], (standing, version))

    def test_an_observer_that_is_not_well(self) -> None:
        """It makes nobody ask and confirms nothing; what it cites is judged as of anybody."""
        for standing, version, word in cells():
            does = {"line"} if word in ("asked", "confirmed") else DOES[word]
            self.assertEqual(self.happens(standing, version, 7), does, (standing, version))

    def subject(self, standing: str) -> Someone:
        """A member of whom this is believed."""
        others = {"unknown": someone("eve"), "ourselves": ADA, "observer": BOB}
        if standing in others:
            return others[standing]
        if standing == "left":
            self.bench.receive(DAVE, Claims((DAVE.leave(2, 1).signed,)), self.links[DAVE])
        elif standing != "alive":
            self.bench.cut(DAVE, self.links.pop(DAVE), Ending.TIMEOUT)
            self.wait(20 if standing == "unreachable" else 0)
        self.assertEqual(self.bench.state(DAVE).value, standing)
        return DAVE

    def happens(self, standing: str, version: tuple[int, int], health: int = 0) -> set[str]:
        """What can be seen of bob's row, in a room of its own."""
        self.setUp()
        who = self.subject(standing)
        before = self.seen(who)
        effects = self.row(BOB, against(who, version[1], epoch=version[0]), health=health)
        found = {word for word, then in self.seen(who).items() if then != before[word]}
        found |= {"ping"} if sends(effects, Ping, who) else set()
        return found | ({"question"} if sends(effects, AskClaims, BOB) else set())

    def seen(self, who: Someone) -> dict[str, object]:
        """What a row may move."""
        view = self.bench.core.snapshot(self.bench.now)
        one = view.get(who.id)
        lines = self.shown(who, BOB) if one is not None else []
        running = one.suspicion if one is not None else None
        return {
            "count": self.refused(),
            "line": lines,
            "state": one.state if one is not None else None,
            "confirmation": running.confirmed if running is not None else 0,
            "incarnation": view.incarnation,
        }
