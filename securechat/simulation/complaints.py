"""
What the log of a world tells that nobody expected (I13).
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define
from twisted.logger import ILogObserver, LogEvent, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(ILogObserver)
@define(eq=False)
class Complaints:
    """Watches the log."""

    _report: Callable[[str], None]

    def __call__(self, event: LogEvent) -> None:
        """One line of the log."""
        if event.get("log_level") in (LogLevel.critical, LogLevel.error):
            failure = event.get("log_failure")
            told = failure.getTraceback() if isinstance(failure, Failure) else str(event)
            self._report(told)
