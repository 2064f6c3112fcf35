"""Whom a node dials, where and when."""

from __future__ import annotations

from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Dial
from securechat.inputs import DialOutcome
from securechat.membership.dialing import dialable
from securechat.membership.messages import Claims
from tests.membership.bench import Bench, dials, someone

BOB, CAROL = someone("bob"), someone("carol")
PLACE, OTHER = "10.0.0.2:7400", "10.0.0.3:7400"


class SeedTests(SynchronousTestCase):
    """Configured addresses."""

    def setUp(self) -> None:
        """Ada knows one address and nobody."""
        self.bench = Bench(peers=(PLACE,)).start()

    def test_at_once(self) -> None:
        """A configured address is dialled at the first tick, expecting nobody in particular."""
        (dial,) = dials(self.bench.wait(0.05))
        self.assertEqual((dial.address, dial.peer), (PLACE, None))

    def test_for_ever(self) -> None:
        """It is dialled for ever: at most 5 T apart in the first hour, then at most 30 T."""
        times: list[float] = []
        while self.bench.mono < 6000:
            if dials(self.bench.wait(0.5)):
                times.append(self.bench.mono - 1000)
                self.bench.dial_failed(None, PLACE, DialOutcome.REFUSED)
        early = [b - a for a, b in pairwise(times) if b < 3500]
        late = [b - a for a, b in pairwise(times) if a > 3700]
        self.assertLessEqual(max(early), 5.6)
        self.assertTrue(late)
        self.assertGreater(max(late), 6)
        self.assertLessEqual(max(late), 30.6)

    def test_one_dial_at_a_time(self) -> None:
        """No second dial goes to an address while one is out; a lost one is given up."""
        self.assertEqual(len(dials(self.bench.wait(12))), 1)
        self.assertEqual(len(dials(self.bench.wait(8))), 1)

    def test_found(self) -> None:
        """Once its member is known the address is left to the member's own schedule."""
        self.bench.wait(0.05)
        number = self.bench.link(BOB, dialled=PLACE)
        for _ in range(100):
            self.assertEqual(dials(self.bench.wait(0.4)), [])
            self.bench.heard(BOB, number)
        self.bench.cut(BOB, number)
        self.assertEqual({dial.peer for dial in dials(self.bench.wait(12))}, {BOB.id})

    def test_somebody_else_moved_in(self) -> None:
        """If another member answers there, the address is dialled for whoever it is again."""
        self.bench.wait(0.05)
        self.bench.cut(BOB, self.bench.link(BOB, dialled=PLACE))
        self.bench.wait(0.3)
        self.bench.dial_failed(BOB, PLACE, DialOutcome.TLS, "another member")
        found = []
        for _ in range(200):
            for dial in dials(self.bench.wait(0.5)):
                found.append(dial.peer)
                self.bench.dial_failed(BOB, PLACE, DialOutcome.TLS)
        self.assertIn(None, found)
        self.bench.link(CAROL, dialled=PLACE)
        self.assertEqual([d for d in dials(self.bench.wait(40)) if d.peer is None], [])

    def test_our_own_address(self) -> None:
        """A node that finds itself at a configured address does not dial it again."""
        self.bench.wait(0.05)
        self.bench.dial_failed(None, PLACE, DialOutcome.HANDSHAKE, "self")
        self.assertEqual(dials(self.bench.wait(60)), [])

    def test_our_listen_address(self) -> None:
        """Our own listening and advertised addresses are never dialled."""
        bench = Bench(listen=PLACE, advertise=(OTHER,), peers=(PLACE, OTHER)).start()
        self.assertEqual(dials(bench.wait(60)), [])


class MemberTests(SynchronousTestCase):
    """Members of the roster without a link."""

    def test_newly_learned(self) -> None:
        """A member that was just heard of is dialled within a period, where it listens."""
        bench = Bench().start()
        bench.link(BOB)
        bench.receive(BOB, Claims((CAROL.alive(1, 0, "c", OTHER).signed,)))
        (dial,) = dials(bench.wait(1))
        self.assertEqual((dial.address, dial.peer), (OTHER, CAROL.id))

    def test_no_herd(self) -> None:
        """The larger the room, the wider those who hear of a member at once spread their dials."""
        spread = []
        for others in (1, 12, 40):
            times = set()
            for seed in range(20):
                bench = Bench(seed=seed).start()
                bench.link(BOB)
                known = tuple(someone(f"peer{n:02}").alive().signed for n in range(others))
                bench.receive(BOB, Claims(known))
                bench.receive(BOB, Claims((CAROL.alive(1, 0, "c", OTHER).signed,)))
                start = bench.mono
                while not dials(bench.wait(0.05)):
                    self.assertLess(bench.mono - start, 1.1)
                times.add(round(bench.mono - start, 2))
            spread.append(len(times))
        self.assertEqual(spread, sorted(set(spread)))
        self.assertGreater(spread[-1], 8)

    def test_a_mute_link(self) -> None:
        """Half through the suspicion of a linked member a second link is tried beside the mute one."""
        bench = Bench().start()
        bench.link(BOB, dialled=PLACE)
        self.assertEqual(dials(bench.wait(4)), [])
        self.assertEqual([dial.address for dial in dials(bench.wait(4))], [PLACE])

    def test_addresses_in_turn(self) -> None:
        """Where it was reached comes first, then every address that it tells."""
        bench = Bench().start()
        alive = BOB.alive(1, 0, "a", OTHER, "0.0.0.0:7400", "10.0.0.4:7400")
        bench.cut(BOB, bench.link(BOB, alive, dialled=PLACE))
        tried = []
        for _ in range(60):
            for dial in dials(bench.wait(0.5)):
                tried.append(dial.address)
                bench.dial_failed(BOB, dial.address, DialOutcome.TIMEOUT)
        self.assertEqual(tried[0], PLACE)
        self.assertEqual(set(tried), {PLACE, OTHER, "10.0.0.4:7400"})

    def test_remembered_addresses(self) -> None:
        """After a restart a member is found where it was reached, without any configured peer."""
        bench = Bench().start()
        bench.link(BOB, BOB.alive(), dialled=PLACE)
        bench.restart("2")
        self.assertEqual([d.address for d in dials(bench.wait(1))], [PLACE])

    def test_no_address(self) -> None:
        """A member of which no address is known is not dialled, and nothing breaks."""
        bench = Bench().start()
        bench.cut(BOB, bench.link(BOB, BOB.alive()))
        self.assertEqual(dials(bench.wait(60)), [])

    def test_who_left(self) -> None:
        """A member that left is dialled seldom: it is expected back and will dial us."""
        bench = Bench().start()
        number = bench.link(BOB, dialled=PLACE)
        bench.receive(BOB, Claims((BOB.leave().signed,)), number)
        bench.cut(BOB, number)
        found = 0
        for _ in range(1200):
            for dial in dials(bench.wait(0.5)):
                found += 1
                bench.dial_failed(BOB, dial.address, DialOutcome.REFUSED)
        self.assertTrue(10 < found < 90, str(found))

    def test_most_recent_address_first(self) -> None:
        """The address that worked last is tried first, and four are remembered."""
        bench = Bench().start()
        for host in range(2, 8):
            bench.cut(BOB, bench.link(BOB, dialled=f"10.0.0.{host}:7400"))
        known = bench.signed_facts("AddressesKnown")[-1].addresses
        self.assertEqual(known, tuple(f"10.0.0.{host}:7400" for host in (7, 6, 5, 4)))


class NewsTests(SynchronousTestCase):
    """Ada lost bob in a cut, and her dial to him is out; carol tells that he lives."""

    def setUp(self) -> None:
        """Bob's link breaks; a dial sets out within 0.2 s."""
        self.bench = Bench().start()
        self.carol = self.bench.link(CAROL)
        bob = self.bench.link(BOB, BOB.alive(1, 0, "b", PLACE), dialled=PLACE)
        found = dials(self.bench.cut(BOB, bob))
        while not found:
            found = dials(self.bench.wait(0.05))
        self.assertEqual(found, [Dial(PLACE, BOB.id)])
        self.told = 0

    def news(self) -> list[Dial]:
        """Carol passes on a newer claim of bob's."""
        self.told += 1
        claim = BOB.alive(1, self.told, "b", PLACE).signed
        return dials(self.bench.receive(CAROL, Claims((claim,)), self.carol))

    def after(self, seconds: float) -> list[Dial]:
        """The dials of so long a time."""
        steps = range(round(seconds / 0.05))
        return [dial for _ in steps for dial in dials(self.bench.wait(0.05))]

    def test_in_its_place(self) -> None:
        """A dial that has been out for a while makes room for another on fresh news, once."""
        self.assertEqual(self.after(0.5), [])
        self.assertEqual([*self.news(), *self.after(0.3)], [Dial(PLACE, BOB.id, instead=True)])
        self.assertEqual(self.after(2), [])

    def test_a_young_dial(self) -> None:
        """News does not disturb a dial before its packet had time to be answered: then, not sooner."""
        self.assertEqual([*self.news(), *self.after(0.2)], [])
        self.assertEqual(self.after(0.1), [Dial(PLACE, BOB.id, instead=True)])

    def test_a_long_path(self) -> None:
        """However much news there is, the dial that took another's place has its whole time."""
        found = []
        for _ in range(10):
            found += [*self.news(), *self.after(0.2)]
        self.assertEqual(found, [Dial(PLACE, BOB.id, instead=True)])
        self.bench.dial_failed(BOB, PLACE, DialOutcome.TIMEOUT)
        self.assertEqual([*self.news(), *self.after(0.2)], [Dial(PLACE, BOB.id)])

    def test_without_news(self) -> None:
        """Nothing but news has a dial take the place of another."""
        self.assertEqual(self.after(5), [])

    def test_it_failed_meanwhile(self) -> None:
        """If the dial failed by itself, news dials as ever."""
        self.news()
        self.bench.dial_failed(BOB, PLACE, DialOutcome.TIMEOUT)
        self.assertEqual(self.after(0.3), [Dial(PLACE, BOB.id)])


class AddressTests(SynchronousTestCase):
    """What names a place."""

    def test_dialable(self) -> None:
        """A wildcard or port 0 is no place to dial."""
        self.assertTrue(dialable("10.0.0.1:7400"))
        self.assertTrue(dialable("[::1]:7400"))
        for address in ("0.0.0.0:7400", "[::]:7400", ":7400", "10.0.0.1:0"):
            self.assertFalse(dialable(address))
