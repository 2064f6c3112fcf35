"""
Receipts as files: written by ``receipt``, checked off line by ``verify``.

A receipt file is JSON with the signed receipt, the hash of the signed message and the recipient's
certificate (both bytes in base64), and what these say in words.  All of it follows from what is
signed, so there is exactly one file for a receipt: a file in which any byte was changed is refused.
Dates of the certificate are not judged: a receipt does not grow stale (DESIGN 4).
"""

from __future__ import annotations

import json
import shlex
import ssl
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from securechat.admin.naming import time_of
from securechat.certificates import MemberCertificate, read_member, read_room
from securechat.cli.asking import Ended, Status, ask, json_option, show_json
from securechat.cli.where import Where, grouped, hand_over, pass_where
from securechat.errors import HomeError, RemoteError
from securechat.home.files import read_given
from securechat.home.identity import load_member, load_room
from securechat.home.places import ROOM_CERTIFICATE
from securechat.messaging.statements import Receipt
from securechat.objects import Purpose, Signed
from securechat.signing import verify as holds
from securechat.wire import pack, unpack

FORM = "securechat receipt 1"


@frozen
class Proof:
    """A receipt that was checked against its room."""

    room: str
    signed: Signed
    receipt: Receipt
    recipient: MemberCertificate

    def file(self) -> str:
        """The one file of this receipt."""
        fields = {
            "form": FORM,
            "receipt": b64encode(pack(self.signed)).decode("ascii"),
            "hash": self.receipt.hash.hex(),
            "certificate": b64encode(self.recipient.der).decode("ascii"),
            **self.words(),
        }
        return json.dumps(fields, indent=1) + "\n"

    def words(self) -> dict[str, Any]:
        """What it proves."""
        return {
            "room": self.room,
            "recipient": self.recipient.name,
            "recipient_id": self.recipient.member,
            "recipient_epoch": self.receipt.epoch,
            "sender_id": self.receipt.sender,
            "message": str(self.receipt.id),
            "stored": time_of(self.receipt.at),
        }


def prove(room_der: bytes, signed_form: bytes, certificate: bytes) -> Proof:
    """Check a receipt; RemoteError with the reason if it proves nothing."""
    room = read_room(room_der)
    recipient = read_member(certificate, room_der)
    signed = unpack(Signed, signed_form)
    if signed.purpose is not Purpose.RECEIPT:
        raise RemoteError("malformed", "the signed object is no receipt")
    receipt = unpack(Receipt, signed.statement)
    receipt.check(signed.attachment)
    if receipt.author != recipient.member:
        raise RemoteError("foreign-receipt", "the certificate is not its signer's")
    if receipt.author == receipt.sender:
        raise RemoteError("self-made", "its signer says to have written the message himself")
    if not holds(room.room, recipient.public, signed):
        raise RemoteError("bad-signature", "the signature does not hold")
    return Proof(room.room, signed, receipt, recipient)


def read_proof(content: bytes, room_der: bytes) -> Proof:
    """The proof of exactly these bytes of a file; RemoteError for anything else."""
    try:
        fields = json.loads(content.decode("ascii"))
        signed, certificate = (
            b64decode(fields[key], validate=True) for key in ("receipt", "certificate")
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RemoteError("malformed", "this is no receipt file") from None
    proof = prove(room_der, signed, certificate)
    if proof.file().encode("ascii") != content:
        raise RemoteError("altered", "the file is not the one that belongs to its receipt")
    return proof


def room_of(where: Where, path: str | None) -> bytes:
    """The room's certificate (DER): of the home, or of a file of any mode."""
    if path is None:
        if not (where.home / ROOM_CERTIFICATE).exists():
            raise HomeError(
                f"there is no {ROOM_CERTIFICATE} in {where.home}; name the room's with --room CERT"
            )
        return load_room(where.home).der
    content = read_given(Path(path))
    try:
        return ssl.PEM_cert_to_DER_cert(content.decode("ascii").strip())
    except ValueError:
        raise HomeError(f"there is no readable certificate in {path}") from None


@click.command()
@click.argument("message", metavar="ID")
@click.option("--member", metavar="NAME", help="Whose receipt, if there is more than one.")
@click.option("--out", metavar="FILE", help="Write the file there, not to standard output.")
@json_option
@pass_where
def receipt(where: Where, message: str, member: str | None, out: str | None, as_json: bool) -> None:
    """The signed receipt of the direct message ID, as a file that proves it to anybody."""
    reply = ask(where, "receipt", as_json, id=message, member=member)
    try:
        signed, certificate = (b64decode(reply[key]) for key in ("receipt", "certificate"))
        proof = prove(load_room(where.home).der, signed, certificate)
    except (RemoteError, ValueError, KeyError, TypeError) as problem:
        raise Ended(f"the receipt does not hold: {problem}", Status.PROBLEM) from None
    if as_json:
        show_json(reply)
        if out is not None:
            hand_over(proof.file(), out)
    elif not hand_over(proof.file(), out):
        click.echo(f"{out}: check it with: {where.command(f'verify {shlex.quote(str(out))}')}")


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--room", metavar="CERT", help="The room's certificate (default: the home's).")
@json_option
@pass_where
def verify(where: Where, file: str, room: str | None, as_json: bool) -> None:
    """Check a receipt file; no node is needed."""
    room_der = room_of(where, room)
    content = read_given(Path(file))
    try:
        proof = read_proof(content, room_der)
    except RemoteError as problem:
        raise Ended(f"{file} proves nothing: {problem}", Status.PROBLEM) from None
    if as_json:
        show_json({"genuine": True, **proof.words(), "id": _shown(where, proof)})
        return
    who = f"{proof.recipient.name} ({proof.recipient.member})"
    click.echo(f"genuine: the node of {who} had stored the message by {time_of(proof.receipt.at)}")
    shown = _shown(where, proof)
    unnamed = f"{proof.receipt.id}  (by its sender's id: the file does not hold the name)"
    click.echo(f"message  {shown or unnamed}")
    click.echo(f"hash     {proof.receipt.hash.hex()}")
    click.echo(f"room     {grouped(proof.room)}")


def _shown(where: Where, proof: Proof) -> str | None:
    """The id for people; None if its sender, whose name no receipt holds, is not this home's own."""
    try:
        own, room = load_member(where.home)
    except HomeError:
        return None
    if (room.room, own.member) != (proof.room, proof.receipt.sender):
        return None
    return proof.receipt.id.shown(own.name)


COMMANDS: dict[str, click.Command] = {"receipt": receipt, "verify": verify}
