"""What nodes give up is held against what the others show at that moment, and in the end."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.ids import BootId, Hash, MemberId, MessageId, Stream
from securechat.messaging.gaps import FORKED
from securechat.objects import Signed
from securechat.simulation.observed import Line, Missing, Seat, Shown, View
from securechat.simulation.people import person
from securechat.simulation.verdicts import Verdicts

ADA, BOB, CAROL = (person(index).signer.member for index in range(3))
STREAM = Stream(ADA, 1, BootId("0" * 32))
SEATS = tuple(Seat(member, "alive", 1, 0) for member in (ADA, BOB, CAROL))
NEVER = "closed: never had by any"


class Site:
    """A node."""

    def __init__(self, name: str, member: MemberId) -> None:
        self.name, self.member = name, member

    def on_disk(self, name: Hash) -> Signed | None:
        """Nothing."""
        return None


def view(*lines: Line) -> View:
    """What a node shows."""
    return View(SEATS, "", lines)


def post(seq: int) -> Shown:
    """A post of ada's."""
    return Shown(MessageId(STREAM, seq), f"post {seq}", None, None, None)


class VerdictTests(SynchronousTestCase):
    """Bob gives posts 1 to 3 of ada's up; carol may show them."""

    def setUp(self) -> None:
        self.now, self.broken = 10.0, list[str]()
        self.verdicts = Verdicts(lambda rule, *_: self.broken.append(rule), lambda: self.now)
        self.bob, self.carol = Site("bob", BOB), Site("carol", CAROL)

    def gives_up(self, carol: View, *answers: tuple[MemberId, str]) -> list[str]:
        """The rules that are broken when bob gives them up now, by these words."""
        self.broken.clear()
        gap = Missing(STREAM, 1, 3, NEVER, answers)
        self.verdicts.gave_up(self.bob, (STREAM, 1, 3), view(gap), {CAROL: carol})
        return list(self.broken)

    def test_had_all_the_time(self) -> None:
        """Who has shown a post since before the gap was known cannot have said no, asked or not."""
        self.verdicts.looked(self.carol, view(post(2)))
        self.now = 20.0
        self.verdicts.opened(self.bob, STREAM, 1, 3)
        self.now = 50.0
        self.assertEqual(self.gives_up(view(post(2)), (CAROL, "never had")), ["I5"])
        self.assertEqual(self.gives_up(view(post(2)), (ADA, "never had")), ["I5"])
        self.assertEqual(self.gives_up(view(post(4))), [])

    def test_came_after_the_word(self) -> None:
        """What a member got after the gap was known, it may have lacked when it said so."""
        self.verdicts.opened(self.bob, STREAM, 1, 3)
        self.now = 20.0
        self.verdicts.posted(self.carol, STREAM, 2)
        self.now = 50.0
        self.assertEqual(self.gives_up(view(post(2)), (CAROL, "never had")), [])

    def test_began_again(self) -> None:
        """To a new process everybody has to say again what he lacks."""
        self.verdicts.opened(self.bob, STREAM, 1, 3)
        self.now = 20.0
        self.verdicts.posted(self.carol, STREAM, 2)
        self.now = 30.0
        self.verdicts.began(self.bob)
        self.verdicts.opened(self.bob, STREAM, 1, 3)
        self.assertEqual(self.gives_up(view(post(2)), (CAROL, "never had")), ["I5"])

    def test_other_disk(self) -> None:
        """Of what a lost disk had its member may say that it never had it, though it comes again."""
        self.verdicts.posted(self.carol, STREAM, 2)
        self.now = 20.0
        self.verdicts.opened(self.bob, STREAM, 1, 3)
        self.now = 30.0
        self.verdicts.disk_changed(self.carol)
        self.now = 40.0
        self.verdicts.looked(self.carol, view(post(2)))
        self.assertEqual(self.gives_up(view(post(2)), (CAROL, "never had")), [])

    def test_healed(self) -> None:
        """In the end nobody shows what anybody has given up; a gap that is open may be filled yet."""
        for verdict, rules in (("waiting", []), (NEVER, ["I5"])):
            gap = Missing(STREAM, 1, 3, verdict)
            self.verdicts.healed({"bob": view(gap), "carol": view(post(2))})
            self.assertEqual(self.broken, rules)
        self.broken.clear()
        self.verdicts.healed({"bob": view(Missing(STREAM, 1, 3, NEVER)), "carol": view(post(4))})
        self.assertEqual(self.broken, [])
        beyond = Missing(STREAM, 1, 3, f"closed: {FORKED.format(1)}")
        self.verdicts.healed({"bob": view(beyond), "carol": view(post(2))})
        self.assertEqual(self.broken, [])
