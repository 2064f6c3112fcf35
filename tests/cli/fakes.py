"""A node that answers as it was told to, and the command line run against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from attrs import define, field
from click.testing import CliRunner, Result

from securechat.admin.client import DownError, must
from securechat.cli import asking
from securechat.cli.main import main

Fields = dict[str, Any]
Answering = Fields | Exception | Callable[[Fields], Fields]


@define
class FakeNode:
    """Replies by command; every question is kept."""

    replies: dict[str, Answering] = field(factory=dict)
    happening: list[Fields] = field(factory=list)
    """Events; after the last one the node hangs up, unless a time was given."""
    asked: list[tuple[str, Fields]] = field(factory=list)
    greeting: Fields = field(factory=lambda: {"node": "ada"})
    opened: int = 0

    def request(self, cmd: str, /, **args: Any) -> Fields:
        """The reply; AdminError for a refusal."""
        self.asked.append((cmd, args))
        found = self.replies[cmd]
        if isinstance(found, Exception):
            raise found
        return must(found(args) if callable(found) else dict(found))

    def events(self, seconds: float | None = None) -> Iterator[Fields]:
        """What happens; then silence or the end."""
        yield from self.happening
        if seconds is None:
            raise DownError("the node hung up")

    def close(self) -> None:
        """Nothing to close."""

    def __enter__(self) -> FakeNode:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()


def run(
    node: FakeNode | None, *words: str, stdin: str | bytes = "", home: Path | None = None
) -> Result:
    """One command line, against this node or with the real way to find one."""
    runner = CliRunner()
    at = ("--home", str(home or "/nonexistent/home"))
    if node is None:
        return runner.invoke(main, [*at, *words], input=stdin)

    def open_node(where: object) -> FakeNode:
        node.opened += 1
        return node

    with mock.patch.object(asking, "open_node", open_node):
        return runner.invoke(main, [*at, *words], input=stdin)
