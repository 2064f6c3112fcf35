"""
The chat's core: inputs in, acts out; routes between the node and what is known (:mod:`.state`).

Inputs are the link to the node coming and going, replies, events and a tick.  Rules: after each
connection one picture comes first, then events from its cursor, then whatever was missed in between;
messages that had no answer are handed over again under their nonces; the node's words are shown,
never our guess.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define, field

from securechat.chat import events, intake
from securechat.chat.acts import Act, Ask, Purpose, Reply
from securechat.chat.buffers import Buffer
from securechat.chat.contact import MEMBERS_EVERY_S, STATUS_EVERY_S, Phase
from securechat.chat.intake import LARGE, PAGE, Manner
from securechat.chat.rows import FINAL, number, words
from securechat.chat.state import ROOM, STATUS, News, State
from securechat.inputs import Instant

FIRST_PRINTED = 20
"""How much of the past a client that prints begins with."""


@define
class Model:
    """``present`` puts the reply to a person's question into words (:mod:`.replies`)."""

    state: State
    present: Callable[[State, Ask, Reply], str]
    readers: dict[Purpose, Callable[[Ask, Reply, Instant], list[Act]]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.readers = {
            Purpose.SNAPSHOT: self._snapshot,
            Purpose.STATUS: self._status,
            Purpose.MEMBERS: self._members,
            Purpose.LATEST: self._latest,
            Purpose.NEWER: self._newer,
            Purpose.OLDER: self._older,
            Purpose.DIRECT: self._direct,
            Purpose.DELIVERY: self._delivery,
            Purpose.SHOW: self._show,
        }

    # -- the link to the node --------------------------------------------------------------------

    def up(self, now: Instant) -> list[Act]:
        """Connected and let in: take the picture first."""
        contact = self.state.contact
        contact.move("up")
        contact.heard, contact.retry_at = now.mono, None
        self.state.looking.clear()
        return self.picture(now)

    def picture(self, now: Instant) -> list[Act]:
        """Ask for the whole state, once at a time."""
        self.state.contact.asked_status = now.mono
        if (Purpose.SNAPSHOT, "") in self.state.looking:
            return []
        return self.state.ask_once(Ask(Purpose.SNAPSHOT, "snapshot"))

    def down(self, why: str, retry_in: float | None, now: Instant) -> list[Act]:
        """The link is gone, or a dial failed; nothing typed is lost."""
        contact = self.state.contact
        if contact.phase is not Phase.DOWN:
            self.state.tell(STATUS, f"connection to the node lost: {why}", now)
        contact.move("down")
        contact.why = why
        contact.retry_at = None if retry_in is None else now.mono + retry_in
        self.state.outgoing.lost()
        self.state.looking.clear()
        return []

    def tick(self, now: Instant) -> list[Act]:
        """A few times a second: prove that the node answers, tell what lasted, hand over."""
        contact = self.state.contact
        events.lasting(self.state, now)
        if contact.phase is Phase.PICTURE and now.mono - contact.asked_status >= STATUS_EVERY_S:
            return self.picture(now)
        if not contact.live:
            return []
        acts: list[Act] = []
        if now.mono - contact.asked_status >= STATUS_EVERY_S:
            contact.asked_status = now.mono
            acts += self.state.ask_once(Ask(Purpose.STATUS, "status"))
        if now.mono - contact.asked_members >= MEMBERS_EVERY_S:
            contact.asked_members = now.mono
            acts += self.state.ask_once(Ask(Purpose.MEMBERS, "members"))
        if self.state.behind:
            acts += intake.refresh(self.state, now)
        return acts + self.speak(now)

    def event(self, event: Reply, now: Instant) -> list[Act]:
        """One event of the watch; each proves that the node lives."""
        self.state.contact.heard = now.mono
        cursor = words(event.get("cursor"))
        self.state.contact.cursor = cursor or self.state.contact.cursor
        return events.happened(self.state, event, now)

    # -- speaking --------------------------------------------------------------------------------

    def say(self, to: str, text: str, now: Instant) -> list[Act]:
        """A message of the person: it has its nonce before anything else happens."""
        buffer = self.state.direct(to) if to else self.state.buffers[ROOM]
        self.state.outgoing.add(buffer.name, to, text, now.wall_ms)
        if not self.state.contact.live:
            self.state.hint = "kept here until the node is back; it is said once"
        return self.speak(now)

    def speak(self, now: Instant) -> list[Act]:
        """Hand the node the next message that waits, if it can take one."""
        pending = self.state.outgoing.next(now.mono) if self.state.contact.live else None
        if pending is None:
            return []
        cmd, args = pending.command
        return [Ask(Purpose.SPEAK, cmd, args, pending.nonce)]

    def _spoken(self, ask: Ask, reply: Reply, now: Instant) -> list[Act]:
        code, why = number(reply.get("code")), words(reply.get("text"))
        outgoing = self.state.outgoing
        if code < 400:
            message, state = words(reply.get("id")), words(reply.get("state")) or "queued"
            found = self.state.find(message)
            known = "the node had it already" if code == 251 else "not acked yet"
            final = found is not None and found[1].state in FINAL
            self.state.hint = "" if final else f"{message} {state}, {known}"
            outgoing.taken(ask.about, message, state)
        elif code < 500:
            self.state.hint = f"kept, asked again in a moment: {code} {why}"
            outgoing.later(ask.about, now.mono)
        else:
            pending = outgoing.refused(ask.about)
            if pending is not None:
                text = f"not said: {code} {why}  (Up brings the text back)"
                self.state.tell(pending.buffer, text, now, "bad")
        return self.speak(now)

    # -- replies ---------------------------------------------------------------------------------

    def answered(self, ask: Ask, reply: Reply, now: Instant) -> list[Act]:
        """The node's reply to one of our questions."""
        self.state.contact.heard = now.mono
        if ask.purpose is Purpose.SPEAK:
            return self._spoken(ask, reply, now)
        acts = self._read(ask, reply, now)
        return acts + self._close(ask)

    def _read(self, ask: Ask, reply: Reply, now: Instant) -> list[Act]:
        code = number(reply.get("code"))
        if code >= 400 and ask.purpose is not Purpose.SHOW:
            return self._refused(ask, code, words(reply.get("text")), now)
        reader = self.readers.get(ask.purpose)
        return [] if reader is None else reader(ask, reply, now)

    def failed(self, ask: Ask, why: str, now: Instant) -> list[Act]:
        """No reply will come: the link broke under the question."""
        self.state.looking.pop((ask.purpose, ask.about), None)
        self._close(ask)
        if ask.purpose is Purpose.SPEAK:
            self.state.outgoing.unanswered(ask.about)
        elif ask.purpose is Purpose.SHOW:
            self.state.hint = f"no answer to {ask.cmd}: {why}"
        return []

    def _close(self, ask: Ask) -> list[Act]:
        if ask.purpose is Purpose.OLDER and ask.about in self.state.buffers:
            self.state.buffers[ask.about].fetching = False
        return self.state.closed(ask)

    def _refused(self, ask: Ask, code: int, why: str, now: Instant) -> list[Act]:
        if ask.purpose is Purpose.WATCH and code == 450:
            self.state.contact.move("cursor lost")
            return self.picture(now)
        self.state.hint = f"{ask.cmd}: {code} {why}"
        return []

    def _snapshot(self, ask: Ask, reply: Reply, now: Instant) -> list[Act]:
        contact = self.state.contact
        status = reply.get("status")
        self._take_status(status if isinstance(status, dict) else reply)
        self._take_members(reply.get("members"))
        contact.cursor = words(reply.get("cursor"))
        contact.move("picture")
        self.state.wanted.clear()
        contact.asked_status = contact.asked_members = now.mono
        self.state.tell(STATUS, f"connected to the node of {self.state.me or '?'}", now)
        watch = {"from": contact.cursor} if contact.cursor else {}
        acts: list[Act] = [Ask(Purpose.WATCH, "watch", watch)]
        if isinstance(reply.get("messages"), list):
            acts += self._latest(Ask(Purpose.LATEST, "messages"), reply, now)
        else:
            acts += intake.refresh(self.state, now)
        return acts + self.speak(now)

    def _status(self, ask: Ask, reply: Reply, now: Instant) -> list[Act]:
        self._take_status(reply)
        return []

    def _members(self, ask: Ask, reply: Reply, now: Instant) -> list[Act]:
        self._take_members(reply.get("items", reply.get("members")))
        return []

    def _take_status(self, status: Reply) -> None:
        self.state.status = {k: v for k, v in status.items() if k not in ("tag", "code", "items")}

    def _take_members(self, items: object) -> None:
        if isinstance(items, list):
            found = [one for one in items if isinstance(one, dict)]
            found.sort(key=lambda one: (not one.get("self"), words(one.get("name"))))
            self.state.members = {words(one.get("name")): one for one in found}

    def _latest(self, ask: Ask, reply: Reply, now: Instant) -> list[Act]:
        """A page of the newest part; back to the first message held, so that no hole is left."""
        items, first = _items(reply), not self.state.contact.ever
        held, reached = self.state.oldest(), intake.oldest(items)
        manner = Manner.HISTORY if first else Manner.NEW
        acts = intake.page(self.state, items, manner, newest=not ask.about)
        if first:
            self.state.contact.ever = True
            return acts + self._begin(reply, items)
        if held is None or reached is None or reached.key <= held.key:
            return acts
        if not intake.more(reply, items):
            return acts
        before = {"limit": LARGE, "before": reached.id}
        return acts + self.state.ask_once(Ask(Purpose.LATEST, "messages", before, "back"))

    def _begin(self, reply: Reply, items: Sequence[Reply]) -> list[Act]:
        """The first page: if it is not all, the pages of partners are found apart."""
        room = self.state.buffers[ROOM]
        self.state.news += [News(ROOM, row) for row in room.rows[-FIRST_PRINTED:]]
        if not intake.more(reply, items):
            for buffer in self.state.buffers.values():
                buffer.whole = True
            return []
        acts = self.state.ask_once(Ask(Purpose.DIRECT, "messages", {"kind": "dm", "limit": PAGE}))
        return acts + (self.older(room) if len(room.ids) < PAGE // 2 else [])

    def older(self, buffer: Buffer) -> list[Act]:
        """The person came near the first row: ask for what lies above it."""
        if buffer.whole or buffer.fetching or not self.state.contact.live:
            return []
        buffer.fetching = True
        args: dict[str, object] = {"limit": PAGE, "kind": "post"}
        if buffer.name != ROOM:
            args |= {"kind": "dm", "with": buffer.name[1:]}
        oldest = buffer.oldest()
        if oldest is not None:
            args["before"] = oldest.id
        return self.state.ask_once(Ask(Purpose.OLDER, "messages", args, buffer.name))

    def _newer(self, ask: Ask, reply: Reply, now: Instant) -> list[Act]:
        acts: list[Act] = []
        for item in _items(reply):
            if item.get("kind") != "gap":
                acts += intake.place(self.state, item, Manner.NEW)
        gap = any(item.get("kind") == "gap" for item in _items(reply))
        behind = gap or bool(self.state.wanted) or intake.more(reply, _items(reply))
        return acts + intake.refresh(self.state, now) if behind else acts

    def _older(self, ask: Ask, reply: Reply, now: Instant) -> list[Act]:
        items, buffer = _items(reply), self.state.buffers[ask.about]
        buffer.whole = not intake.more(reply, items)
        partner = "" if ask.about == ROOM else ask.about[1:]
        return intake.page(self.state, items, Manner.HISTORY, partner, newest=False)

    def _direct(self, ask: Ask, reply: Reply, now: Instant) -> list[Act]:
        known = f"@{ask.about}" in self.state.buffers
        manner = Manner.NEW if known else Manner.HISTORY
        acts: list[Act] = []
        for item in _items(reply):
            acts += intake.place(self.state, item, manner, ask.about)
        return acts

    def _delivery(self, ask: Ask, reply: Reply, now: Instant) -> list[Act]:
        intake.counted(self.state, ask.about, _items(reply))
        return []

    def _show(self, ask: Ask, reply: Reply, now: Instant) -> list[Act]:
        self.state.tell(ask.about, self.present(self.state, ask, reply), now, "reply")
        return []


def _items(reply: Reply) -> list[Reply]:
    items = reply.get("messages", reply.get("items"))
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
