"""What a node says of itself: addresses, incarnations, goodbye."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Answer
from securechat.ids import Version
from securechat.membership.messages import Alive, Claims, Leave, Ping
from securechat.notices import Liveness, Roster
from tests.membership.bench import CODEC, Bench, dials, notices, objects, sends, someone

ADA, BOB, CAROL = someone("ada"), someone("bob"), someone("carol")


def told(bench: Bench) -> Alive:
    """The Alive that a node shows now."""
    signed = bench.core.alive
    said = CODEC.statement(signed.purpose, signed.statement)
    assert isinstance(said, Alive)
    return said


class AddressTests(SynchronousTestCase):
    """Where a node says that it listens."""

    def test_advertised(self) -> None:
        """Advertised addresses are told as they are, at most four, and links change nothing."""
        places = tuple(f"10.0.0.{host}:7400" for host in range(1, 7))
        bench = Bench(advertise=(*places[:2], places[0], "nonsense", *places[2:])).start()
        self.assertEqual(told(bench).addresses, places[:4])
        bench.link(BOB)
        self.assertEqual(told(bench).version, Version(1, 0))

    def test_one_place(self) -> None:
        """A node that listens on one address tells that one."""
        bench = Bench(listen="127.0.0.1:7400").start()
        bench.link(BOB, local="127.0.0.1:5555")
        self.assertEqual(told(bench).addresses, ("127.0.0.1:7400",))
        self.assertEqual(told(bench).version, Version(1, 0))

    def test_an_impossible_place(self) -> None:
        """A listening address that no claim can carry is not told."""
        self.assertEqual(told(Bench(listen="[fe80::1%eth0]:7400").start()).addresses, ())

    def test_derived(self) -> None:
        """Else it is our end of each link with our port; a change is a new incarnation, told."""
        bench = Bench().start()
        self.assertEqual(told(bench).addresses, ())
        bench.link(BOB, local="10.0.0.1:5001")
        self.assertEqual(told(bench).addresses, ("10.0.0.1:7400",))
        self.assertEqual(told(bench).version, Version(1, 1))
        self.assertEqual(objects(sends(bench.effects, Claims, BOB)), [bench.core.alive])
        bench.link(CAROL, local="10.0.0.1:5002")
        self.assertEqual(told(bench).version, Version(1, 1))

    def test_at_most_four(self) -> None:
        """Of many interfaces four are told; the one without a link gives way first."""
        bench = Bench().start()
        links = []
        for host in range(1, 5):
            links.append(bench.link(BOB, local=f"10.0.{host}.1:5001"))
        bench.link(BOB, local="10.0.5.1:5001")
        self.assertEqual(told(bench).addresses, tuple(f"10.0.{h}.1:7400" for h in range(1, 5)))
        bench.cut(BOB, links[1], linked=True)
        bench.link(BOB, local="10.0.5.1:5002")
        expected = tuple(f"10.0.{h}.1:7400" for h in (1, 3, 4, 5))
        self.assertEqual(told(bench).addresses, expected)

    def test_addresses_without_a_link_stay(self) -> None:
        """While there is room, an address stays when its link ends."""
        bench = Bench().start()
        bench.cut(BOB, bench.link(BOB, local="10.0.1.1:5001"))
        bench.link(BOB, local="10.0.2.1:5001")
        self.assertEqual(told(bench).addresses, ("10.0.1.1:7400", "10.0.2.1:7400"))

    def test_unknown_port(self) -> None:
        """A node that does not know its port tells no address."""
        bench = Bench(listen="0.0.0.0:0").start()
        bench.link(BOB)
        self.assertEqual(told(bench).addresses, ())


class GoodbyeTests(SynchronousTestCase):
    """A node leaves."""

    def setUp(self) -> None:
        """Ada is linked to bob."""
        self.bench = Bench().start()
        self.number = self.bench.link(BOB)

    def test_goodbye(self) -> None:
        """A signed leave of our version goes to all linked peers, and the command is answered."""
        effects = self.bench.goodbye()
        (signed,) = objects(sends(effects, Claims, BOB))
        self.assertEqual(CODEC.statement(signed.purpose, signed.statement), Leave(ADA.id, 1, 1))
        self.assertIn(Answer(7, Version(1, 1)), effects)
        (roster,) = notices(effects, Roster)
        states = {seat.member: seat.state for seat in roster.seats}
        self.assertIs(states[ADA.id], Liveness.LEFT)
        self.assertTrue(self.bench.core.snapshot(self.bench.now).leaving)

    def test_twice(self) -> None:
        """A second goodbye is answered, and says nothing new."""
        self.bench.goodbye()
        effects = self.bench.goodbye()
        self.assertEqual(effects, [Answer(7, Version(1, 1))])

    def test_links_while_leaving(self) -> None:
        """A node that leaves does not announce addresses any more."""
        self.bench.goodbye()
        self.bench.link(CAROL, local="10.7.7.7:1")
        self.assertEqual(told(self.bench).version, Version(1, 1))

    def test_return(self) -> None:
        """The next start is above the leave, and takes part again."""
        self.bench.goodbye()
        self.bench.restart("2")
        view = self.bench.core.snapshot(self.bench.now)
        self.assertEqual((view.epoch, view.leaving), (2, False))
        (roster,) = notices(self.bench.effects, Roster)
        states = {seat.member: (seat.state, seat.epoch) for seat in roster.seats}
        self.assertEqual(states[ADA.id], (Liveness.ALIVE, 2))

    def test_rebuild_while_leaving(self) -> None:
        """A core rebuilt after the goodbye still neither probes nor dials."""
        self.bench.goodbye()
        self.bench.effects.clear()
        self.bench.start(fresh=False)
        effects = self.bench.wait(30)
        self.assertEqual((sends(effects, Ping), dials(effects)), ([], []))
