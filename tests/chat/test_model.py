"""The model as tables: what comes in, what is known, what is asked next."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from securechat.chat.acts import Ask, Purpose, Tell
from securechat.chat.contact import Phase
from tests.chat.scene import Scene, direct, gap, member, post


class MeetingTests(SynchronousTestCase):
    """The conversation with the node begins, ends and begins again."""

    def test_picture_first(self) -> None:
        """After connecting the client takes the picture, then watches from its cursor."""
        scene = Scene()
        acts = scene.model.up(scene.now())
        self.assertEqual([act.cmd for act in acts if isinstance(act, Ask)], ["snapshot"])
        scene.enter(post("bob", 1, "hi"))
        watch = scene.taken(Purpose.WATCH)
        self.assertEqual([(ask.cmd, ask.args) for ask in watch], [("watch", {"from": "7f3a:1"})])
        self.assertEqual(scene.rows(), ["bob/3/1"])
        self.assertEqual((scene.state.me, scene.state.room), ("ada", "lab"))

    def test_history_is_not_news(self) -> None:
        """What was said before the client started is not unread and rings no bell."""
        scene = Scene()
        scene.desk.focus(False)
        scene.enter(post("bob", 1, "ada: look"), direct("bob", "ada", 1, "psst"))
        self.assertEqual([b.unread for b in scene.state.buffers.values()], [0, 0, 0])
        self.assertNotIn(Tell.BELL, scene.acts)

    def test_picture_refused(self) -> None:
        """A node that cannot give its picture yet is asked again."""
        scene = Scene()
        (ask,) = scene.model.up(scene.now())
        assert isinstance(ask, Ask)
        scene.answer(ask, code=420, text="starting")
        self.assertIn("420 starting", scene.state.hint)
        scene.tick(2.0)
        self.assertEqual([one.cmd for one in scene.taken()], ["snapshot"])

    def test_cursor_too_old(self) -> None:
        """A cursor the node no longer keeps, and an overflow, cost a new picture only."""
        scene = Scene().enter()
        (watch,) = scene.taken(Purpose.WATCH)
        scene.answer(watch, code=450, text="too old")
        self.assertEqual([one.cmd for one in scene.taken()], ["snapshot"])
        scene = Scene().enter()
        scene.taken()
        scene.event("overflow", at="7f3a:9")
        self.assertEqual([one.cmd for one in scene.taken()], ["snapshot"])

    def test_caught_up_after_a_break(self) -> None:
        """What was said while we were away is fetched until it meets what we hold."""
        scene = Scene().enter(post("bob", 1, "before"))
        scene.model.down("the node hung up", 0.3, scene.now())
        self.assertEqual(scene.state.contact.words(scene.mono), "the node hung up, retry in 1s")
        late = [post("bob", n, "x", n) for n in range(300, 320)]
        scene.model.up(scene.now())
        reply = {"code": 250, "cursor": "8:1", "messages": late, "more": True}
        ask = Ask(Purpose.SNAPSHOT, "snapshot")
        scene.taken()
        scene.answer(ask, **reply)
        (back,) = scene.taken(Purpose.LATEST)
        self.assertEqual(back.args["before"], "bob/3/300")
        older = [post("bob", n, "x", n) for n in range(1, 300)]
        scene.answer(back, items=older, more=False)
        self.assertEqual(scene.taken(Purpose.LATEST), [])
        self.assertEqual(scene.rows()[:320], [f"bob/3/{n}" for n in range(1, 320)])
        self.assertEqual(scene.state.buffers["room"].ids.keys(), set(scene.rows()[:320]))

    def test_silence_is_shown(self) -> None:
        """Without any word of the node for five seconds the picture counts as stale."""
        scene = Scene().enter()
        self.assertFalse(scene.state.contact.stale(scene.mono))
        scene.mono += 6
        self.assertTrue(scene.state.contact.stale(scene.mono))
        self.assertEqual(scene.state.contact.words(scene.mono), "silent 6s")
        scene.event("tick")
        self.assertEqual(scene.state.contact.words(scene.mono), "live")

    def test_life_is_proved(self) -> None:
        """The node is asked for its status every two seconds, one question at a time."""
        scene = Scene().enter()
        scene.taken()
        scene.tick(2.0)
        (ask,) = scene.taken(Purpose.STATUS)
        scene.tick(2.0)
        self.assertEqual(scene.taken(Purpose.STATUS), [])
        scene.answer(ask, name="ada", gaps=7)
        self.assertEqual(scene.state.status["gaps"], 7)
        self.assertEqual(len(scene.taken(Purpose.STATUS)), 1, "and the one that waited")

    def test_down_before_up(self) -> None:
        """A node that does not run is told with the time of the next try."""
        scene = Scene()
        scene.model.down("the node is not running", 2.4, scene.now())
        self.assertEqual(scene.state.contact.phase, Phase.DOWN)
        self.assertEqual(
            scene.state.contact.words(scene.mono), "the node is not running, retry in 3s"
        )
        self.assertEqual(scene.model.tick(scene.now()), [])


class TalkTests(SynchronousTestCase):
    """Posts and direct messages arrive."""

    def test_whole_event(self) -> None:
        """An event that carries the message needs no question."""
        scene = Scene().enter(post("bob", 1, "one"))
        scene.taken()
        scene.event("post", **post("carol", 1, "two", 1))
        self.assertEqual((scene.rows()[-1], scene.taken()), ("carol/3/1", []))

    def test_bare_event(self) -> None:
        """An event that names an id only makes the client ask for what follows the newest."""
        scene = Scene().enter(post("bob", 1, "one"))
        scene.taken()
        scene.event("post", id="carol/3/1", late=False, recovered=False)
        (ask,) = scene.taken()
        self.assertEqual(ask.args["after"], "bob/3/1")
        scene.event("post", id="carol/3/2", late=False, recovered=False)
        self.assertEqual(scene.taken(), [], "one question at a time")
        scene.answer(ask, items=[post("carol", 1, "two", 1)], more=False)
        again = scene.taken()
        self.assertEqual({one.purpose for one in again}, {Purpose.NEWER, Purpose.LATEST})

    def test_out_of_order(self) -> None:
        """A post that belongs before the newest one is fetched with the newest page."""
        scene = Scene().enter(post("bob", 1, "one", 5))
        scene.taken()
        scene.event("post", id="carol/3/1", late=True, recovered=True)
        (ask,) = scene.taken()
        self.assertEqual((ask.purpose, ask.args), (Purpose.LATEST, {"limit": 200}))
        page = [post("carol", 1, "zero", 1, late=True), post("bob", 1, "one", 5)]
        scene.answer(ask, items=page)
        self.assertEqual(scene.rows(), ["carol/3/1", "bob/3/1"])
        self.assertEqual(scene.state.buffers["room"].recovered, 1)

    def test_pages_of_partners(self) -> None:
        """Direct messages stand on the partner's page, whoever wrote them."""
        scene = Scene().enter()
        scene.event("dm", **direct("bob", "ada", 1, "psst"))
        scene.event("dm", **direct("ada", "bob", 1, "what?", 1, state="sent"))
        self.assertEqual(scene.rows("@bob"), ["bob/3/d1", "ada/3/d1"])
        self.assertEqual(list(scene.state.buffers), ["room", "@bob", "status"])
        self.assertEqual(scene.state.buffers["@bob"].unread, 1)

    def test_recipient_not_named(self) -> None:
        """An own direct message without its recipient is found on the partners' lists."""
        scene = Scene().enter()
        scene.taken()
        item = direct("ada", "", 1, "psst", state="acked")
        scene.event("dm", **item)
        asks = scene.taken(Purpose.DIRECT)
        self.assertEqual([ask.args["with"] for ask in asks], ["bob", "carol", "dave"])
        scene.answer(asks[1], items=[item])
        self.assertEqual(scene.rows("@carol"), ["ada/3/d1"])

    def test_bell(self) -> None:
        """The bell rings for direct messages and mentions, and only while nobody looks."""
        table = [
            (True, post("bob", 1, "ada: look"), 0),
            (False, post("bob", 1, "ada: look"), 1),
            (False, post("bob", 1, "adamant"), 0),
            (False, direct("bob", "ada", 1, "psst"), 1),
        ]
        for focused, item, bells in table:
            scene = Scene().enter()
            scene.desk.focus(focused)
            scene.event(item["kind"], **item)
            self.assertEqual(scene.acts.count(Tell.BELL), bells, item)

    def test_gap_fills_in_place(self) -> None:
        """A gap stands before its successor and goes when the page comes without it."""
        scene = Scene().enter(post("bob", 1, "one"), gap(), post("bob", 2, "two", 2))
        self.assertEqual(scene.rows(), ["bob/3/1", "gap", "bob/3/2"])
        scene.taken()
        scene.event("recovered", author="dave", **{"from": 17, "to": 18}, via="bob")
        (ask,) = scene.taken(Purpose.LATEST)
        self.assertEqual(scene.state.hint, "recovered dave #17-#18 via bob")
        page = [
            post("bob", 1, "one"),
            post("dave", 17, "a", 1, late=True),
            post("bob", 2, "two", 2),
        ]
        scene.answer(ask, items=page)
        self.assertEqual(scene.rows(), ["bob/3/1", "dave/3/17", "bob/3/2"])

    def test_deep_recovery(self) -> None:
        """What is recovered far above is shown too: the reading goes back to the first row held."""
        held = [post("bob", n, "x", n) for n in range(1, 301)]
        scene = Scene().enter(*held)
        scene.taken()
        scene.mono += 5
        scene.event("recovered", author="dave", **{"from": 1, "to": 1}, via="bob")
        (ask,) = scene.taken(Purpose.LATEST)
        scene.answer(ask, items=held[100:], more=True)
        (back,) = scene.taken(Purpose.LATEST)
        self.assertEqual(back.args, {"limit": 1000, "before": "bob/3/101"})
        late = post("dave", 1, "late", 50.5, late=True)
        scene.answer(back, items=[*held[:50], late, *held[50:100]], more=True)
        self.assertEqual(scene.rows()[50], "dave/3/1")
        self.assertEqual(scene.taken(Purpose.LATEST), [])

    def test_no_storm(self) -> None:
        """A thousand recovered posts make the client read again once a second, not each time."""
        scene = Scene().enter(post("bob", 1, "x"))
        scene.taken()
        asked = 0
        for _ in range(100):
            scene.event("post", id="dave/3/1", late=True, recovered=True)
            for ask in scene.taken(Purpose.LATEST):
                asked += 1
                scene.answer(ask, items=[post("bob", 1, "x")], more=False)
        self.assertEqual((asked, scene.state.behind), (1, True))
        scene.tick(1.0)
        self.assertEqual(len(scene.taken(Purpose.LATEST)), 1)
        scene.event("gap", author="dave", state="filled")
        self.assertTrue(scene.state.behind, "a reading that goes on is not asked twice")

    def test_partners_of_long_ago(self) -> None:
        """Partners whose messages are older than the first page have their pages too."""
        scene = Scene()
        scene.model.up(scene.now())
        first = {"status": {"name": "ada"}, "messages": [post("bob", 1, "x")], "more": True}
        scene.answer(Ask(Purpose.SNAPSHOT, "snapshot"), **first)
        asks = {ask.purpose: ask for ask in scene.taken()}
        self.assertEqual(asks[Purpose.OLDER].about, "room", "a room with little in it is filled")
        scene.answer(asks[Purpose.DIRECT], items=[direct("bob", "ada", 1, "old", -9)])
        self.assertEqual(scene.rows("@bob"), ["bob/3/d1"])
        self.assertEqual(scene.state.buffers["@bob"].unread, 0)

    def test_older(self) -> None:
        """Near the top the rows above are asked for, once, until the beginning is reached."""
        page = [post("bob", n, "x", n) for n in range(200, 400)]
        scene = Scene()
        scene.model.up(scene.now())
        scene.answer(
            Ask(Purpose.SNAPSHOT, "snapshot"), status={"name": "ada"}, messages=page, more=True
        )
        scene.taken()
        room = scene.state.buffers["room"]
        (ask,) = scene.model.older(room)
        assert isinstance(ask, Ask)
        self.assertEqual((ask.args["before"], ask.args["kind"]), ("bob/3/200", "post"))
        self.assertEqual(scene.model.older(room), [])
        scene.answer(ask, items=[gap("dave", 1, 2), post("bob", 199, "x", 199)], more=False)
        self.assertEqual(scene.rows()[:3], ["gap", "bob/3/199", "bob/3/200"])
        self.assertEqual((scene.model.older(room), room.unread), ([], 0))


class SpeakTests(SynchronousTestCase):
    """What the person says reaches the node once."""

    def speak(self, scene: Scene, to: str = "") -> Ask:
        """One message is handed over."""
        scene.taken()
        scene.acts.extend(scene.model.say(to, "hello", scene.now()))
        (ask,) = scene.taken(Purpose.SPEAK)
        return ask

    def test_said_once(self) -> None:
        """A message waits at the end of the page until the transcript shows it, then once."""
        scene = Scene().enter()
        ask = self.speak(scene)
        tail = scene.state.tail(scene.state.buffer)
        self.assertEqual([row.state for row in tail], ["not yet with our node"])
        scene.answer(ask, code=252, id="ada/3/1", state="queued")
        self.assertEqual([row.state for row in scene.state.tail(scene.state.buffer)], ["queued"])
        scene.event("post", **post("ada", 1, "hello", state="queued", acked=0, of=2))
        self.assertEqual((scene.rows(), scene.state.tail(scene.state.buffer)), (["ada/3/1"], []))

    def test_one_truth(self) -> None:
        """The hint never says less than the row: it goes when the receipt is there."""
        scene = Scene().enter()
        scene.answer(self.speak(scene), code=252, id="ada/3/1", state="sent")
        self.assertEqual(scene.state.hint, "ada/3/1 sent, not acked yet")
        scene.event("post", **post("ada", 1, "hello", state="acked", acked=2, of=2))
        self.assertEqual(scene.state.hint, "")
        ask = self.speak(scene)
        scene.event("post", **post("ada", 2, "hello", 1, state="acked", acked=2, of=2))
        scene.answer(ask, code=252, id="ada/3/2", state="sent")
        self.assertEqual((scene.state.hint, scene.state.outgoing.waiting), ("", {}))

    def test_link_lost_before_the_answer(self) -> None:
        """After a break the same nonce is asked again, and 251 means it was not said twice."""
        scene = Scene().enter()
        ask = self.speak(scene)
        scene.model.failed(ask, "the node hung up", scene.now())
        scene.model.down("the node hung up", 0.2, scene.now())
        scene.enter()
        (again,) = scene.taken(Purpose.SPEAK)
        self.assertEqual((again.cmd, again.args), (ask.cmd, ask.args))
        scene.answer(again, code=251, id="ada/3/1", state="sent")
        self.assertIn("the node had it already", scene.state.hint)
        scene.event("post", **post("ada", 1, "hello", state="sent", acked=0, of=2))
        self.assertEqual(scene.rows().count("ada/3/1"), 1)
        scene.tick(5)
        self.assertEqual(scene.taken(Purpose.SPEAK), [])

    def test_said_while_down(self) -> None:
        """What is typed without a node is kept, in order, and handed over when it is back."""
        scene = Scene().enter()
        scene.model.down("gone", None, scene.now())
        scene.taken()
        for text in ("one", "two"):
            scene.acts.extend(scene.model.say("", text, scene.now()))
        self.assertEqual(scene.taken(Purpose.SPEAK), [])
        scene.enter()
        (first,) = scene.taken(Purpose.SPEAK)
        scene.answer(first, code=252, id="ada/3/1", state="queued")
        (second,) = scene.taken(Purpose.SPEAK)
        self.assertEqual([first.args["text"], second.args["text"]], ["one", "two"])

    def test_not_now(self) -> None:
        """421 keeps the message and asks again; 521 gives the text back and says why."""
        scene = Scene().enter()
        ask = self.speak(scene)
        scene.answer(ask, code=421, text="slow down")
        self.assertEqual(scene.taken(Purpose.SPEAK), [])
        scene.tick(1.1)
        (again,) = scene.taken(Purpose.SPEAK)
        scene.answer(again, code=521, text="ambiguous")
        self.assertEqual(scene.state.outgoing.waiting, {})
        self.assertIn("not said: 521 ambiguous", scene.rows()[-1])

    def test_delivery_of_a_post(self) -> None:
        """Each change at a recipient is counted by the node, and shown as k of n."""
        scene = Scene().enter(post("ada", 1, "hi", state="sent", acked=0, of=2))
        scene.taken()
        scene.event("delivery", id="ada/3/1", member="bob", **{"from": "sent"}, to="acked", why="")
        (ask,) = scene.taken(Purpose.DELIVERY)
        later = {"state": None, "evidence": "not a member then"}
        scene.answer(ask, items=[{"state": "acked"}, {"state": "unknown"}, later])
        said = scene.state.find("ada/3/1")
        assert said is not None
        self.assertEqual((said[1].state, said[1].acked, said[1].of), ("unknown", 1, 2))

    def test_delivery_of_a_direct_message(self) -> None:
        """A direct message has one recipient: its event is its state."""
        scene = Scene().enter(direct("ada", "bob", 1, "hi", state="unknown"))
        scene.taken()
        scene.event("delivery", id="ada/3/d1", member="bob", to="acked")
        said = scene.state.find("ada/3/d1")
        assert said is not None
        self.assertEqual((said[1].state, scene.taken(Purpose.DELIVERY)), ("acked", []))
        scene.event("delivery", id="nobody/1/1", to="acked")
        self.assertEqual(scene.taken(), [])


class PresenceTests(SynchronousTestCase):
    """Members come and go; only what lasts is told."""

    def change(self, scene: Scene, to: str, before: str = "alive") -> None:
        """Our node sees dave otherwise."""
        scene.event("member", name="dave", **{"from": before}, to=to, why="silent 9s")

    def test_lasting(self) -> None:
        """A suspicion is told when it lasted two seconds, an unreachable member at once."""
        scene = Scene().enter()
        self.change(scene, "suspect")
        self.assertEqual(scene.rows(), [])
        scene.tick(2.0)
        self.assertEqual(scene.rows(), ["dave is SUSPECT: silent 9s  (/who dave)"])
        self.change(scene, "unreachable", "suspect")
        self.assertIn("dave is UNREACHABLE", scene.rows()[-1])

    def test_withdrawn(self) -> None:
        """A suspicion that is withdrawn at once is not told at all."""
        scene = Scene().enter()
        self.change(scene, "suspect")
        self.change(scene, "alive", "suspect")
        scene.tick(3.0)
        self.assertEqual(scene.rows(), [])

    def test_told_to_the_partner_page(self) -> None:
        """The page with that member shows it too, and the members are asked anew."""
        scene = Scene().enter(direct("dave", "ada", 1, "hi"))
        scene.taken()
        self.change(scene, "left")
        self.assertEqual(scene.rows("@dave")[-1], "dave is LEFT: silent 9s")
        (ask,) = scene.taken(Purpose.MEMBERS)
        scene.answer(ask, items=[member("ada"), member("dave", "left")])
        self.assertEqual(list(scene.state.members), ["ada", "dave"])

    def test_other_events(self) -> None:
        """Conflicts, clocks and faults are told in the room, links and health apart."""
        table: list[tuple[str, dict[str, Any], str, str]] = [
            (
                "conflict",
                {"member": "dave", "what": "two live"},
                "room",
                "CONFLICT: dave: two live",
            ),
            ("clock", {"member": "bob", "what": "90 s ahead"}, "room", "CLOCK: bob: 90 s ahead"),
            ("fault", {"what": "journal read-only"}, "room", "FAULT: journal read-only"),
            ("health", {"live": True, "ready": False}, "status", "health: live=True ready=False"),
            ("link", {"peer": "bob", "state": "up"}, "status", "link: peer=bob state=up"),
        ]
        for kind, fields, page, told in table:
            scene = Scene().enter()
            scene.event(kind, **fields)
            self.assertEqual(scene.rows(page)[-1], told)

    def test_unknown_event(self) -> None:
        """An event this client does not know is passed over."""
        scene = Scene().enter()
        scene.taken()
        scene.event("parade", colour="red")
        self.assertEqual((scene.rows(), scene.taken()), ([], []))
