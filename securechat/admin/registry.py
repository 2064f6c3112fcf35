"""
The table of commands: one place from which parsing, help, the documentation and completion come.

Rules of binding: named arguments first; bare values, and what stood after a colon as the last of
them, fill the parameters left, in table order; a list takes all values that remain.  In JSON numbers
and booleans are native, in text they are read from words.  A parameter with ``only`` belongs to some
values of the command's first parameter (``fault drop`` has a percentage, ``fault list`` has not).
Every parameter is in the result; one that was not given has its default.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any, Protocol

from attrs import define, field, frozen

from securechat.admin.grammar.values import Code, Reply, Request
from securechat.admin.parameters import Kind, Parameter, convert
from securechat.errors import LocalError

MAX_SHOWN = 64
"""Characters of a wrong word that an error repeats."""


class Level(IntEnum):
    """Who may: each level includes those before it."""

    NONE = 0
    OBSERVER = 1
    ADMIN = 2

    @property
    def word(self) -> str:
        """As it prints."""
        return self.name.lower()


class Caller(Protocol):
    """What the registry must know of who asks."""

    level: Level
    authenticated: bool


Outcome = Any
"""A Reply, or a Deferred that fires with one; the registry itself knows no Twisted."""
Answerer = Callable[[Any, Mapping[str, Any], Any], Outcome]
"""``(node, args, session) -> Reply | Deferred[Reply]``; LocalError for what cannot be had."""


class RefusalError(LocalError):
    """A LocalError whose reply has fields of its own beyond ``text`` and ``candidates``."""

    def __init__(self, code: int, text: str, **fields: Any) -> None:
        super().__init__(code, text)
        self.fields = {key: value for key, value in fields.items() if value is not None}


@frozen
class Command:
    """One row of the table."""

    verb: str
    answer: Answerer
    help: str
    parameters: tuple[Parameter, ...] = ()
    level: Level = Level.ADMIN

    @property
    def usage(self) -> str:
        """The command with its parameters, as INTERFACE writes them."""
        return " ".join([self.verb, *(parameter.usage for parameter in self.parameters)])

    def bind(self, request: Request) -> dict[str, Any]:
        """The arguments by name; RefusalError 503 or 504 with the usage."""
        try:
            return _Binding(self, request).bound()
        except RefusalError as problem:
            problem.fields.setdefault("usage", self.usage)
            raise


@define
class _Binding:
    """One request meeting one row."""

    command: Command
    request: Request
    _given: dict[str, Any] = field(factory=dict, init=False)

    def bound(self) -> dict[str, Any]:
        """All arguments, converted."""
        self._given = {k: v for k, v in self.request.args.items() if v is not None}
        self._refuse_unknown()
        values = list(self.request.values)
        if self.request.rest is not None:
            values.append(self.request.rest)
        taken = {p.name: p.default for p in self.command.parameters}
        choice: Any = None
        for number, parameter in enumerate(self.command.parameters):
            if parameter.only and choice not in parameter.only:
                self._refuse_misplaced(parameter, choice)
                continue
            raw = self._take(parameter, values)
            if raw is not None:
                taken[parameter.name] = self._converted(parameter, raw)
            elif parameter.required:
                name = parameter.name
                said = f"{self.command.verb} needs {name}= ({parameter.help or parameter.kind})"
                raise RefusalError(Code.MISSING_ARGUMENT, said, argument=name)
            if number == 0:
                choice = taken[parameter.name]
        if values:
            raise RefusalError(Code.BAD_ARGUMENT, _too_many(self.command))
        return taken

    def _take(self, parameter: Parameter, values: list[str]) -> Any:
        if parameter.name in self._given:
            return self._given[parameter.name]
        if not values:
            return None
        if parameter.is_list:
            taken, values[:] = list(values), []
            return taken[0] if len(taken) == 1 else taken
        return values.pop(0)

    def _converted(self, parameter: Parameter, raw: Any) -> Any:
        try:
            return convert(parameter, raw, self.request.native)
        except ValueError as problem:
            raise RefusalError(
                Code.BAD_ARGUMENT, f"{parameter.name}: {problem}", argument=parameter.name
            ) from None

    def _refuse_unknown(self) -> None:
        known = [parameter.name for parameter in self.command.parameters]
        for key in self._given:
            if key not in known:
                said = f"{self.command.verb} has no argument {key[:MAX_SHOWN]}="
                raise RefusalError(
                    Code.BAD_ARGUMENT, said, argument=key[:MAX_SHOWN], nearest=nearest(key, known)
                )

    def _refuse_misplaced(self, parameter: Parameter, choice: Any) -> None:
        if parameter.name in self._given:
            said = f"{self.command.verb} {choice} has no argument {parameter.name}="
            raise RefusalError(Code.BAD_ARGUMENT, said, argument=parameter.name)


def _too_many(command: Command) -> str:
    """What to do about values that no parameter takes: mostly a text has lost its quotes."""
    needed = [parameter for parameter in command.parameters if parameter.required]
    if not needed or needed[-1].kind is not Kind.TEXT or needed[-1].choices:
        taking = len(command.parameters)
        return f"too many values; {command.verb} takes {f'at most {taking}' if taking else 'none'}"
    begin = " ".join([command.verb, *(parameter.name.upper() for parameter in needed[:-1])])
    what = needed[-1].name
    return (
        f'too many values; put the {what} in quotes, {begin} "...", or after a colon, {begin} :...'
    )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most like this one, if one is."""
    found = difflib.get_close_matches(word[:MAX_SHOWN], list(known), 1, 0.5)
    return found[0] if found else None


@define
class Registry:
    """All commands, in the order in which help shows them."""

    _commands: dict[str, Command] = field(factory=dict, init=False)

    def add(self, *commands: Command) -> None:
        """More rows; ValueError for a verb that is there already."""
        for command in commands:
            if command.verb in self._commands:
                raise ValueError(f"two commands are called {command.verb}")
            self._commands[command.verb] = command

    @property
    def commands(self) -> tuple[Command, ...]:
        """The whole table."""
        return tuple(self._commands.values())

    def find(self, verb: str) -> Command:
        """The row of a verb; RefusalError 502 with the nearest."""
        command = self._commands.get(verb)
        if command is None:
            near = nearest(verb, self._commands)
            hint = f"; did you mean {near}?" if near else ""
            said = f"unknown command {verb[:MAX_SHOWN]!r}{hint} (type help)"
            raise RefusalError(Code.UNKNOWN_VERB, said, verb=verb[:MAX_SHOWN], nearest=near)
        return command

    def prepare(self, request: Request, caller: Caller) -> tuple[Command, dict[str, Any]]:
        """What to call with which arguments; LocalError if this caller may not, or not so."""
        command = self.find(request.verb)
        if caller.level < command.level:
            if not caller.authenticated:
                said = f"{command.verb} needs authentication: auth token=HEX (securechat token)"
                raise RefusalError(Code.AUTH_NEEDED, said)
            said = f"{command.verb} needs level {command.level.word}, this is {caller.level.word}"
            raise RefusalError(Code.LEVEL_TOO_LOW, said)
        return command, command.bind(request)

    def help(self, verb: str | None) -> Reply:
        """The list of commands, or one of them with its parameters."""
        if verb is None:
            return Reply(fields={"items": [_brief(command) for command in self.commands]})
        command = self.find(verb.lower())
        parameters = [parameter.described for parameter in command.parameters]
        return Reply(fields={**_brief(command), "parameters": parameters})

    def completion(self) -> dict[str, tuple[str, ...]]:
        """For a shell: what may follow each verb."""
        return {
            command.verb: tuple(
                word
                for parameter in command.parameters
                for word in (f"{parameter.name}=", *parameter.choices)
            )
            for command in self.commands
        }

    def markdown(self) -> str:
        """The documentation page of all commands."""
        lines = ["| command | level | does |", "|---|---|---|"]
        lines += [
            f"| `{_cell(command.usage)}` | {command.level.word} | {_cell(command.help)} |"
            for command in self.commands
        ]
        for command in self.commands:
            if command.parameters:
                lines += ["", f"**`{command.verb}`**", ""]
                lines += [f"- {parameter.documented}" for parameter in command.parameters]
        return "\n".join(lines) + "\n"


def _brief(command: Command) -> dict[str, Any]:
    return {
        "verb": command.verb,
        "usage": command.usage,
        "level": command.level.word,
        "help": command.help,
    }


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
