"""
Probes: every linked peer once a period, and go-betweens for who does not answer (SWIM; DESIGN 5).

A round starts each period T, with +-10 % jitter: a ping to every linked peer up to 12 members, above
to three of a shuffled list, so that none waits longer than a turn of the list.  An ack that quotes one
of the last nonces measures the path (``roundtrips``); whatever a peer sends is contact.  Of a peer that
was silent for the whole ping timeout, and of a member without a link, up to three go-betweens are
asked; a member that neither answers nor is vouched for by the end of that has failed the probe.
Members that nobody reaches are asked for one at a time, so that their number costs nothing.

A probe that is judged more than 100 ms late judges nobody: the acks may wait unread behind our own
stall.  Interval and timeouts are multiplied by the local health score + 1 (``health``).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from attrs import define, field

from securechat.effects import Effect, Hangup, Send
from securechat.ids import MemberId
from securechat.inputs import Instant
from securechat.membership.dialing import Chance, Dialing
from securechat.membership.health import LocalHealth
from securechat.membership.ledger import Ledger
from securechat.membership.links import LinkTable
from securechat.membership.liveness import Sign
from securechat.membership.messages import Ack, AskVouch, Nack, Ping
from securechat.membership.refusals import Refusals
from securechat.membership.roundtrips import RoundTrips
from securechat.membership.verdict import LATE, NEVER, Seen, Verdicts
from securechat.notices import Liveness, Via
from securechat.objects import Admitted
from securechat.settings import Settings

JITTER = 0.2
NONCES = 2**53


@define
class Probe:
    """One member that was asked whether it is there."""

    nonce: int
    sent: float
    until: float
    """When to ask go-betweens; once they are asked, when the probe has failed."""
    direct: bool
    """Whether it was pinged."""
    asked: dict[MemberId, bool] | None = None
    """Go-betweens that have not answered, and whether each was heard within a period then."""
    nacked: list[MemberId] = field(factory=list)
    """Those that had no answer either."""


@define
class Probing:
    """The probes that are out."""

    _ledger: Ledger
    _links: LinkTable
    _verdicts: Verdicts
    _health: LocalHealth
    _dialing: Dialing
    _refusals: Refusals
    _settings: Settings
    _rng: Chance
    _counters: Counter[str]
    _trips: dict[MemberId, RoundTrips] = field(factory=dict, init=False)
    """Of each link's last pings."""
    stalled_until: float = field(default=-NEVER, init=False)
    """After a stall of ours, until then the end of a link is no evidence."""
    _out: dict[MemberId, Probe] = field(factory=dict, init=False)
    _turns: list[MemberId] = field(factory=list, init=False)
    _lost: list[MemberId] = field(factory=list, init=False)
    """Members that nobody reaches, in the order in which they are asked for."""
    _owing: set[MemberId] = field(factory=set, init=False)
    """Go-betweens whose missing answer was counted against ourselves."""
    _well: bool = field(default=False, init=False)
    """Acks came in this round, and nothing spoke against ourselves."""
    _ill: bool = field(default=False, init=False)
    _round: float = field(default=NEVER, init=False)
    """When the next round starts."""
    _listening: float = field(default=NEVER, init=False)
    """When it is judged next whether anybody is heard."""
    _next: float = field(default=NEVER, init=False)
    _started: float = field(default=0.0, init=False)

    def start(self, mono: float) -> None:
        """The first round comes within a period."""
        self._round = self._next = mono + self._rng.random() * self._settings.period
        self._listening = mono + self._settings.cut_off_after
        self._started = mono

    def stop(self) -> None:
        """Probe nobody any more."""
        self._out.clear()
        self._round = self._listening = self._next = NEVER

    def due(self, mono: float) -> bool:
        """Whether a round starts or a probe is to be judged."""
        return mono >= self._next

    def tick(self, now: Instant) -> list[Effect]:
        """Judge the probes that end, start the round that is due."""
        self._watch_for_stall(now)
        effects: list[Effect] = []
        for member in [member for member, out in self._out.items() if out.until <= now.mono]:
            effects += self._judge(member, self._out.pop(member), now)
        if now.mono >= self._listening:
            self._listen(now)
        if now.mono >= self._round:
            effects += self._start_round(now)
        self._schedule()
        return effects

    def _schedule(self) -> None:
        ends = (out.until for out in self._out.values())
        self._next = min(self._round, self._listening, *ends)

    # Answers.

    def acked(self, member: MemberId, ack: Ack, now: Instant) -> None:
        """An ack: a round trip, if it quotes a nonce of ours, however late."""
        trips = self._trips.get(member)
        sent = trips.acked(ack.nonce) if trips is not None else None
        if trips is None or sent is None:
            self._counters["ignored.acks"] += 1
            return
        out = self._out.get(member)
        if out is not None and out.nonce == ack.nonce:
            del self._out[member]
        self._well = True
        if not self.stalled(now.mono):
            trips.took(now.mono - sent)

    def rtt(self, member: MemberId) -> float | None:
        """The round trip to a linked member, smoothed, in seconds."""
        trips = self._trips.get(member)
        return None if trips is None else trips.mean

    def vouched(self, admitted: Admitted[Any], via: MemberId, now: Instant) -> None:
        """What a member signed, brought by a go-between."""
        said = admitted.statement
        out, alive = self._out.get(said.author), self._ledger.alive(said.author)
        asked = out is not None and out.asked is not None and out.nonce == said.nonce
        if not asked or alive is None or said.asker != self._ledger.me:
            self._counters["refused.vouch-not-asked"] += 1
        elif (said.epoch, said.boot) != (alive.epoch, alive.boot):
            what = f"signed by its process of epoch {said.epoch}"
            self._verdicts.note(said.author, now, what, "not its newest process", via)
        else:
            sent = self._out.pop(said.author).sent
            self._owing.discard(via)
            seen = self._verdicts.seen.get(said.author)
            if seen is not None and (seen.heard is None or seen.heard < sent):
                self._brought(said.author, seen, via, now)

    def _brought(self, member: MemberId, seen: Seen, via: MemberId, now: Instant) -> None:
        """Word that counts: its process lives, and who was lost is dialled at once."""
        lost = seen.state in (Liveness.SUSPECT, Liveness.UNREACHABLE)
        self._refusals.disproved(member)
        self._verdicts.vouch(member, via, now)
        if lost:
            self._dialing.wake(member, now.mono)

    def nacked(self, peer: MemberId, nack: Nack, now: Instant) -> None:
        """A go-between got no answer either."""
        out = self._out.get(nack.subject)
        if out is None or not out.asked or out.nonce != nack.nonce or peer not in out.asked:
            self._counters["refused.nack-not-asked"] += 1
            return
        del out.asked[peer]
        out.nacked.append(peer)
        self._owing.discard(peer)
        self._counters["probes.nacks"] += 1
        self._verdicts.nack(nack.subject, peer, now)
        if not out.asked:
            out.until = now.mono
            self._next = min(self._next, out.until)

    def awaits(self, member: MemberId) -> bool:
        """Whether a go-between may still bring word of it."""
        out = self._out.get(member)
        return out is not None and bool(out.asked)

    def link_down(self, member: MemberId) -> None:
        """What was asked on its last link is not answered any more, neither is what it was asked."""
        out = self._out.get(member)
        if out is not None and out.asked:
            out.direct = False  # A go-between takes one question at a time: this one stays open.
        elif out is not None and out.direct:
            del self._out[member]
        for other in self._out.values():
            if other.asked:
                other.asked.pop(member, None)
        self._owing.discard(member)
        self._trips.pop(member, None)

    # Probes.

    def probe(self, member: MemberId, now: Instant) -> list[Effect]:
        """Ask one member now, unless it is being asked."""
        if member in self._out or self._round == NEVER:
            return []
        effects = (
            [self._ping(member, now)] if self._links.linked(member) else self._ask(member, now)
        )
        self._schedule()
        return effects

    def stalled(self, mono: float) -> bool:
        """Whether we stood still until just now, even if no tick was handled since."""
        return mono < self.stalled_until or self._late(mono)

    def _late(self, mono: float) -> bool:
        return mono - self._next > self._settings.probing_interval + LATE

    def _watch_for_stall(self, now: Instant) -> None:
        """Coming late is our own fault, not the peers'."""
        if self._late(now.mono):
            self._counters["probes.stalls"] += 1
            self._health.worse()
            self._ill = True
            self.stalled_until = now.mono + self._settings.ping_timeout
            self._out.clear()

    def _start_round(self, now: Instant) -> list[Effect]:
        self._weigh_ourselves()
        jitter = 1 - JITTER / 2 + JITTER * self._rng.random()
        self._round = now.mono + self._settings.period * jitter * self._health.factor
        effects: list[Effect] = []
        for member in self._targets():
            if member not in self._out:
                effects += self._probe_linked(member, now)
        for member in self._unlinked():
            if member not in self._out:
                effects += self._ask(member, now)
        return effects

    def _weigh_ourselves(self) -> None:
        if self._well and not self._ill:
            self._health.better()
        self._well = self._ill = False

    def _listen(self, now: Instant) -> None:
        """Each period, however slow our own pace is: whether anybody at all is heard."""
        self._listening = now.mono + self._settings.period
        if now.mono < self.stalled_until:
            return
        seen = self._verdicts.seen.values()
        since = now.mono - self._settings.cut_off_after
        others = [one for one in seen if one.state is not Liveness.LEFT]
        anybody = (
            not others or since < self._started or any(one.heard_since(since) for one in others)
        )
        self._health.hears(anybody)

    def _targets(self) -> tuple[MemberId, ...]:
        peers = self._links.peers
        most = self._settings.targets(self._ledger.size)
        if most >= len(peers):
            return peers
        chosen: list[MemberId] = []
        while len(chosen) < most:
            if not self._turns:
                self._turns = sorted(peers, key=lambda _: self._rng.random())
            member = self._turns.pop()
            if self._links.linked(member) and member not in chosen:
                chosen.append(member)
        return tuple(dict.fromkeys((*chosen, *(peer for peer in peers if self._in_doubt(peer)))))

    def _in_doubt(self, peer: MemberId) -> bool:
        """Whether a linked member is probed each period, however large the room is."""
        seen = self._verdicts.seen.get(peer)
        return seen is not None and (seen.state is Liveness.SUSPECT or seen.via is Via.INDIRECT)

    def _unlinked(self) -> tuple[MemberId, ...]:
        """Members without a link that are to be asked for: all that may be there, one that is lost."""
        seen = self._verdicts.seen.items()
        away = [(member, one) for member, one in seen if not self._links.linked(member)]
        lost = [member for member, one in away if one.state is Liveness.UNREACHABLE]
        self._lost = [member for member in self._lost if member in lost] or lost
        present = [m for m, one in away if one.state in (Liveness.ALIVE, Liveness.SUSPECT)]
        return (*present, *(self._lost.pop(0) for _ in self._lost[:1]))

    def _ping(self, member: MemberId, now: Instant) -> Effect:
        patience = self._settings.ping_timeout * self._health.factor
        patience = max(patience, 3 * (self.rtt(member) or 0.0))
        out = Probe(self._nonce(), now.mono, now.mono + patience, direct=True)
        self._out[member] = out
        self._trips.setdefault(member, RoundTrips()).pinged(out.nonce, now.mono)
        return Send(member, Ping(out.nonce, self._ledger.digest))

    def _nonce(self) -> int:
        return int(self._rng.random() * NONCES)

    def _probe_linked(self, member: MemberId, now: Instant) -> list[Effect]:
        """
        A ping; a link on which nothing comes, while others vouch, is closed, to dial anew.

        Once half of a suspicion is over, a second link is tried beside the mute one.
        """
        seen = self._verdicts.seen.get(member)
        if seen is None or seen.heard is None or seen.via is not Via.INDIRECT:
            half = seen is not None and now.mono > (seen.begun + seen.until) / 2
            anew = self._dialing.anew(member, now.mono) if half else []
            return [self._ping(member, now), *anew]
        if now.mono - seen.heard <= self._settings.mute_link:
            return [self._ping(member, now)]
        return [Hangup(member, "silent"), *self._ask(member, now)]

    # Go-betweens.

    def _ask(self, member: MemberId, now: Instant, out: Probe | None = None) -> list[Effect]:
        """Ask go-betweens for a member; if there is none, the probe is judged at the next tick."""
        if out is None:
            out = Probe(self._nonce(), now.mono, now.mono, direct=False)
        chosen = self._go_betweens(member)
        out.asked = {peer: self._heard_lately(peer, now) for peer in chosen}
        out.until = now.mono + self._settings.vouch_timeout * self._health.factor * bool(chosen)
        self._out[member] = out
        self._counters["probes.indirect"] += len(chosen)
        return [Send(peer, AskVouch(member, out.nonce)) for peer in chosen]

    def _go_betweens(self, member: MemberId) -> list[MemberId]:
        peers = [peer for peer in self._links.peers if self._fit(peer) and peer != member]
        peers.sort(key=lambda _: self._rng.random())
        return peers[: self._settings.go_betweens]

    def _fit(self, peer: MemberId) -> bool:
        seen = self._verdicts.seen.get(peer)
        return seen is not None and seen.via is Via.DIRECT

    def _heard_lately(self, peer: MemberId, now: Instant) -> bool:
        heard = self._verdicts.seen[peer].heard
        lately = self._settings.period * self._health.factor
        return heard is not None and now.mono - heard <= lately

    # Judging.

    def _judge(self, member: MemberId, out: Probe, now: Instant) -> list[Effect]:
        seen = self._verdicts.seen.get(member)
        if seen is None or seen.heard_since(out.sent) or now.mono < self.stalled_until:
            return []
        if out.asked is None:
            effects = self._ask(member, now, out)
            if effects:
                return effects
            del self._out[member]
        self._weigh_silence(out)
        if out.direct or self._unheard(seen, now):
            self._verdicts.judge(member, Sign.SILENCE, now, self._what(out))
            for peer in out.nacked:
                self._verdicts.nack(member, peer, now)
        return []

    def _weigh_silence(self, out: Probe) -> None:
        """
        Nobody answered, not even with a nack: if we heard them just now, the fault may be ours.

        Once for each go-between until it answers again: one that never does must not slow us down.
        """
        lately = {peer for peer, heard in (out.asked or {}).items() if heard} - self._owing
        if lately and not out.nacked:
            self._owing |= lately
            self._counters["probes.nacks-missed"] += 1
            self._health.worse()
            self._ill = True

    def _unheard(self, seen: Seen, now: Instant) -> bool:
        """Whether a member without a link has been silent for a period and a ping timeout."""
        most = self._settings.period + self._settings.ping_timeout
        return not seen.heard_since(now.mono - most)

    def _what(self, out: Probe) -> str:
        waited = f"no ack within {self._settings.ping_timeout:g} s" if out.direct else "no link"
        return f"{waited}, no word through others, nothing else heard"
