"""
Private keys and certificates as files: PKCS#8 and PEM.

A key under a passphrase is encrypted by the standard PBES2 (PBKDF2, AES-256-CBC) of PKCS#8, so any
tool that reads PKCS#8 opens it; without a passphrase only the mode of its file protects it.
"""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from securechat.errors import HomeError
from securechat.home.files import read_private
from securechat.home.passphrase import is_protected


def key_file(key: Ed25519PrivateKey, passphrase: bytes | None) -> bytes:
    """The content of a key's file."""
    protection: KeySerializationEncryption = (
        BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def load_key(path: Path, passphrase: bytes | None) -> Ed25519PrivateKey:
    """The key of a file; HomeError if it cannot be opened or is of another kind."""
    content = read_private(path)
    protected = is_protected(path)
    if protected and not passphrase:
        raise HomeError(
            f"{path} is protected by a passphrase: give it with --passphrase-file FILE"
            " or SECURECHAT_PASSPHRASE_FILE"
        )
    try:
        key = load_pem_private_key(content, passphrase if protected else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        what = "the passphrase does not open" if protected else "there is no readable key in"
        raise HomeError(f"{what} {path}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise HomeError(f"{path} does not hold an Ed25519 key")
    return key


def certificate_file(der: bytes) -> bytes:
    """The content of a certificate's file."""
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


def load_certificate(path: Path) -> bytes:
    """The certificate (DER) of a file of the home; HomeError if there is not exactly one."""
    try:
        found = x509.load_pem_x509_certificates(read_private(path))
    except ValueError:
        raise HomeError(f"there is no readable certificate in {path}") from None
    if len(found) != 1:
        raise HomeError(f"{path} holds {len(found)} certificates, where one is wanted")
    return found[0].public_bytes(Encoding.DER)
