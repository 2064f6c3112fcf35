"""
A HELLO judged: the link it makes, or the CLOSE that refuses it; and the links that still await theirs.

The rules are ``handshake.judge``; here they meet the door, which checks the Alives that a HELLO
carries, and what the node holds of the peer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define

from securechat.errors import RemoteError
from securechat.ids import BootId, MemberId
from securechat.inputs import EVERYBODY, LinkUp
from securechat.node.door import Door, require_purpose
from securechat.node.handshake import Close, Hello, Known, State, judge
from securechat.node.wires import Home, Link
from securechat.objects import Admitted, Purpose, Signed


@define
class Greeting:
    """Judges for one node."""

    _home: Home
    _door: Door

    def judged(self, link: Link, hello: Hello, links: Iterable[Link]) -> LinkUp | Close:
        """The link as it will be once it is up, or why not; ``links`` are all that there are."""
        peer = link.wire.peer
        refusal = judge(hello, self._home.me, peer, self._known(peer, accepted(link, links)))
        if refusal is not None:
            return refusal
        alive = self.alive(hello.objects[0], peer)
        if (alive.statement.epoch, alive.statement.boot) != (hello.epoch, hello.boot):
            raise RemoteError("malformed", "HELLO and its Alive differ in epoch or boot id")
        ours = self.alive(hello.objects[1], self._home.me) if hello.objects[1:] else None
        return LinkUp(
            peer=peer,
            link=link.number,
            epoch=hello.epoch,
            boot=BootId(hello.boot),
            address=link.wire.address,
            dialled=link.wire.dialled,
            local=link.wire.local,
            alive=alive,
            ours=ours,
            ends=hello.ends,
        )

    def alive(self, signed: Signed, author: MemberId) -> Admitted[Any]:
        """An Alive of exactly this member; RemoteError for anything else."""
        require_purpose(signed, (Purpose.ALIVE,), "the handshake")
        found = self._door.object(signed)
        if not isinstance(found, Admitted) or found.author != author:
            raise RemoteError("malformed", "carries somebody else's Alive")
        return found

    def _known(self, peer: MemberId, welcomed: list[LinkUp]) -> Known | None:
        """The newest incarnation of the peer: on disk, or on a link whose turn is still to come."""
        found = [(up.epoch, up.boot, up.alive.signed) for up in welcomed]
        held = self._home.held(peer)
        if held is not None:
            found.append(held)
        if not found:
            return None
        epoch, boot, proof = max(found, key=lambda one: one[0])
        live = any((up.epoch, up.boot) == (epoch, boot) for up in welcomed)
        return Known(epoch, boot, proof, live)


def accepted(link: Link, links: Iterable[Link]) -> list[LinkUp]:
    """What is known of the same peer from other links, whose HELLO was accepted and nobody ended."""
    return [
        other.up
        for other in links
        if other is not link
        and other.wire.peer == link.wire.peer
        and other.up is not None
        and other.closing is None
    ]


def halfway(links: Iterable[Link], peers: Iterable[MemberId]) -> list[Link]:
    """
    Links to these peers that are on their way up.

    What a bad cable took of their handshakes is not said again: once it is mended, waiting for them
    would only last until the handshake timeout.
    """
    whom = set(peers)
    return [
        link
        for link in links
        if link.state not in (State.UP, State.CLOSED)
        and link.closing is None
        and (EVERYBODY in whom or link.wire.peer in whom)
    ]
