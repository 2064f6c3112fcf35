"""
What we say of ourselves: our signed Alive and Leave, and the addresses in them (DESIGN 5).

The incarnation starts at 0 in each epoch and is raised here only.  Our addresses are those that the
operator advertises; if there are none, the one we listen on; if that is a wildcard, our end of each
link with the port we listen on, at most four, of which those without a link give way.
"""

from __future__ import annotations

from attrs import define, field

from securechat.effects import Record
from securechat.ids import BootId, Hash, MemberId
from securechat.inputs import Instant
from securechat.membership.claims import Claim
from securechat.membership.dialing import dialable
from securechat.membership.ledger import Ledger
from securechat.membership.links import LinkTable
from securechat.membership.messages import Alive, Leave, SignedAck, Vouch, is_address
from securechat.objects import Purpose, Signed
from securechat.settings import MAX_ADDRESSES
from securechat.signing import Signer, object_hash
from securechat.wire import pack


@define
class Announce:
    """Signs for this process."""

    _signer: Signer = field(repr=False)
    _certificate: bytes
    boot: BootId
    _ledger: Ledger
    _links: LinkTable
    _listen: str
    _advertise: tuple[str, ...]
    own: set[str]
    """Every address that is or was ours in this process: none of them is dialled."""

    def __attrs_post_init__(self) -> None:
        self.own |= {self._listen, *self._advertise}

    @property
    def me(self) -> MemberId:
        """Whose claims these are."""
        return self._ledger.me

    @property
    def said(self) -> Alive | None:
        """Our newest Alive, if it is of this process."""
        alive = self._ledger.alive(self.me)
        return alive if alive is not None and alive.boot == self.boot else None

    @property
    def leaving(self) -> bool:
        """Whether this process said goodbye."""
        return self._ledger.left_in(self.me, self._ledger.epoch)

    def alive(self, epoch: int, incarnation: int, now: Instant) -> Record:
        """The fact of an Alive with our present addresses."""
        addresses = self.addresses()
        self.own |= set(addresses)
        return self._record(Alive(self.me, epoch, incarnation, self.boot, addresses), now)

    def moved(self, now: Instant) -> list[Record]:
        """A new incarnation, if our addresses changed."""
        said = self.said
        if said is None or self.leaving or said.addresses == self.addresses():
            return []
        return [self.alive(said.epoch, said.incarnation + 1, now)]

    def refuted(self, now: Instant) -> list[Record]:
        """A new incarnation, against what is said of this one."""
        said = self.said
        return [] if said is None else [self.alive(said.epoch, said.incarnation + 1, now)]

    def vouch(self, asker: MemberId, nonce: int) -> Vouch:
        """An ack that goes through other hands."""
        said = SignedAck(self.me, self._ledger.epoch, self.boot, asker, nonce)
        return Vouch((self._signer.sign(Purpose.ACK, pack(said)),))

    def leave(self, now: Instant) -> list[Record]:
        """The fact of our goodbye, once."""
        said = self.said
        if said is None or self.leaving:
            return []
        return [self._record(Leave(self.me, said.epoch, said.incarnation), now)]

    def addresses(self) -> tuple[str, ...]:
        """Where others should dial us, as far as is known now."""
        if self._advertise:
            return tuple(filter(is_address, dict.fromkeys(self._advertise)))[:MAX_ADDRESSES]
        if dialable(self._listen):
            return (self._listen,) if is_address(self._listen) else ()
        return self._derived(self._listen.rpartition(":")[2])

    def _derived(self, port: str) -> tuple[str, ...]:
        """Our end of each link; addresses without a link stay while there is room."""
        ends = dict.fromkeys(f"{local.rpartition(':')[0]}:{port}" for local in self._links.locals)
        linked = [address for address in ends if dialable(address) and is_address(address)]
        before = self.said.addresses if self.said is not None else ()
        fresh = [address for address in linked if address not in before]
        room = MAX_ADDRESSES - sum(address in linked for address in before) - len(fresh)
        idle = [address for address in before if address not in linked][: max(0, room)]
        kept = [address for address in before if address in linked or address in idle]
        return (*kept, *fresh)[:MAX_ADDRESSES]

    def _record(self, said: Alive | Leave, now: Instant) -> Record:
        statement = pack(said)
        if isinstance(said, Alive):
            signed = self._signer.sign(Purpose.ALIVE, statement, self._certificate)
            boot = self.boot
        else:
            signed = self._signer.sign(Purpose.LEAVE, statement)
            boot = BootId("")
        claim = Claim(self.me, said.version, boot, self._hash(signed), said, signed)
        return self._ledger.record(claim, self.me, now)

    def _hash(self, signed: Signed) -> Hash:
        return object_hash(self._signer.room, signed)
