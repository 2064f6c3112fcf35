"""
Whose fault it was.

An expected outcome is an effect, never an exception.  What is raised says who must act:

- :class:`RemoteError`: the peer broke the protocol.  Our state is untouched; the node records the
  reason, hangs up that link and goes on.
- :class:`LocalError`: our own operator asked for what cannot be had.  It is answered, with a code
  of the admin port, in one line that says what to do.
- :class:`HomeError`: the home folder, its keys or its configuration stop the program from starting.
- anything else is a bug: the turn is recorded as a fault and the input is dropped.
"""

from __future__ import annotations


class SecurechatError(Exception):
    """The family; ``str()`` of each is one printable line without message text or keys."""


class RemoteError(SecurechatError):
    """
    The peer's fault.  ``reason`` is a short word that counters use; state is unchanged.

    ``message`` is the class of the message in which the fault was found, once that is known.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.message = ""


class LocalError(SecurechatError):
    """The operator's to mend; ``code`` is one of INTERFACE section 4 (4xx may work later)."""

    def __init__(self, code: int, text: str, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.candidates = candidates


class HomeError(SecurechatError):
    """The home cannot be used as it is; one line says what is wrong and what to do."""
