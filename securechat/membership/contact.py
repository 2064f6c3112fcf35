"""
Links as evidence (DESIGN 5; the study's section 5).

A link of a member's newest process is contact, and so are any bytes on it.  The end of the last link
by FIN, RST or timeout makes a member suspect at once; an end for bookkeeping, a breach of the protocol
and whatever TLS says are about identity, never about liveness.  Nothing that is read in the moments
after a stall of ours is held against anybody: we dial first.
"""

from __future__ import annotations

from attrs import define

from securechat.effects import Effect, Hangup, Record, Send
from securechat.errors import RemoteError
from securechat.ids import MemberId
from securechat.inputs import Ending, Greeted, Instant, LinkDown, LinkUp
from securechat.membership.announce import Announce
from securechat.membership.claims import Claim, Held, Told, compare
from securechat.membership.dialback import DialBack
from securechat.membership.dialing import Dialing
from securechat.membership.dissemination import Dissemination
from securechat.membership.facts import AddressesKnown
from securechat.membership.gobetween import GoBetween
from securechat.membership.ledger import Ledger
from securechat.membership.links import LinkTable
from securechat.membership.liveness import Sign
from securechat.membership.messages import Claims
from securechat.membership.observers import Observers
from securechat.membership.probing import Probing
from securechat.membership.questions import Questions
from securechat.membership.refusals import Refusals
from securechat.membership.restart import Restart
from securechat.membership.verdict import Verdicts
from securechat.notices import Via
from securechat.settings import MAX_ADDRESSES

COUNTED = frozenset({Ending.FIN, Ending.RST, Ending.TIMEOUT, Ending.GOODBYE})
"""Ends that speak about the process.  A goodbye with its signed leave was judged by the leave."""
STALE = frozenset({Told.ALIVE_OLDER_EPOCH, Told.ALIVE_TWIN_BELOW})


@define
class Contact:
    """Turns what happens to links and dials into evidence."""

    _ledger: Ledger
    _links: LinkTable
    _verdicts: Verdicts
    _refusals: Refusals
    _dialing: Dialing
    _dialback: DialBack
    _probing: Probing
    _gobetween: GoBetween
    _observers: Observers
    _announce: Announce
    _restart: Restart
    _claims: Dissemination
    _questions: Questions

    def greeted(self, greeted: Greeted, now: Instant) -> list[Effect]:
        """A member is at the door: keep who it says it is before it is welcomed."""
        if greeted.peer == self._ledger.me or self._restart.silent:
            return []
        effects = self._claims.greeted(Claim.of(greeted.alive), now)
        self._verdicts.greeted(greeted.peer)
        return effects

    def link_up(self, link: LinkUp, now: Instant) -> list[Effect]:
        """A member is there, and says who it is now."""
        if link.peer == self._ledger.me:
            raise RemoteError("self", "a link to ourselves")
        self._links.up(link)
        if self._restart.silent:
            return [Hangup(link.peer, "conflict")]
        accusing = self._observers.link_up(link.peer)
        claim = Claim.of(link.alive)
        current = compare(claim, self._ledger.held.get(link.peer, Held())) not in STALE
        effects = self._claims.greeted(claim, now)
        if current:
            how = "dialled" if link.dialled is not None else "accepted"
            self._verdicts.contact(link.peer, now, f"link {link.link} {how}, epoch {link.epoch}")
            self._refusals.link_up(link)
            self._dialback.link_up(link, now.mono)
        self._dialing.link_up(link)
        effects += self._reached(link, now)
        effects += self._ourselves(link, now)
        effects += self._goodbye(link.peer)
        return [*accusing, *effects, *self._questions.ask(link.peer, now)]

    def _goodbye(self, peer: MemberId) -> list[Effect]:
        """Who came up after our goodbye has not heard it; to others this link may be all they have."""
        leave = self._ledger.held[self._ledger.me].leave if self._announce.leaving else None
        return [] if leave is None else [Send(peer, Claims((leave.signed,)))]

    def _reached(self, link: LinkUp, now: Instant) -> list[Effect]:
        """Remember where a dial of ours found it."""
        before = self._ledger.reached.get(link.peer, ())
        if link.dialled is None or before[:1] == (link.dialled,):
            return []
        after = tuple(dict.fromkeys((link.dialled, *before)))[:MAX_ADDRESSES]
        return [Record(AddressesKnown(now.wall_ms, link.peer, after))]

    def _ourselves(self, link: LinkUp, now: Instant) -> list[Effect]:
        """What the peer holds of us may be news; so may our end of the link."""
        if link.ours is not None:
            jump = self._restart.proved(link.ours.statement, live=False, now=now)
            if jump:
                return jump
        return [*self._announce.moved(now)]

    def link_down(self, down: LinkDown, now: Instant) -> list[Effect]:
        """A link ended; if it was the last, how it ended tells something."""
        link = self._links.down(down)
        if link is None:
            return []
        again = self._observers.link_down(down)
        if self._links.linked(down.peer):
            return again
        self._probing.link_down(down.peer)
        self._claims.link_down(down.peer)
        self._questions.link_down(down.peer)
        self._refusals.link_down(down)
        self._dialback.link_down(down.peer)
        self._dialing.link_down(down.peer, now.mono)
        what = f"link {down.link} ended: {down.how.value}" + (
            f", {down.reason}" * bool(down.reason)
        )
        if down.how not in COUNTED and not self._restart.silent:
            self._verdicts.note(down.peer, now, what, "no evidence about liveness")
        elif not self._ledger.newest(link):
            self._verdicts.note(down.peer, now, what, "it was a link of an earlier process")
        elif self._probing.stalled(now.mono):
            self._verdicts.note(down.peer, now, what, "read after a stall of ours")
        elif down.how is Ending.TIMEOUT and self._verdicts.seen[down.peer].via is Via.INDIRECT:
            self._verdicts.note(down.peer, now, what, "others vouch for it, not this link")
        else:
            self._verdicts.judge(down.peer, Sign.LINK_ENDED, now, what)
        return [*self._gobetween.link_down(down.peer), *self._probing.probe(down.peer, now)]

    def heard(self, peer: MemberId, number: int, now: Instant) -> None:
        """Bytes of a peer, whatever they say."""
        link = self._links.get(number)
        if link is not None and self._ledger.newest(link):
            self._verdicts.contact(peer, now)
