"""
What can go wrong with the file of a journal, in words for people.

Damage is what the file itself is guilty of: it is set aside.  All else comes from outside (a full
disk, a lock, a missing permission): the file is good, and waits until that has passed.
"""

from __future__ import annotations

DAMAGE = "the journal is damaged"

REASONS = {
    "SQLITE_FULL": "disk full",
    "SQLITE_IOERR": "disk error",
    "SQLITE_READONLY": "the journal is read-only",
    "SQLITE_BUSY": "the journal is locked by another program",
    "SQLITE_LOCKED": "the journal is locked by another program",
    "SQLITE_CANTOPEN": "the journal cannot be opened",
    "SQLITE_PERM": "the journal may not be written",
    "SQLITE_NOMEM": "out of memory",
    "SQLITE_CORRUPT": DAMAGE,
    "SQLITE_NOTADB": DAMAGE,
}
OUTSIDE = frozenset(REASONS.values()) - {DAMAGE}
"""Reasons for which a file is not to blame."""


NO_TEXT = "Could not decode to UTF-8"
"""How Python begins, without a code of SQLite's, where a text of the file is none."""


class DamageError(Exception):
    """What is in the file cannot be trusted."""


def reason(problem: Exception) -> str:
    """What went wrong, for people."""
    if isinstance(problem, UnicodeDecodeError) or str(problem).startswith(NO_TEXT):
        return DAMAGE
    name = str(getattr(problem, "sqlite_errorname", ""))
    for start, words in REASONS.items():
        if name.startswith(start):
            return words
    return f"the journal failed: {' '.join(str(problem).split())[:120]}"
