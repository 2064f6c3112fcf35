"""
What is forgotten: by count, by bytes, by age (DESIGN 6, retention).

- Above the count or the bytes the oldest post of the author who holds most bytes goes (ties by id),
  so a flooder evicts itself.  That author's floor rises over everything below (``floors``); the hash
  and seq at the floor stay.  What a turn brings above a limit goes in the commit of that turn
  (``trim``), so no commit leaves more than the limit on disk, and of a flood one post goes for one that
  came.  What we say, and what we give a receipt for, is kept by its own commit at least (G6): if that
  alone is more than may be kept, the rest goes in the next turn.
- Of one author so many streams are kept, the newest: each costs everybody a place in frontiers, however
  little is said in it (ADR 16).
- Direct messages have the same limits of their own, by the party that holds most; their receipts and
  ids outlive the texts by twice ``keep_hours``, but no more of them for each author than one can have
  waiting in an outbox.
- If wall and monotonic clock part by more than 60 s between two looks, nothing is forgotten by age
  for an hour: a clock that jumped must not empty a history.  Nor must one that is wrong at a start:
  until peers had a minute to tell (``offsets``), nothing goes by age.

What is over a limit by no turn of this process (it was lowered before the start) goes in bounded
bites, one a turn, and so does what is too old: the next look goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from heapq import merge
from itertools import islice, takewhile

from attrs import define

from securechat.effects import Effect, Forget, Record
from securechat.ids import MemberId, MessageId
from securechat.inputs import Instant
from securechat.messaging.book import Book
from securechat.messaging.floors import Rising
from securechat.messaging.held import Held, StreamState
from securechat.messaging.hlc import wall_of
from securechat.messaging.letters import Letter
from securechat.messaging.peers import Peers

MAX_STREAMS = 512
"""Streams of one author with posts in them."""
BUDGET = 256
"""Envelopes or letters forgotten at one look."""
PAUSE = 60.0
"""Seconds between looks when nothing is over a limit."""
STUCK_PAUSE = 5.0
"""The same when letters are over a limit and all of them still wait to be delivered."""
JUMP_PAUSE = 3600.0
DAY_MS = 86_400_000
HOUR_MS = 3_600_000


@define(eq=False)
class Retention:
    """Forgets what is over the limits."""

    _book: Book
    _peers: Peers
    _next: float = 0.0
    _letters_next: float = 0.0
    _offset: float | None = None
    _paused: float = 0.0
    _posts_behind: bool = True
    """Whether posts were over a limit before this turn: then they go in bites."""
    _letters_behind: bool = True

    def due(self, mono: float) -> bool:
        """Whether it is time to look, or something is over a limit."""
        letters = mono >= self._letters_next and self._letters_over()
        return mono >= self._next or letters or self._posts_over()

    def tick(self, now: Instant) -> list[Effect]:
        """One look."""
        self._watch_clock(now)
        whole = now.mono >= self._next
        if whole:
            self._next = now.mono + PAUSE
        ages = now.mono >= self._paused
        effects = self._old_posts(now) + self._old_letters(now) if ages else []
        if whole:
            effects += (self._nonces(now) if ages else []) + self._receipts(now, ages)
        return effects

    def trim(self, now: Instant) -> list[Effect]:
        """The last of a turn, when all that it brought is applied: what is above the limits."""
        effects = self._excess_posts()
        if now.mono >= self._letters_next:
            effects += self._excess_letters(now)
        self._book.committed()
        return effects

    def _posts_over(self) -> bool:
        return self._over(self._book.streams.posts, self._book.streams.size) or bool(self._crowds())

    def _crowds(self) -> list[MemberId]:
        """Authors of too many streams, each as often as envelopes go until so many are left."""
        found: list[MemberId] = []
        for member, author in self._book.streams.authors.items():
            if len(author.streams) > MAX_STREAMS:
                held = [state.envelopes for state in author.streams.values() if state.envelopes]
                last = sorted(row[-1].hlc for row in held)[:-MAX_STREAMS]
                if last:  # Of streams that are known by a head alone nothing can go.
                    found += [member] * sum(one.hlc <= last[-1] for row in held for one in row)
        return found

    def _letters_over(self) -> bool:
        return self._over(len(self._book.letters), self._book.letters.size)

    def _over(self, count: int, size: int) -> bool:
        settings = self._book.settings
        return count > settings.history_posts or size > settings.history_bytes

    def _watch_clock(self, now: Instant) -> None:
        offset = now.wall_ms / 1000 - now.mono
        if self._offset is None:
            self._paused = now.mono + PAUSE
        elif abs(offset - self._offset) > self._book.settings.skew_noticed:
            self._paused = now.mono + JUMP_PAUSE
            self._book.counters["clock_jumps"] += 1
        self._offset = offset

    # Posts.

    def _excess_posts(self) -> list[Effect]:
        if not self._posts_over():
            self._posts_behind = False
            return []
        streams, crowds = self._book.streams, self._crowds()
        posts, size = streams.posts, streams.size
        rest = {m: a.size for m, a in streams.authors.items() if a.posts}
        fresh = self._book.fresh_posts
        rows = {
            member: takewhile(lambda held: held.hash not in fresh, self._oldest(member))
            for member in rest
        }
        gone: dict[MemberId, list[Held]] = {}
        budget = BUDGET if self._posts_behind else posts
        while rest and budget and (crowds or self._over(posts, size)):
            biggest = crowds.pop() if crowds else max(rest, key=lambda m: (rest[m], m))
            held = next(rows[biggest], None)
            if held is None:
                del rest[biggest]
                crowds = [member for member in crowds if member != biggest]
                continue
            gone.setdefault(biggest, []).append(held)
            rest[biggest] -= held.size
            posts -= held.count
            size -= held.size
            budget -= 1
        self._posts_behind = bool(crowds) or self._over(posts, size)
        return [effect for held in gone.values() for effect in self._forget(held)]

    def _old_posts(self, now: Instant) -> list[Effect]:
        before = now.wall_ms - int(self._book.settings.history_days * DAY_MS)
        gone: dict[MemberId, list[Held]] = {}
        budget = BUDGET
        for member in self._book.streams.authors:
            row = self._oldest(member)
            while budget and (held := self._too_old(row, before)):
                gone.setdefault(member, []).append(held)
                budget -= 1
        self._go_on(not budget, now)
        return [effect for held in gone.values() for effect in self._forget(held)]

    def _oldest(self, member: MemberId) -> Iterator[Held]:
        """An author's envelopes, as they were said: of a lost disk a lower epoch may be the later."""
        states = self._book.streams.authors[member].in_order()
        yield from merge(*(state.by_end() for state in states), key=lambda held: held.hlc)

    def _too_old(self, row: Iterator[Held], before: int) -> Held | None:
        held = next(row, None)
        if held is not None and min(held.at, wall_of(held.hlc)) < before:
            return held
        return None

    def _forget(self, gone: list[Held]) -> list[Effect]:
        """An author's oldest envelopes go, and its floors rise to the last of them."""
        author = self._book.streams.authors[gone[0].stream.author]
        rising = Rising.over(author, gone)
        keys = [f"held/{held.hash.hex()}" for held in gone]
        for state in author.in_order():
            if rising.passes(state):
                keys += self._keys_of(state)
            else:
                seq, head = rising.seq(state.stream), state.head
                keys += [f.key for f in state.closed.values() if f.first <= seq]
                keys += [head.key] if head is not None and head.seq <= seq else []
        keys += [fact.key for place, fact in author.aside.items() if place not in rising.aside]
        lost = [h for h in self._book.damaged.values() if h is not None and rising.takes(h)]
        keys += [f"held/{held.hash.hex()}" for held in lost]
        once = {f"held/{name.hex()}": f"damaged/{name.hex()}" for name in self._book.damaged}
        keys += [once[key] for key in keys if key in once] if once else []
        keys += self._audiences([*gone, *lost])
        self._book.counters["posts_pruned"] += sum(held.count for held in gone)
        # The floors first: an envelope that names a stream below them must not bring that back.
        risen = [Record(fact) for fact in rising.facts()]
        return [*risen, Record(Forget(tuple(dict.fromkeys(keys))))]

    def _keys_of(self, state: StreamState) -> list[str]:
        """Everything kept of a stream that falls wholly below the floor."""
        stream = state.stream
        keys = [f"held/{held.hash.hex()}" for held in state.envelopes]
        keys += [state.head.key] if state.head is not None else []
        keys += [f"fork/{stream}"] if state.breach is not None else []
        keys += [fact.key for fact in state.closed.values()]
        return keys + self._book.evidence.keys_of(stream)

    def _audiences(self, gone: list[Held]) -> list[str]:
        uses = dict(self._book.evidence.uses)
        for held in gone:
            if held.audience:
                uses[held.audience] -= 1
        return [f"audience/{name}" for name, count in uses.items() if count <= 0]

    # Direct messages.

    def _excess_letters(self, now: Instant) -> list[Effect]:
        if not self._letters_over():
            self._letters_behind = False
            return []
        letters = self._book.letters
        count, size = len(letters), letters.size
        rest = {party: letters.free_size(party) for party in letters.parties}
        rows = {party: self._free(party) for party in rest}
        gone: list[Letter] = []
        budget = BUDGET if self._letters_behind else count
        while rest and len(gone) < budget and self._over(count, size):
            biggest = max(rest, key=lambda party: (rest[party], party))
            letter = next(rows[biggest], None)
            if letter is None:
                del rest[biggest]
                continue
            gone.append(letter)
            rest[biggest] -= letter.size
            count -= 1
            size -= letter.size
        self._letters_behind = self._over(count, size)
        if not gone and not self._book.fresh_letters:
            self._letters_next = now.mono + STUCK_PAUSE
        return self._forget_letters(gone)

    def _old_letters(self, now: Instant) -> list[Effect]:
        letters = self._book.letters
        before = now.wall_ms - int(self._book.settings.history_days * DAY_MS)
        if letters.oldest >= before:
            return []
        free = (letter for party in letters.parties for letter in self._free(party))
        gone = list(islice((x for x in free if x.at < before), BUDGET))
        self._go_on(len(gone) == BUDGET, now)
        return self._forget_letters(gone)

    def _forget_letters(self, gone: list[Letter]) -> list[Effect]:
        self._book.counters["directs_pruned"] += len(gone)
        keys = [key for letter in gone for key in self._keys_of_letter(letter)]
        return [Record(Forget(tuple(keys)))] if keys else []

    def _free(self, party: MemberId) -> Iterator[Letter]:
        """Letters with one member, oldest first; not those still offered, nor our own last number."""
        letters, fresh = self._book.letters, self._book.fresh_letters
        for letter in letters.with_party(party):
            stream, own = letter.id.stream, letters.own(letter)
            newest = own and letter.id.seq == letters.last_dseq(stream)
            stays = newest and stream == self._peers.stream
            if not (own and letter.open) and not stays and letter.hash not in fresh:
                yield letter

    def _keys_of_letter(self, letter: Letter) -> list[str]:
        name = letter.hash.hex()
        if self._book.letters.own(letter):
            return [f"dm/{name}", f"dm-state/{name}", f"receipt/{name}"]
        return [f"dm/{name}"]

    def _receipts(self, now: Instant, ages: bool) -> list[Effect]:
        """Receipts of texts that are gone: those that are too old, and each author's oldest above."""
        settings, letters = self._book.settings, self._book.letters
        kept = settings.history_days * DAY_MS + 2 * settings.keep_hours * HOUR_MS
        before = now.wall_ms - int(kept)
        alone = [
            (MessageId.parse(given.id).author, given)
            for name, given in letters.given.items()
            if letters.get(name) is None
        ]
        above = Counter(author for author, _ in alone)
        for author in above:
            above[author] -= settings.outbox_messages
        keys: list[str] = []
        for author, given in alone:
            if len(keys) >= BUDGET:
                break
            if above[author] > 0 or (ages and given.at < before):
                above[author] -= 1
                keys.append(given.key)
        self._go_on(len(keys) == BUDGET, now)
        return [Record(Forget(tuple(keys)))] if keys else []

    def _nonces(self, now: Instant) -> list[Effect]:
        before = now.wall_ms - int(self._book.settings.nonce_hours * HOUR_MS)
        keys: list[str] = []
        for used in self._book.nonces.values():
            if used.at >= before or len(keys) >= BUDGET:
                break
            keys.append(used.key)
        self._go_on(len(keys) == BUDGET, now)
        return [Record(Forget(tuple(keys)))] if keys else []

    def _go_on(self, spent: bool, now: Instant) -> None:
        """A bite that was full may have left some: the next look is in the next turn."""
        if spent:
            self._next = now.mono
