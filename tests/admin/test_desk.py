"""What happens, as the desk words it for watchers: what it costs, and that it stays as it was told."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin import views
from securechat.ids import Hash, MemberId
from securechat.inputs import Say
from securechat.journal.store import Store
from securechat.keyring import Keyring
from securechat.objects import Signed
from securechat.settings import Settings
from tests.admin.real import Alone


def told(alone: Alone, kind: str = "post") -> list[dict[str, Any]]:
    """The events of a kind that are kept."""
    ring = alone.desk.ring
    kept = [ring.after(number) for number in range(ring.floor, ring.number)]
    return [dict(one.event.fields) for one in kept if one and one.event.type == kind]


def burst(alone: Alone, count: int) -> None:
    """So many posts of one turn, which are one envelope."""
    for number in range(count):
        alone.node.input(Say(f"post {number}", None))
    alone.clock.advance(0.1)


class Reading(SynchronousTestCase):
    """Texts read back from disk."""

    def setUp(self) -> None:
        """What is read is counted."""
        self.alone = Alone()
        self.read: list[Hash] = []
        self.damaged = False
        fetch = Store.object

        def counted(store: Store, name: Hash) -> Signed | None:
            self.read.append(name)
            return None if self.damaged else fetch(store, name)

        self.patch(Store, "object", counted)

    def test_an_envelope_is_read_once(self) -> None:
        """Sixty-four posts that came together are told with one reading, and so is a page of them."""
        burst(self.alone, 64)
        texts = [fields["text"] for fields in told(self.alone)]
        self.assertEqual(texts, [f"post {number}" for number in range(64)])
        self.assertEqual(len(self.read), len(set(self.read)))
        for verb, rows in (("messages", "items"), ("snapshot", "messages")):
            self.read.clear()
            page = self.alone.asks(verb, limit=64)
            self.assertEqual([row["text"] for row in page[rows]], texts)
            self.assertEqual(len(self.read), len(set(self.read)))

    def test_what_could_not_be_read_is_read_again(self) -> None:
        """Damage is said each time, and not longer than it lasts."""
        said = self.alone.asks("say", text="whole")["id"]
        name = self.alone.desk.read.line(self.alone.desk.names.find_message(said)).hash
        texts = views.Texts(self.alone.node.store.object)
        for self.damaged in (True, False):
            shown = texts(name, 0)
            self.assertEqual(shown, views.UNREADABLE if self.damaged else "whole")
        self.damaged = True
        (row,) = self.alone.asks("messages")["items"]
        self.assertEqual((row["id"], row["text"]), (said, views.UNREADABLE))


class Told(SynchronousTestCase):
    """An event that is kept says what it said, whatever happened since."""

    def test_its_text_is_forgotten(self) -> None:
        """A watcher that comes back reads what was said, though its text is pruned by then."""
        alone = Alone(Settings(history_posts=1, burst=10_000.0))
        for text in ("one", "two", "three"):
            alone.asks("say", text=text)
            alone.clock.advance(1)
        kept = [row["text"] for row in alone.asks("messages")["items"]]
        self.assertEqual(kept, ["three"])
        self.assertEqual([fields["text"] for fields in told(alone)], ["one", "two", "three"])

    def test_its_names_are_others_now(self) -> None:
        """Ids and names in it are those of its time, also when somebody of one name has come."""
        alone = Alone()
        alone.asks("say", text="x")
        (before,) = told(alone)
        ledger = alone.node.cores.membership._parts.ledger
        (key,) = ledger.keyring.keys.values()
        twin = evolve(key, member=MemberId("z" * 52))
        ledger.keyring = Keyring({key.member: key, twin.member: twin})
        self.assertNotEqual(alone.asks("messages")["items"][0]["id"], before["id"])
        self.assertEqual(told(alone), [before])
