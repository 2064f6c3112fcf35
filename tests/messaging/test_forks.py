"""Who signs two histories or claims what never was: all see the same, and nobody asks for ever."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.effects import Record
from securechat.ids import BootId, Hash, MemberId, MessageId
from securechat.messaging.facts import Floor
from securechat.messaging.hlc import stamp_of
from securechat.messaging.messages import Absent, Backfill, Frontiers, Posts, Want, Why
from securechat.messaging.statements import (
    Envelope,
    Frontier,
    Opening,
    Start,
    StreamEntry,
    attachment_of,
)
from securechat.messaging.views import PostLine
from securechat.notices import Conflict, PostShown
from securechat.objects import Signed
from securechat.settings import Settings
from tests.messaging.room import Member, Room, admit, sign

EPOCH = 7
BOOT = BootId("f0" * 16)
NEVER = Hash(b"\7" * 32)


def chain(
    room: Room,
    author: Member,
    texts: Sequence[str],
    first: int = 1,
    previous: bytes = b"",
    opening: Opening | None = None,
    boot: BootId = BOOT,
) -> list[Signed]:
    """Envelopes of one post each, chained, as an author of any program may sign them."""
    found: list[Signed] = []
    for seq, text in enumerate(texts, first):
        body = attachment_of((text,))
        start = (opening or Opening(Start.FIRST)) if seq == 1 else None
        stamp = stamp_of(room.wall_ms) + seq
        digest = hashlib.sha256(body).digest()
        header = Envelope(author.id, EPOCH, boot, seq, 1, previous, stamp, digest, start)
        found.append(sign(author.number, header, body))
        previous = admit(found[-1]).hash
    return found


def name(signed: Signed) -> Hash:
    """The hash of an envelope."""
    return admit(signed).hash


def pages(member: Member, limit: int) -> Iterator[Any]:
    """All lines, so many a page; each page begins after the last line of the one before."""
    after: MessageId | str = ""
    while True:
        page = member.core.transcript(after=after, limit=limit)
        yield from page.lines
        if not page.more:
            return
        after = page.lines[-1].id  # type: ignore[union-attr]


def wants(members: Sequence[Member]) -> list[Want]:
    """All wants of these."""
    return [x.message for m in members for x in m.sent if isinstance(x.message, Want)]


class Liars(SynchronousTestCase):
    """Mallory speaks by hand, to whom she likes; ada, bob and carol are linked to each other."""

    def setUp(self) -> None:
        """A room of four, one of whom runs another program."""
        self.room = Room()
        self.ada, self.bob, self.carol = (self.room.member(number) for number in (1, 2, 3))
        self.honest = [self.ada, self.bob, self.carol]
        self.mallory = self.room.member(4)
        self.room.roster()
        self.room.mesh(*self.honest)
        self.room.run()

    def told(self, texts: set[str]) -> None:
        """All honest members show these and have one digest."""
        for member in self.honest:
            self.assertEqual(set(member.texts()), texts)
        self.assertEqual(len({member.digest for member in self.honest}), 1)
        self.assertEqual([member.errors for member in self.honest], [[], [], []])

    def marked(self, member: Member) -> set[str]:
        """The texts that are marked as forked."""
        texts = [text for text in member.texts() if not text.startswith("[")]
        pairs = zip(texts, [line.mark for line in member.lines()], strict=True)
        return {text for text, mark in pairs if mark == "forked"}

    def test_one_each(self) -> None:
        """Two know one post each for one place: both get both, and who knew none as well."""
        common = chain(self.room, self.mallory, ["one", "two"])
        for member in self.honest:
            member.receive(self.mallory.id, Posts(tuple(common)))
        for member, text in ((self.ada, "to ada"), (self.bob, "to bob")):
            (last,) = chain(self.room, self.mallory, [text], 3, name(common[1]))
            member.receive(self.mallory.id, Posts((last,)))
        self.room.wait(40, 0.1)
        self.told({"one", "two", "to ada", "to bob"})
        for member in self.honest:
            self.assertEqual(self.marked(member), {"to ada", "to bob"})
            (forked,) = [line.forked for line in member.core.streams() if line.forked]
            self.assertEqual(forked, 3)
            self.assertEqual(sum(key.startswith("fork/") for key in member.disk.facts), 1)
        for member in self.honest:
            member.sent.clear()
        self.room.wait(120, 0.25)
        self.assertEqual(wants(self.honest), [])
        kinds = {type(x.message).__name__ for m in self.honest for x in m.sent}
        self.assertLessEqual(kinds, {"Digest", "Unlinked", "Frontiers"})

    def test_long_histories(self) -> None:
        """Two histories of hundreds of posts that part early: the first place is found."""
        common = chain(self.room, self.mallory, ["one"])
        sides = {
            member: chain(
                self.room, self.mallory, [f"{number} to {member.number}" for number in range(400)],
                2, name(common[0]),
            )
            for member in (self.ada, self.bob)
        }  # fmt: skip
        for member, said in sides.items():
            member.receive(self.mallory.id, Posts(tuple(common)))
            for signed in said:
                member.receive(self.mallory.id, Posts((signed,)))
                self.room.mono += 0.05
        self.room.wait(150, 0.1)
        self.assertEqual({m.digest for m in self.honest}, {self.ada.digest})
        for member in self.honest:
            (forked,) = [line.forked for line in member.core.streams() if line.forked]
            self.assertEqual(forked, 2)
            self.assertLessEqual({"0 to 1", "0 to 2"}, self.marked(member))
        self.assertLess(len(wants(self.honest)), 60)

    def test_pages(self) -> None:
        """Who reads page by page is shown both posts of a place once, each by an id of its own."""
        for number in range(5):
            self.ada.say(f"before, {number}")
            self.room.wait(1)
        self.ada.receive(self.mallory.id, Posts(tuple(chain(self.room, self.mallory, ["to ada"]))))
        self.room.wait(2)
        self.carol.say("in between")
        (late,) = chain(self.room, self.mallory, ["to bob, later"])
        self.bob.receive(self.mallory.id, Posts((late,)))
        self.room.wait(40, 0.1)
        for member in self.honest:
            lines = member.core.transcript(after="", limit=100).lines
            whole = [line for line in lines if isinstance(line, PostLine)]
            self.assertEqual(len(whole), len(lines))
            ids = [line.id.shown(line.author) for line in whole]
            self.assertEqual(len(set(ids)), len(whole))
            self.assertIn(f"{self.mallory.id}/{EPOCH}/1~{name(late).hex()[:16]}", ids)
            for limit in (1, 2, 3):
                self.assertEqual(list(pages(member, limit)), whole)
            back = member.core.transcript(before=whole[-1].id, limit=100).lines
            self.assertEqual(list(back), whole[:-1])
            for line in whole:
                self.assertEqual(member.core.line(line.id), line)

    def test_event_of_a_twin(self) -> None:
        """What is told of a further post of a place names that one."""
        for number in range(5):
            (post,) = chain(self.room, self.mallory, [f"{number} of a place"])
            self.ada.notices.clear()
            self.ada.receive(self.mallory.id, Posts((post,)))
            (event,) = [told for told in self.ada.notices if isinstance(told, PostShown)]
            self.assertEqual(self.ada.core.line(event.id).hash, name(post))

    def test_who_was_away(self) -> None:
        """Who was away while the others found a fork is shown its proof."""
        common = chain(self.room, self.mallory, ["one", "two"])
        for member in self.honest:
            member.receive(self.mallory.id, Posts(tuple(common)))
        self.room.wait(3)
        for member in (self.ada, self.bob):
            self.room.cut(member, self.carol)
        for text in ("A", "B"):
            (last,) = chain(self.room, self.mallory, [text], 3, name(common[1]))
            self.ada.receive(self.mallory.id, Posts((last,)))
        self.room.wait(10)
        for member in (self.ada, self.bob):
            self.room.link(member, self.carol)
        self.room.wait(40, 0.1)
        self.told({"one", "two", "A", "B"})
        self.assertEqual(self.marked(self.carol), {"A", "B"})

    def test_many_forks(self) -> None:
        """A hundred streams, each forked towards ada alone: all get the proofs, a few at once."""
        for number in range(100):
            boot = BootId(f"{number:032x}")
            twins = [chain(self.room, self.mallory, [f"{x}{number}"], boot=boot)[0] for x in "ab"]
            self.ada.receive(self.mallory.id, Posts(tuple(twins)))
            self.room.wait(0.2)
        self.room.wait(200, 0.2)
        self.told({f"{x}{number}" for number in range(100) for x in "ab"})
        self.ada.sent.clear()
        self.room.wait(60, 0.25)
        self.assertFalse([x for x in self.ada.sent if isinstance(x.message, Posts)])

    def forked_early(self, *members: Member) -> list[Signed]:
        """These hear a hundred posts of mallory's, and two for the second place."""
        said = chain(self.room, self.mallory, [f"post {number}" for number in range(1, 101)])
        (twin,) = chain(self.room, self.mallory, ["other"], 2, name(said[0]))
        for signed in (*said[:3], twin, *said[3:]):
            self.room.mono += 0.1
            for member in members:
                member.receive(self.mallory.id, Posts((signed,)))
        return said

    def away(self) -> None:
        """Carol has no link."""
        for member in (self.ada, self.bob):
            self.room.cut(member, self.carol)

    def back(self) -> None:
        """She has one to each again."""
        for member in (self.ada, self.bob):
            self.room.link(member, self.carol)

    def verdicts(self, member: Member) -> list[tuple[int, int, str]]:
        """What a member tells of what it lacks."""
        return [(gap.first, gap.last, gap.verdict) for gap in member.core.gaps(member.now)]

    def test_beyond(self) -> None:
        """What others show beyond a fork is a gap that says so; nobody is asked for it."""
        self.away()
        said = self.forked_early(self.ada, self.bob)
        self.back()
        self.room.wait(40, 0.1)
        gap = [(3, 100, "closed: beyond a proven fork at 2; what each heard stays where it is")]
        self.assertEqual(self.carol.texts()[-1], "[3-100]")
        self.assertEqual(self.verdicts(self.carol), gap)
        self.assertEqual(self.verdicts(self.ada), [])
        self.assertEqual(len({member.digest for member in self.honest}), 1)
        (gap_line,) = self.carol.core.gaps(self.carol.now)
        self.assertEqual((gap_line.asked, gap_line.next_try), ((), None))
        self.carol.sent.clear()
        (live,) = chain(self.room, self.mallory, ["live"], 101, name(said[-1]))
        for member in self.honest:
            member.receive(self.mallory.id, Posts((live,)))
        self.room.wait(300, 0.5)
        self.assertEqual(self.carol.texts()[-2:], ["[3-100]", "live"])
        self.assertEqual(self.marked(self.carol), {"post 2", "other", "live"})
        self.assertEqual(self.verdicts(self.carol), gap)
        self.assertEqual(wants([self.carol]), [])
        self.carol.restart()
        self.assertEqual(self.verdicts(self.carol), gap)

    def test_beyond_live(self) -> None:
        """A post beyond a fork that one member alone hears is a gap at the others."""
        said = self.forked_early(*self.honest)
        self.room.wait(40, 0.1)
        self.assertEqual(self.verdicts(self.carol), [])
        (live,) = chain(self.room, self.mallory, ["to ada"], 101, name(said[-1]))
        self.ada.receive(self.mallory.id, Posts((live,)))
        self.room.wait(3)
        for member in (self.bob, self.carol):
            self.assertEqual(member.texts()[-1], "[101-101]")
        for member in self.honest:
            member.sent.clear()
        self.room.wait(120, 0.25)
        told = {type(x.message).__name__ for m in self.honest for x in m.sent}
        self.assertEqual(told, {"Digest", "Unlinked"})

    def test_proof_pruned(self) -> None:
        """A newcomer gets what is left of a fork whose proof is pruned; none of it is "never had"."""
        few = Settings(history_posts=50, posts_per_second=10_000, burst=10_000)
        self.ada, self.bob = (self.room.member(number, settings=few) for number in (1, 2))
        self.honest = [self.ada, self.bob, self.carol]
        self.room.roster(*self.honest)
        self.room.links.clear()
        self.room.link(self.ada, self.bob)
        said = self.forked_early(self.ada, self.bob)
        self.room.wait(70)
        self.assertEqual([len(m.texts()) for m in (self.ada, self.bob)], [50, 50])
        self.back()
        more = chain(self.room, self.mallory, ["live"], 101, name(said[-1]))
        for member in self.honest:
            member.receive(self.mallory.id, Posts(tuple(more)))
        self.room.wait(300, 0.25)
        self.assertEqual(self.carol.texts()[1:], self.bob.texts()[-51:])
        self.assertEqual(self.verdicts(self.carol), [(1, 51, "closed: pruned by all")])

    def alone(self) -> None:
        """Nobody has a link."""
        for one, other in itertools.combinations(self.honest, 2):
            self.room.cut(one, other)

    def test_below_a_floor(self) -> None:
        """Who pruned the place of a fork learns of it all the same, and calls nothing "never had"."""
        self.alone()
        few = Settings(history_posts=6, posts_per_second=10_000, burst=10_000)
        self.bob = self.room.member(2, settings=few)
        self.room.roster(self.ada, self.bob)
        said = chain(self.room, self.mallory, [f"post {n}" for n in range(1, 13)])
        twin = chain(self.room, self.mallory, ["other"], 3, name(said[1]))
        self.ada.receive(self.mallory.id, Posts((*said, *twin)))
        self.bob.receive(self.mallory.id, Posts(tuple(said[:8])))
        self.bob.receive(self.mallory.id, Posts(tuple(said[10:])))
        kept = [f"post {n}" for n in (5, 6, 7, 8)]
        self.assertEqual(self.bob.texts(), [*kept, "[9-10]", "post 11", "post 12"])
        self.room.link(self.ada, self.bob)
        self.room.wait(60, 0.25)
        gap = (9, 10, "closed: beyond a proven fork at 3; what each heard stays where it is")
        self.assertEqual(self.verdicts(self.bob), [gap])
        self.assertEqual(self.marked(self.bob), {*kept, "post 11", "post 12"})
        self.assertEqual(sum(key.startswith("held/") for key in self.bob.disk.facts), 6)
        told = [notice for notice in self.bob.notices if isinstance(notice, Conflict)]
        self.assertEqual(len(told), 1)
        for member in (self.ada, self.bob):
            member.sent.clear()
        refused = self.bob.core.parts.book.counters["refused.pruned"]
        self.room.wait(120, 0.25)
        sent = {type(x.message).__name__ for m in (self.ada, self.bob) for x in m.sent}
        self.assertEqual(sent, {"Digest"})
        self.assertEqual(self.bob.core.parts.book.counters["refused.pruned"], refused)
        self.bob.restart()
        self.assertEqual(self.verdicts(self.bob), [gap])

    def test_asked_once(self) -> None:
        """Who knows of the same fork and has nothing sound left is not asked again and again."""
        self.alone()
        self.room.roster(self.ada, self.bob)
        said = chain(self.room, self.mallory, [f"post {n}" for n in range(1, 10)])
        twin = chain(self.room, self.mallory, ["other"], 9, name(said[7]))
        proof = (said[8], *twin)
        floor = Floor(self.mallory.id, EPOCH, BOOT, 4, name(said[3]), stamp_of(self.room.wall_ms))
        self.bob.do([Record(floor)])
        self.bob.receive(self.mallory.id, Posts(proof))
        self.ada.receive(self.mallory.id, Posts((*said[:2], *proof)))
        self.room.link(self.ada, self.bob)
        self.room.wait(100, 0.25)
        self.assertLessEqual(len(wants([self.ada])), 2)
        for member in (self.ada, self.bob):
            member.sent.clear()
        self.room.wait(600, 0.5)
        self.assertEqual(wants([self.ada, self.bob]), [])

    def claims(self, entry: StreamEntry, version: int = 10**15) -> Frontiers:
        """Mallory's frontier."""
        mine = self.mallory
        said = Frontier(mine.id, 1, mine.boot, version, True, 1, 1, (), (entry,))
        return Frontiers((sign(mine.number, said),))

    def hear_mallory(self, how: str, frontiers: Frontiers) -> None:
        """She is linked to ada, says this, and answers wants in some way."""
        self.room.told(self.ada, self.mallory)
        self.room.links.discard(frozenset((self.ada.id, self.mallory.id)))
        self.ada.receive(self.mallory.id, frontiers)
        seen = 0
        for _ in range(1200):
            self.room.tick(0.1)
            asked = [x for x in self.ada.sent[seen:] if isinstance(x.message, Want)]
            seen = len(self.ada.sent)
            for want in (x.message for x in asked if x.peer == self.mallory.id):
                span = (want.first, want.last)
                place = (want.author, want.epoch, want.boot)
                if how == "never had":
                    self.ada.receive(self.mallory.id, Absent(*place, (span,), Why.NEVER_HAD))
                if how != "nothing":
                    self.ada.receive(self.mallory.id, Backfill(*place, *span, True))

    def asked(self, whom: MemberId) -> int:
        """Wants of ada to one."""
        return sum(isinstance(x.message, Want) and x.peer == whom for x in self.ada.sent)

    def test_false_claim(self) -> None:
        """A huge head for somebody else's stream is asked for once, however it is answered."""
        for how in ("never had", "empty", "nothing"):
            self.setUp()
            said = self.bob.say("bob's own")
            self.room.wait(1)
            s = said.id.stream
            entry = StreamEntry(s.author, s.epoch, s.boot, ((1, 10**15, NEVER),))
            self.hear_mallory(how, self.claims(entry))
            self.assertLessEqual(self.asked(self.mallory.id), 1 if how != "nothing" else 8, how)
            self.assertEqual(self.asked(self.bob.id), 0)
            self.assertEqual(self.ada.gaps(), [])
            self.bob.say("goes on")
            self.room.wait(1)
            self.told({"bob's own", "goes on"})

    def test_other_head(self) -> None:
        """A head that is not the author's, for posts that are here, is asked for once as well."""
        said = self.bob.say("bob's own")
        self.room.wait(1)
        s = said.id.stream
        self.hear_mallory("never had", self.claims(StreamEntry(*_of(s), ((1, 1, NEVER),))))
        self.assertEqual(self.asked(self.mallory.id), 1)
        self.told({"bob's own"})
        self.assertEqual([line.forked for line in self.ada.core.streams()], [0])

    def test_hole_that_never_was(self) -> None:
        """An author that leaves out a million numbers is asked for few of them, and it is told."""
        first = chain(self.room, self.mallory, ["one"])
        far = chain(self.room, self.mallory, ["far"], 10**6, NEVER)
        for member in self.honest:
            member.receive(self.mallory.id, Posts((*first, *far)))
        self.hear_mallory(
            "never had", self.claims(StreamEntry(*_of(admit(far[0]).statement.stream), ()))
        )
        self.assertLessEqual(self.asked(self.mallory.id), 2)
        self.assertEqual({m.digest for m in self.honest}, {self.ada.digest})
        for member in self.honest:
            self.assertEqual(member.texts(), ["one", "[2-999999]", "far"])
        self.assertLess(len(wants(self.honest)), 10)


def _of(stream: object) -> tuple[MemberId, int, BootId]:
    return stream.author, stream.epoch, stream.boot  # type: ignore[attr-defined]
