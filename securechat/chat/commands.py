"""
The one table of /commands, and what a line of input means.

Rules: a line that begins with a slash, after any spaces, is a command or a mistake, never a message;
``//`` says a slash; a mistake names the nearest command.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from attrs import field, frozen

from securechat.chat.keys import EDITING, KEYS


@frozen
class Command:
    """``asks`` is the admin command it stands for; empty where the client does it itself."""

    name: str
    args: str
    help: str
    asks: str = ""
    needs: int = 0


TABLE: tuple[Command, ...] = (
    Command("help", "[COMMAND]", "keys and commands, or one command"),
    Command("dm", "NAME [TEXT]", "say TEXT to NAME alone, or open the page with NAME", needs=1),
    Command("who", "NAME", "one member with the evidence for its state", "who", 1),
    Command("members", "", "everybody, with states", "members"),
    Command("gaps", "", "what is known to be missing, and who was asked", "gaps"),
    Command("outbox", "", "own messages that lack receipts", "outbox"),
    Command(
        "explain", "[ID|HH:MM]", "why a message is in its state; without ID: this one", "explain"
    ),
    Command("delivery", "ID", "who has stored a message of yours", "delivery"),
    Command("retry", "ID", "send again under the same id: nothing comes twice", "retry", 1),
    Command("cancel", "ID", "stop sending a message that has not left", "cancel", 1),
    Command("digest", "", "8 characters to compare aloud: equal means equal transcripts", "digest"),
    Command("status", "", "the state of our node", "status"),
    Command("links", "", "the links of our node", "links"),
    Command("reconnect", "", "connect to our node now"),
    Command("quit", "", "leave the chat; the node goes on"),
)
COMMANDS: Mapping[str, Command] = {command.name: command for command in TABLE}


@frozen
class Nothing:
    """An empty line."""


@frozen
class Speech:
    """Something to say; to the buffer's partner, or the room."""

    text: str


@frozen
class Order:
    """A command, with its words: the last one holds the rest of the line as it was typed."""

    command: Command
    words: tuple[str, ...] = field(factory=tuple)


@frozen
class Mistake:
    """Not sent; ``why`` says what was probably meant."""

    why: str


Meaning = Nothing | Speech | Order | Mistake


def read(line: str) -> Meaning:
    """What a line of input means."""
    bare = line.lstrip()
    if not bare.strip():
        return Nothing()
    if bare.startswith("//"):
        return Speech(line.replace("//", "/", 1))
    if not bare.startswith("/"):
        return Speech(line)
    name, _, rest = bare[1:].partition(" ")
    command = COMMANDS.get(name.strip().lower()) if "\n" not in name.strip() else None
    if command is None:
        return Mistake(_nearest(name.strip()))
    words = tuple(rest.split(None, 1) if command.name == "dm" else rest.split())
    if len(words) < command.needs:
        return Mistake(f"/{command.name} {command.args}: {command.help}")
    return Order(command, words)


def _nearest(name: str) -> str:
    short = name.split("\n", 1)[0][:20]
    close = get_close_matches(short.lower(), list(COMMANDS), 1, 0.5)
    offer = f"/{close[0]}?" if close else "/help lists them"
    return f"not sent: /{short} is no command; {offer}  (// says a slash)"


def help_text(name: str = "") -> str:
    """All keys and commands, or one command."""
    wanted = COMMANDS.get(name.lstrip("/").lower())
    if name and wanted is None:
        return _nearest(name.lstrip("/")).removeprefix("not sent: ")
    if wanted is not None:
        return f"/{wanted.name} {wanted.args}".rstrip() + f"   {wanted.help}"
    commands = [f"{f'/{one.name} {one.args}':<22} {one.help}" for one in TABLE]
    keys = [f"{key.shown:<22} {key.help}" for key in KEYS]
    return "\n".join(["commands and keys:", *commands, *keys, EDITING])


def help_page() -> str:
    """The page of the documentation, in Markdown, from the same tables."""
    lines = ["# Keys and commands of the chat", "", "| command | does |", "|---|---|"]
    for one in TABLE:
        usage = f"/{one.name} {one.args}".rstrip().replace("|", "\\|")
        lines.append(f"| `{usage}` | {one.help} |")
    lines += ["", "| key | does |", "|---|---|"]
    lines += [f"| {key.shown} | {key.help} |" for key in KEYS]
    return "\n".join([*lines, "", EDITING, ""])
