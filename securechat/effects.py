"""
Everything a core can want, a closed list of six; a seventh needs an ADR.

A core answers an input with a list of effects and changes nothing.  The turn applies each ``Record``
to its core as the input is handled, commits all facts of the turn in one transaction, and only then
performs the rest (DESIGN 3).
"""

from __future__ import annotations

import abc
from typing import Any

from attrs import frozen

from securechat.errors import LocalError
from securechat.ids import Hash, MemberId
from securechat.objects import Signed


class Fact(abc.ABC):
    """
    What is durable.  A later fact with the same key replaces it; replay reads them in commit order.

    Concrete facts are frozen attrs classes.  ``apply`` of the owning core is the only place where a
    core's durable state changes, live and in replay alike.
    """

    __slots__ = ()

    @property
    @abc.abstractmethod
    def key(self) -> str:
        """What it is about; starts with the fact's own word, as ``epoch`` or ``held/STREAM/1``."""

    @property
    def about(self) -> tuple[str, ...]:
        """The canonical ids (messages, ``member:ID``, ``gap:STREAM``) it is part of the story of."""
        return ()

    @property
    @abc.abstractmethod
    def words(self) -> str:
        """One line that says it to a person; never message text.  Members as ``{MEMBERID}``."""

    @property
    def evidence(self) -> str:
        """What it rests on: a hash, a link, a deadline; empty if it is its own evidence."""
        return ""

    @property
    def cause(self) -> str:
        """The key of the fact, or the id of the message, that led to it, if one did."""
        return ""


@frozen
class Forget:
    """
    Deletion as a fact: the facts of these keys, and the objects they own, are gone.

    Never stored itself; what must be remembered of the deleted (a floor) is a fact of its own.
    """

    keys: tuple[str, ...]


@frozen
class Send:
    """
    A message to a peer, if a link is up when it is performed; promises nothing.

    ``objects`` names stored objects by hash: perform puts their bytes into ``message.objects``.  The
    same message object sent to many peers is encoded once.  A ``patient`` one leaves as its link has
    room: what has not left of it gives way to the next of its kind, or is left out for it.
    """

    peer: MemberId
    message: Any
    objects: tuple[Hash, ...] = ()
    patient: bool = False


@frozen
class Dial:
    """
    Try to link to an address, expecting ``peer`` there if it is known.

    ``instead``: in place of a dial to it that has no TCP connection; nothing at all if none is there.
    What is told of the two is told once.
    """

    address: str
    peer: MemberId | None = None
    instead: bool = False


@frozen
class Hangup:
    """Close every link to a peer, telling it the reason."""

    peer: MemberId
    reason: str


@frozen
class Record:
    """
    Make a fact durable, with the signed objects it owns.

    Objects named here replace those that the fact's key owned before; with none, they stay.
    """

    fact: Fact | Forget
    objects: tuple[Signed, ...] = ()


@frozen
class Notify:
    """Tell the other core, and whoever watches, after the commit."""

    notice: Any


@frozen
class Answer:
    """The outcome of a command, given after the commit; a LocalError is raised to who asked."""

    ticket: int
    value: Any | LocalError


Effect = Send | Dial | Hangup | Record | Notify | Answer
