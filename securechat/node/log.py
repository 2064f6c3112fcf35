"""
The log: one line per event, ``event key=value ...``, never message text and never keys.

The same fields go to observers as structured values (``event=``), so a JSON observer needs no parsing.
Values from peers are printed as JSON strings of printable ASCII: no remote byte forges a line.
"""

from __future__ import annotations

import json
import re
from typing import Any

from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

_log = Logger(namespace="securechat")
_PLAIN = re.compile(r"[A-Za-z0-9_.:/~#+-]+")


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def note(event: str, level: LogLevel = LogLevel.info, **fields: Any) -> None:
    """Log an event; fields that are None are left out."""
    kept = {key: value for key, value in fields.items() if value is not None}
    line = " ".join([event, *(f"{key}={_shown(value)}" for key, value in kept.items())])
    _log.emit(level, "{line}", line=line, event=event, **kept)


def fault(event: str, problem: BaseException, **fields: Any) -> None:
    """Log a bug with its traceback: the one place where a traceback is wanted."""
    _log.failure(
        "{line}",
        failure=Failure(problem),
        line=" ".join([event, *(f"{key}={_shown(value)}" for key, value in fields.items())]),
        event=event,
        **fields,
    )
