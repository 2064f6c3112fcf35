"""The conversation of our clients, pure."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.client import (
    MAX_RECEIVED,
    AdminError,
    Answer,
    Conversation,
    ConversationError,
    Greeted,
    Happened,
    must,
)
from tests.admin.fakes import GREETING, Port

HELLO = b"@1 250 protocol=1 mode=json\n"


def opened() -> Conversation:
    """Greeted, and in JSON mode."""
    talk = Conversation()
    talk.feed(GREETING.format("admin").encode())
    talk.hello("test/1")
    talk.feed(HELLO)
    return talk


class Talk(SynchronousTestCase):
    """Bytes in, answers and events out."""

    def test_it_begins_with_the_greeting(self) -> None:
        """Which is text, as is the reply to hello; then JSON."""
        talk = Conversation()
        (greeted,) = talk.feed(GREETING.format("admin").encode())
        assert isinstance(greeted, Greeted)
        self.assertEqual(greeted.greeting["node"], "ada")
        self.assertEqual(talk.greeting["level"], "admin")
        _, line = talk.hello("test/1")
        self.assertEqual(line, b"@1 hello version=1 client=test/1 mode=json\n")
        self.assertEqual(
            talk.feed(HELLO), [Answer("1", {"code": 250, "protocol": 1, "mode": "json"})]
        )
        self.assertEqual(
            talk.request("say", {"text": "é", "nonce": None}),
            ("2", '{"tag":"2","cmd":"say","text":"é"}\n'.encode()),
        )
        self.assertEqual(talk.waiting, ("2",))

    def test_replies_are_told_apart_by_tags_and_from_events(self) -> None:
        """Whatever comes between."""
        talk = opened()
        first, _ = talk.request("health")
        second, _ = talk.request("status")
        heard = talk.feed(
            b'{"event":"post","cursor":"7f3a:1","id":"ada/3/1"}\n'
            b'{"tag":"2","code":250,"live":true}\n{"tag":"3","code":420,"text":"joining"}\n'
        )
        self.assertEqual(
            heard,
            [
                Happened({"event": "post", "cursor": "7f3a:1", "id": "ada/3/1"}),
                Answer(first, {"code": 250, "live": True}),
                Answer(second, {"code": 420, "text": "joining"}),
            ],
        )
        self.assertEqual(talk.waiting, ())

    def test_a_reply_without_a_tag_answers_the_oldest_request(self) -> None:
        """As when a line could not be read; with nothing asked it is the node's last word."""
        talk = opened()
        tag, _ = talk.request("health")
        talk.request("status")
        self.assertEqual(
            talk.feed(b'{"code":501,"text":"x"}\n'), [Answer(tag, {"code": 501, "text": "x"})]
        )
        other = Conversation()
        (answer,) = other.feed(b'421 text="too many"\n')
        self.assertEqual(answer, Answer(None, {"code": 421, "text": "too many"}))

    def test_a_stopped_watch_is_an_event(self) -> None:
        """Overflow has the cursor from which to go on, and answers no request."""
        talk = opened()
        tag, _ = talk.request("status")
        (heard,) = talk.feed(b'{"code":550,"word":"overflow","at":"7f3a:9","text":"slow"}\n')
        assert isinstance(heard, Happened)
        self.assertEqual((heard.event["event"], heard.event["cursor"]), ("overflow", "7f3a:9"))
        self.assertEqual(talk.waiting, (tag,))

    def test_text_mode_works_as_well(self) -> None:
        """A list comes as lines and is the same dict."""
        talk = Conversation()
        talk.feed(GREETING.format("admin").encode())
        tag, line = talk.request("messages", {"limit": 5})
        self.assertEqual(line, b"@1 messages limit=5\n")
        heard = talk.feed(b'@1 250-id=a text="x"\n@1 250-id=b text="y"\n@1 250 end count=2\r\n')
        items = [{"id": "a", "text": "x"}, {"id": "b", "text": "y"}]
        self.assertEqual(heard, [Answer(tag, {"code": 250, "items": items})])

    def test_what_cannot_be_said_is_refused_before_it_is_sent(self) -> None:
        """Too long, half a pair, no JSON: nothing is sent, nothing waits."""
        talk = opened()
        for args, code in (({"text": "x" * 17000}, 501), ({"text": "\ud800"}, 503),
                           ({"text": b"x"}, 503), ({"x": float("nan")}, 503)):  # fmt: skip
            problem = self.assertRaises(AdminError, talk.request, "say", args)
            self.assertEqual(problem.code, code)
        self.assertEqual(talk.waiting, ())

    def test_others_are_hung_up_on(self) -> None:
        """Another service, an answer nobody asked for, a line without end."""
        for data in (
            b"HTTP/1.1 400 Bad Request\r\n", b"SSH-2.0-x\n", b"\xff\n", b"{\n",
            b'{"tag":"77","code":250}\n', b"x" * (MAX_RECEIVED + 1),
        ):  # fmt: skip
            self.assertRaises(ConversationError, opened().feed, data)

    def test_errors_bring_the_reply(self) -> None:
        """Code, text and candidates."""
        reply = {"code": 521, "text": "which bob?", "candidates": ["a", "b"]}
        problem = self.assertRaises(AdminError, must, reply)
        self.assertEqual((problem.code, problem.candidates), (521, ("a", "b")))
        self.assertEqual((str(problem), problem.reply), ("which bob?", reply))
        self.assertEqual(str(AdminError({"code": 530})), "the node answered 530")
        self.assertTrue(Answer("1", {"code": 252}).ok)
        self.assertFalse(Answer("1", reply).ok)

    @given(st.integers(1, 40))
    def test_it_understands_the_server(self, size: int) -> None:
        """Whatever the pieces in which a real session's bytes arrive."""
        person, talk = Port().person(greeted=False), Conversation()
        data = person.line.value()
        person.line.clear()
        for cmd, args in (("say", {"text": "a\n\u202e"}), ("messages", {}), ("nonsense", {})):
            if cmd == "say":
                data += self.ask(person, talk.hello("test/1")[1])
            data += self.ask(person, talk.request(cmd, args)[1])
        heard = []
        for start in range(0, len(data), size):
            heard += talk.feed(data[start : start + size])
        codes = [one.reply["code"] for one in heard if isinstance(one, Answer)]
        self.assertEqual(codes, [250, 252, 250, 502])
        answer = heard[3]
        assert isinstance(answer, Answer)
        self.assertEqual(answer.reply["items"], [{"id": "ada/3/1", "text": "a\n\u202e"}])

    @staticmethod
    def ask(person: object, line: bytes) -> bytes:
        """What a session answers."""
        from tests.admin.fakes import Person

        assert isinstance(person, Person)
        return person.sends(line).encode()
