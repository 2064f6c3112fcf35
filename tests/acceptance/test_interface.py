"""
The public surface of the admin port and the command line, asserted word by word on real nodes.

What is asserted here is relied upon from outside: a field may be added, none may go or change.
"""

from __future__ import annotations

import json
from typing import Any

import securechat
from securechat.admin.events import TYPES
from securechat.drills.rig import until
from tests.acceptance.port import Port
from tests.acceptance.rooms import OwnRoomCase, RoomCase

Number = (int, float)
NoneType = type(None)
Fields = dict[str, Any]
Shape = dict[str, type | tuple[type, ...]]

STATUS: Shape = {
    "name": str, "id": str, "room": str, "room_id": str, "epoch": int, "incarnation": int,
    "version": str, "uptime_s": Number, "preset": str, "faults": bool, "read_only": bool,
    "members": dict, "gaps": int, "outbox": int, "unknown": int, "digest": str, "posts": int,
}  # fmt: skip
MEMBER: Shape = {
    "name": str, "id": str, "self": bool, "state": str, "via": str, "epoch": int,
    "incarnation": int, "since": str, "last_heard_s": (int, float, NoneType),
    "rtt_ms": (int, float, NoneType), "address": (str, NoneType),
}  # fmt: skip
EVIDENCE: Shape = {
    "at": str, "by": str, "what": str, "verdict": str, "counted": bool, "why": str,
}  # fmt: skip
LINK: Shape = {
    "peer": str, "direction": str, "since": str, "bytes_in": int, "bytes_out": int,
    "queued_bytes": int, "clock_offset_s": (int, float, NoneType), "last_refusal": (str, NoneType),
}  # fmt: skip
MESSAGE: Shape = {
    "kind": str, "id": str, "author": str, "author_id": str, "epoch": int, "seq": int, "hlc": int,
    "time": str, "text": str, "state": (str, NoneType), "acked": (int, NoneType),
    "of": (int, NoneType), "late": bool, "recovered": bool, "mark": (str, NoneType),
}  # fmt: skip
GAP: Shape = {
    "author": str, "epoch": int, "from": int, "to": int, "asked": dict, "not_asked": list,
    "verdict": str, "next_try_s": (int, float, NoneType),
}  # fmt: skip
DELIVERY: Shape = {"member": str, "state": str, "at": str, "evidence": str}
STEP: Shape = {"at": str, "turn": int, "what": str, "evidence": str, "cause": str}
STREAM: Shape = {"author": str, "epoch": int, "ranges": str, "head": str}
MEMBER_STATES = {"alive", "suspect", "unreachable", "left", "removed"}
MESSAGE_STATES = {"queued", "sent", "acked", "unknown", "rejected", "expired"}
VIAS = {"direct", "indirect", "none"}
EVENTS = (
    "post", "dm", "receipt", "delivery", "member", "link", "gap", "recovered", "conflict", "clock",
    "fault", "health",
)  # fmt: skip
READ = {
    "status": (), "health": (), "members": (), "who": ("bob",), "links": (), "messages": (),
    "gaps": (), "outbox": (), "digest": (), "diff": ("bob",), "counters": (),
}  # fmt: skip


class Shaped:
    """Assertions on fields."""

    assertEqual: Any
    assertIn: Any
    assertIsInstance: Any

    def shaped(self, found: Fields, shape: Shape) -> None:
        """Every field is there and has its type; a truth value is no number."""
        for name, kind in shape.items():
            self.assertIn(name, found)
            self.assertIsInstance(found[name], kind, name)
            if kind in (int, Number):
                self.assertEqual(isinstance(found[name], bool), False, name)


class Replies(RoomCase, Shaped):
    """Section 4: every command's JSON reply."""

    def setUp(self) -> None:
        """A line in JSON mode to ada's node."""
        super().setUp()
        self.port = Port(self.room["ada"]).json_mode()
        self.addCleanup(self.port.close)

    def get(self, cmd: str, code: int = 250, **args: Any) -> Fields:
        """A reply with this code."""
        reply = self.port.get(cmd, **args)
        self.assertEqual(reply.pop("code"), code, reply)
        return reply

    def items(self, cmd: str, shape: Shape, **args: Any) -> list[Fields]:
        """The items of a list, each shaped so."""
        found: list[Fields] = self.get(cmd, **args)["items"]
        for item in found:
            self.shaped(item, shape)
        return found

    def acked(self, message: str, count: int) -> None:
        """Wait until so many recipients have it."""

        def reached() -> bool:
            rows = self.get("delivery", id=message)["items"]
            return [row["state"] for row in rows].count("acked") == count

        until(reached, f"{message} acked by {count}")

    def test_status(self) -> None:
        """status: our own node is counted among the members; the digest has 8 digits."""
        reply = self.get("status")
        self.shaped(reply, STATUS)
        self.assertEqual(set(reply["members"]), {"alive", "suspect", "unreachable", "left"})
        self.assertEqual(reply["members"]["alive"], 3)
        self.assertEqual((reply["name"], reply["room"], reply["preset"]), ("ada", "lab", "local"))
        self.assertEqual(reply["version"], securechat.__version__)
        self.assertRegex(reply["id"] + reply["room_id"], "^[a-z2-7]{104}$")
        self.assertRegex(reply["digest"], "^[0-9a-f]{8}$")
        self.assertRegex(self.get("digest")["digest"], f"^{reply['digest'][:0]}[0-9a-f]{{64}}$")

    assertRegex: Any

    def test_health(self) -> None:
        """health: three booleans."""
        self.assertEqual(self.get("health"), {"live": True, "ready": True, "joined": True})

    def test_members_and_who(self) -> None:
        """members: our own node among them; who: one of them with its evidence."""
        rows = {row["name"]: row for row in self.items("members", MEMBER)}
        self.assertEqual(set(rows), set(self.names))
        self.assertEqual([name for name, row in rows.items() if row["self"]], ["ada"])
        for row in rows.values():
            self.assertIn(row["state"], MEMBER_STATES)
            self.assertIn(row["via"], VIAS)
        who = self.get("who", name="bob")
        self.shaped(who, {**MEMBER, "evidence": list})
        self.assertTrue(who["evidence"])
        for line in who["evidence"]:
            self.shaped(line, EVIDENCE)
        self.assertEqual(self.get("who", name=rows["bob"]["id"])["name"], "bob")
        self.assertEqual(self.get("who", name=f"bob#{rows['bob']['id'][:8]}")["name"], "bob")

    assertTrue: Any

    def test_links(self) -> None:
        """links: one for each peer."""
        self.assertEqual({row["peer"] for row in self.items("links", LINK)}, {"bob", "carol"})

    def test_say_messages_delivery_explain(self) -> None:
        """say: 252 id state; then the message in all the lists that are about it."""
        said = self.get("say", 252, text="hello \u202e")
        self.assertRegex(said["id"], r"^ada/1/\d+$")
        self.assertIn(said["state"], MESSAGE_STATES)
        self.acked(said["id"], 2)
        (row,) = [m for m in self.items("messages", MESSAGE, kind="post") if m["id"] == said["id"]]
        self.assertEqual((row["text"], row["author"]), ("hello \u202e", "ada"))
        self.assertEqual((row["state"], row["acked"], row["of"]), ("acked", 2, 2))
        rows = self.items("delivery", DELIVERY, id=said["id"])
        self.assertEqual({row["member"] for row in rows}, {"bob", "carol"})
        story = self.get("explain", id=said["id"])
        self.shaped(story, {"summary": str, "items": list})
        for step in story["items"]:
            self.shaped(step, STEP)
        self.assertTrue(story["items"])
        self.assertTrue(self.get("explain", id="member:bob")["items"])

    def test_dm_and_receipt(self) -> None:
        """dm: 252 id to state; receipt: the signed form, its fields, the certificate."""
        told = self.get("dm", 252, to="bob", text="for bob")
        self.assertRegex(told["id"], r"^ada/1/d\d+$")
        self.assertEqual(told["to"], "bob")
        self.assertIn(told["state"], MESSAGE_STATES)
        self.acked(told["id"], 1)
        shape: Shape = {"receipt": str, "hash": str, "certificate": str}
        self.shaped(self.get("receipt", id=told["id"]), shape)
        self.shaped(self.get("receipt", id=told["id"], member="bob"), shape)
        (row,) = [
            m for m in self.items("messages", MESSAGE, **{"with": "bob"}) if m["id"] == told["id"]
        ]
        self.assertEqual((row["kind"], row["state"]), ("dm", "acked"))
        theirs = Port(self.room["bob"]).json_mode()
        self.addCleanup(theirs.close)
        (seen,) = [m for m in theirs.get("messages")["items"] if m["id"] == told["id"]]
        self.assertEqual([seen[key] for key in ("state", "acked", "of")], [None, None, None])
        self.assertEqual(self.get("retry", id=told["id"])["state"], "acked")
        self.assertEqual(self.get("cancel", id=told["id"])["state"], "acked")

    def test_pages_of_messages(self) -> None:
        """limit, before, after, and after="" from the first: every message once, in one order."""
        said = [self.get("say", 252, text=f"page {n}")["id"] for n in range(5)]
        whole = [m["id"] for m in self.items("messages", MESSAGE, after="", limit=1000)]
        self.assertEqual([name for name in whole if name in said], said)
        forward: list[str] = []
        while page := self.items(
            "messages", MESSAGE, after=forward[-1] if forward else "", limit=2
        ):
            forward += [m["id"] for m in page]
        self.assertEqual(forward, whole)
        backward: list[str] = []
        latest = [m["id"] for m in self.items("messages", MESSAGE, limit=2)]
        while latest:
            backward = latest + backward
            page = self.items("messages", MESSAGE, before=backward[0], limit=2)
            latest = [m["id"] for m in page]
        self.assertEqual(backward, whole)

    def test_digest_and_diff(self) -> None:
        """digest: 64 digits and the streams; diff: nothing between equal nodes."""
        self.get("say", 252, text="for the digest")
        self.room.agree(*self.names)
        reply = self.get("digest")
        self.assertRegex(reply["digest"], "^[0-9a-f]{64}$")
        for stream in reply["streams"]:
            self.shaped(stream, STREAM)
        self.assertTrue(reply["digest"].startswith(self.get("status")["digest"]))
        until(lambda: self.get("diff", peer="bob")["items"] == [], "no difference")

    def test_counters_and_records(self) -> None:
        """counters: numbers by name, refusals by reason; records: turns without text."""
        counters = self.get("counters")
        self.shaped(
            counters,
            {"frames": int, "duplicates": int, "refused": dict, "recovered": int, "turns": int,
             "commits": int},
        )  # fmt: skip
        said = self.get("say", 252, text="recorded, not its words")
        records = self.get("records", about=said["id"])["items"]
        self.assertTrue(records)
        self.assertIsInstance(records[0]["turn"], int)
        self.assertEqual(len(self.get("records", last=2)["items"]), 2)
        self.assertEqual("recorded, not" in json.dumps(records), False)

    def test_snapshot(self) -> None:
        """snapshot: status, members and messages with the cursor from which a watch goes on."""
        said = self.get("say", 252, text="before the snapshot")["id"]
        shot = self.get("snapshot")
        self.shaped(shot["status"], STATUS)
        for row in shot["members"]:
            self.shaped(row, MEMBER)
        self.assertIn(said, [m["id"] for m in shot["messages"]])
        self.assertRegex(shot["cursor"], "^[0-9a-f]{4}:[0-9]+$")
        self.assertEqual(self.port.get("watch", **{"from": shot["cursor"]})["code"], 250)

    def test_faults(self) -> None:
        """fault: cut, heal, drop, delay, list."""
        put = self.get("fault", action="delay", ms=1, names=["bob", "carol"])["items"]
        self.assertEqual({row["peer"] for row in put}, {"bob", "carol"})
        self.get("fault", action="drop", percent=0, names=["bob"])
        self.assertIsInstance(self.get("fault", action="list")["items"], list)
        self.get("fault", action="heal")
        self.assertEqual(self.get("fault", action="list")["items"], [])

    def test_every_reading_command_prints_the_reply_with_json(self) -> None:
        """The command line: --json is the same object as the reply, its code included, no tag."""
        message = self.get("dm", 252, to="bob", text="x")["id"]
        self.acked(message, 1)
        about = {"delivery": (message,), "explain": (message,), "receipt": (message,)}
        for verb, words in {**READ, **about}.items():
            done = self.cli("ada", verb, *words, "--json")
            self.assertEqual((done.returncode, done.stderr), (0, ""), verb)
            said = json.loads(done.stdout)
            self.assertEqual((said["code"], "tag" in said), (250, False), verb)

    def test_text_and_json_say_the_same(self) -> None:
        """A nested object is dotted in text; a list is one line an item and ``end count=N``."""
        text = Port(self.room["ada"])
        self.addCleanup(text.close)
        self.assertIn(" members.alive=3 ", text.ask("status")[0])
        self.assertEqual(text.ask("health"), ["250 live=true ready=true joined=true"])
        text.say("@x members")
        lines = [text.read() for _ in range(4)]
        for line in lines[:3]:
            self.assertTrue(line.startswith("@x 250-name="), line)
        self.assertEqual(lines[3], "@x 250 end count=3")


class Events(OwnRoomCase, Shaped):
    """Section 4: the types of events and their fields."""

    assertRegex: Any

    def test_every_type_and_its_fields(self) -> None:
        """What happens in a room from its first link to a healed cut, as a watcher sees it."""
        self.assertEqual(TYPES, EVENTS)
        room = self.make("ada", "bob", "carol")
        room.start("ada")
        port = Port(room["ada"]).json_mode()
        self.addCleanup(port.close)
        cursor = port.get(
            "watch", types="post,dm,receipt,delivery,member,link,gap,recovered,fault,health"
        )
        self.assertRegex(cursor["cursor"], "^[0-9a-f]{4}:[0-9]+$")
        self.assertEqual(port.next()["event"], "replay-end")
        room.start("bob", "carol")
        link = port.event("link", state="up")
        self.shaped(link, {"cursor": str, "peer": str, "state": str, "why": str})
        alive = port.event("member", name="bob", to="alive")
        self.shaped(alive, {"cursor": str, "from": (str, NoneType), "to": str, "why": str})
        port.event("health", joined=True, ready=True, live=True)
        room.meet("ada", "bob", "carol")
        told = room["ada"].ask("dm", to="bob", text="secret")["id"]
        self.assertEqual(port.event("dm", id=told)["text"], "secret")
        self.shaped(port.event("receipt", id=told), {"cursor": str, "member": str})
        change = port.event("delivery", id=told, to="acked")
        self.shaped(change, {"cursor": str, "member": str, "from": str, "why": str})
        said = room["bob"].ask("say", text="heard")["id"]
        post = port.event("post", id=said)
        self.shaped(post, MESSAGE | {"cursor": str, "kind": (str, NoneType)} if "kind" in post else
                    {key: kind for key, kind in MESSAGE.items() if key != "kind"})  # fmt: skip
        room["ada"].ask("fault", action="cut", names=["bob", "carol"])
        port.event("fault")
        room["bob"].ask("say", text="said in the other part")
        port.event("member", name="bob", to="unreachable")
        room["ada"].ask("fault", action="heal")
        found = port.event("recovered", author="bob")
        self.shaped(found, {"cursor": str, "epoch": int, "from": int, "to": int, "via": str})
        self.assertIn("said in the other part", room["ada"].texts())
