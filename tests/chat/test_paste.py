"""One paste is one message."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.chat.paste import Paste, Pasted


class PasteTests(SynchronousTestCase):
    """Keys between paste marks."""

    def test_marked(self) -> None:
        """Line breaks stay inside, control keys are dropped, keys around it stay keys."""
        keys = ["x", "begin paste", "a", "enter", "tab", "ctrl a", "b", "enter", "end paste", "up"]
        self.assertEqual(Paste().feed(keys), ["x", Pasted("a\n\tb"), "up"])

    def test_over_several_reads(self) -> None:
        """A long paste comes in many reads and is still one."""
        paste = Paste()
        self.assertEqual(paste.feed(["begin paste", "a", "enter"]), [])
        self.assertEqual(paste.feed(["b", "enter", "enter", "c", "enter"]), [])
        self.assertEqual(paste.feed(["d", "end paste", "enter"]), [Pasted("a\nb\n\nc\nd"), "enter"])

    def test_lost_end(self) -> None:
        """Ctrl-C ends a paste whose end mark was lost."""
        paste = Paste()
        paste.feed(["begin paste", "a"])
        self.assertEqual(paste.feed(["ctrl c", "b"]), [Pasted("a"), "b"])

    def test_without_marks(self) -> None:
        """Many lines in one read are a paste too; a quick typist's line is not."""
        self.assertEqual(
            Paste().feed(["a", "enter", "b", "enter", "c", "enter"]), [Pasted("a\nb\nc")]
        )
        for typed in (["a", "enter"], ["a", "enter", "b", "enter"], ["up", "enter", "enter", "x"]):
            self.assertEqual(Paste().feed(typed), typed)

    def test_nothing(self) -> None:
        """An empty paste is nothing; what is no text passes."""
        resize = ("mouse press", 1, 2, 3)
        self.assertEqual(Paste().feed(["begin paste", resize, "end paste"]), [])
        self.assertEqual(Paste().feed([resize, "window resize"]), [resize, "window resize"])
