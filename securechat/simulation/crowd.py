"""
Carries out what people do in a world, and tells the checker what they were answered.

Who finds no process running does nothing.  Nobody repeats words that his disk may have forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from securechat.errors import LocalError
from securechat.ids import MemberId, MessageId
from securechat.inputs import Cancel, Retry, Say, Tell
from securechat.node.node import Node
from securechat.simulation.checker import Checker
from securechat.simulation.host import Host
from securechat.simulation.workload import Act, What


@define(eq=False)
class Crowd:
    """The people of one world."""

    _hosts: Sequence[Host]
    _checker: Checker
    _marks: Counter[str]
    _trace: Callable[..., None]
    said: int = 0
    """Messages that were accepted."""

    def act(self, act: Act) -> None:
        """Somebody does something, if his node runs."""
        host = self._hosts[act.who]
        if host.up and host.node is not None:
            host.clock.run(self._do, (host, act))

    def _do(self, host: Host, act: Act) -> None:
        assert host.node is not None
        if act.what in (What.RETRY, What.CANCEL):
            self._reconsider(host.node, act)
        elif act.what is What.SAY or self._checker.repeatable(act.text):
            self._speak(host.node, host.member, act)

    def _speak(self, node: Node, author: MemberId, act: Act) -> None:
        to = None if act.to is None else self._hosts[act.to].member
        self._checker.uttered(author, act.text, to)
        command = Say(act.text, act.nonce) if to is None else Tell(to, act.text, act.nonce)
        asked: Deferred[Any] = node.input(command)
        asked.addCallbacks(self._accepted, self._declined, (act.text, to))

    def _reconsider(self, node: Node, act: Act) -> None:
        id = self._checker.id_of(act.text)
        if id is not None:
            if act.what is What.RETRY:
                self._checker.trying(id)
            else:
                self._checker.cancelling(id, asked=True)
            command = Retry(id) if act.what is What.RETRY else Cancel(id)
            asked: Deferred[Any] = node.input(command)
            asked.addCallbacks(self._tried, self._declined, (act.what,), {}, (id, act.what))

    def _accepted(self, said: Any, text: str, to: MemberId | None) -> None:
        self.said += said.fresh
        self._marks["a nonce was known"] += not said.fresh
        self._trace("accepted", str(said.id))
        self._checker.answered(said.id, text, to)

    def _tried(self, tried: Any, what: What) -> None:
        self._trace(what.value, str(tried.id), tried.state)
        self._marks[f"a message was {tried.state} when somebody asked to {what.value}"] += 1
        self._checker.cancelling(tried.id, asked=False)
        if what is What.CANCEL:
            self._checker.cancelled(tried.id, tried.state)
        else:
            self._checker.tried(tried.id)

    def _declined(
        self, failure: Failure, id: MessageId | None = None, what: What | None = None
    ) -> None:
        failure.trap(LocalError)
        if id is not None:
            self._checker.cancelling(id, asked=False)
        if id is not None and what is What.RETRY:
            self._checker.not_tried(id)
        self._trace("declined", str(failure.value))
        self._marks[f"a command was answered {getattr(failure.value, 'code', '')}"] += 1
