"""Names: what people call members, and whom they mean."""

from __future__ import annotations

from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import LocalError
from securechat.ids import BootId, Kind, MemberId, MessageId, Stream, Version
from securechat.keyring import Key, Keyring
from tests.steps import steps

ADA, BOB, TWIN = MemberId("a" * 52), MemberId("b" * 52), MemberId("c" * 52)


def ring(*named: tuple[MemberId, str]) -> Keyring:
    """A keyring of these members."""
    return Keyring({member: Key(member, name, b"k" * 32, b"der") for member, name in named})


class KeyringTests(SynchronousTestCase):
    """One room's names."""

    def test_names(self) -> None:
        """A name prints as it is; two of one name print apart; a stranger prints as his id."""
        keys = ring((ADA, "ada"), (BOB, "bob"), (TWIN, "bob"))
        self.assertEqual(keys.named(ADA), "ada")
        self.assertEqual(keys.named(BOB), "bob#bbbbbbbb")
        self.assertEqual(keys.named(MemberId("z" * 52)), "#zzzzzzzz")
        self.assertIsNone(keys.get(MemberId("z" * 52)))

    def test_a_name_costs_the_same_in_every_room(self) -> None:
        """Whoever is shown is not sought among all others, again and again."""
        costs = []
        for size in (2, 1000):
            keys = ring((ADA, "ada"), *((MemberId(f"{n:052}"), f"n{n}") for n in range(size)))
            self.assertEqual(keys.named(ADA), "ada")
            costs.append(steps(partial(keys.named, ADA)))
        self.assertEqual(costs[0], costs[1])

    def test_find(self) -> None:
        """A name, a name with the start of the id, the start alone and the id all find a member."""
        keys = ring((ADA, "ada"), (BOB, "bob"), (TWIN, "bob"))
        for word in ("ada", "ada#aaaaaaaa", "#aaaa", ADA):
            self.assertEqual(keys.find(word), ADA)
        self.assertEqual(keys.find("bob#cccccccc"), TWIN)

    def refused(self, keys: Keyring, word: str) -> LocalError:
        """Nobody is found."""
        with self.assertRaises(LocalError) as caught:
            keys.find(word)
        problem: LocalError = caught.exception
        return problem

    def test_nobody_and_too_many(self) -> None:
        """Nobody is 520; a name of two members is 521 and lists both, never a guess."""
        keys = ring((ADA, "ada"), (BOB, "bob"), (TWIN, "bob"))
        self.assertEqual(self.refused(keys, "dave").code, 520)
        self.assertEqual(self.refused(keys, "").code, 520)
        self.assertEqual(self.refused(keys, "ada#b").code, 520)
        problem = self.refused(keys, "bob")
        self.assertEqual(problem.code, 521)
        self.assertEqual(problem.candidates, ("bob#bbbbbbbb", "bob#cccccccc"))

    def test_hostile_word(self) -> None:
        """What was asked for is repeated cut and escaped."""
        text = self.refused(ring(), "x\x1b[2J" + "y" * 500).text
        self.assertLess(len(text), 120)
        self.assertNotIn("\x1b", text)


class IdTests(SynchronousTestCase):
    """Ids, for people and for keys."""

    def test_shown(self) -> None:
        """Posts are NAME/EPOCH/SEQ, direct messages NAME/EPOCH/dSEQ; two streams print apart."""
        stream = Stream(ADA, 3, BootId("9f" + "0" * 30))
        self.assertEqual(MessageId(stream, 17).shown("ada"), "ada/3/17")
        self.assertEqual(MessageId(stream, 17, Kind.DIRECT).shown("ada"), "ada/3/d17")
        self.assertEqual(MessageId(stream, 17).shown("ada", twin=True), "ada/3~9f/17")

    def test_canonical(self) -> None:
        """The canonical form is read back; anything else is a ValueError."""
        stream = Stream(ADA, 3, BootId("0" * 32))
        for kind in Kind:
            message = MessageId(stream, 5, kind)
            self.assertEqual(MessageId.parse(str(message)), message)
            self.assertEqual(message.author, ADA)
        for text in ("", "a/b", "a/1~x/y", "a/b~c/1"):
            self.assertRaises(ValueError, MessageId.parse, text)

    def test_versions(self) -> None:
        """A later epoch is newer whatever the incarnation."""
        self.assertLess(Version(1, 9), Version(2, 0))
        self.assertEqual(str(Version(2, 1)), "2.1")
