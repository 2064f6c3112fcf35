"""
The two files that people hand to each other: a request for admission, and the admission.

A request says a name and a public key, and is signed with that key: whoever sends it holds it.  An
admission is signed by the room's authority over everything in it.  Both are JSON with one spelling:
what was read must render to exactly the same text, so one altered byte, a duplicate or unknown key
or another order is refused (line ends and the last one may have suffered on the way).  Neither holds
a secret.  RemoteError with a readable detail is what a bad one gives.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from attrs import evolve, frozen
from msgspec import Meta

from securechat.addresses import is_wildcard, split
from securechat.certificates import NAME, MemberCertificate, RoomCertificate, read_member, read_room
from securechat.errors import RemoteError
from securechat.ids import MemberId
from securechat.objects import Purpose, Signed
from securechat.signing import Signer, member_id, verify

VERSION = 1
MAX_PAPER = 16 * 1024
MAX_DIALLED = 16
"""Addresses in an admission."""

Base32 = Annotated[str, Meta(pattern="^[a-z2-7]{52}$")]
Room = Annotated[str, Meta(pattern="^([a-z2-7]{52})?$")]
Key = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(max_length=64)]
Certificate = Annotated[bytes, Meta(max_length=2048)]
Address = Annotated[str, Meta(max_length=272)]


@frozen
class Request:
    """Somebody asks to be admitted under a name; ``room`` is empty if any room will do."""

    paper: Literal["securechat request"]
    version: Literal[1]
    name: Annotated[str, Meta(max_length=32)]
    member: Base32
    public_key: Key
    room: Room
    signature: Signature = b""


@frozen
class Admission:
    """What makes a member: the room's certificate, its own, and whom to dial."""

    paper: Literal["securechat admission"]
    version: Literal[1]
    member: Base32
    room_certificate: Certificate
    certificate: Certificate
    addresses: Annotated[tuple[Address, ...], Meta(max_length=MAX_DIALLED)]
    signature: Signature = b""


@frozen
class Admitted:
    """An admission that was read and found good."""

    member: MemberCertificate
    room: RoomCertificate
    addresses: tuple[str, ...]


P = TypeVar("P", Request, Admission)


def write_request(signer: Signer, name: str) -> str:
    """A signed request; the signer's room is the only one that may grant it, empty for any."""
    request = Request("securechat request", 1, name, signer.member, signer.public, signer.room)
    return _render(_signed(signer, Purpose.REQUEST, request))


def read_request(text: str) -> Request:
    """A request whose signature holds."""
    request = _parse(Request, text)
    if not NAME.fullmatch(request.name):
        raise RemoteError("hostile-name", "the name is not one of a-z first, then a-z 0-9 . _ -")
    if member_id(request.public_key) != request.member:
        raise RemoteError("key-mismatch", "the member id is not the id of the key")
    _check_signature(request.room, request.public_key, Purpose.REQUEST, request)
    return request


def write_admission(
    authority: Signer, room: bytes, certificate: bytes, addresses: tuple[str, ...]
) -> str:
    """A signed admission of the member of this certificate (DER)."""
    member = read_member(certificate, room).member
    admission = Admission(
        "securechat admission", 1, member, room, certificate, addresses[:MAX_DIALLED]
    )
    return _render(_signed(authority, Purpose.ADMISSION, admission))


def read_admission(text: str) -> Admitted:
    """An admission that its own room's authority signed; which room that is, people compare."""
    admission = _parse(Admission, text)
    room = read_room(admission.room_certificate)
    _check_signature(room.room, room.public, Purpose.ADMISSION, admission)
    member = read_member(admission.certificate, room.der)
    if member.member != MemberId(admission.member):
        raise RemoteError("key-mismatch", "the certificate is another member's")
    for address in admission.addresses:
        _check_address(address)
    return Admitted(member, room, admission.addresses)


def _check_address(address: str) -> None:
    try:
        host, _ = split(address)
    except ValueError as problem:
        raise RemoteError("malformed", f"an address is not one: {problem}") from None
    if is_wildcard(host):
        raise RemoteError("malformed", "an address that nobody can dial")


def _signed(signer: Signer, purpose: Purpose, paper: P) -> P:
    return evolve(paper, signature=signer.sign(purpose, _statement(paper)).signature)


def _check_signature(room: str, public: bytes, purpose: Purpose, paper: P) -> None:
    signed = Signed(purpose, _statement(paper), paper.signature)
    if not verify(room, public, signed):
        raise RemoteError("bad-signature", "the signature does not hold: it was altered")


def _statement(paper: Request | Admission) -> bytes:
    """What the signature covers: everything but itself."""
    return msgspec.json.encode(evolve(paper, signature=b""))


def _render(paper: Request | Admission) -> str:
    """The one spelling."""
    return msgspec.json.format(msgspec.json.encode(paper), indent=2).decode() + "\n"


def _parse(kind: type[P], text: str) -> P:
    """A paper of this kind, in the one spelling."""
    title = kind.__name__.lower()
    if len(text) > MAX_PAPER:
        raise RemoteError("oversized", f"larger than {MAX_PAPER} characters")
    text = text.replace("\r\n", "\n").removesuffix("\n") + "\n"
    try:
        _check_kind(msgspec.json.decode(text), title)
        paper = msgspec.json.decode(text, type=kind)
        again = _render(paper)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError) as problem:
        raise RemoteError("malformed", f"it cannot be read ({_where(problem)})") from None
    if again != text:
        raise RemoteError("malformed", "it was altered: it is not spelled as it was written")
    return paper


def _check_kind(said: Any, title: str) -> None:
    """Tell a mix-up of the two papers, and a later version, from damage."""
    paper, version = (said.get("paper"), said.get("version")) if isinstance(said, dict) else (0, 0)
    if paper != f"securechat {title}":
        found = "the other paper" if paper in _TITLES else "something else"
        raise RemoteError("malformed", f"it is {found}, not a {title} of securechat")
    if isinstance(version, int) and version > VERSION:
        raise RemoteError("newer", f"it is of version {version}; a newer securechat reads it")


_TITLES = ("securechat request", "securechat admission")


def _where(problem: Exception) -> str:
    """What msgspec says of it, which never repeats the content."""
    return ascii(str(problem))[1:-1][:120]
