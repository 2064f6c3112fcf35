"""
Private keys and certificates as files: PKCS#8 and PEM.

A key under a passphrase is encrypted by the standard PBES2 of PKCS#8 (RFC 8018: PBKDF2 with
HMAC-SHA256, AES-256-CBC), so any tool that reads PKCS#8 opens it.  ``cryptography`` writes that with
2,048 rounds, a weak defence for what a person can remember; we write ROUNDS.  Without a passphrase
only the mode of its file protects a key.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import encodebytes
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from securechat.errors import HomeError
from securechat.home.files import read_private
from securechat.home.passphrase import is_protected

ROUNDS = 600_000
"""Of PBKDF2: about a fifth of a second for each guess."""
SALT = 16
BLOCK = 16
KEY = 32

# The object identifiers and constants of RFC 8018, as DER.
PBES2 = bytes.fromhex("06092a864886f70d01050d")
PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
HMAC_SHA256 = bytes.fromhex("300c06082a864886f70d02090500")
AES256_CBC = bytes.fromhex("060960864801650304012a")
SEQUENCE, INTEGER, OCTETS = 0x30, 0x02, 0x04


def key_file(key: Ed25519PrivateKey, passphrase: bytes | None) -> bytes:
    """The content of a key's file."""
    if passphrase is None:
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return _pem("ENCRYPTED PRIVATE KEY", _encrypted(plain, passphrase))


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


def _encrypted(plain: bytes, passphrase: bytes) -> bytes:
    """EncryptedPrivateKeyInfo (DER) of PKCS#8 bytes."""
    salt, start = secrets.token_bytes(SALT), secrets.token_bytes(BLOCK)
    stretched = hashlib.pbkdf2_hmac("sha256", passphrase, salt, ROUNDS, KEY)
    padder, cipher = PKCS7(8 * BLOCK).padder(), Cipher(AES256(stretched), CBC(start)).encryptor()
    hidden = cipher.update(padder.update(plain) + padder.finalize()) + cipher.finalize()
    rounds = _der(INTEGER, ROUNDS.to_bytes(ROUNDS.bit_length() // 8 + 1, "big"))
    stretching = _der(SEQUENCE, _der(OCTETS, salt) + rounds + HMAC_SHA256)
    scheme = _der(SEQUENCE, PBKDF2 + stretching) + _der(SEQUENCE, AES256_CBC + _der(OCTETS, start))
    method = _der(SEQUENCE, PBES2 + _der(SEQUENCE, scheme))
    return _der(SEQUENCE, method + _der(OCTETS, hidden))


def _der(tag: int, content: bytes) -> bytes:
    """One element; ours are shorter than 256 bytes."""
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x81, size])
    return bytes([tag]) + length + content


def _pem(label: str, der: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n{_base64(der)}-----END {label}-----\n".encode()


def _base64(der: bytes) -> str:
    """In lines of 64 characters."""
    whole = encodebytes(der).replace(b"\n", b"").decode()
    return "".join(f"{whole[at : at + 64]}\n" for at in range(0, len(whole), 64))
