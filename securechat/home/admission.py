"""
The authority's side: a room is founded, and requests are granted.

The authority is a file, needed to admit and for nothing else (DESIGN 4); its home is the founder's.
Founding happens whole or not at all; a grant is written down before it is handed out.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from securechat.addresses import is_loopback, split
from securechat.certificates import (
    Authority,
    MemberCertificate,
    RoomCertificate,
    found_authority,
    issue,
    read_member,
)
from securechat.errors import HomeError
from securechat.home import papers
from securechat.home.addresses import dialled_by_others
from securechat.home.checks import check_free, check_name, read_paper
from securechat.home.config import Config, render_config
from securechat.home.files import (
    new_folder,
    write_private,
)
from securechat.home.identity import (
    check_complete,
    load_config,
    load_room,
)
from securechat.home.keys import certificate_file, key_file, load_key
from securechat.home.ledger import Ledger
from securechat.home.places import (
    AUTHORITY_KEY,
    CONFIG,
    IDENTITY_CERTIFICATE,
    IDENTITY_KEY,
    ROOM_CERTIFICATE,
)
from securechat.ids import MemberId
from securechat.signing import Signer

DAY_MS = 24 * 3600 * 1000


@frozen
class Grant:
    """A request that may be granted: what a person is asked about before it is."""

    authority: Authority
    request: papers.Request
    room: RoomCertificate
    addresses: tuple[str, ...]
    days: float
    ledger: Ledger

    @property
    def only_here(self) -> bool:
        """Whether all addresses to dial are of this machine alone."""
        return all(is_loopback(split(address)[0]) for address in self.addresses)


def found(
    path: Path, name: str, room: str, config: Config, passphrase: bytes | None, now_ms: int
) -> MemberCertificate:
    """Make a room and the home of its founder, who is its first member."""
    check_name(name)
    check_name(room, "room")
    check_free(path)
    authority = found_authority(room, now_ms)
    key = Ed25519PrivateKey.generate()
    certificate = authority.issue(name, key.public_key().public_bytes_raw(), now_ms)
    member = read_member(certificate, authority.certificate)
    with new_folder(path) as home:
        write_private(home / IDENTITY_KEY, key_file(key, passphrase))
        write_private(home / AUTHORITY_KEY, key_file(authority.key, passphrase))
        write_private(home / ROOM_CERTIFICATE, certificate_file(authority.certificate))
        write_private(home / CONFIG, render_config(config).encode())
        Ledger.load(home).add(member.member, name, now_ms, member.not_after_ms)
        write_private(home / IDENTITY_CERTIFICATE, certificate_file(certificate))
    return member


def consider(path: Path, text: str, days: float, passphrase: bytes | None, now_ms: int) -> Grant:
    """What admitting this request would mean; HomeError if it cannot be."""
    check_complete(path)
    authority, room = _load_authority(path, passphrase)
    asked = read_paper(papers.read_request, text, "request")
    if asked.room not in ("", room.room):
        raise HomeError(f"the request is for another room, {asked.room}")
    ledger = Ledger.load(path)
    ledger.check(MemberId(asked.member), asked.name)
    _check_days(room, days, now_ms)
    return Grant(authority, asked, room, _addresses(load_config(path)), days, ledger)


def grant(granted: Grant, now_ms: int) -> str:
    """Issue the certificate and write it down; the admission, as it is handed over."""
    asked, authority = granted.request, granted.authority
    certificate = issue(
        authority.key, authority.certificate, asked.name, asked.public_key, now_ms, granted.days
    )
    member = read_member(certificate, authority.certificate)
    granted.ledger.add(member.member, member.name, now_ms, member.not_after_ms)
    signer = Signer.from_seed(granted.room.room, authority.key.private_bytes_raw())
    return papers.write_admission(signer, authority.certificate, certificate, granted.addresses)


def _load_authority(path: Path, passphrase: bytes | None) -> tuple[Authority, RoomCertificate]:
    """The room's key, if this home holds it."""
    room = load_room(path)
    place = path / AUTHORITY_KEY
    if not place.exists():
        raise HomeError(f"{place} is not there: only a home that holds the room's key can admit")
    key = load_key(place, passphrase)
    if key.public_key().public_bytes_raw() != room.public:
        raise HomeError(f"{place} is not the key of {path / ROOM_CERTIFICATE}")
    return Authority(key, room.der), room


def _check_days(room: RoomCertificate, days: float, now_ms: int) -> None:
    left = (room.not_after_ms - now_ms) // DAY_MS
    if not 0 < days <= left:
        raise HomeError(f"--days {days:g} cannot be: the room itself has {left} days left")


def _addresses(config: Config) -> tuple[str, ...]:
    """Whom a newcomer dials first: us, then those whom we dial."""
    own = config.advertise or (dialled_by_others(config.listen),)
    return tuple(dict.fromkeys((*own, *config.peers)))[: papers.MAX_DIALLED]
