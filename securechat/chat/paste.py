"""
One paste is one message: keys that a terminal delivers between paste marks become text.

Rules: line breaks of a paste stay in it and send nothing; a terminal without paste marks is helped:
keys that come in one read with two or more line breaks between text are a paste too.  Control keys
inside are dropped; Ctrl-C ends a paste whose end mark was lost.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, field, frozen

BURST_BREAKS = 2
PLAIN = {"enter": "\n", "tab": "\t"}


@frozen
class Pasted:
    """Text that came in one piece."""

    text: str


@define
class Paste:
    """Keeps an unfinished paste between reads."""

    open: bool = False
    kept: list[str] = field(factory=list)

    def feed(self, keys: Sequence[object]) -> list[object]:
        """Keys as urwid decoded them; the same with every paste as one :class:`Pasted`."""
        marked = self.open or "begin paste" in keys
        if not marked and _burst(keys):
            return [Pasted(_text(keys))]
        out: list[object] = []
        for key in keys:
            if not self.open:
                self.open = key == "begin paste"
                if not self.open:
                    out.append(key)
            elif key in ("end paste", "ctrl c"):
                out += self._close()
            elif isinstance(key, str):
                self.kept.append(key)
        return out

    def _close(self) -> list[object]:
        text, self.open, self.kept = _text(self.kept), False, []
        return [Pasted(text)] if text else []


def _text(keys: Sequence[object]) -> str:
    parts = [PLAIN.get(key, key) for key in keys if isinstance(key, str)]
    return "".join(part for part in parts if len(part) == 1).rstrip("\n")


def _burst(keys: Sequence[object]) -> bool:
    inner = list(keys)
    while inner and inner[-1] == "enter":
        inner.pop()
    typed = all(isinstance(key, str) and len(PLAIN.get(key, key)) == 1 for key in inner)
    return typed and inner.count("enter") >= BURST_BREAKS
