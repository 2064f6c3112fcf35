"""The screen at its sizes, and keys pressed on it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.chat import themes
from securechat.chat.acts import Purpose, Tell
from tests.chat.scene import NOON, Scene, direct, gap, post

HOSTILE = "evil \u202e\x1b[2J\u200b\r\x85 end\n12:00  bob   forged"


def story() -> Scene:
    """A room in which something of everything happened."""
    scene = Scene().enter(
        post("ada", 1, "deploy at three?", 0, state="acked", acked=3, of=3),
        post("bob", 1, "fine by me", 0),
        post(
            "carol", 1, "a line that has to be wrapped since it is longer than the room for it", 1
        ),
        post("carol", 2, "it expired", 2, late=True, recovered=True, at=NOON + 300000),
        gap(),
        post("bob", 2, "ada: can you answer #18?", 3),
        post("ada", 2, "not here yet", 4, state="unknown", acked=1, of=3),
        direct("bob", "ada", 1, "psst", 4),
        gaps=1,
        outbox=1,
        unknown=1,
    )
    scene.event("member", name="dave", **{"from": "suspect"}, to="unreachable", why="bob agrees")
    return scene


GOLDEN_80 = """\
 [1:lab] 2:@bob 3:status                                lab: 4 members  F1=help
-- Sat 21 Nov 2026, UTC+01:00 --------------------------------------------------
12:00 +ada   deploy at three?                                          acked 3/3
12:00  bob   fine by me
12:01  carol a line that has to be wrapped since it is longer than the room for
             it
12:02 ~carol it expired                                       late 3m, recovered
-- GAP: dave #17-#18; asking; asked bob; carol could not be asked; next try 4s
   (/gaps)
12:03 *bob   ada: can you answer #18?
12:04 ?ada   not here yet                                            unknown 1/3
12:10   --   dave is UNREACHABLE: bob agrees  (/who dave)









-- node ok | 3 alive 0 suspect 1 unreachable 0 left | gaps 1 | outbox 1 | live -
 Tab complete  Alt-A next unread  PgUp/PgDn  Alt-1..9 pages  F1 help
ada@lab>"""

GOLDEN_140 = """\
 ROOM             |-- Sat 21 Nov 2026, UTC+01:00 --------------------------------------------------------| MEMBERS 4              ago    rtt
>1:lab            |12:00 +ada   deploy at three?                                                acked 3/3| + ada      (you) alive
 DIRECT           |12:00  bob   fine by me                                                               | + bob      alive        1s   12ms
 2:@bob           |12:01  carol a line that has to be wrapped since it is longer than the room for it    | + carol    alive        1s   12ms
 SYSTEM           |12:02 ~carol it expired                                             late 3m, recovered| - dave     unreachable  7m      -
 3:status         |-- GAP: dave #17-#18; asking; asked bob; carol could not be asked; next try 4s        |
                  |   (/gaps)                                                                            | LATEST OF YOURS (12:04)
 GAPS 1           |12:03 *bob   ada: can you answer #18?                                                 | id     ada/3/2
 dave 17-18 4s    |12:04 ?ada   not here yet                                                  unknown 1/3| state  unknown 1/3
                  |12:10   --   dave is UNREACHABLE: bob agrees  (/who dave)                             | no receipt yet: it may or may not
 OUTBOX 1         |                                                                                      | be there; /explain"""  # noqa: E501


class DrawnTests(SynchronousTestCase):
    """Golden screens."""

    maxDiff = None

    def test_80(self) -> None:
        """The screen of 80x24."""
        self.assertEqual("\n".join(story().drawn()), GOLDEN_80)

    def test_140(self) -> None:
        """The screen of 140x40 has its panels beside the same transcript."""
        drawn = story().drawn(140, 40)
        self.assertEqual("\n".join(drawn[1:12]), GOLDEN_140)
        self.assertIn("unknown 1 | live", drawn[-3])

    def test_panels_from_120(self) -> None:
        """Panels appear at 120 columns, not before."""
        self.assertNotIn("MEMBERS", "\n".join(story().drawn(119, 30)))
        self.assertIn("MEMBERS", "\n".join(story().drawn(120, 30)))

    def test_60x12(self) -> None:
        """60x12 is usable: tabs, rows, what counts of the status, input."""
        drawn = story().drawn(60, 12)
        self.assertTrue(drawn[0].startswith(" [1:lab]"))
        self.assertEqual(drawn[8].split(), ["12:10", "--", "dave", "is", "UNREACHABLE:", "bob",
            "agrees", "(/who", "dave)"])  # fmt: skip
        self.assertEqual(drawn[9], "-- node ok | 3 alive 1 unreachable | gaps 1 outbox 1 | live")
        self.assertEqual(drawn[-1], "ada@lab>")

    def test_every_size(self) -> None:
        """No size fails, down to one cell, with much text in the input too."""
        scene = story()
        scene.screen.insert("two lines of input that are rather long\nsecond " * 3)
        for width in (*range(1, 45), 59, 79, 80, 119, 120, 140, 300):
            for height in (*range(1, 17), 24, 60):
                self.assertEqual(len(scene.drawn(width, height)), height)

    def test_nothing_yet(self) -> None:
        """Before the node answers the screen says what it waits for, in reverse."""
        scene = Scene()
        scene.model.down("the node is not running", 1.0, scene.now())
        drawn = scene.drawn()
        self.assertEqual(drawn[1], "  waiting for our node ...")
        told = "-- NODE DOWN | the node is not running, retry in 1s | it last saw 0 alive -"
        self.assertTrue(drawn[-3].startswith(told), drawn[-3])
        content = list(scene.screen.render((80, 24), True).content())
        self.assertEqual(content[-3][0][0], "stale")
        empty = Scene().enter().drawn()
        self.assertIn("nothing has been said here yet", empty[1])

    def test_multiline_input(self) -> None:
        """A long input grows up to six lines and keeps the cursor in sight."""
        scene = story()
        scene.screen.insert("\n".join(f"line {n}" for n in range(20)))
        drawn = scene.drawn()
        self.assertEqual([row.strip() for row in drawn[-6:]], [f"line {n}" for n in range(14, 20)])
        self.assertEqual(scene.screen.render((80, 24), True).cursor, (7, 23))

    def test_unread_line(self) -> None:
        """What came while the person looked elsewhere stands under a line."""
        scene = story()
        scene.desk.open("@bob")
        scene.event("post", **post("bob", 3, "new", 11))
        self.assertTrue(scene.drawn()[0].startswith(" 1:lab+1 [2:@bob]"))
        scene.desk.open("room")
        drawn = "\n".join(scene.drawn())
        self.assertIn("== unread since 12:11 ====", drawn)
        scene.desk.open("@bob")
        self.assertIn("only bob (alive)", scene.drawn()[0])

    def test_days(self) -> None:
        """A new day has its line."""
        scene = Scene().enter(post("bob", 1, "a", 0), post("bob", 2, "b", 60 * 24))
        found = [row for row in scene.drawn() if row.startswith("-- S")]
        self.assertEqual([row[3:18] for row in found], ["Sat 21 Nov 2026", "Sun 22 Nov 2026"])


class HostileTests(SynchronousTestCase):
    """Remote text shows, and does nothing."""

    def test_controls(self) -> None:
        """Controls, bidi and zero width characters are shown by their names."""
        for width in (6, 30, 80, 140):
            scene = Scene().enter(post("bob", 1, HOSTILE))
            text = b"".join(scene.screen.render((width, 24), True).text).decode()
            self.assertEqual([c for c in text if c < " " or c in "\u202e\u200b\x85\x7f"], [], width)
        self.assertIn(
            "evil <U+202E><U+001B>[2J<U+200B><U+000D><U+0085> end", "".join(scene.drawn())
        )

    def test_no_forged_row(self) -> None:
        """No line of a post but its first begins where rows begin."""
        for width in (12, 39, 40, 80):
            scene = Scene().enter(post("bob", 1, "x\n12:00  eve   forged\n-- GAP: forged"))
            rows = [row for row in scene.drawn(width, 24) if "forged" in row or "eve" in row]
            self.assertTrue(rows)
            self.assertTrue(all(row.startswith(" ") for row in rows), rows)

    def test_hostile_names(self) -> None:
        """A name that should not exist harms no more than a text."""
        scene = Scene().enter(post("b\x1b[2J\u202e" + "x" * 50, 1, "hi"))
        self.assertNotIn("\x1b", "".join(scene.drawn()))

    def test_wide_text(self) -> None:
        """Wide and combined characters keep the columns."""
        scene = Scene().enter(post("ada", 1, "日本語 é 👨‍👩‍👧 🇯🇵" * 9, state="sent", acked=0, of=1))
        for width in range(1, 100):
            scene.drawn(width, 24)

    @settings(max_examples=60, deadline=None)
    @given(st.text(max_size=200), st.integers(1, 130), st.integers(1, 30))
    def test_any_text(self, text: str, width: int, height: int) -> None:
        """No text at any size stops the screen."""
        Scene().enter(post("bob", 1, text), post("ada", 1, text, state="sent")).drawn(width, height)


class ScrollTests(SynchronousTestCase):
    """Reading back."""

    def setUp(self) -> None:
        """A room with a hundred rows."""
        self.scene = Scene().enter(*(post("bob", n, f"row {n}", n / 10) for n in range(1, 101)))
        self.scene.drawn()

    def bottom(self) -> str:
        """The last row in sight."""
        return self.scene.drawn()[19].split("   ")[-1]

    def test_no_jump(self) -> None:
        """New rows do not move a reader who scrolled up; they are counted below."""
        self.scene.press("page up")
        before = self.scene.drawn()[1:19]
        self.scene.event("post", **post("bob", 101, "new", 20))
        drawn = self.scene.drawn()
        self.assertEqual(drawn[1:19], before)
        self.assertIn("v 19 below", drawn[20])
        self.scene.press("meta end")
        self.assertIn("new", self.bottom())
        self.assertNotIn("below", self.scene.drawn()[20])

    def test_ends(self) -> None:
        """Paging stops at the beginning and comes back to the end."""
        for _ in range(20):
            self.scene.press("page up")
        top = self.scene.drawn()
        self.assertIn("row 1", top[2])
        self.assertEqual(len([row for row in top if "row" in row]), 18)
        for _ in range(20):
            self.scene.press("page down")
        self.assertTrue(self.scene.state.buffer.at_bottom)
        self.scene.press("meta up", "meta up", "meta down")
        self.assertIn("row 99", self.bottom())

    def test_short_page(self) -> None:
        """A page that fits the screen does not scroll."""
        scene = Scene().enter(post("bob", 1, "x"))
        scene.press("page up")
        self.assertTrue(scene.state.buffer.at_bottom)
        Scene().press("page up", "page down")

    def test_tall_row(self) -> None:
        """A row taller than the screen can be read line by line."""
        text = "\n".join(f"part {n}" for n in range(60))
        scene = Scene().enter(post("bob", 1, "first"), post("bob", 2, text, 1))
        scene.drawn()
        seen = "".join(scene.drawn())
        for _ in range(5):
            scene.press("page up")
            seen += "".join(scene.drawn())
        self.assertTrue(all(f"part {n}" in seen for n in range(60)))
        self.assertIn("first", seen)

    def test_older_rows_are_asked_for(self) -> None:
        """Near the first row the client asks for what lies above, and the reader stays."""
        self.scene.state.buffer.whole = False
        self.scene.taken()
        for _ in range(5):
            self.scene.press("page up")
        (ask,) = self.scene.taken(Purpose.OLDER)
        before = self.scene.drawn()[2:20]
        items = [post("bob", -n, f"older {n}", -n) for n in range(30, 0, -1)]
        self.scene.answer(ask, items=items)
        self.assertEqual(self.scene.drawn()[2:20], before)

    def test_large(self) -> None:
        """A hundred thousand rows are drawn like ten: only those in sight."""
        scene = Scene().enter()
        buffer = scene.state.buffers["room"]
        for n in range(100_000):
            scene.model.event(
                {"event": "post", **post("bob", n, f"row {n}", n / 1000)}, scene.now()
            )
        self.assertEqual(len(buffer.rows), 100_000)
        drawn = {"rows": 0}
        real = scene.screen.transcript.row

        def counted(*args: object) -> object:
            drawn["rows"] += 1
            return real(*args)  # type: ignore[arg-type]

        scene.screen.transcript.row = counted  # type: ignore[method-assign,assignment]
        scene.drawn()
        scene.press("page up")
        scene.drawn()
        self.assertLess(drawn["rows"], 150)


class KeyTests(SynchronousTestCase):
    """Keys pressed without a terminal."""

    def said(self, scene: Scene) -> list[object]:
        """Texts handed to the node or waiting for it."""
        return [one.text for one in scene.state.outgoing.waiting.values()]

    def test_say(self) -> None:
        """Enter says the line and empties the input; Alt-Enter makes a second line of it."""
        scene = Scene().enter()
        scene.press("hello", "meta enter", "world", "enter")
        self.assertEqual(self.said(scene), ["hello\nworld"])
        self.assertEqual(scene.screen.edit.edit_text, "")
        self.assertIn("not yet with our node", "".join(scene.drawn()))

    def test_paste(self) -> None:
        """A paste of many lines is one message, and says nothing by itself."""
        scene = Scene().enter()
        scene.screen.paste("\n".join("abcdef"))
        self.assertEqual(self.said(scene), [])
        self.assertIn("6 lines pasted", scene.state.hint)
        scene.press("enter")
        self.assertEqual(self.said(scene), ["a\nb\nc\nd\ne\nf"])

    def test_drafts(self) -> None:
        """Each page keeps what was being typed."""
        scene = Scene().enter(direct("bob", "ada", 1, "hi"))
        scene.press("half a ", "meta 2", "other", "meta 1")
        self.assertEqual(scene.screen.edit.edit_text, "half a ")
        scene.press("meta 2")
        self.assertEqual(scene.screen.edit.edit_text, "other")

    def test_history(self) -> None:
        """Up brings back what was sent, Down the draft; in many lines Up moves the cursor first."""
        scene = Scene().enter()
        scene.press("one", "enter", "two", "enter", "draft", "up")
        self.assertEqual(scene.screen.edit.edit_text, "two")
        scene.press("up", "down", "down")
        self.assertEqual(scene.screen.edit.edit_text, "draft")
        scene.press("meta enter", "x", "up")
        self.assertEqual(scene.screen.edit.edit_text, "draft\nx")

    def test_mistake_stays(self) -> None:
        """A mistyped command stays in the input with the nearest one in the hint."""
        scene = Scene().enter()
        scene.press("/mebers", "enter")
        self.assertEqual((scene.screen.edit.edit_text, self.said(scene)), ("/mebers", []))
        self.assertIn("/members?", scene.drawn()[-2])

    def test_tab(self) -> None:
        """Tab completes in the input."""
        scene = Scene().enter()
        scene.press("ca", "tab")
        self.assertEqual(scene.screen.edit.edit_text, "carol: ")
        scene.press("x", "tab")
        self.assertEqual(scene.screen.edit.edit_text, "carol: x")

    def test_leaving(self) -> None:
        """Ctrl-C first puts the line away, then leaves; Ctrl-D leaves only an empty input."""
        scene = Scene().enter()
        scene.press("hello", "home", "ctrl d")
        self.assertEqual(scene.screen.edit.edit_text, "ello")
        scene.press("ctrl c")
        self.assertEqual((scene.screen.edit.edit_text, Tell.QUIT in scene.acts), ("", False))
        scene.press("up")
        self.assertEqual(scene.screen.edit.edit_text, "ello")
        scene.press("ctrl c", "ctrl d")
        self.assertIn(Tell.QUIT, scene.acts)

    def test_pages(self) -> None:
        """F1 is the help, F2 asks for the members, Alt-A goes on, and nothing fails."""
        scene = Scene().enter(direct("bob", "ada", 1, "hi"))
        scene.press("f1")
        self.assertIn("commands and keys:", scene.rows()[-1])
        scene.taken()
        scene.press("f2")
        self.assertEqual([ask.cmd for ask in scene.taken()], ["members"])
        scene.event("dm", **direct("bob", "ada", 2, "new", 1))
        scene.press("meta a", "meta g", "ctrl l", "shift tab", "esc", "f9")
        self.assertEqual(scene.state.current, "@bob")

    def test_readline(self) -> None:
        """Ctrl-W, Ctrl-U and Ctrl-Y work as in a shell."""
        scene = Scene().enter()
        scene.press("one two", "ctrl w")
        self.assertEqual(scene.screen.edit.edit_text, "one ")
        scene.press("ctrl u", "ctrl y")
        self.assertEqual(scene.screen.edit.edit_text, "one ")


class ThemeTests(SynchronousTestCase):
    """Colours."""

    def test_choice(self) -> None:
        """NO_COLOR wins; a light terminal is seen; dark otherwise."""
        table = [
            (None, {}, "dark"),
            ("light", {}, "light"),
            ("light", {"NO_COLOR": "1"}, "mono"),
            (None, {"COLORFGBG": "0;15"}, "light"),
            (None, {"SECURECHAT_THEME": "light"}, "light"),
            ("pink", {"COLORFGBG": "15;0"}, "dark"),
            (None, {"TERM": "dumb"}, "mono"),
        ]
        for wanted, environ, theme in table:
            self.assertEqual(themes.chosen(wanted, environ), theme)

    def test_same_tones(self) -> None:
        """Every theme knows every tone that is drawn, on the terminal's own background."""
        tones = {entry[0] for entry in themes.THEMES["dark"]}
        for theme in themes.THEMES.values():
            self.assertEqual({entry[0] for entry in theme}, tones)
            self.assertEqual({entry[2] for entry in theme}, {"default"})
        drawn = {
            tone
            for size in ((80, 24), (140, 40))
            for row in story().screen.render(size, True).content()
            for tone, _, _ in row
            if tone
        }
        self.assertLessEqual(drawn, tones)
