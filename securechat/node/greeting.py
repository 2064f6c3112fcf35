"""
A HELLO judged: the link it makes, or the CLOSE that refuses it.

The rules are ``handshake.judge``; here they meet the door, which checks the Alives that a HELLO
carries, and what the node holds of the peer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import define

from securechat.errors import RemoteError
from securechat.ids import BootId, MemberId
from securechat.inputs import LinkUp
from securechat.node.door import Door, require_purpose
from securechat.node.handshake import Close, Hello, Known, judge
from securechat.node.wires import Home, Link
from securechat.objects import Admitted, Purpose, Signed


@define
class Greeting:
    """Judges for one node."""

    _home: Home
    _door: Door

    def judged(self, link: Link, hello: Hello, standing: Iterable[Link]) -> LinkUp | Close:
        """The link as it will be once it is up, or why not; ``standing`` are the peer's others."""
        peer = link.wire.peer
        refusal = judge(hello, self._home.me, peer, self._known(peer, standing))
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

    def _known(self, peer: MemberId, standing: Iterable[Link]) -> Known | None:
        """The newest incarnation of the peer: on disk, or on a link whose turn is still to come."""
        welcomed = [link.up for link in standing if link.up is not None]
        found = [(up.epoch, up.boot, up.alive.signed) for up in welcomed]
        held = self._home.held(peer)
        if held is not None:
            found.append(held)
        if not found:
            return None
        epoch, boot, proof = max(found, key=lambda one: one[0])
        live = any((up.epoch, up.boot) == (epoch, boot) for up in welcomed)
        return Known(epoch, boot, proof, live)
