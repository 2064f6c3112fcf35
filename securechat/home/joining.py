"""
The newcomer's side: an identity is made, a request handed over, the admission installed.

The private key never leaves its home: the request carries the public one, the admission the
certificate.  Every step either happens whole or leaves everything as it was.
"""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from securechat.certificates import (
    MemberCertificate,
    RoomCertificate,
    check_dates,
)
from securechat.errors import HomeError, RemoteError
from securechat.home import papers
from securechat.home.checks import check_free, check_name, read_paper
from securechat.home.config import Config, render_config
from securechat.home.files import (
    all_or_none,
    check_folder,
    new_folder,
    read_private,
    write_private,
)
from securechat.home.identity import (
    Stage,
    load_config,
    load_member,
    load_room,
    stage,
)
from securechat.home.keys import certificate_file, key_file, load_key
from securechat.home.places import (
    CONFIG,
    IDENTITY_CERTIFICATE,
    IDENTITY_KEY,
    REQUEST,
    ROOM_CERTIFICATE,
    check_socket_path,
    command,
)
from securechat.settings import MAX_MEMBERS
from securechat.signing import Signer, member_id


def request(path: Path, name: str, room: str, passphrase: bytes | None) -> papers.Request:
    """
    Ask to be admitted: make an identity, or use the one that waits or whose certificate is renewed.

    The signed request is kept in the home; ``request_text`` gives it.
    """
    check_name(name)
    at = stage(path)
    if at is Stage.NONE:
        check_free(path)
        with new_folder(path) as home:
            key = Ed25519PrivateKey.generate()
            write_private(home / IDENTITY_KEY, key_file(key, passphrase))
            return _write_request(home, key, name, room)
    check_folder(path)
    if at is Stage.COMPLETE:
        room = _check_renewal(path, name, room)
    return _write_request(path, load_key(path / IDENTITY_KEY, passphrase), name, room)


def request_text(path: Path) -> str:
    """The request of this home, as it is handed over."""
    return read_private(path / REQUEST).decode("utf-8", "replace")


def pending(path: Path) -> papers.Request | None:
    """The request that this home waits on, if it can be read."""
    try:
        return papers.read_request(request_text(path))
    except (HomeError, RemoteError):
        return None


def install(
    path: Path, text: str, room: str, config: Config | None, passphrase: bytes | None, now_ms: int
) -> papers.Admitted:
    """
    Complete a home with its admission, or renew its certificate; the peers are added to ``config``.

    ``room`` is the id that the room must have, or empty; a renewal takes no ``config``.
    """
    at = stage(path)
    if at is Stage.NONE:
        raise HomeError(
            f"there is no identity in {path}; make one with: {command(path, 'request --name YOU')}"
        )
    check_folder(path)
    admitted = read_paper(papers.read_admission, text, "admission")
    _check_room(path, admitted.room, room)
    _check_member(path, admitted.member, passphrase)
    try:
        check_dates(admitted.member, now_ms)
    except RemoteError as problem:
        raise HomeError(f"the admission is refused: {problem}; check this clock") from None
    if at is Stage.COMPLETE:
        _renew(path, admitted, config)
    else:
        _complete(path, admitted, config or _config_there(path))
    return admitted


def _complete(path: Path, admitted: papers.Admitted, config: Config) -> None:
    """The certificate comes last: with it the home is complete."""
    check_socket_path(path)
    peers = tuple(dict.fromkeys((*config.peers, *admitted.addresses)))
    config = evolve(
        config, peers=tuple(peer for peer in peers if peer != config.listen)[:MAX_MEMBERS]
    )
    places = [path / name for name in (ROOM_CERTIFICATE, CONFIG, IDENTITY_CERTIFICATE)]
    contents = (
        certificate_file(admitted.room.der),
        render_config(config).encode(),
        certificate_file(admitted.member.der),
    )
    with all_or_none(*places):
        for place, content in zip(places, contents, strict=True):
            write_private(place, content)
    (path / REQUEST).unlink(missing_ok=True)


def _config_there(path: Path) -> Config:
    """What somebody wrote beforehand, or the defaults."""
    return load_config(path) if (path / CONFIG).exists() else Config()


def _renew(path: Path, admitted: papers.Admitted, config: Config | None) -> None:
    if config is not None:
        raise HomeError(f"{path} is complete already; change {path / CONFIG} instead of options")
    write_private(path / IDENTITY_CERTIFICATE, certificate_file(admitted.member.der))
    (path / REQUEST).unlink(missing_ok=True)


def _write_request(path: Path, key: Ed25519PrivateKey, name: str, room: str) -> papers.Request:
    text = papers.write_request(Signer.from_seed(room, key.private_bytes_raw()), name)
    write_private(path / REQUEST, text.encode())
    return papers.read_request(text)


def _check_renewal(path: Path, name: str, room: str) -> str:
    """The room of a complete home; HomeError if another or another name is asked for."""
    member, own = load_member(path)
    if room not in ("", own.room) or name != member.name:
        raise HomeError(
            f"{path} is {member.name}'s home in the room {own.name}; for another name or room"
            " choose another --home"
        )
    return own.room


def _check_room(path: Path, offered: RoomCertificate, wanted: str) -> None:
    """HomeError if another room was asked for: now, in the request, or by being in one."""
    asked = pending(path)
    own = load_room(path).room if stage(path) is Stage.COMPLETE else ""
    for room in (wanted, asked.room if asked else "", own):
        if room not in ("", offered.room):
            raise HomeError(f"the admission is to another room, {offered.name} {offered.room}")


def _check_member(path: Path, offered: MemberCertificate, passphrase: bytes | None) -> None:
    """HomeError if the admission is for another key or under another name."""
    key = load_key(path / IDENTITY_KEY, passphrase)
    if member_id(key.public_key().public_bytes_raw()) != offered.member:
        raise HomeError(f"the admission is for another key, {offered.name} {offered.member}")
    asked = pending(path)
    if asked is not None and asked.name != offered.name:
        raise HomeError(f"the admission is for {offered.name}, but {asked.name} was asked for")
