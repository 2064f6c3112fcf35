"""
What the commands stand at: the node to read and to ask, the event ring, and the way to stop it.

Admin reads frozen views and acts only through ``node.input`` (R4).
"""

from __future__ import annotations

from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred

from securechat.admin import views, wording
from securechat.admin.events import EventRing
from securechat.admin.naming import Names
from securechat.ids import Kind
from securechat.inputs import Command
from securechat.messaging.reading import Reading
from securechat.node.node import Node, NodeView
from securechat.notices import Delivery, DeliveryChanged, DirectShown, Event, PostShown

SHOWN = (PostShown, DirectShown)
"""Events that bring the whole message; a tuple, since it is asked of every event."""


class Stop(Protocol):
    """Stops the service soon."""

    def __call__(self, goodbye: bool) -> None:
        """With a signed Leave, or without a word."""
        ...


@define(eq=False)
class Desk:
    """One node's desk, shared by all its admin connections."""

    node: Node
    ring: EventRing
    stop: Stop
    """Stop the service, once the reply is on its way."""
    _goodbye: bool | None = field(default=None, init=False)
    """How the node is being stopped, once somebody has asked for it."""
    _told: views.Texts = field(init=False)
    """Texts of what happens: the posts of an envelope are told one after another."""

    def __attrs_post_init__(self) -> None:
        self._told = self.texts
        self.node.watchers.append(self._happened)

    @property
    def name(self) -> str:
        """The node's name, for the greeting."""
        return self.node.person.name

    @property
    def room(self) -> str:
        """The room's name, for the greeting."""
        return self.node.person.room_name

    def view(self) -> NodeView:
        """The node at this moment."""
        return self.node.snapshot()

    @property
    def names(self) -> Names:
        """What everybody is called now."""
        return Names(self.node.cores.membership.keyring, self.read)

    @property
    def read(self) -> Reading:
        """What messaging lets others read."""
        return self.node.cores.messaging

    @property
    def texts(self) -> views.Texts:
        """Texts from the store."""
        return views.Texts(self.node.store.object)

    def input(self, command: Command) -> Deferred[Any]:
        """Ask the cores for something."""
        return self.node.input(command)

    def end(self, goodbye: bool) -> tuple[bool, bool]:
        """Stop, as who asked first wanted it: whether that was this one, and with a goodbye."""
        first = self._goodbye is None
        if self._goodbye is None:
            self._goodbye = goodbye
            self.stop(goodbye=goodbye)
        return first, self._goodbye

    def _counts(self, event: DeliveryChanged) -> views.Fields:
        """The message as a whole, so that a client need not ask: its state, and k of n."""
        state, acked, of = self.read.counts(event.id)
        return {"state": None if state is None else state.value, "acked": acked, "of": of}

    def _happened(self, event: Event) -> None:
        if isinstance(event, SHOWN):
            # All that the event says of itself stands in the line of its message too.
            fields = views.said(self.names, self._told, self.read.line(event.id))
            del fields["kind"]
        else:
            fields = wording.event(self.names, event)
        if isinstance(event, DeliveryChanged):
            fields.update(self._counts(event))
        fields.update(_of_direct(event, fields))
        self.ring.add(event.event, fields)


def _of_direct(event: Event, fields: views.Fields) -> views.Fields:
    """
    The state of a direct message as its event tells it.

    Events are told at the end of their turn, which may have brought the message further: each says
    no more than it is about, and the next one goes on from there.
    """
    if isinstance(event, DirectShown) and fields["state"] is not None:
        return {"state": Delivery.QUEUED.value, "acked": 0}
    if isinstance(event, DeliveryChanged) and event.id.kind is Kind.DIRECT:
        return {"state": event.to.value, "acked": int(event.to is Delivery.ACKED)}
    return {}
