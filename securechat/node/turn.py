"""
One turn: drain what waits, think, commit once, then act (DESIGN 3).

The first waiting input schedules a turn; the turn takes inputs until none waits or its bounds are
met.  Each goes to the core that owns it; its facts are applied at once, so that the next input sees
them.  All facts are committed in one transaction, and only then is anything performed or answered:
no byte leaves before its fact is on disk (G6).  Notices become the first inputs of the next turn.

If the commit fails, or a core has a bug, nothing of the turn leaves: its commands are answered with
the reason and the cores are rebuilt by replay, which is the code of every start.  After a failed
commit the node is read-only (an input that would record is dropped whole) and tries a write each
second.  If it is the file that is damaged, whoever finds it so, the node ends with the reason: a start
checks the file, sets it aside and begins a new epoch with what the others hold.

A turn that changes nothing but counters leaves no record; the record of one without facts waits for
the next commit, at most a second, so that an idle room costs no disk.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from securechat.effects import Answer, Effect, Notify, Record
from securechat.errors import LocalError, RemoteError
from securechat.inputs import Asked, Command, Disturb, Greeted, Heal, Instant, LinkUp, Offended
from securechat.journal.records import TurnRecord
from securechat.journal.store import Store, StoreError
from securechat.node.batch import Batch
from securechat.node.dispatch import Cores
from securechat.node.door import Door
from securechat.node.faults import told
from securechat.node.links import Links
from securechat.node.log import fault, note
from securechat.node.wires import Arrived, Link, stale
from securechat.notices import FaultNoticed, Roster
from securechat.settings import Settings

OF_THE_CABLE = (Disturb, Heal)
"""Commands that are no core's."""
RECORD_WAIT = 1.0
"""Seconds that the record of a turn without facts may wait in memory."""
MAX_UNWRITTEN = 1000
"""Records that wait while nothing can be written; the oldest give way."""
PROBE_WAIT = 1.0
"""Seconds between probe writes of a read-only node."""


class Performs(Protocol):
    """Performs effects after the commit."""

    def __call__(self, effects: Iterable[Effect], written: Sequence[Record] = ()) -> None:
        """Perform them; ``written`` is what their turn has put on disk."""
        ...


@define(eq=False)
class Turn:
    """The corridor that every input walks through."""

    _clock: IReactorTime
    _instant: Callable[[], Instant]
    _make_cores: Callable[[], Cores]
    _store: Store
    _door: Door
    _settings: Settings
    counters: Counter[str]
    _watch: Callable[[Any], None]
    """Told each event after its commit."""
    _fatal: Callable[[str], None]
    """Told why the node cannot go on: its journal is damaged, or cannot be read any more."""
    cores: Cores = field(init=False)
    links: Links = field(init=False)
    perform: Performs = field(init=False)
    number: int = field(default=0, init=False)
    read_only: str = field(default="", init=False)
    """Why nothing can be recorded; empty if all is well."""
    stopped: bool = field(default=False, init=False)
    _waiting: deque[Any] = field(factory=deque, init=False)
    _scheduled: IDelayedCall | None = field(default=None, init=False)
    _record_call: IDelayedCall | None = field(default=None, init=False)
    _probe_call: IDelayedCall | None = field(default=None, init=False)
    _unwritten: deque[TurnRecord] = field(init=False)
    _asked: dict[int, Deferred[Any]] = field(factory=dict, init=False)
    _tickets: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self._unwritten = deque(maxlen=MAX_UNWRITTEN)

    def start(self) -> None:
        """Replay, raise the epoch and commit it, all before a socket opens; StoreError if it fails."""
        self.number = self._store.last_turn()
        self.cores = self._replayed()
        batch = Batch(self._instant(), ["start"])
        self._absorb(batch, self.cores.start(batch.now, fresh=True))
        self._absorb(batch, self.cores.settle(batch.now))
        self.number += 1
        self._store.commit(batch.records, [self._record_of(batch)])
        self.counters["commits"] += 1
        self._act(batch)

    def put(self, item: Any) -> None:
        """An input for the next turn."""
        if self.stopped:
            return
        self._waiting.append(item)
        if self._scheduled is None:
            self._scheduled = self._clock.callLater(0, self._run)

    def ask(self, command: Command) -> Deferred[Any]:
        """A command; the Deferred fires after the commit, with the answer or a LocalError."""
        self._tickets += 1
        answer: Deferred[Any] = Deferred()
        if self.stopped:
            answer.errback(LocalError(420, "the node is stopping"))
            return answer
        self._asked[self._tickets] = answer
        self.put(Asked(self._tickets, command))
        return answer

    def damaged(self, reason: str) -> None:
        """The file itself is to blame, and no probe would tell."""
        self._give_up(f"{reason}: the next start checks it, and sets it aside")
        self._enter_read_only(reason)

    def stop(self) -> None:
        """Take no more inputs; write what waits in memory; answer whoever still waits."""
        self._rest()
        if not self.read_only:
            self._write_records()
        for ticket in list(self._asked):
            self._answer(ticket, LocalError(420, "the node is stopping"))

    # One turn.

    def _run(self) -> None:
        self._scheduled = None
        batch = Batch(self._instant())
        try:
            self._drain(batch)
            self._absorb(batch, self.cores.settle(batch.now))
        except Exception as problem:  # noqa: BLE001 - any bug of a core ends here, the node lives
            fault("turn-fault", problem, turn=self.number + 1)
            self._failed(batch, f"internal fault: {type(problem).__name__}", bug=True)
        else:
            self._commit(batch)
        if self._waiting and self._scheduled is None and not self.stopped:
            self._scheduled = self._clock.callLater(0, self._run)

    def _drain(self, batch: Batch) -> None:
        until = self._clock.seconds() + self._settings.turn_seconds
        taken = 0
        while self._waiting and taken < self._settings.turn_inputs:
            item = self._waiting.popleft()
            taken += 1
            batch.current = item
            if isinstance(item, Arrived):
                self._arrived(batch, item)
                self.links.handled(item.link)
            else:
                batch.inputs.append(item)
                self._handle(batch, item)
            if self._clock.seconds() >= until:
                break

    def _arrived(self, batch: Batch, item: Arrived) -> None:
        """Messages of one link: judged one by one at the door; a breach costs the rest of them."""
        for message in item.messages:
            if stale(item.link):
                self.counters["refused.stale-frames"] += 1
                return
            self.counters[f"in.{type(message).__name__}"] += 1
            try:
                received = self._door.admit(item.link.wire.peer, item.link.number, message)
                self.counters["unknown_authors"] += len(received.unknown)
                batch.inputs.append(received)
                self._absorb(batch, self.cores.route(received, batch.now))
            except RemoteError as problem:
                self._offended(batch, item.link, message, problem)
                return

    def _handle(self, batch: Batch, item: Any) -> None:
        try:
            if isinstance(item, Asked) and isinstance(item.command, OF_THE_CABLE):
                self._disturb(batch, item, item.command)
            elif not self._absorb(batch, self.cores.route(item, batch.now)):
                if isinstance(item, Greeted):
                    self.links.not_kept(item.link)
            elif isinstance(item, Greeted):
                batch.greeted.append(item.link)
        except LocalError as problem:
            batch.effects.append(Answer(item.ticket, problem))
        except RemoteError as problem:
            self.links.hangup(item.peer, problem.reason)

    def _disturb(self, batch: Batch, asked: Asked, command: Disturb | Heal) -> None:
        """The cable is no core's, but what is done to it is a cause of what cores come to think."""
        meant = self.links.cable.meant(command)
        batch.inputs[-1] = evolve(asked, command=meant)
        batch.cable.append(meant)
        batch.effects += [Notify(FaultNoticed(told(meant))), Answer(asked.ticket, None)]

    def _offended(self, batch: Batch, link: Link, message: Any, problem: RemoteError) -> None:
        kind = problem.message = type(message).__name__
        batch.inputs.append(Offended(link.wire.peer, link.number, kind, problem.reason))
        batch.effects.append(Notify(FaultNoticed(f"link {link.number} refused: {problem}")))
        self.links.offended(link, problem)

    def _absorb(self, batch: Batch, answers: Iterator[list[Effect]]) -> bool:
        """Whether all of it was taken: what would record is dropped while nothing can be written."""
        taken = True
        for effects in answers:
            if not effects:
                continue
            records = [effect for effect in effects if isinstance(effect, Record)]
            if records and self.read_only:
                self.counters["dropped.read-only"] += 1
                self._refuse(batch, effects)
                self.cores.dropped(batch.now)
                taken = False
                continue
            for record in records:
                self.cores.apply(record.fact)
            batch.absorb(effects)
        return taken

    def _refuse(self, batch: Batch, effects: Iterable[Effect]) -> None:
        """Whoever would have been answered is told that nothing can be recorded now."""
        tickets = {effect.ticket for effect in effects if isinstance(effect, Answer)}
        if isinstance(batch.current, Asked):
            tickets.add(batch.current.ticket)
        batch.effects += [Answer(ticket, self._not_now()) for ticket in sorted(tickets)]

    # The commit.

    def _commit(self, batch: Batch) -> None:
        if not batch.records and not batch.notable:
            self._act(batch)
            return
        self.number += 1
        self.counters["turns"] += 1
        self._keep(self._record_of(batch))
        if batch.records:
            try:
                self._store.commit(batch.records, tuple(self._unwritten))
            except StoreError as problem:
                self._unwritten.pop()
                self._enter_read_only(str(problem))
                self._failed(batch, str(problem), bug=False)
                return
            self.counters["commits"] += 1
            self._unwritten.clear()
        elif self._record_call is None:
            self._record_call = self._clock.callLater(RECORD_WAIT, self._write_records)
        self._act(batch)

    def _act(self, batch: Batch) -> None:
        """The facts are on disk: whatever fails from here on, everybody is answered."""
        for command in batch.cable:
            self.links.obey(command)
        for link in batch.greeted:
            self.links.kept(link)
        try:
            self.perform(batch.effects, batch.records)
        except Exception as problem:  # noqa: BLE001 - a Send promises nothing; recovery mends it
            self.counters["faults"] += 1
            fault("perform-fault", problem, turn=self.number)
        for effect in batch.effects:
            if isinstance(effect, Notify):
                if isinstance(effect.notice, Roster):
                    self.put(effect.notice)
                else:
                    self._watch(effect.notice)
            elif isinstance(effect, Answer):
                self._answer(effect.ticket, effect.value)

    def _answer(self, ticket: int, value: Any) -> None:
        waiting = self._asked.pop(ticket, None)
        if waiting is None:
            return
        if isinstance(value, LocalError):
            waiting.errback(value)
        else:
            waiting.callback(value)

    def _write_records(self) -> None:
        self._record_call = None
        if not self._unwritten or self.read_only:
            return
        try:
            self._store.commit((), tuple(self._unwritten))
        except StoreError as problem:
            self._enter_read_only(str(problem))
            return
        self.counters["commits"] += 1
        self._unwritten.clear()

    def _keep(self, record: TurnRecord) -> None:
        self.counters["records_dropped"] += len(self._unwritten) == MAX_UNWRITTEN
        self._unwritten.append(record)

    def _record_of(self, batch: Batch, problem: str = "") -> TurnRecord:
        return batch.record(self.number, self._door.room, problem)

    # When it fails.

    def _failed(self, batch: Batch, reason: str, bug: bool) -> None:
        """Nothing of this turn leaves; the cores go back to what is on disk."""
        self.counters["faults" if bug else "commits_failed"] += 1
        lost = LocalError(530 if bug else 420, reason if bug else f"cannot record: {reason}")
        if bug:
            self.number += 1
            batch.records.clear()
            self._keep(self._record_of(batch, reason))
        for item in batch.inputs:
            if isinstance(item, Asked):
                self._answer(item.ticket, lost)
        for link in batch.greeted:
            self.links.not_kept(link)
        if bug and isinstance(batch.current, Arrived):
            # Whatever the peer sent, it shall not be able to do so again and again.
            self.links.offended(batch.current.link, RemoteError("internal"))
        elif bug and isinstance(batch.current, Greeted | LinkUp):
            self.links.hangup(batch.current.peer, "internal")
        self._watch(FaultNoticed(reason))
        self._rebuild()

    def _rebuild(self) -> None:
        """The code of every start, without a new epoch; live links are told again."""
        if self.stopped:
            return
        batch = Batch(self._instant(), ["rebuild"])
        try:
            self.cores = self._replayed()
            self._absorb(batch, self.cores.start(batch.now, fresh=False))
        except StoreError as problem:
            self._give_up(str(problem))
            return
        except Exception as problem:  # noqa: BLE001 - a bug here leaves nothing to live on
            fault("rebuild-fault", problem)
            self._give_up(f"the cores cannot be rebuilt: {type(problem).__name__}")
            return
        # What waits is still to come: the roster and the links go before it.
        waiting, self._waiting = self._waiting, deque()
        for effect in batch.take_rosters():
            self.put(effect.notice)
        for up in self.links.linked():
            self.put(up)
        self._waiting += waiting
        self._commit(batch)

    def _give_up(self, reason: str) -> None:
        if self.stopped:
            return
        note("fault", what="cannot-go-on", reason=reason)
        self._rest()
        self._fatal(reason)

    def _rest(self) -> None:
        self.stopped = True
        for call in (self._scheduled, self._record_call, self._probe_call):
            if call is not None and call.active():
                call.cancel()

    def _replayed(self) -> Cores:
        cores = self._make_cores()
        for fact in self._store.replay():
            cores.apply(fact)
        return cores

    def _not_now(self) -> LocalError:
        return LocalError(420, f"cannot record: {self.read_only}; reading goes on")

    def _enter_read_only(self, reason: str) -> None:
        news, self.read_only = not self.read_only, reason
        if news:
            note("fault", what="read-only", reason=reason)
            self._watch(FaultNoticed(f"read-only: {reason}"))
        if self._probe_call is None and not self.stopped:
            self._probe_call = self._clock.callLater(PROBE_WAIT, self._probe)

    def _probe(self) -> None:
        self._probe_call = None
        try:
            self._store.probe()
        except StoreError as problem:
            self._enter_read_only(str(problem))
            return
        self.read_only = ""
        note("fault", what="writable-again")
        self._watch(FaultNoticed("writable again"))
        # What peers told us meanwhile was dropped: on a new link they say all of it again.
        for up in self.links.linked():
            self.links.hangup(up.peer, "read-only")
        self._rebuild()
