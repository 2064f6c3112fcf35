"""
Every place at which a process can die, and every call of the store that can fail: one world for each.

A story (``stories``) is told once to count its places, over all its nodes.  Then it is told again for
each of them: at that place, and there only, something befalls the node whose place it is.

- crash: before every call that its clock or the network makes of it, before every statement of its
  journal (those of an opening, a prune and a probe included), after every commit and before all that
  it writes to a link, the process ends; it starts again after a while.
- store: that statement of the journal fails (``ill``), and for a while others that would fail with it.
  The node must say that it is read-only, or end with a reason, and it must take posts again soon.  A
  file that is damaged for good is so until a start finds it out: the node must end, and begin anew.

At the end all is mended; the judges of every world look on throughout, and all must become equal.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from attrs import define, field, frozen

from securechat.notices import FaultNoticed
from securechat.simulation import run
from securechat.simulation.chaos import NOTICED
from securechat.simulation.faults import Trouble
from securechat.simulation.host import CALL, RETRY_START, Host, Killed
from securechat.simulation.ill import CHECK, TOLD, WRITES, Ill, failing
from securechat.simulation.observed import Violation
from securechat.simulation.stage import Stage
from securechat.simulation.stories import STORIES, Story
from securechat.simulation.world import SETTLE

DOWN = (0.5, 3.0, 12.0)
"""Seconds for which a process that was killed does not run, one after the other."""
LASTS = 3.0
"""Seconds for which a disk stays ill that does not fail only once,"""
RESUMED = LASTS + NOTICED
"""and from the failure until it is recorded on again."""
STEADY = 1.0
"""Seconds for which all must stay equal."""
COMPARED = 0.5
CRASH, STORE = "crash", "store"
R8 = "R8"
"""What ``reference/reliability-security.md`` 4.3 asks of a node whose disk fails."""
BETWEEN = (CALL, "committed", "write")
"""The steps of a process (``host``) that no statement follows at once."""
STRUCK = ("killed at", "a store call failed", "a node ended itself")


@frozen
class Place:
    """One world of a sweep."""

    story: str
    seed: int
    what: str
    """``crash`` or ``store``."""
    at: int
    """The how-manieth step or statement of the story it is; 0 for none."""
    ill: Ill | None = None

    def __str__(self) -> str:
        how = f"{self.what} {self.at}" + (f", {self.ill.value}" if self.ill else "")
        return f"{self.story}, seed {self.seed}, {how}"


@define(eq=False)
class Swept(Stage):
    """The world of one place."""

    place: Place = field(kw_only=True)
    seen: list[str] = field(factory=list)
    """The steps, or statements, so far."""
    places: int = 0
    """How many of them there were when the story was over."""
    least: float = 0.0
    """When it may be over at the earliest."""

    def __attrs_post_init__(self) -> None:
        super(Swept, self).__attrs_post_init__()  # noqa: UP008 - attrs makes the class anew
        for host in self.hosts:
            host.kind = failing(partial(self._about_to_run, host), partial(setattr, host, "disk"))

    def _about_to_run(self, host: Host, sql: str) -> Ill | None:
        word = sql.strip().partition(" ")[0]
        return self.asked(host, word, sql) if host.inside and word not in ("", "ROLLBACK") else None

    def asked(self, host: Host, word: str, sql: str) -> Ill | None:
        """How this statement of a process fails, if it does; may raise ``Killed``."""
        raise NotImplementedError

    def expect(self, rule: str, kept: object, text: str) -> None:
        """What a scene says of an undisturbed room does not hold here."""

    def finish(self) -> None:
        """All is mended, becomes equal and stays so: who came back late may still have to be told."""
        self.places = len(self.seen)
        self.chaos.heal()
        until, unlike = self.now + SETTLE, self.now
        while self.now < min(until, max(unlike + STEADY, self.least)):
            self.run_for(COMPARED)
            if self._compared(fresh=False):
                unlike = self.now
        self._last_look()

    def _counted(self, name: str) -> bool:
        self.seen.append(name)
        return len(self.seen) == self.place.at


@define(eq=False)
class Crash(Swept):
    """A process dies at one step."""

    def stepped(self, host: Host, name: str) -> None:
        """Here, if it is the one."""
        super(Crash, self).stepped(host, name)  # noqa: UP008 - attrs makes the class anew
        if name in BETWEEN:
            self._step(host, name)

    def asked(self, host: Host, word: str, sql: str) -> Ill | None:
        """Or at one statement."""
        self._step(host, word)
        return None

    def _step(self, host: Host, name: str) -> None:
        if self._counted(f"{host.name} {name}"):
            host.steps[name] += 1
            raise Killed

    def died(self, host: Host) -> None:
        """It starts again after a while."""
        super(Crash, self).died(host)  # noqa: UP008 - attrs makes the class anew
        self.calm.struck(Trouble.CRASH, host.index, host.index)
        self.judge.troubled(host)
        self.clock.callLater(DOWN[self.place.at % len(DOWN)], self.revive, host)


@define(eq=False)
class Failing(Swept):
    """A statement fails at one node."""

    struck: Host | None = None
    until: float = 0.0
    committing: dict[int, bool] = field(factory=dict)
    """Whether a node is between the first and the last step of a commit."""
    said: str = ""
    """What the node said of it."""

    def stepped(self, host: Host, name: str) -> None:
        """Whether what is asked of the store now is part of a commit."""
        super(Failing, self).stepped(host, name)  # noqa: UP008 - attrs makes the class anew
        if name == CALL or name == "committed":
            self.committing[host.index] = False
        elif name == "begin":
            self.committing[host.index] = True

    def asked(self, host: Host, word: str, sql: str) -> Ill | None:
        """At one of them, and for a while at others that would fail with it."""
        ill = self.place.ill
        if self._counted(f"{host.name} {word}") and ill is not None:
            self._fail(host, ill)
            return ill
        if host is self.struck and ill is not None and self.now < self.until:
            return self._lasting(ill, sql)
        return None

    def _lasting(self, ill: Ill, sql: str) -> Ill | None:
        if not TOLD[ill].lasts(sql):
            return None
        if sql.startswith(CHECK):
            # The file is set aside: the new one is sound.
            self.until = self.now
        return ill

    def _fail(self, host: Host, ill: Ill) -> None:
        self.struck, self.until = host, self.now + LASTS
        self.least = self.now + RESUMED
        host.full_until = self.until + NOTICED
        if ill is Ill.ROTTEN:
            # Struck while it is opened, it is set aside at once.
            self.until = self.now if host.store is None else math.inf
        self.checker.missed(host)
        self.marks[f"a store call failed: {ill.value}"] += 1
        self._disturb(host)
        if self.committing.get(host.index) and host.owner is not None:
            self.clock.callLater(0.0, self._must_say, host, host.starts)
        self.clock.callLater(RESUMED, self._must_resume, host)

    def _disturb(self, host: Host) -> None:
        """For as long as it may be deaf it is nobody's fault that it is."""
        self.calm.disturbed(host.index)
        self.judge.troubled(host)
        if self.now < host.full_until:
            self.clock.callLater(COMPARED, self._disturb, host)

    def happened(self, host: Host, event: object) -> None:
        """What a node says of its disk is kept."""
        super(Failing, self).happened(host, event)  # noqa: UP008 - attrs makes the class anew
        if isinstance(event, FaultNoticed) and host is self.struck:
            self.said += f"{event.what}; "

    def _must_say(self, host: Host, starts: int) -> None:
        """R8: a commit that failed makes a node read-only, with a reason, or ends it."""
        ended = host.gave_up or not host.up or host.starts > starts
        said = "read-only" in self.said or (host.node and host.node.snapshot().read_only)
        if not ended and not said:
            self.checker.report(R8, host.name, f"a commit failed, and it says {self.said!r}")

    def _must_resume(self, host: Host) -> None:
        """R8: it records again, and on no file that is damaged."""
        if host.up and math.isinf(self.until):
            self.checker.report(R8, host.name, f"it goes on with a damaged file: {self.said[:200]}")
        elif host.node is not None and host.node.snapshot().read_only:
            self.checker.report(R8, host.name, "its disk is well, and it is still read-only")

    def gave_up(self, host: Host, reason: str) -> None:
        """A process whose journal cannot be read ends with a reason, and is started again."""
        self.marks["a node ended itself"] += 1
        self.clock.callLater(0.0, self._ended, host, host.starts)

    def _ended(self, host: Host, starts: int) -> None:
        if host.up and host.starts == starts:
            self.end(host)
            host.powered = True
            self.clock.callLater(RETRY_START, self.revive, host)


KINDS: dict[str, type[Swept]] = {CRASH: Crash, STORE: Failing}


def played(place: Place) -> Swept:
    """Its world, when all is over."""
    story = next(story for story in STORIES if story.name == place.story)
    world = KINDS[place.what](
        place.seed, story.nodes, settings=story.settings, prunes=story.prunes, place=place
    )
    with world.watched():
        story.tell(world)
        world.finish()
    return world


@frozen
class Found:
    """What became of one place."""

    place: Place
    violations: tuple[Violation, ...]
    marks: Counter[str]


def perform(place: Place) -> Found:
    """Tell its story."""
    world = played(place)
    return Found(place, tuple(world.violations), world.marks)


def places(story: Story, seed: int, what: str) -> list[Place]:
    """All places of a story; ValueError if it is not sound by itself."""
    world = played(Place(story.name, seed, what, 0))
    if world.violations:
        raise ValueError(f"{story.name}, seed {seed}: {world.violations[0]}")
    steps = list(enumerate(world.seen[: world.places], 1))
    if what == CRASH:
        return [Place(story.name, seed, what, at) for at, _ in steps]
    return [Place(story.name, seed, what, at, ill) for at, sql in steps for ill in _ills(sql)]


def _ills(sql: str) -> list[Ill]:
    """How such a statement can fail."""
    word = sql.split()[-1]
    found = [Ill.FULL, Ill.ERROR, Ill.FAILING, Ill.LOCKED, Ill.CORRUPT]
    found += [Ill.ROTTEN] if word in WRITES else []
    return [*found, Ill.LATE] if word == "COMMIT" else found


def sweep(
    what: str, seed: int, echo: Callable[[str], None], every: int = 1, only: Sequence[str] = ()
) -> int:
    """Every so-manieth place of all stories; 0 if nothing is broken anywhere, else 1."""
    run.quiet_log()
    stories = [story for story in STORIES if story.name in (only or [story.name])]
    chosen = {story.name: places(story, seed, what)[::every] for story in stories}
    found = list(run.spread(perform, [place for some in chosen.values() for place in some]))
    for name, some in chosen.items():
        broken = [one for one in found if one.place.story == name and one.violations]
        echo(f"{name}: {len(some) - len(broken)} of {len(some)} places")
        for one in broken[: run.TOLD]:
            echo(f"  {one.place}: {one.violations[0]}")
    _tell_marks(found, echo)
    failed = sum(bool(one.violations) for one in found)
    echo(f"{len(found)} places, {failed} failed")
    return 1 if failed else 0


def _tell_marks(found: Sequence[Found], echo: Callable[[str], None]) -> None:
    marks: Counter[str] = Counter()
    for one in found:
        marks.update({mark: n for mark, n in one.marks.items() if mark.startswith(STRUCK)})
    echo("; ".join(f"{mark} {times}" for mark, times in sorted(marks.items())))
