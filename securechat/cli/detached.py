"""
The log of a node that runs detached: one JSON object a line in ``node.log`` of its home.

twistd makes the observer before it forks, by ``--logger securechat.cli.detached.json_log``; the home
comes from SECURECHAT_HOME.  The file is the owner's alone and is rotated, so it stays bounded.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, cast

from twisted.logger import FileLogObserver, LogEvent, eventAsText
from twisted.python.logfile import LogFile

from securechat.home.places import default_home

LOG = "node.log"
ROTATE_BYTES = 8 * 1024 * 1024
KEPT_FILES = 3
SIMPLE = (str, int, float, bool)


def json_log() -> FileLogObserver:
    """An observer that writes ``node.log``."""
    home = Path(os.environ.get("SECURECHAT_HOME") or default_home())
    file = LogFile(
        LOG, str(home), rotateLength=ROTATE_BYTES, defaultMode=0o600, maxRotatedFiles=KEPT_FILES
    )
    return FileLogObserver(cast(IO[str], file), json_line)


def json_line(event: LogEvent) -> str:
    """One event as one line: when, how grave, the line for people, and its fields."""
    at = datetime.fromtimestamp(event["log_time"], UTC).isoformat(timespec="milliseconds")
    fields = {
        key: value
        for key, value in event.items()
        if not key.startswith("log_") and key != "line" and isinstance(value, SIMPLE)
    }
    text = eventAsText(event, includeTimestamp=False, includeSystem=False)
    level = getattr(event.get("log_level"), "name", "info")
    return json.dumps({"time": at, "level": level, "line": text, **fields}) + "\n"
