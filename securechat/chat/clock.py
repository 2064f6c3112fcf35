"""
Times for people: the local zone on the screen (logs and the admin port speak UTC).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from attrs import frozen


@frozen
class Clock:
    """``zone`` None is the zone of this machine."""

    zone: tzinfo | None = None

    def _at(self, ms: int) -> datetime:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
        return moment.astimezone(self.zone)

    def minute(self, ms: int | None) -> str:
        """``14:02``; five blanks' worth of ``-`` where the time is not known or absurd."""
        return self._format(ms, "%H:%M", "--:--")

    def second(self, ms: int | None) -> str:
        """``14:02:37``."""
        return self._format(ms, "%H:%M:%S", "--:--:--")

    def day(self, ms: int | None) -> str:
        """``Sat 21 Nov 2026, UTC+01:00``: the day of a row, with the zone."""
        return self._format(ms, "%a %d %b %Y, %Z", "")

    def _format(self, ms: int | None, form: str, otherwise: str) -> str:
        if ms is None:
            return otherwise
        try:
            return self._at(ms).strftime(form)
        except (OverflowError, ValueError, OSError):
            return otherwise
