"""
Who this home is: its keys and certificates, checked against each other before anything starts.

Every problem is a HomeError in one line that says what to do.  Dates are not judged here: a node
whose certificate has ended can still show what it holds, and each link judges them anyway.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from securechat.certificates import MemberCertificate, RoomCertificate, read_member, read_room
from securechat.errors import HomeError, RemoteError
from securechat.home.config import Config, parse_config
from securechat.home.files import check_file, check_folder, read_private
from securechat.home.keys import load_certificate, load_key
from securechat.home.places import (
    CONFIG,
    IDENTITY_CERTIFICATE,
    IDENTITY_KEY,
    PRIVATE,
    ROOM_CERTIFICATE,
    command,
)
from securechat.ids import MemberId
from securechat.signing import Signer


class Stage(Enum):
    """How far a home has come."""

    NONE = "no home"
    REQUESTED = "an identity that waits for its admission"
    COMPLETE = "a home that can run"


@frozen
class Identity:
    """One member, able to sign and to prove itself.  Never printed whole, never pickled."""

    name: str
    member: MemberId
    room: str
    """The room id."""
    room_name: str
    signer: Signer = field(repr=False)
    private_key: Ed25519PrivateKey = field(repr=False)
    certificate: bytes = field(repr=False)
    """DER."""
    room_certificate: bytes = field(repr=False)
    """DER."""
    valid_until_ms: int = 0
    """When peers stop taking the certificate for a new link."""


@frozen
class Home:
    """A home folder that can run."""

    path: Path
    config: Config
    identity: Identity


def stage(path: Path) -> Stage:
    """How far this home has come, by the files that are there."""
    if (path / IDENTITY_CERTIFICATE).exists():
        return Stage.COMPLETE
    return Stage.REQUESTED if (path / IDENTITY_KEY).exists() else Stage.NONE


def check_complete(path: Path) -> None:
    """HomeError with the next step unless this home was admitted to a room."""
    found = stage(path)
    if found is Stage.NONE:
        raise HomeError(
            f"there is no home in {path}; found a room with:"
            f" {command(path, 'init --name YOU --room ROOM')},"
            f" or ask to join one with: {command(path, 'request --name YOU')}"
        )
    check_folder(path)
    for name in PRIVATE:
        check_file(path / name)
    if found is Stage.REQUESTED:
        raise HomeError(
            f"{path} waits for its admission; next: {command(path, 'install ADMISSION')}"
        )


def load_home(path: Path, passphrase: bytes | None) -> Home:
    """A home and all it needs to run; HomeError with one line otherwise."""
    check_complete(path)
    config = load_config(path)
    return Home(path, config, load_identity(path, passphrase))


def load_config(path: Path) -> Config:
    """What ``config.toml`` of this home says."""
    return parse_config(read_private(path / CONFIG))


def load_room(path: Path) -> RoomCertificate:
    """The room of this home."""
    der = load_certificate(path / ROOM_CERTIFICATE)
    try:
        return read_room(der)
    except RemoteError as problem:
        raise HomeError(f"{path / ROOM_CERTIFICATE} is no room's certificate: {problem}") from None


def load_member(path: Path) -> tuple[MemberCertificate, RoomCertificate]:
    """Who this home is, in which room, by its certificates alone: no key is opened."""
    room = load_room(path)
    certificate = load_certificate(path / IDENTITY_CERTIFICATE)
    try:
        return read_member(certificate, room.der), room
    except RemoteError as problem:
        raise HomeError(f"{path / IDENTITY_CERTIFICATE} is refused: {problem}") from None


def load_identity(path: Path, passphrase: bytes | None) -> Identity:
    """The identity of this home, its files in agreement with each other."""
    member, room = load_member(path)
    key = load_key(path / IDENTITY_KEY, passphrase)
    if key.public_key().public_bytes_raw() != member.public:
        raise HomeError(
            f"{path / IDENTITY_CERTIFICATE} is not the certificate of {path / IDENTITY_KEY}:"
            " put back the pair that belongs together"
        )
    return Identity(
        name=member.name,
        member=member.member,
        room=room.room,
        room_name=room.name,
        signer=Signer.from_seed(room.room, key.private_bytes_raw()),
        private_key=key,
        certificate=member.der,
        room_certificate=room.der,
        valid_until_ms=member.not_after_ms,
    )
