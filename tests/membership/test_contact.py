"""Links and dials as evidence: what counts, what does not, and what a kill looks like."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import RemoteError
from securechat.inputs import DialOutcome, Ending, Greeted
from securechat.membership.messages import AskClaims, Claims
from securechat.notices import Liveness, MemberChanged
from securechat.objects import Purpose
from securechat.settings import Settings
from tests.membership.bench import Bench, dials, hangups, notices, sends, someone

BOB, CAROL = someone("bob"), someone("carol")
PLACE = "10.0.0.2:7400"


class LinkTests(SynchronousTestCase):
    """A member is linked, and its link ends."""

    def setUp(self) -> None:
        """Ada dialled bob."""
        self.bench = Bench().start()
        self.number = self.bench.link(BOB, dialled=PLACE)

    def test_linked_is_alive(self) -> None:
        """A link up makes a member alive, and its claims are asked for."""
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)
        self.assertEqual(len(sends(self.bench.effects, AskClaims, BOB)), 1)
        self.assertEqual(self.bench.member(BOB).address, PLACE)

    def test_at_the_door(self) -> None:
        """Who says HELLO is known before it is welcomed, and alive only once the link is up."""
        bench = Bench().start()
        bench.turn(bench.core.greeted(Greeted(BOB.id, 1, BOB.alive(4)), bench.now))
        self.assertEqual(bench.member(BOB).epoch, 4)
        self.assertIs(bench.state(BOB), Liveness.SUSPECT)
        self.assertEqual(notices(bench.effects, MemberChanged), [])
        bench.link(BOB, BOB.alive(4))
        told = notices(bench.effects, MemberChanged)
        self.assertEqual([(n.before, n.to) for n in told], [(None, Liveness.ALIVE)])
        mine = bench.me.alive(9, 0, "f")
        bench.turn(bench.core.greeted(Greeted(bench.me.id, 2, mine), bench.now))
        self.assertEqual(bench.core.epoch, 1)

    def test_after_our_goodbye(self) -> None:
        """A link that comes up after our goodbye brings it to its peer, who has not heard it."""
        before = len(sends(self.bench.effects, Claims, CAROL))
        self.bench.goodbye()
        self.bench.link(CAROL)
        said = sends(self.bench.effects, Claims, CAROL)[before:]
        self.assertEqual([one.objects[0].purpose for one in said], [Purpose.LEAVE])

    def test_never_in(self) -> None:
        """Who said HELLO and never came in is told of once it was awaited in vain."""
        bench = Bench().start()
        bench.turn(bench.core.greeted(Greeted(BOB.id, 1, BOB.alive(4)), bench.now))
        told = notices(bench.wait(20), MemberChanged)
        self.assertEqual([(n.before, n.to) for n in told], [(None, Liveness.UNREACHABLE)])

    def test_vouched_for(self) -> None:
        """A link that times out is no evidence while others vouch for the member; a reset is."""
        bench = Bench().start()
        number = bench.link(BOB)
        bench.mono += 0.05
        bench.core._parts.verdicts.vouch(BOB.id, CAROL.id, bench.now)
        bench.cut(BOB, number, Ending.TIMEOUT)
        self.assertIs(bench.state(BOB), Liveness.ALIVE)
        self.assertFalse(bench.member(BOB).evidence[-1].counted)
        number = bench.link(BOB)
        bench.mono += 0.05
        bench.core._parts.verdicts.vouch(BOB.id, CAROL.id, bench.now)
        bench.cut(BOB, number, Ending.RST)
        self.assertIs(bench.state(BOB), Liveness.SUSPECT)

    def test_ends(self) -> None:
        """FIN, RST and timeout make a member suspect; bookkeeping, breach and our stop do not."""
        suspects = {Ending.FIN, Ending.RST, Ending.TIMEOUT, Ending.GOODBYE}
        for how in Ending:
            self.setUp()
            self.bench.cut(BOB, self.number, how)
            expected = Liveness.SUSPECT if how in suspects else Liveness.ALIVE
            self.assertIs(self.bench.state(BOB), expected, how)
            self.assertIs(self.bench.member(BOB).evidence[-1].counted, how in suspects)

    def test_not_the_last_link(self) -> None:
        """While another link is up, the end of one says nothing."""
        self.bench.link(BOB)
        self.bench.cut(BOB, self.number, linked=True)
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)

    def test_unknown_link(self) -> None:
        """The end of a link that was never told is ignored."""
        self.assertEqual(self.bench.cut(BOB, 99), [])
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)

    def test_link_of_an_earlier_process(self) -> None:
        """The end of a link of bob's earlier process is not held against the present one."""
        newer = BOB.alive(2, 0, "b")
        self.bench.receive(BOB, Claims((newer.signed,)), self.number)
        self.bench.link(BOB, newer)
        self.bench.cut(BOB, 2, Ending.BOOKKEEPING, linked=True)
        self.bench.cut(BOB, self.number)
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)
        self.assertFalse(self.bench.member(BOB).evidence[-1].counted)

    def test_bytes_of_an_earlier_process(self) -> None:
        """Bytes on a link of an earlier process are no contact with the present one."""
        self.bench.receive(BOB, Claims((BOB.alive(2, 0, "b").signed,)), self.number)
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)
        self.bench.heard(BOB, self.number)
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)
        self.assertIn((BOB.id, "superseded"), hangups(self.bench.effects))

    def test_stale_link(self) -> None:
        """A link that says it is an earlier process than is held is no contact."""
        bench = Bench().start()
        bench.link(BOB, BOB.alive(5, 0, "b"))
        bench.cut(BOB, 1)
        bench.link(BOB, BOB.alive(4, 0, "a"))
        self.assertIs(bench.state(BOB), Liveness.SUSPECT)

    def test_ourselves(self) -> None:
        """A link to ourselves is the peer's fault, and changes nothing."""
        with self.assertRaises(RemoteError):
            self.bench.link(someone("ada"))
        self.assertEqual(len(self.bench.core.snapshot(self.bench.now).members), 2)

    def test_bytes_make_alive(self) -> None:
        """Any bytes of a suspect's present link make it alive again."""
        self.bench.wait(2.5)
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)
        self.bench.heard(BOB, self.number)
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)

    def test_restart_is_seen(self) -> None:
        """A link of a higher epoch: the member restarted, and is alive at once."""
        self.bench.cut(BOB, self.number)
        self.bench.effects.clear()
        self.bench.link(BOB, BOB.alive(2, 0, "b"))
        view = self.bench.member(BOB)
        self.assertEqual((view.state, view.epoch), (Liveness.ALIVE, 2))
        (changed,) = notices(self.bench.effects, MemberChanged)
        self.assertIn("epoch 2", changed.why)
        self.assertEqual(hangups(self.bench.effects), [])

    def test_silent_link_is_closed_after_the_suspicion(self) -> None:
        """A link that stays mute is closed when its member becomes unreachable, to dial anew."""
        effects = self.bench.wait(20)
        self.assertIs(self.bench.state(BOB), Liveness.UNREACHABLE)
        self.assertEqual(hangups(effects), [(BOB.id, "silent")])
        self.bench.cut(BOB, self.number, Ending.PROTOCOL)
        self.assertTrue(dials(self.bench.wait(1)))

    def test_after_a_stall(self) -> None:
        """A link end that is read after a stall of ours is no evidence; we dial first."""
        self.bench.wait(3)
        self.bench.heard(BOB, self.number)
        self.bench.sleep(10)
        self.bench.ticks()
        self.bench.cut(BOB, self.number)
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)
        self.assertTrue(dials(self.bench.wait(0.3)))

    def test_before_a_stall_is_noticed(self) -> None:
        """So is one that is read after a stall before any tick: what came may be handled first."""
        self.bench.wait(3)
        self.bench.heard(BOB, self.number)
        self.bench.sleep(10)
        self.bench.cut(BOB, self.number)
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)
        self.bench.ticks()
        self.assertIs(self.bench.state(BOB), Liveness.ALIVE)
        self.assertTrue(dials(self.bench.wait(0.3)))


class DialTests(SynchronousTestCase):
    """Dials that gave no link."""

    def setUp(self) -> None:
        """Ada dialled bob, and his link ended."""
        self.bench = Bench().start()
        number = self.bench.link(BOB, BOB.alive(1, 0, "a", PLACE), dialled=PLACE)
        self.bench.cut(BOB, number)

    def miss(self, how: DialOutcome = DialOutcome.REFUSED) -> None:
        """A dial to bob fails."""
        self.bench.dial_failed(BOB, PLACE, how)

    def test_killed_process(self) -> None:
        """With either preset a killed process is unreachable within a second."""
        for preset in ("lan", "local"):
            bench = Bench(preset=preset).start()
            number = bench.link(BOB, dialled=PLACE)
            bench.cut(BOB, number)
            killed = bench.mono
            while bench.state(BOB) is not Liveness.UNREACHABLE:
                self.assertLess(bench.mono - killed, 1.0, preset)
                for dial in dials(bench.wait(0.05)):
                    bench.dial_failed(BOB, dial.address, DialOutcome.REFUSED)

    def test_two_refusals_too_close(self) -> None:
        """Two refusals at once are one."""
        self.miss()
        self.miss()
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)

    def test_other_outcomes(self) -> None:
        """Timeouts, missing routes, TLS and handshakes that fail are no verdict alone."""
        for how in set(DialOutcome) - {DialOutcome.REFUSED}:
            for _ in range(5):
                self.miss(how)
                self.bench.mono += 0.4
            self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)
            self.assertFalse(self.bench.member(BOB).evidence[-1].counted)

    def test_never_reached_there(self) -> None:
        """Refusals where it was never reached leave the suspicion to its timer."""
        for _ in range(5):
            self.bench.dial_failed(BOB, "10.9.9.9:1", DialOutcome.REFUSED)
            self.bench.mono += 0.4
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)

    def test_while_linked(self) -> None:
        """A dial that fails while a link is up says nothing."""
        self.bench.link(BOB)
        before = self.bench.member(BOB).evidence
        self.miss()
        self.assertEqual(self.bench.member(BOB).evidence, before)

    def test_strangers(self) -> None:
        """A dial to nobody in particular that fails is no evidence about anybody."""
        self.assertEqual(self.bench.dial_failed(None, "10.9.9.9:1", DialOutcome.REFUSED), [])
        self.assertEqual(self.bench.dial_failed(CAROL, "10.9.9.9:1", DialOutcome.REFUSED), [])

    def test_timer(self) -> None:
        """A host that vanished is unreachable when the suspicion ends, and redialled for ever."""
        limit = Settings().suspicion_max(2)
        self.bench.wait(limit - 0.2)
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)
        self.bench.wait(0.4)
        self.assertIs(self.bench.state(BOB), Liveness.UNREACHABLE)
        for _ in range(10):
            self.bench.dial_failed(BOB, PLACE, DialOutcome.TIMEOUT)
            self.assertTrue(dials(self.bench.wait(5.1)))

    def test_fresh_news_of_the_unreachable(self) -> None:
        """A newer claim of an unreachable member makes it suspect and dials it within a second."""
        self.bench.wait(13)
        number = self.bench.link(CAROL)
        self.bench.dial_failed(BOB, PLACE, DialOutcome.TIMEOUT)
        self.bench.receive(CAROL, Claims((BOB.alive(1, 1, "a", PLACE).signed,)), number)
        self.assertIs(self.bench.state(BOB), Liveness.SUSPECT)
        self.assertEqual([d.address for d in dials(self.bench.wait(1))][:1], [PLACE])
