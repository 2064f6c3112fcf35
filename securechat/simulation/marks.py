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
    Conflict,
    Delivery,
    DeliveryChanged,
    GapChanged,
    LinkChanged,
    Liveness,
    MemberChanged,
    PostShown,
    Recovered,
)

COUNTERS = {
    "refused.stale-epoch": "an old incarnation was refused",
    "refused.by-peer.stale-epoch": "an old incarnation learned that it is one",
    "refused.bad-signature": "a forged object was refused",
    "refused.malformed": "a malformed object was refused",
    "refused.stale-frames": "frames of a replaced link were refused",
    "refused.by-peer.too-slow": "a slow link was closed",
    "commits_failed": "a commit failed and the cores were rebuilt",
    "dropped.read-only": "a read-only node dropped an input",
    "ignored.superseded": "bytes on a superseded link were ignored",
    "ignored.duplicate": "bytes on a duplicate link were ignored",
    "sends_without_link": "a send found no link",
}


def of_event(event: Any, author_is_via: bool) -> str:
    """The mark of one event; empty if it is nothing rare."""
    match event:
        case Recovered():
            return (
                "a gap was filled by its author"
                if author_is_via
                else ("a gap was filled from a third peer")
            )
        case PostShown(late=True):
            return "a post was shown late"
        case PostShown(recovered=True):
            return "a post was recovered"
        case DeliveryChanged(before=Delivery.UNKNOWN, to=Delivery.ACKED):
            return "unknown became acked"
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
            return (
                "a link ended"
                if event.why not in ("duplicate", "superseded")
                else (f"a link ended as {event.why}")
            )
        case Conflict():
            return "a conflict was noticed"
    return ""


def of_counters(counters: Mapping[str, int]) -> Counter[str]:
    """The marks that a node's counters tell of."""
    found: Counter[str] = Counter()
    for name, mark in COUNTERS.items():
        found[mark] += counters.get(name, 0)
    return +found
