"""Epochs of our own: lost disks, copied homes, and who stops speaking."""

from __future__ import annotations

from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import Version
from securechat.inputs import DialOutcome, Ending
from securechat.membership.messages import Ack, Claims, Ping
from securechat.membership.restart import TRANSITIONS, Proof, Speech, Step
from securechat.notices import Conflict, Liveness
from tests.membership.bench import Bench, boot, dials, hangups, notices, sends, someone

ADA, BOB = someone("ada"), someone("bob")
CELLS = {
    Proof.OURS: (Step.NOTHING, Step.NOTHING),
    Proof.PAST: (Step.JUMP, Step.JUMP),
    Proof.LIVE: (Step.JUMP_WARNED, Step.JUMP_WARNED),
    Proof.AGAIN: (Step.JUMP, Step.STOP),
    Proof.AGAIN_LESSER: (Step.JUMP, Step.JUMP_WARNED),
    Proof.AGAIN_LIVE: (Step.JUMP_WARNED, Step.STOP),
    Proof.OUTBID: (Step.STOP, Step.STOP),
}
"""What who speaks does, and who was warned; who is silent does nothing."""
CLAIMS = {
    Proof.OURS: (3, "5", True),
    Proof.PAST: (9, "2", False),
    Proof.LIVE: (9, "2", True),
    Proof.AGAIN: (9, "1", False),
    Proof.AGAIN_LESSER: (4, "1", False),
    Proof.AGAIN_LIVE: (9, "1", True),
    Proof.OUTBID: (5, "1", True),
}
"""Epoch, process and whether it is called live, to a process 5 that went from 3 of process 1 to 4."""


class TableTests(SynchronousTestCase):
    """The table, cell by cell, and what a node then does."""

    def setUp(self) -> None:
        """Ada started in epoch 1, and is linked to bob."""
        self.bench = Bench(boot=boot("5")).start()
        self.bench.link(BOB)

    def standing(self, speech: Speech) -> None:
        """She stands there: the other process was not live, or was, or has gone on."""
        self.setUp()
        self.bench.refused(BOB, ADA.alive(3, 0, "1"), live=speech is not Speech.SPEAKING)
        if speech is Speech.SILENT:
            self.bench.refused(BOB, ADA.alive(5, 0, "1"), live=True)
        self.bench.effects.clear()

    def taken(self, epoch: int, word: str, live: bool) -> Step:
        """What she does about a claim, by what is seen of it."""
        before = self.bench.core.snapshot(self.bench.now)
        effects = self.bench.refused(BOB, ADA.alive(epoch, 0, word), live)
        after = self.bench.core.snapshot(self.bench.now)
        raised, said = after.epoch - before.epoch, len(notices(effects, Conflict))
        if after.silent and not before.silent:
            self.assertEqual((raised, said, hangups(effects)), (0, 1, [(BOB.id, "conflict")]))
            return Step.STOP
        if raised == 0:
            self.assertEqual((said, hangups(effects)), (0, []))
            return Step.NOTHING
        self.assertEqual(after.epoch, max(epoch, before.epoch) + 1)
        self.assertEqual(hangups(effects), [(BOB.id, "epoch-raised")])
        return Step.JUMP_WARNED if said else Step.JUMP

    def test_every_cell(self) -> None:
        """Each standing answers each claim as written down here."""
        self.assertEqual(set(TRANSITIONS), set(Speech))
        for speech, (proof, cells) in product(Speech, CELLS.items()):
            self.standing(speech)
            step = dict(zip(Speech, (*cells, Step.NOTHING), strict=True))[speech]
            self.assertIs(TRANSITIONS[speech][proof], step)
            self.assertIs(self.taken(*CLAIMS[proof]), step, f"{speech.name}: {proof.name}")

    def test_live_in_our_own_epoch(self) -> None:
        """A process that was met before, live and in our own epoch: the smaller boot id stops."""
        for word, step in (("1", Step.JUMP_WARNED), ("9", Step.STOP)):
            self.setUp()
            self.bench.refused(BOB, ADA.alive(3, 0, word), live=True)
            self.bench.effects.clear()
            self.assertIs(self.taken(4, word, True), step)

    def test_the_fourth_in_ten_minutes(self) -> None:
        """After three jumps whatever is newer counts as live, and as of one that was met."""
        for live in (False, True):
            self.setUp()
            for epoch, word in ((3, "1"), (5, "2"), (7, "3")):
                self.assertIs(self.taken(epoch, word, False), Step.JUMP)
            self.assertIs(self.taken(9, "4", live), Step.JUMP_WARNED)
            self.assertIs(self.taken(20, "6", live), Step.STOP)


class RollbackTests(SynchronousTestCase):
    """Our disk is older than what others hold."""

    def setUp(self) -> None:
        """Ada started on an old disk, in epoch 1, and is linked to bob."""
        self.bench = Bench(boot=boot("5")).start()
        self.number = self.bench.link(BOB)
        self.bench.effects.clear()

    def test_refused_with_a_proof(self) -> None:
        """A proof that is not live: the epoch jumps past it, and all links close to say so."""
        effects = self.bench.refused(BOB, ADA.alive(7, 3, "b"))
        self.assertEqual(self.bench.core.version_of(ADA.id), Version(8, 0))
        self.assertEqual(self.bench.core.epoch, 8)
        self.assertEqual(hangups(effects), [(BOB.id, "epoch-raised")])
        self.assertEqual(notices(effects, Conflict), [])
        self.assertIn("epoch 7", self.bench.signed_facts("EpochRaised")[-1].why)

    def test_refused_without_a_proof(self) -> None:
        """A refusal that proves nothing changes nothing."""
        self.bench.refused(BOB)
        self.assertEqual(self.bench.core.epoch, 1)

    def test_told_in_the_handshake(self) -> None:
        """A peer that holds a newer Alive of ours says so when the link comes up."""
        self.bench.link(BOB, ours=ADA.alive(9, 0, "b"))
        self.assertEqual(self.bench.core.epoch, 10)
        self.assertIn((BOB.id, "epoch-raised"), hangups(self.bench.effects))

    def test_told_in_claims(self) -> None:
        """A peer's claims may prove it too, by an Alive or by a Leave."""
        self.bench.receive(BOB, Claims((ADA.alive(4, 0, "b").signed,)), self.number)
        self.assertEqual(self.bench.core.epoch, 5)
        self.bench.receive(BOB, Claims((ADA.leave(6).signed,)), self.number)
        self.assertEqual(self.bench.core.epoch, 7)

    def test_same_epoch_of_another_process(self) -> None:
        """Another process of our own epoch is passed as well."""
        self.bench.refused(BOB, ADA.alive(1, 0, "b"))
        self.assertEqual(self.bench.core.epoch, 2)

    def test_our_own_past(self) -> None:
        """Older claims of ours, and those of this process, change nothing."""
        self.bench.refused(BOB, ADA.alive(9, 0, "b"))
        for proof in (ADA.alive(9, 0, "b"), ADA.alive(10, 4, "5"), ADA.leave(9)):
            self.bench.receive(BOB, Claims((proof.signed,)), self.number)
        self.assertEqual(self.bench.core.epoch, 10)

    def test_after_a_restart(self) -> None:
        """The epoch that was jumped to is on disk: the next start is above it."""
        self.bench.refused(BOB, ADA.alive(7, 3, "b"))
        self.bench.restart("6")
        self.assertEqual(self.bench.core.epoch, 9)

    def test_outbidding(self) -> None:
        """Two processes that outbid each other through third hands do not do so for ever."""
        for _ in range(10):
            epoch = self.bench.core.epoch + 1
            self.bench.receive(BOB, Claims((ADA.alive(epoch, 0, "b").signed,)), self.number)
        self.assertTrue(self.bench.core.snapshot(self.bench.now).silent)

    def test_leaving(self) -> None:
        """A node that said goodbye takes no new epoch any more."""
        self.bench.goodbye()
        self.bench.refused(BOB, ADA.alive(7, 3, "b"))
        self.assertEqual(self.bench.core.epoch, 1)


class CloneTests(SynchronousTestCase):
    """Our home was copied, and both processes live."""

    def setUp(self) -> None:
        """Ada is linked to bob."""
        self.bench = Bench(boot=boot("5"), peers=("10.0.0.2:7400",)).start()
        self.number = self.bench.link(BOB)

    def clash(self, epoch: int, word: str = "b") -> None:
        """Bob refuses us: the other process is linked to him."""
        self.bench.refused(BOB, ADA.alive(epoch, 0, word), live=True)

    def silent(self) -> bool:
        """Whether this process stopped."""
        return self.bench.core.snapshot(self.bench.now).silent

    def test_first_time(self) -> None:
        """The first conflict is told, and passed by a jump."""
        self.clash(3)
        self.assertEqual((self.bench.core.epoch, self.silent()), (4, False))
        (told,) = notices(self.bench.effects, Conflict)
        self.assertEqual(told.member, ADA.id)
        self.assertIn("epoch 3", self.bench.core.snapshot(self.bench.now).conflict)

    def test_second_time(self) -> None:
        """The second within ten minutes stops this process: no dial, no probe, no answer."""
        self.clash(3)
        self.bench.effects.clear()
        self.clash(5)
        self.assertEqual((self.bench.core.epoch, self.silent()), (4, True))
        self.assertEqual(hangups(self.bench.effects), [(BOB.id, "conflict")])
        self.bench.cut(BOB, self.number)
        effects = self.bench.wait(60)
        self.assertEqual((dials(effects), sends(effects, Ping)), ([], []))
        self.assertEqual(sends(self.bench.receive(BOB, Ping(1, b"12345678")), Ack), [])
        self.bench.link(BOB)
        self.assertEqual(hangups(self.bench.effects)[-1], (BOB.id, "conflict"))
        self.clash(9)
        self.assertEqual(self.bench.core.epoch, 4)

    def test_the_second_from_hearsay(self) -> None:
        """After a conflict any newer claim is a second one, whoever brings it."""
        self.clash(3)
        self.bench.refused(BOB, ADA.alive(5, 0, "b"), live=False)
        self.assertTrue(self.silent())

    def test_a_past_that_is_called_live(self) -> None:
        """A member whose disk was set back is not silenced by who calls one of its pasts live."""
        self.clash(3, "b")
        self.bench.refused(BOB, ADA.alive(5, 0, "c"), live=False)
        self.assertEqual((self.bench.core.epoch, self.silent()), (6, False))

    def test_two_pasts_that_are_called_live(self) -> None:
        """Nor by who calls two of them live, one after the other, in whatever order of words."""
        for first in (True, False):
            self.setUp()
            self.bench.refused(BOB, ADA.alive(3, 0, "b"), live=first)
            self.clash(5, "c")
            self.assertEqual((self.bench.core.epoch, self.silent()), (6, False))

    def test_a_goodbye_of_the_past(self) -> None:
        """A goodbye that was forgotten, after a conflict, is passed: who said it is gone."""
        self.clash(3)
        self.bench.receive(BOB, Claims((ADA.leave(9).signed,)), self.number)
        self.assertEqual((self.bench.core.epoch, self.silent()), (10, False))

    def test_not_for_ever(self) -> None:
        """Whoever shows one past after the other: the fourth jump would be one too many."""
        for epoch, word in ((3, "b"), (5, "c"), (7, "d")):
            self.clash(epoch, word)
        self.assertEqual((self.bench.core.epoch, self.silent()), (8, False))
        self.clash(9, "e")
        self.assertEqual((self.bench.core.epoch, self.silent()), (8, True))

    def test_who_jumped_first_stops(self) -> None:
        """We jumped past the other on hearsay; it is live and went one further: we are the older."""
        self.bench.refused(BOB, ADA.alive(3, 0, "b"), live=False)
        self.assertEqual((self.bench.core.epoch, self.silent()), (4, False))
        self.clash(5)
        self.assertTrue(self.silent())

    def test_a_past_in_two_steps(self) -> None:
        """A disk that was set back and meets a higher past of its own is not stopped by that."""
        self.bench.refused(BOB, ADA.alive(3, 0, "b"), live=False)
        self.clash(9)
        self.assertEqual((self.bench.core.epoch, self.silent()), (10, False))

    def test_nobody_is_alive_to_who_is_silent(self) -> None:
        """Who stopped speaking hears nobody, and says so."""
        self.clash(3)
        self.clash(5)
        self.bench.cut(BOB, self.number, Ending.PROTOCOL)
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)
        self.bench.wait(20)
        self.assertIs(self.bench.state(BOB), Liveness.UNREACHABLE)

    def test_much_later(self) -> None:
        """A second conflict after more than ten minutes is a first one."""
        self.clash(3)
        self.bench.mono += 600.001
        self.clash(5)
        self.assertEqual((self.bench.core.epoch, self.silent()), (6, False))

    def test_one_of_them_stays(self) -> None:
        """If both meet in one epoch, the one with the greater boot id goes on."""
        self.clash(3, "1")
        self.clash(4, "1")
        self.assertEqual((self.bench.core.epoch, self.silent()), (5, False))
        self.setUp()
        self.clash(3, "9")
        self.clash(4, "9")
        self.assertEqual((self.bench.core.epoch, self.silent()), (4, True))

    def test_one_of_them_stays_by_hearsay(self) -> None:
        """So it is if a third one tells of it: not both of them stop."""
        for word, stops in (("1", False), ("9", True)):
            self.setUp()
            self.clash(3, word)
            self.bench.refused(BOB, ADA.alive(4, 0, word), live=False)
            self.assertIs(self.silent(), stops)

    def test_silence_outlives_a_rebuild(self) -> None:
        """A process that stopped speaking stays silent when its core is rebuilt."""
        self.clash(3)
        self.clash(5)
        self.bench.start(fresh=False)
        self.assertTrue(self.silent())
        self.assertEqual(dials(self.bench.wait(30)), [])
        self.bench.dial_failed(BOB, "10.0.0.2:7400", DialOutcome.REFUSED)
        self.assertEqual(dials(self.bench.wait(30)), [])

    def test_a_new_process_speaks(self) -> None:
        """The next start of the home is another process, and speaks."""
        self.clash(3)
        self.clash(5)
        self.bench.restart("6")
        self.assertEqual((self.bench.core.epoch, self.silent()), (5, False))
        self.assertTrue(dials(self.bench.wait(1)))
