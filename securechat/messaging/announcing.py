"""
Who is told what we have, and when (DESIGN 6, frontier).

- Live posts: their author, if linked, within 50 ms, coalesced over a tick.
- Recovered ranges: every link, in the next period.  Heads: ``heads``.
- Everything: a peer at link-up, and after two unequal digests in a row, with a back-off of 2 to 30 s
  a peer, unless it has heard all of it already and by its own frontier only floors differ (ADR 18).
  The digest itself costs nothing to compare; it goes to every link each period, in a large room to
  some in turn (``settings.digests``), so that each hears it within eight.
- What others do not hear of members they have no link to is passed on (``relaying``); a live post of an
  author that is not linked is told to everybody, since only they can pass it on.
- A frontier can get lost on a link that stays.  Where a peer's digest equals ours it has all our posts;
  if its word for the last of one of our streams has not come within a further digest, that post is
  given again, with the same back-off, and the duplicate is answered with a frontier.  Who has pruned it
  owes no word for it; so of a stream before our newest it is asked a few times on a link, and no more.
- What is signed here says what is on this disk.  So all of it is said at the end of a turn, when it is
  certain what the commit of that turn leaves there.
- The two envelopes that prove a fork: a peer whose frontier shows that it does not know of it, and one
  whose digest is unlike ours, where it may be for that: a few with each full frontier, in turn.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from attrs import define, field

from securechat.effects import Effect, Send
from securechat.ids import MAX_INT, Hash, MemberId, Stream
from securechat.inputs import Instant
from securechat.messaging.acks import Acks
from securechat.messaging.book import Book
from securechat.messaging.claims import Claims
from securechat.messaging.frontier import OwnFrontier
from securechat.messaging.heads import Heads
from securechat.messaging.held import Held, StreamState
from securechat.messaging.messages import Digest, Frontiers, Posts
from securechat.messaging.peers import Peers
from securechat.messaging.relaying import Relaying
from securechat.notices import Delivery
from securechat.objects import Signed
from securechat.settings import KIB

PROOFS = 32
"""Forks of which a peer is told at a time, so that it takes them as pushed (``taking``),"""
PROOF_BYTES = 256 * KIB
"""and about how many bytes at most."""
ASKED = 8
"""Streams of ours of which a peer's word is asked for at a time,"""
TRIES = 8
"""and how often on one link, but for the newest."""
LOOKED_AT = 16
"""Posts of a stream without all evidence of which it is looked up whether a peer's word is missing:
its word for one is also that for those before."""


Entries = tuple[tuple[int, int, Hash], ...]


@define(eq=False)
class Compared:
    """How a peer's digest compared with ours."""

    unequal: int = 0
    next_full: float = 0.0
    pause: float = 0.0
    told: int = -1
    """The revision of the streams that it was told last of, whole."""
    proofs: dict[Stream, int] = field(factory=dict)
    """Forks of which it was told on this link, and where."""
    unproved: frozenset[Hash] = frozenset()
    """Posts of ours that it had by its last digest, and its word for them was not here yet."""
    next_ask: float = 0.0
    ask_pause: float = 0.0
    asked: Counter[Stream] = field(factory=Counter)
    """How often its word was asked for on this link."""


@define(eq=False)
class Announcing:
    """Tells others what we have."""

    _book: Book
    _peers: Peers
    _claims: Claims
    _own: OwnFrontier
    _relaying: Relaying
    _acks: Acks
    _heads: Heads
    _live: dict[Stream, None] = field(factory=dict)
    _recovered: dict[Stream, None] = field(factory=dict)
    _in_vain: dict[MemberId, dict[Stream, None]] = field(factory=dict)
    """Streams of which a peer tells us what we have or want no more."""
    _compared: dict[MemberId, Compared] = field(factory=dict)
    _next: float = 0.0
    _turn: MemberId | None = None
    """Who was told the digest last; we are, before anybody was."""
    _ticked: dict[str, None] = field(factory=dict)
    """Ticks of this turn that had something to tell."""
    _whole: dict[MemberId, None] = field(factory=dict)
    """Peers that get everything at the end of this turn."""

    # What others tell us to tell.

    def live(self, stream: Stream) -> None:
        """A live post came: its author wants to know."""
        if stream.author != self._peers.me:
            self._live[stream] = None

    def recovered(self, stream: Stream) -> None:
        """A hole was filled: everybody may ask us now."""
        self._recovered[stream] = None

    def head(self, stream: Stream) -> None:
        """We learned that a stream goes on."""
        self._heads.news(stream)

    def passed(self, peer: MemberId) -> None:
        """A peer has told all its floors, which may wrongly pass something."""
        self._heads.passed(peer)

    def told_head(self, peer: MemberId, stream: Stream, seq: int, taken: bool) -> None:
        """A peer told us that it goes on; if it goes on telling us in vain, it shall know why."""
        if self._heads.heard(peer, stream, seq, taken):
            self._in_vain.setdefault(peer, {})[stream] = None

    # Links.

    def up(self, peer: MemberId, now: Instant) -> None:
        """Everything, to a peer that just came."""
        self._relaying.up(peer)
        self._heads.up(peer)
        row = self._compared[peer] = Compared(pause=self._book.settings.frontier_backoff_min)
        row.next_full = now.mono + row.pause
        self._whole[peer] = None

    def down(self, peer: MemberId) -> None:
        """Nothing more to compare."""
        self._relaying.down(peer)
        self._heads.down(peer)
        self._compared.pop(peer, None)
        self._whole.pop(peer, None)

    def digest(self, peer: MemberId, theirs: bytes, now: Instant) -> list[Effect]:
        """A peer's digest: unequal twice in a row, and it gets everything we have."""
        row = self._compared.setdefault(peer, Compared())
        if theirs == self._book.streams.digest():
            row.unequal, row.pause = 0, 0.0
            return self._ask_evidence(peer, row, now)
        row.unequal += 1
        if row.unequal < 2 or now.mono < row.next_full:
            return []
        settings = self._book.settings
        row.pause = min(
            settings.frontier_backoff_max, max(settings.frontier_backoff_min, 2 * row.pause)
        )
        row.next_full = now.mono + row.pause
        if self._only_floors(peer, row):
            self.passed(peer)
            return self._proofs(peer, row, once=True)
        self._book.counters["full_frontiers"] += 1
        self._whole[peer] = None
        return self._proofs(peer, row)

    def proof(self, peer: MemberId, stream: Stream, claimed: int) -> list[Effect]:
        """A linked peer claims posts of a stream that we know to be forked before them."""
        state = self._book.streams.get(stream)
        row = self._compared.get(peer)
        if state is None or state.breach is None or row is None or claimed < state.breach.seq:
            return []
        return self._proof(peer, state, row) if _untold(state, row) else []

    # Time.

    def due(self, name: str, mono: float) -> bool:
        """Whether there is anything to tell."""
        if name == "deadlines":
            return bool(self._live)
        return mono >= self._next and bool(self._peers.linked)

    def tick(self, name: str, mono: float) -> None:
        """If there is, it is told at the end of this turn."""
        if self.due(name, mono):
            self._ticked[name] = None

    def settle(self, now: Instant) -> list[Effect]:
        """What there is to tell, when nothing of this turn is left to be stored or forgotten."""
        whole, self._whole = self._whole, {}
        ticked, self._ticked = self._ticked, {}
        effects: list[Effect] = []
        for peer in whole:
            told = self._everything(peer, now)
            if told and peer in self._compared:
                self._compared[peer].told = self._book.streams.revision
            effects += told + self._heads.all(peer, now)
        for name in ticked:
            effects += self._tell_authors(now) if name == "deadlines" else self._tell_all(now)
        return effects

    def _tell_authors(self, now: Instant) -> list[Effect]:
        streams, self._live = self._live, {}
        linked = self._peers.linked
        waiting = [stream for stream in streams if stream.author in linked]
        self._recovered.update((s, None) for s in streams if s.author not in linked)
        authors = sorted({stream.author for stream in waiting})
        if not authors:
            return []
        messages = _messages(self._own.delta(waiting, now))
        return [Send(author, message) for author in authors for message in messages]

    def _tell_all(self, now: Instant) -> list[Effect]:
        self._next = now.mono + self._book.settings.period
        effects, owed = self._relaying.tick(now.mono)
        self._recovered.update((s, None) for member in owed if (s := self._newest(member)))
        recovered, self._recovered = self._recovered, {}
        messages = _messages(self._own.delta(recovered, now)) if recovered else []
        effects += [Send(peer, message) for peer in self._peers.linked for message in messages]
        in_vain, self._in_vain = self._in_vain, {}
        for peer in self._peers.linked.keys() & in_vain.keys():
            effects += [Send(peer, m) for m in _messages(self._own.delta(in_vain[peer], now))]
        effects += self._heads.tick(now)
        digest = Digest(self._book.streams.digest(), max(0, now.wall_ms))
        return effects + [Send(peer, digest) for peer in self._in_turn()]

    def _in_turn(self) -> list[MemberId]:
        """Who hears the digest in this period; each node begins with another, the one after itself."""
        peers = sorted(self._peers.linked)
        after = bisect(peers, self._turn or self._peers.me)
        chosen = [*peers[after:], *peers[:after]][: self._book.settings.digests(len(peers))]
        self._turn = chosen[-1] if chosen else None
        return chosen

    def _ask_evidence(self, peer: MemberId, row: Compared, now: Instant) -> list[Effect]:
        """A peer that has all we have: whether it has said so of our posts."""
        found = list(islice(self._unproved(peer, row), ASKED))
        waiting = [held for held in found if held.hash in row.unproved]
        row.unproved = frozenset(held.hash for held in found)
        if not found:
            row.ask_pause = 0.0
        if not waiting or now.mono < row.next_ask:
            return []
        settings = self._book.settings
        row.ask_pause = min(
            settings.frontier_backoff_max, max(settings.frontier_backoff_min, 2 * row.ask_pause)
        )
        row.next_ask = now.mono + row.ask_pause
        effects: list[Effect] = []
        for held in waiting:
            row.asked[held.stream] += 1
            self._book.counters["evidence_asked"] += 1
            effects += self._acks.served(peer, held.stream, [(held.first, held.last)], now)
            effects.append(Send(peer, Posts(), (held.hash,)))
        return effects

    def _unproved(self, peer: MemberId, row: Compared) -> Iterator[Held]:
        """The last envelope of each stream of ours that lacks the word of this peer, newest first."""
        evidence, newest = self._book.evidence, self._newest(self._peers.me)
        for stream in sorted(evidence.open, reverse=True):
            if stream != newest and row.asked[stream] >= TRIES:
                continue
            last = islice(reversed(evidence.open[stream].values()), LOOKED_AT)
            held = next((held for held in last if self._owes(peer, held)), None)
            if held is not None:
                yield held

    def _owes(self, peer: MemberId, held: Held) -> bool:
        """Whether an envelope that is here and for this peer lacks its word; a fork is not listed."""
        state, claim = self._book.streams.get(held.stream), self._claims.get(peer)
        if state is None or held.last > state.sound or not self._book.holds(held.hash):
            return False
        if claim is not None and claim.pruned(held.stream, held.last):
            return False
        evidence = self._book.evidence
        return peer in evidence.audience(held) and evidence.state(held, peer) is not Delivery.ACKED

    def _newest(self, author: MemberId) -> Stream | None:
        """The last stream of an author of which we hold posts."""
        found = self._book.streams.authors.get(author)
        held = [state.stream for state in found.in_order() if state.envelopes] if found else []
        return held[-1] if held else None

    def _only_floors(self, peer: MemberId, row: Compared) -> bool:
        """
        Whether a peer was told all that we have now, and by what it said itself we differ below a floor
        of one of us alone: then no frontier makes the digests equal.
        """
        claim, streams = self._claims.get(peer), self._book.streams
        if row.told != streams.revision or claim is None or not claim.complete:
            return False
        below = False
        for stream in {state.stream for state in streams} | claim.streams.keys():
            state, floor = streams.get(stream), max(streams.floor(stream), claim.floor(stream))
            ours = state.entry() if state is not None else ()
            theirs = claim.streams.get(stream, ())
            # Of a fork it may not know though it was told, and of many ranges it names the newest.
            forked = state is not None and state.breach is not None and state.breach.seq > floor
            if forked or floor < claim.unsaid(stream) < MAX_INT:
                return False
            if _above(ours, floor) != _above(theirs, floor):
                return False
            below = below or ours != theirs or (state is not None and state.breach is not None)
        return below

    def _proofs(self, peer: MemberId, row: Compared, once: bool = False) -> list[Effect]:
        """Some of the forks that we know of; once it was told of all, again from the first."""
        forked = [state for state in self._book.streams if state.breach is not None]
        if not (once or any(_untold(state, row) for state in forked)):
            row.proofs.clear()
        effects: list[Effect] = []
        size = 0
        for state in [state for state in forked if _untold(state, row)][:PROOFS]:
            if size < PROOF_BYTES:
                effects += self._proof(peer, state, row)
                size += sum(held.size for held in self._sides(state))
        return effects

    def _proof(self, peer: MemberId, state: StreamState, row: Compared) -> list[Effect]:
        assert state.breach is not None
        row.proofs[state.stream] = state.breach.seq
        both = tuple(held.hash for held in self._sides(state))
        return [Send(peer, Posts(), both)] if len(both) > 1 else []

    def _sides(self, state: StreamState) -> list[Held]:
        """The envelopes that prove a fork, as far as they are here."""
        names = (state.breach.one, state.breach.other) if state.breach is not None else ()
        return [held for name in names if (held := self._book.streams.by_hash(name)) is not None]

    def _everything(self, peer: MemberId, now: Instant) -> list[Effect]:
        return [Send(peer, message, patient=True) for message in _messages(self._own.full(now))]


def _untold(state: StreamState, row: Compared) -> bool:
    """Whether a peer was not told on this link where a stream forks, or of a later place only."""
    return state.breach is not None and state.breach.seq < row.proofs.get(state.stream, MAX_INT)


def _above(ranges: Entries, floor: int) -> list[tuple[int, int, Hash]]:
    return [(max(first, floor + 1), last, name) for first, last, name in ranges if last > floor]


def _messages(parts: tuple[Signed, ...]) -> list[Frontiers]:
    return [Frontiers((part,)) for part in parts]
