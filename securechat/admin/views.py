"""
What the commands print, as plain dicts: the fields of INTERFACE section 4, to the letter.

Everything here reads frozen views; nothing asks a core to do anything.  Adding a field is free,
changing or removing one needs an ADR.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import define

import securechat
from securechat.admin.naming import Names, time_of
from securechat.errors import RemoteError
from securechat.ids import Hash, MemberId, Stream
from securechat.inputs import EVERYBODY
from securechat.membership.presence import MemberView
from securechat.messaging.statements import texts_of
from securechat.messaging.views import (
    DiffLine,
    DirectLine,
    GapLine,
    Line,
    OtherLine,
    OutboxLine,
    PostLine,
    RecipientLine,
    StreamLine,
)
from securechat.node.faults import Fault
from securechat.node.node import NodeView
from securechat.node.wires import LinkView
from securechat.notices import Liveness
from securechat.objects import Signed

Fields = dict[str, Any]
SHORT_HASH = 16
ALWAYS_COUNTED = ("frames_in", "frames_out", "duplicates", "recovered", "turns", "commits")
"""Counters that a reader may rely on, also while they are 0."""
UNREADABLE = "(the stored text is damaged)"


def status(view: NodeView) -> Fields:
    """``status``: who and where this node is, and how much of what it has."""
    membership, messaging = view.membership, view.messaging
    counts = {state.value: 0 for state in Liveness if state is not Liveness.REMOVED}
    for member in membership.members:
        if member.state.value in counts:
            counts[member.state.value] += 1
    return {
        "name": view.name,
        "id": membership.me,
        "room": view.room_name,
        "room_id": view.room,
        "epoch": membership.epoch,
        "incarnation": membership.incarnation,
        "version": securechat.__version__,
        "uptime_s": round(view.uptime, 3),
        "preset": view.settings.preset,
        "faults": view.settings.faults,
        "read_only": bool(view.read_only),
        "read_only_reason": view.read_only or None,
        "members": counts,
        "gaps": messaging.gaps,
        "outbox": messaging.outbox,
        "unknown": messaging.unknown,
        "digest": messaging.digest[:8],
        "posts": messaging.posts,
        "links": len(view.links),
        "cut_off": membership.cut_off,
        "conflict": membership.conflict or None,
        "local_health": membership.health,
        "clock_corrected_s": _seconds(messaging.corrected),
        "peer_credentials": sys.platform == "linux",
    }


def health(view: NodeView) -> Fields:
    """``health``: three answers, not one."""
    return {"live": True, "ready": view.ready, "joined": view.joined}


def member(names: Names, me: MemberId, found: MemberView) -> Fields:
    """One row of ``members``."""
    return {
        "name": names.member(found.member),
        "id": found.member,
        "self": found.member == me,
        "state": found.state.value,
        "via": found.via.value,
        "epoch": found.epoch,
        "incarnation": found.incarnation,
        "since": time_of(found.since),
        "last_heard_s": None if found.last_heard is None else round(found.last_heard, 3),
        "rtt_ms": None if found.rtt_ms is None else round(found.rtt_ms, 3),
        "address": found.address,
    }


def who(names: Names, me: MemberId, found: MemberView) -> Fields:
    """``who``: a member with every line of evidence, whether it counted and why."""
    evidence = [
        {
            "at": time_of(line.at),
            "by": names.member(line.by),
            "what": names.words(line.what),
            "verdict": line.verdict,
            "counted": line.counted,
            "why": names.words(line.why),
        }
        for line in found.evidence
    ]
    return {**member(names, me, found), "suspicion": suspicion(found), "evidence": evidence}


def suspicion(found: MemberView) -> Fields | None:
    """How long a suspicion still lasts, and how many of how many confirm it."""
    running = found.suspicion
    if running is None:
        return None
    return {
        "ends_in_s": round(running.ends_in, 3),
        "confirmed": running.confirmed,
        "of": running.of,
    }


def link(names: Names, view: NodeView, found: LinkView) -> Fields:
    """One row of ``links``."""
    offset = view.messaging.offsets.get(found.peer)
    return {
        "peer": names.member(found.peer),
        "direction": found.direction,
        "since": time_of(found.since_ms),
        "bytes_in": found.bytes_in,
        "bytes_out": found.bytes_out,
        "queued_bytes": found.queued,
        "clock_offset_s": _seconds(offset),
        "last_refusal": refusal(view.refusals.get(found.peer)),
        "address": found.address,
    }


def _seconds(offset: float | None) -> float | None:
    """To the millisecond; what rounds to nothing has no sign."""
    return None if offset is None else round(offset, 3) + 0.0


BY_PEER = "by-peer."
ENDED: Mapping[str, str] = {
    "duplicate": "there is another link between us",
    "superseded": "a newer link took its place",
    "epoch-raised": "it begins a new epoch",
    "full": "it has as many links as it may have",
    "too-slow": "what it had to say to us was not read fast enough",
    "read-only": "its disk takes nothing more",
    "mended": "a fault was healed, and what was half made in it is made anew",
    "stale-epoch": "it knows a newer process of ours",
}
"""What a peer means by the word with which it ends a link, where the word alone does not say it."""


def refusal(why: str | None) -> str | None:
    """Why a link was refused, in words; the word that is counted stands in brackets."""
    if why is None or not why.startswith(BY_PEER):
        return why
    reason, _, detail = why.removeprefix(BY_PEER).partition(": ")
    said = ENDED.get(reason) or detail or reason
    return f"refused by the peer: {said} [{reason}]"


@define
class Texts:
    """The texts of stored objects, read back and checked; posts of one envelope with one reading."""

    fetch: Callable[[Hash], Signed | None]
    _name: Hash | None = None
    """The envelope that was read last: what could not be read is tried again."""
    _texts: tuple[str, ...] = ()

    def __call__(self, name: Hash, index: int) -> str:
        """One text; damaged bytes are never shown."""
        if name != self._name:
            signed = self.fetch(name)
            try:
                texts = () if signed is None else texts_of(signed)
            except RemoteError:
                texts = ()
            if not texts:
                return UNREADABLE
            self._name, self._texts = name, texts
        return self._texts[index] if index < len(self._texts) else UNREADABLE


def line(names: Names, texts: Texts, found: Line) -> Fields:
    """One item of ``messages``."""
    if isinstance(found, GapLine):
        return gap(names, found)
    return said(names, texts, found)


def said(names: Names, texts: Texts, found: PostLine | DirectLine) -> Fields:
    """A post or a direct message."""
    fields: Fields = {
        "kind": found.kind,
        "id": names.message(found.id),
        "author": names.member(found.author),
        "author_id": found.author,
        "epoch": found.id.stream.epoch,
        "seq": found.id.seq,
        "hlc": found.hlc,
        "time": time_of(found.time),
        "text": texts(found.hash, found.index),
        "state": None if found.state is None else found.state.value,
        "acked": found.acked,
        "of": found.of,
        "late": found.late,
        "recovered": found.recovered,
        "mark": found.mark or None,
        "at": time_of(found.at),
    }
    if isinstance(found, DirectLine):
        fields["to"] = names.member(found.to)
        fields["to_id"] = found.to
    return fields


def gap(names: Names, found: GapLine) -> Fields:
    """A missing range, and who was asked for it."""
    return {
        "kind": "gap",
        "author": names.member(found.stream.author),
        "author_id": found.stream.author,
        "epoch": found.stream.epoch,
        "from": found.first,
        "to": found.last,
        "asked": {names.member(asked.member): asked.answer for asked in found.asked},
        "not_asked": [names.member(one) for one in found.not_asked],
        "verdict": found.verdict,
        "next_try_s": None if found.next_try is None else round(found.next_try, 3),
    }


def recipient(names: Names, found: RecipientLine) -> Fields:
    """One row of ``delivery``."""
    return {
        "member": names.member(found.member),
        "state": found.state.value,
        "at": time_of(found.at),
        "evidence": names.words(found.evidence),
    }


def other(names: Names, found: OtherLine) -> Fields:
    """A row of ``delivery`` for a member whom the post was not for: no state."""
    return {
        "member": names.member(found.member),
        "state": None,
        "at": time_of(found.at),
        "evidence": found.evidence,
    }


def outbox(names: Names, found: OutboxLine) -> Fields:
    """One own message that lacks evidence."""
    return {
        "id": names.message(found.id),
        "kind": found.id.kind.value,
        "to": None if found.to is None else names.member(found.to),
        "state": found.state.value,
        "why": names.words(found.why),
        "since": time_of(found.at),
        "acked": found.acked,
        "of": found.of,
    }


def ranges(spans: Iterable[tuple[int, int]]) -> str:
    """``1-17,20``."""
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def stream_of(names: Names, stream: Stream) -> Fields:
    """The fields that name a stream."""
    return {"author": names.member(stream.author), "epoch": stream.epoch, "boot": stream.boot}


def stream(names: Names, found: StreamLine) -> Fields:
    """One row of ``digest``."""
    return {
        **stream_of(names, found.stream),
        "ranges": ranges(found.ranges),
        "head": None if found.head is None else found.head.hex()[:SHORT_HASH],
        "known": found.known,
        "floor": found.floor,
        "forked": found.forked or None,
    }


def diff(names: Names, found: DiffLine) -> Fields:
    """One row of ``diff``."""
    return {
        **stream_of(names, found.stream),
        "from": found.first,
        "to": found.last,
        "here": found.here,
        "there": found.there,
    }


def fault(names: Names, found: Fault) -> Fields:
    """One row of ``fault list``."""
    return {
        "peer": "*" if found.peer == EVERYBODY else names.member(found.peer),
        "cut": found.cut,
        "drop_percent": found.drop_percent,
        "delay_ms": found.delay_ms,
    }


def counters(view: NodeView) -> Fields:
    """
    Every counter by name, since the start; those of a group (``refused.REASON``) in one object.

    ``turn`` is no count: it is the number of the latest turn, which goes on over restarts.
    """
    fields: Fields = {"refused": {}, **dict.fromkeys(ALWAYS_COUNTED, 0)}
    for counted in (view.counters, view.membership.counters, view.messaging.counters):
        for name, value in sorted(counted.items()):
            group, dot, inner = name.partition(".")
            place = fields.setdefault(group, {}) if dot else fields
            key = inner if dot else name
            place[key] = place.get(key, 0) + value
    fields["frames"] = fields["frames_in"] + fields["frames_out"]
    fields["turn"] = view.turn
    return fields
