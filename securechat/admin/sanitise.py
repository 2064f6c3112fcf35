"""
The one place that makes any text safe to show; the stored form stays as it was signed.

Unsafe is what moves a cursor, reorders or hides what stands beside it, or breaks a line: control
characters (C0, DEL, C1), bidi marks and overrides, zero-width and other invisible format characters,
line and paragraph separators, tags, and halves of surrogate pairs.  Three forms: a JSON string of
printable ASCII (text mode of the admin port), JSON whose unsafe characters are escaped (JSON mode),
and text for a terminal, where each shows as ``<U+202E>``.  ``reference/reliability-security.md`` S10.
"""

from __future__ import annotations

import json
import re
from typing import Any

_CONTROL = "\u0000-\u001f\u007f-\u009f"
_FORMAT = (
    "\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_HALF = "\ud800-\udfff"
_UNSAFE = re.compile(f"[{_CONTROL}{_FORMAT}{_HALF}]")
_SURROGATE = re.compile(f"[{_HALF}]")
_BEYOND_PRINTABLE = re.compile(r"[^ -~]")
TAB = "    "


def _escape(found: re.Match[str]) -> str:
    point = ord(found[0])
    if point < 0x10000:
        return f"\\u{point:04x}"
    point -= 0x10000
    return f"\\u{0xD800 + (point >> 10):04x}\\u{0xDC00 + (point & 0x3FF):04x}"


def is_safe(text: str) -> bool:
    """Whether nothing in it could do more than stand there."""
    return _UNSAFE.search(text) is None


def has_surrogate(text: str) -> bool:
    """Whether it holds half of a surrogate pair, which is no character and has no UTF-8."""
    return _SURROGATE.search(text) is not None


def printable_ascii(text: str) -> str:
    """A JSON string in which every byte is between 0x20 and 0x7e."""
    return _BEYOND_PRINTABLE.sub(_escape, json.dumps(text))


def json_safe(value: Any) -> str:
    """A JSON document on one line, unsafe characters escaped; ValueError for NaN and infinities."""
    document = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # Outside of strings a JSON document has none of these, so an escape always stands in a string.
    return _UNSAFE.sub(_escape, document)


def for_terminal(text: str) -> str:
    """Text to show on one line; the caller has split it at line breaks, tabs become four spaces."""
    return _UNSAFE.sub(lambda found: f"<U+{ord(found[0]):04X}>", text.replace("\t", TAB))
