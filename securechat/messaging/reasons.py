"""
Why a message of ours has not got further, in words: what is known of it, and why nothing more is.

Nothing is decided here.  Whether somebody is unreachable is this node's view, and is told as such;
that a peer has no link is a fact of this moment, so it is worded when somebody asks (DESIGN 6; G8).
"""

from __future__ import annotations

from collections.abc import Sequence

from securechat.ids import MemberId
from securechat.messaging.letters import Letter
from securechat.messaging.peers import Peers
from securechat.notices import Delivery, Liveness

PRUNED = "below its floor: it keeps nothing of this"
"""Of a post that a recipient has not acknowledged, and has pruned by its own word."""
NAMED = 8
"""Members named in one line at most."""

THERE: dict[Liveness | None, str] = {
    Liveness.ALIVE: "who is alive",
    Liveness.SUSPECT: "who is suspect",
    Liveness.UNREACHABLE: "who is unreachable",
    Liveness.LEFT: "who has left",
    Liveness.REMOVED: "who was removed",
    None: "who is not in the roster",
}


def absence(peers: Peers, member: MemberId) -> str:
    """Why nothing reaches a member now; empty if it is linked."""
    if member in peers.linked:
        return ""
    return f"no link to {{{member}}}, {THERE[peers.states.get(member)]}"


def of_letter(peers: Peers, letter: Letter) -> str:
    """Why a direct message of ours is not acknowledged."""
    away = absence(peers, letter.to)
    if letter.state is Delivery.QUEUED:
        return f"not sent yet: {away or f'others are on their way to {{{letter.to}}} first'}"
    return f"{letter.why}; {away}" if letter.open and away else letter.why


def of_post(peers: Peers, states: Sequence[tuple[MemberId, Delivery]]) -> str:
    """Why not all recipients of a post have acknowledged it."""
    lacking = [(member, state) for member, state in states if state is not Delivery.ACKED]
    said = f"{len(states) - len(lacking)} of {len(states)} have signed that they have it"
    parts = []
    for member, state in lacking[:NAMED]:
        seen = peers.states.get(member)
        away = "" if member in peers.linked else f", no link, {seen or 'not in the roster'}"
        parts.append(f"{{{member}}} ({state}{away})")
    if len(lacking) > NAMED:
        parts.append(f"{len(lacking) - NAMED} more")
    return f"{said}; not yet {', '.join(parts)}" if parts else said
