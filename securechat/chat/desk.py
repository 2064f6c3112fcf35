"""
What the person does: submits a line, changes the page, scrolls, completes a word.

Rules: a line that was not understood stays in the input; each page keeps its draft; a page counts as
read only at its bottom and while the terminal has the focus.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field, frozen

from securechat.chat.acts import Act, Ask, Purpose, Tell
from securechat.chat.commands import COMMANDS, Mistake, Nothing, Order, Speech, help_text, read
from securechat.chat.model import Model
from securechat.chat.rows import Said, words
from securechat.chat.state import ROOM, STATUS, State
from securechat.inputs import Instant

MAX_TEXT = 8192
NEAR_TOP = 30


@frozen
class Done:
    """``clear`` tells whether the line was taken from the input."""

    acts: list[Act]
    clear: bool = True


@frozen
class Completion:
    """Candidates for the word at ``start``; repeated Tabs walk through them."""

    before: str
    after: str
    candidates: tuple[str, ...]
    index: int

    @property
    def text(self) -> str:
        """The whole line with the candidate in place."""
        return self.before + self.candidates[self.index] + self.after

    @property
    def position(self) -> int:
        """Where the cursor goes."""
        return len(self.before) + len(self.candidates[self.index])


@define
class Desk:
    """``minute`` prints a time as the rows show it, so that ``/explain 14:13`` finds its row."""

    model: Model
    minute: Callable[[int | None], str]
    completion: Completion | None = None
    leaving: bool = field(default=False)

    @property
    def state(self) -> State:
        """What is known."""
        return self.model.state

    # -- lines -----------------------------------------------------------------------------------

    def submit(self, line: str, now: Instant, typed: bool = True) -> Done:
        """Enter was pressed, or a key that stands for a command."""
        self.completion, self.state.hint = None, ""
        meaning = read(line)
        if isinstance(meaning, Nothing):
            return Done([])
        if isinstance(meaning, Mistake):
            return self._stay(meaning.why)
        page = self.state.buffer
        done = self._say(meaning, now) if isinstance(meaning, Speech) else self._run(meaning, now)
        if done.clear and typed:
            page.remember(line)
        return done

    def _stay(self, why: str) -> Done:
        self.state.hint = why
        return Done([], clear=False)

    def _say(self, speech: Speech, now: Instant) -> Done:
        where = self.state.current
        if where == STATUS:
            return self._stay("not sent: this page sends nothing; Alt-1 goes to the room")
        return self._speak("" if where == ROOM else where[1:], speech.text, now)

    def _speak(self, to: str, text: str, now: Instant) -> Done:
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > MAX_TEXT:
            return self._stay(f"not sent: {size} bytes, and a message holds at most {MAX_TEXT}")
        return Done(self.model.say(to, text, now))

    def _run(self, order: Order, now: Instant) -> Done:
        name, said = order.command.name, order.words
        if name == "help":
            self.state.tell(self.state.current, help_text(said[0] if said else ""), now, "reply")
            return Done([])
        if name == "dm":
            return self._direct(said, now)
        if name == "reconnect":
            return Done([Tell.RECONNECT])
        if name == "quit":
            return self._quit()
        return self._ask(order)

    def _direct(self, said: tuple[str, ...], now: Instant) -> Done:
        name = said[0].lstrip("@")
        if self.state.members and name not in self.state.members:
            return self._stay(f"not sent: nobody here is called {name}; /members lists everybody")
        if len(said) > 1:
            return self._speak(name, said[1], now)
        page = self.state.direct(name)
        self.open(page.name)
        return Done(self.model.older(page))

    def _quit(self) -> Done:
        held = self.state.outgoing.untaken
        if held and not self.leaving:
            self.leaving = True
            return self._stay(f"{held} not yet with our node and lost if you leave; /quit again")
        return Done([Tell.QUIT])

    def _ask(self, order: Order) -> Done:
        command, args = order.command, {}
        if command.name == "who":
            args = {"name": order.words[0].lstrip("@")}
        elif command.name in ("explain", "delivery", "retry", "cancel"):
            found = self.meant(order.words[0] if order.words else "", command.name == "delivery")
            if not found:
                return self._stay(f"/{command.name} {command.args}: which one? an id is ada/3/17")
            args = {"id": found}
        if not self.state.contact.live:
            return self._stay(f"/{command.name} has to wait: {self.state.contact.why}")
        return Done([Ask(Purpose.SHOW, command.asks, args, self.state.current)])

    def meant(self, word: str, own: bool = False) -> str:
        """The id a person means: an id, a time on the screen, or nothing for the last row."""
        buffer = self.state.buffer
        if not word:
            bottom = buffer.rows[: buffer.scroll + 1] if buffer.scroll is not None else buffer.rows
            said = [row for row in bottom if isinstance(row, Said) and (row.own or not own)]
            return said[-1].id if said else ""
        if ":" in word and word.replace(":", "").isdigit():
            at = [r for r in buffer.rows if isinstance(r, Said) and self.minute(r.at) == word]
            mine = [row for row in at if row.own]
            return (mine or at)[-1].id if at else ""
        return word

    # -- pages -----------------------------------------------------------------------------------

    def open(self, name: str) -> None:
        """Go to a page; the draft of the old one was stored by the view."""
        if name not in self.state.buffers or name == self.state.current:
            return
        self.state.buffer.leave()
        self.state.current = name
        self.completion = None
        self.looked()

    def number(self, nth: int) -> None:
        """The page with that number, if there is one."""
        names = list(self.state.buffers)
        if 1 <= nth <= len(names):
            self.open(names[nth - 1])

    def next_unread(self) -> None:
        """Direct messages first, then mentions, then text."""

        def rank(name: str) -> int:
            buffer = self.state.buffers[name]
            return 0 if name.startswith("@") else 1 if buffer.mentions else 2

        waiting = [name for name, buffer in self.state.buffers.items() if buffer.unread]
        others = [name for name in waiting if name != self.state.current]
        if others:
            self.open(min(others, key=rank))
        elif waiting:
            self.bottom()
        else:
            self.state.hint = "nothing unread"

    def looked(self) -> None:
        """What is on the screen has been seen, if the person is there and at the bottom."""
        buffer = self.state.buffer
        if buffer.at_bottom and self.state.focused:
            buffer.read()

    def focus(self, here: bool) -> None:
        """The terminal got or lost the focus."""
        self.state.focused = here
        if here:
            self.looked()

    def bottom(self) -> None:
        """To the newest row."""
        self.state.buffer.scroll, self.state.buffer.cut = None, 0
        self.looked()

    def scrolled(self, index: int | None) -> list[Act]:
        """The view moved: the row now at the bottom, or None; near the top older rows are asked."""
        buffer = self.state.buffer
        buffer.scroll = None if index is None else max(0, min(index, len(buffer.rows) - 1))
        self.looked()
        if buffer.scroll is not None and buffer.scroll < NEAR_TOP:
            return self.model.older(buffer)
        return []

    def jump(self) -> None:
        """To the newest row that came late."""
        buffer = self.state.buffer
        late = [n for n, row in enumerate(buffer.rows) if isinstance(row, Said) and row.late]
        if not late:
            self.state.hint = "nothing here came late"
            return
        buffer.recovered = buffer.cut = 0
        self.scrolled(late[-1] if late[-1] < len(buffer.rows) - 1 else None)

    # -- completion ------------------------------------------------------------------------------

    def complete(self, text: str, position: int, step: int = 1) -> Completion | None:
        """Tab: names and commands; the same Tab again takes the next candidate."""
        held = self.completion
        if held is not None and (held.text, held.position) == (text, position):
            index = (held.index + step) % len(held.candidates)
            self.completion = Completion(held.before, held.after, held.candidates, index)
            return self.completion
        start = max(text.rfind(c, 0, position) for c in " \n") + 1
        found = self._candidates(text[start:position], first=not text[:start].strip())
        if not found:
            self.completion = None
            return None
        self.completion = Completion(
            text[:start], text[position:], found, 0 if step > 0 else len(found) - 1
        )
        self.state.hint = "  ".join(one.strip() for one in found) if len(found) > 1 else ""
        return self.completion

    def _candidates(self, stem: str, first: bool) -> tuple[str, ...]:
        if first and stem.startswith("/"):
            return tuple(f"/{name} " for name in COMMANDS if f"/{name}".startswith(stem))
        at = "@" if stem.startswith("@") else ""
        names = sorted(words(name) for name in self.state.members if name != self.state.me)
        end = ": " if first and not at else " "
        return tuple(f"{at}{name}{end}" for name in names if name.startswith(stem[len(at) :]))
