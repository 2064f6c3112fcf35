"""
"Sometimes": rare situations that a good set of worlds must have gone through, counted.

A simulation that never fills a gap from a third peer proves nothing about filling gaps.  Most marks
are read from the nodes' own counters and events; ``run`` prints how often each came up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from securechat.notices import (
    ClockNoticed,
    Conflict,
    Delivery,
    DeliveryChanged,
    FaultNoticed,
    GapChanged,
    LinkChanged,
    Liveness,
    MemberChanged,
    PostShown,
    Recovered,
)
from securechat.simulation.faults import COPY, Trouble

COUNTERS = {
    "refused.stale-epoch": "an old incarnation was refused",
    "refused.by-peer.stale-epoch": "an old incarnation learned that it is one",
    "refused.bad-signature": "a forged object was refused",
    "refused.malformed": "a malformed object was refused",
    "refused.stale-frames": "frames of a replaced link were refused",
    "commits_failed": "a commit failed and the cores were rebuilt",
    "dropped.read-only": "a read-only node dropped an input",
    "ignored.superseded": "bytes on a superseded link were ignored",
    "ignored.duplicate": "bytes on a duplicate link were ignored",
    "sends_without_link": "a send found no link",
    "in.Absent": "a peer never had what it was asked for",
    "claims.raised": "a version rose without a restart",
    "claims.restarted": "a restart was heard of",
    "claims.answered": "who told of the past was shown the proof",
    "probes.stalls": "a process noticed that it had stood still",
    "probes.nacks-missed": "a go-between was silent",
    "late": "a post came late",
    "wants_timed_out": "a want was not answered in time",
    "rate_limited": "posts were put off by the rate of who pushed them",
    "refused.pruned": "a post below the floor was refused",
    "posts_pruned": "posts were pruned",
    "directs_pruned": "direct messages were pruned",
    "duplicate_receipts": "a receipt came twice",
    "losses_heard": "a member told that its disk was lost or set back",
    "frontier_heads_other": "two hold different ends of a stream",
}
FAULTS = {
    "read-only": "a node became read-only",
    "writable again": "a node could write again",
    "cut off": "a node found itself cut off",
    "no longer cut off": "a node was heard again",
}
"""By what a node says of itself."""
SOMETIMES = frozenset(
    {
        *COUNTERS.values(), *FAULTS.values(),
        "a gap was filled by its author", "a gap was filled from a third peer",
        "a gap: open", "a gap: filled", "a gap: closed", "a gap: pruned",
        "a post was shown late", "a post was recovered", "unknown became acked",
        "a message became unknown", "a message became expired",
        "an unreachable member came back", "a member that had left came back",
        "a member became left", "a member became suspect", "a member became unreachable",
        "a link ended as superseded", "a link ended as duplicate",
        "a conflict was noticed", "a clock was found to be off", "a nonce was known",
        "a command was answered 420", "a command was answered 421", "a command was answered 520",
        "a letter expired by its deadline", "a letter was offered again",
        "a post was forgotten by age", "a nonce was forgotten",
        "a world of short histories", "a world of narrow histories", "a world of short ages",
        "a world of short turns", "a world with a slow reader",
        *(f"a message was {state} when somebody asked to cancel it"
          for state in ("sent", "unknown", "acked", "expired")),
        *(f"a message was {state} when somebody asked to try it again"
          for state in ("queued", "sent", "unknown", "acked")),
        *(f"killed at: {step}" for step in (
            "begin", "fact", "object", "turn", "commit", "committed", "write")),
        *(f"fault: {kind}" for kind in (*Trouble, COPY)),
    }
)  # fmt: skip
"""What must have come up,"""
MANY = 500
"""in so many worlds,"""
TIMES = 10
"""so many times (``reference/reliability-security.md`` 4.3, R6)."""


def missed(marks: Mapping[str, int], worlds: int) -> list[str]:
    """What came up too seldom in that many worlds; nothing is asked of fewer than ``MANY``."""
    least = TIMES * (worlds // MANY)
    return sorted(mark for mark in SOMETIMES if marks.get(mark, 0) < least)


def of_event(event: Any) -> str:
    """The mark of one event; empty if it is nothing rare."""
    match event:
        case Recovered() if event.via == event.stream.author:
            return "a gap was filled by its author"
        case Recovered():
            return "a gap was filled from a third peer"
        case PostShown(late=True):
            return "a post was shown late"
        case PostShown(recovered=True):
            return "a post was recovered"
        case DeliveryChanged(before=Delivery.UNKNOWN, to=Delivery.ACKED):
            return "unknown became acked"
        case DeliveryChanged(to=Delivery.EXPIRED) if event.why != "cancelled":
            return "a letter expired by its deadline"
        case DeliveryChanged():
            return f"a message became {event.to}"
        case GapChanged():
            return f"a gap: {event.state}"
        case MemberChanged(before=Liveness.UNREACHABLE, to=Liveness.ALIVE):
            return "an unreachable member came back"
        case MemberChanged(before=Liveness.LEFT, to=Liveness.ALIVE):
            return "a member that had left came back"
        case MemberChanged():
            return f"a member became {event.to}"
        case LinkChanged(state="down"):
            told = event.why in ("duplicate", "superseded", "too-slow")
            return f"a link ended as {event.why}" if told else "a link ended"
        case Conflict():
            return "a conflict was noticed"
        case ClockNoticed():
            return "a clock was found to be off"
        case FaultNoticed():
            return next(
                (mark for start, mark in FAULTS.items() if event.what.startswith(start)), ""
            )
    return ""


def of_counters(counters: Mapping[str, int]) -> Counter[str]:
    """The marks that a node's counters tell of."""
    found: Counter[str] = Counter()
    for name, mark in COUNTERS.items():
        found[mark] += counters.get(name, 0)
    return +found
