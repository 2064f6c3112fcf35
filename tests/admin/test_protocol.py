"""Transcripts of the admin port: what is typed, and to the letter what comes back."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from securechat.admin.grammar.values import MAX_LINE, MAX_REPLY, Reply
from securechat.admin.protocol import MAX_INBOX
from tests.admin.fakes import COOKIE, GREETING, Port
from tests.admin.strategies import HOSTILE, whole_texts


class Talking(SynchronousTestCase):
    """Requests and replies."""

    def setUp(self) -> None:
        """A person at the unix socket."""
        self.port = Port()
        self.person = self.port.person()

    def test_the_greeting_to_the_letter(self) -> None:
        """On the unix socket the level is admin at once."""
        person = self.port.person(greeted=False)
        self.assertEqual(person.heard(), GREETING.format("admin"))

    def test_a_conversation_by_hand(self) -> None:
        """CR LF or LF, blank lines, tags, a bare colon."""
        self.assertEqual(
            self.person.sends(b"@a say :hi there\r\n\r\n\nhealth\n"),
            "@a 252 id=ada/3/1 state=queued\n250 live=true ready=true joined=false\n",
        )
        self.assertEqual(
            self.person.types("messages"),
            '250-id=ada/3/1 text="hi there"\n250 end count=1\n',
        )

    def test_byte_by_byte(self) -> None:
        """However slowly it is typed."""
        heard = "".join(self.person.sends(bytes([byte])) for byte in b"@1 say :h\xc3\xa9\r\nquit\n")
        self.assertEqual(heard, "@1 252 id=ada/3/1 state=queued\n221 bye\n")
        self.assertEqual(self.port.node.said, ["hé"])

    def test_hello_switches_to_json(self) -> None:
        """Its own reply is one line, written as it was asked; then JSON lines, and back."""
        reply = self.person.types("@h hello client=test/1 mode=json")
        self.assertEqual(reply.count("\n"), 1)
        self.assertTrue(reply.startswith("@h 250 protocol=1 mode=json node=ada room=lab "), reply)
        self.person.types('{"cmd":"say","text":"hi","tag":"1"}')
        self.assertEqual(
            json.loads(self.person.types('{"cmd":"messages","tag":"2"}')),
            {"tag": "2", "code": 250, "items": [{"id": "ada/3/1", "text": "hi"}]},
        )
        reply = self.person.types('{"cmd":"hello","mode":"text"}')
        self.assertEqual(json.loads(reply)["mode"], "text")
        self.assertTrue(self.person.types("health").startswith("250 "))

    def test_hello_and_json_in_one_packet(self) -> None:
        """A client need not wait for the reply to hello."""
        heard = self.person.sends(b'hello mode=json\n{"cmd":"health","tag":"1"}\n').splitlines()
        self.assertEqual(json.loads(heard[1])["tag"], "1")

    def test_another_version_is_refused(self) -> None:
        """A client learns that it cannot go on."""
        self.assertIn("speaks version 1", self.person.types("hello version=2"))

    def test_wrong_words(self) -> None:
        """One line each, with the nearest and the usage."""
        self.assertEqual(
            self.person.types("mesages"),
            "502 text=\"unknown command 'mesages'; did you mean messages? (type help)\" "
            "verb=mesages nearest=messages\n",
        )
        self.assertTrue(self.person.types("@5 say").startswith('@5 504 text="say needs text='))
        self.assertTrue(self.person.types('say ""').startswith("503 "))
        self.assertTrue(self.person.types('say "').startswith("500 "))
        self.assertTrue(self.person.sends(b"say \xff\xff\n").startswith("500 "))
        self.assertTrue(self.person.sends(b"say \0\n").startswith("500 "))

    def test_errors_in_json_have_a_text(self) -> None:
        """And the tag, where it could be read."""
        self.person.types("hello mode=json")
        for line, code in (('{"tag":"1","cmd":"wach"}', 502), ('{"cmd":"say"}', 504),
                           ('{"cmd":"say","text":5}', 503), ("{", 500), ("status", 500),
                           ('{"cmd":"say","text":"\\ud800"}', 503)):  # fmt: skip
            reply = json.loads(self.person.types(line))
            self.assertEqual(reply["code"], code)
            self.assertTrue(reply["text"])
        self.assertEqual(self.port.node.said, [])

    def test_ambiguity_names_the_candidates(self) -> None:
        """521 in both renderings."""
        reply = '521 text="which bob?" candidates="[\\"bob#aaaa\\",\\"bob#bbbb\\"]"\n'
        self.assertEqual(self.person.types("broken refused"), reply)
        self.person.types("hello mode=json")
        found = json.loads(self.person.types('{"cmd":"broken","how":"refused"}'))
        self.assertEqual(found["candidates"], ["bob#aaaa", "bob#bbbb"])

    def test_a_bug_costs_one_line(self) -> None:
        """530 with a number that the log has too; nothing of the exception; and it goes on."""
        for how in ("", "how=nothing", "how=unsayable"):
            reply = self.person.types(f"@b broken {how}")
            self.assertTrue(reply.startswith("@b 530 text="), reply)
            self.assertNotIn("secret", reply)
            self.assertEqual(reply.count("\n"), 1)
        self.assertEqual(len(self.flushLoggedErrors()), 3)
        self.assertTrue(self.person.types("health").startswith("250 "))

    def test_a_bug_that_comes_later_costs_one_line(self) -> None:
        """Also when a Deferred fails; and a LocalError is its reply there too."""
        self.person.types("slowly")
        self.port.node.waiting.pop().errback(Failure(ZeroDivisionError()))
        self.assertTrue(self.person.heard().startswith("530 "))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_long_line(self) -> None:
        """Over 16 KiB gives 501 at once, the rest is skipped, the next line is handled."""
        reply = self.person.sends(b"say :" + b"x" * MAX_LINE)
        self.assertTrue(reply.startswith("501 "), reply)
        self.assertEqual(self.person.sends(b"y" * 1_000_000), "")
        self.assertTrue(self.person.sends(b"\nhealth\n").startswith("250 "))
        self.assertEqual(self.port.node.said, [])

    def test_the_longest_line(self) -> None:
        """16 KiB exactly are taken."""
        line = b"say :" + b"x" * (MAX_LINE - 5)
        self.assertTrue(self.person.sends(line + b"\r\n").startswith("252 "))

    def test_hostile_texts_stay_in_their_string(self) -> None:
        """No text moves the cursor, forges a line, or is changed."""
        self.person.types("hello mode=json")
        sent = [text for text in HOSTILE if text and "\ud800" not in text and "\udfff" not in text]
        for text in sent:
            reply = json.loads(self.person.types(json.dumps({"cmd": "say", "text": text})))
            self.assertEqual(reply["code"], 252)
        found = json.loads(self.person.types('{"cmd":"messages"}'))
        self.assertEqual([row["text"] for row in found["items"]], sent)
        self.person.types('{"cmd":"hello","mode":"text"}')
        lines = self.person.types("messages")
        self.assertTrue(all(" " <= mark <= "~" or mark == "\n" for mark in lines))
        self.assertEqual(lines.count("\n"), len(sent) + 1)

    @given(whole_texts.filter(lambda text: not set(text) & set("\n\r\0") and bool(text)))
    def test_a_rest_is_taken_as_it_is(self, text: str) -> None:
        """After a colon anything goes up to the end of the line."""
        if "\xff" not in text:
            self.person.types(f"say :{text}")
            self.assertEqual(self.port.node.said[-1], text)

    @settings(max_examples=200)
    @given(st.binary(max_size=60))
    def test_any_bytes(self, data: bytes) -> None:
        """Whatever comes: no exception, and only printable lines go back."""
        person = Port().person()
        heard = person.sends(data + b"\n")
        plain = heard.encode("utf-8", "surrogateescape") if b"\xff" not in data else b""
        self.assertTrue(all(0x20 <= byte <= 0x7E or byte == 10 for byte in plain), heard)
        self.assertEqual(self.flushLoggedErrors(), [])


class Ending(SynchronousTestCase):
    """How a conversation ends."""

    def setUp(self) -> None:
        """A person at the unix socket."""
        self.port = Port()
        self.person = self.port.person()

    def test_quit(self) -> None:
        """221, and nothing after it is handled."""
        self.assertEqual(self.person.types("quit", "say :x"), "221 bye\n")
        self.assertTrue(self.person.hung_up)
        self.assertEqual(self.person.types("say :x"), "")
        self.assertEqual(self.port.node.said, [])

    def test_ctrl_d(self) -> None:
        """Alone where a line begins it is quit; within a line it is part of it."""
        self.assertEqual(self.person.sends(b"\x04"), "221 bye\n")
        self.assertTrue(self.person.hung_up)
        other = self.port.person()
        self.assertTrue(other.sends(b"say :a\x04b\n").startswith("252"))
        self.assertEqual(other.sends(b"\x04\n"), "221 bye\n")

    def test_quit_waits_for_what_was_asked_before(self) -> None:
        """Its reply is the last."""
        self.assertEqual(self.person.types("@1 slowly", "quit"), "")
        self.port.node.waiting.pop().callback(Reply())
        self.assertEqual(self.person.heard(), "@1 250 \n221 bye\n")

    def test_the_other_side_vanishes(self) -> None:
        """Replies of what is still in work fall away quietly."""
        self.person.types("slowly", "slowly")
        self.person.protocol.connectionLost(Failure(ConnectionError()))
        for waiting in self.port.node.waiting:
            waiting.callback(Reply())
        self.assertEqual(self.person.heard(), "")
        self.assertEqual(self.port.factory.open_sessions, 0)

    def test_half_closed(self) -> None:
        """``printf 'slowly\\n' | nc -N``: who says no more still gets the replies."""
        self.person.types("slowly")
        self.person.protocol.readConnectionLost()
        self.assertFalse(self.person.hung_up)
        self.port.node.waiting.pop().callback(Reply())
        self.assertEqual(self.person.heard(), "250 \n")
        self.assertTrue(self.person.hung_up)

    def test_end_of_file_at_once(self) -> None:
        """Who says nothing is let go."""
        self.person.protocol.readConnectionLost()
        self.assertTrue(self.person.hung_up)

    def test_the_other_side_reads_no_more(self) -> None:
        """There is no use in going on."""
        self.person.protocol.writeConnectionLost()
        self.assertTrue(self.person.line.aborted)

    def test_the_node_stops(self) -> None:
        """Every session ends."""
        self.port.factory.hang_up()
        self.assertTrue(self.person.hung_up)


class Pipelining(SynchronousTestCase):
    """Many requests at once."""

    def setUp(self) -> None:
        """A person at the unix socket."""
        self.port = Port()
        self.person = self.port.person()

    def test_replies_come_in_the_order_of_requests(self) -> None:
        """Equal verbs overlap, but their replies do not pass each other."""
        self.assertEqual(self.person.types("@1 slowly", "@2 slowly", "@3 slowly"), "")
        first, second, third = self.port.node.waiting
        third.callback(Reply(word="three"))
        second.callback(Reply(word="two"))
        self.assertEqual(self.person.heard(), "")
        first.callback(Reply(word="one"))
        self.assertEqual(self.person.heard(), "@1 250 one\n@2 250 two\n@3 250 three\n")

    def test_other_verbs_wait(self) -> None:
        """What is asked after a ``say`` sees what it did."""
        self.assertEqual(self.person.types("slowly", "@2 health", "@3 nonsense"), "")
        self.port.node.waiting.pop().callback(Reply())
        heard = self.person.heard().splitlines()
        self.assertEqual([line[:6] for line in heard], ["250 ", "@2 250", "@3 502"])

    def test_errors_keep_their_place(self) -> None:
        """A line that cannot be read is answered where it stood."""
        self.assertEqual(self.person.types("slowly", '@2 say "'), "")
        self.port.node.waiting.pop().callback(Reply())
        self.assertEqual(
            [line[:6] for line in self.person.heard().splitlines()], ["250 ", "@2 500"]
        )

    def test_not_more_than_64_in_work(self) -> None:
        """The others wait their turn."""
        self.person.types(*["slowly"] * 70)
        self.assertEqual(len(self.port.node.waiting), 64)
        for waiting in tuple(self.port.node.waiting):
            waiting.callback(Reply())
        self.port.clock.advance(0)
        self.assertEqual(len(self.port.node.waiting), 70)

    def test_ten_thousand_in_one_write(self) -> None:
        """All are answered, in pieces, so that others have their turn between."""
        self.person.protocol.dataReceived(b"health\n" * 10_000)
        count = self.person.heard().count("\n")
        self.assertLess(count, 200)
        while self.port.clock.getDelayedCalls():
            self.port.clock.advance(0)
            count += self.person.heard().count("\n")
        self.assertEqual(count, 10_000)

    def test_who_does_not_read_is_not_read(self) -> None:
        """While the transport is full nothing is handled and nothing read; then it goes on."""
        self.person.line.fill()
        self.assertEqual(self.person.types("say :x"), "")
        self.assertEqual(self.person.line.producerState, "paused")
        self.person.line.drain()
        self.assertEqual(self.person.heard(), "252 id=ada/3/1 state=queued\n")
        self.assertEqual(self.person.line.producerState, "producing")

    def test_what_waits_is_bounded(self) -> None:
        """Behind a slow command no more than 256 KiB are read ahead."""
        self.person.types("slowly")
        self.person.types(*["say :" + "x" * 8000] * (MAX_INBOX // 8000 + 3))
        self.assertEqual(self.person.line.producerState, "paused")
        self.port.node.waiting.pop().callback(Reply())
        self.assertEqual(self.person.line.producerState, "producing")

    def test_a_reply_over_a_mebibyte_is_cut(self) -> None:
        """With ``more`` and the id of the last item sent; the items are whole."""
        self.port.node.said = ["x" * 8000] * 200
        self.person.types("hello mode=json")
        self.person.types('{"cmd":"messages"}')
        self.person.sends(b'{"cmd":"messages","tag":"1"}\n')
        self.port.node.said = ["x" * 8000] * 200
        line = self.person.types('{"cmd":"messages","tag":"2"}')
        self.assertLessEqual(len(line), MAX_REPLY)
        reply = json.loads(line)
        self.assertIs(reply["more"], True)
        self.assertEqual(reply["next"], f"ada/3/{len(reply['items'])}")
        self.assertGreater(len(line), MAX_REPLY - 10_000)


class Strangers(SynchronousTestCase):
    """Browsers and others that found the port."""

    def closed(self, data: bytes, reason: str) -> None:
        """Nothing is executed, nothing said, it is counted."""
        for step in (1, len(data)):
            port = Port()
            person = port.person()
            for start in range(0, len(data), step):
                person.protocol.dataReceived(data[start : start + step])
            port.clock.advance(1)
            self.assertTrue(person.line.aborted)
            self.assertFalse(port.node.stopped)
            self.assertEqual(port.factory.counted[reason], 1)
            self.assertEqual(person.heard(), "")

    def test_http(self) -> None:
        """A POST from a web page with a command in its body executes nothing."""
        self.closed(b"POST / HTTP/1.1\r\nHost: localhost:7401\r\n\r\nstop\r\n", "http")
        self.closed(b"GET / HTTP/1.0\r\n\r\n", "http")
        self.closed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http")
        self.closed(b"host: x\r\nstop\r\n", "http")

    def test_a_later_line_ends_it_too(self) -> None:
        """Even if the first line could be read; what was in the same packet is not handled."""
        port = Port()
        person = port.person()
        self.assertEqual(person.sends(b"stop\nPOST / HTTP/1.1\n"), "")
        self.assertFalse(port.node.stopped)
        self.assertTrue(person.line.aborted)

    def test_tls_and_ssh(self) -> None:
        """A ClientHello needs no line feed to be recognised."""
        self.closed(b"\x16\x03\x01\x02\x00\x01\x00", "tls")
        self.closed(b"SSH-2.0-OpenSSH_9.2\r\n", "ssh")

    def test_words_about_http_are_words(self) -> None:
        """One may talk about it."""
        person = Port().person()
        self.assertTrue(person.types("say :POST / HTTP/1.1").startswith("252"))


class Levels(SynchronousTestCase):
    """Who may do what."""

    def test_before_auth(self) -> None:
        """On TCP: hello, help, health, auth and quit; the rest is 510."""
        port = Port()
        person = port.person(local=False, greeted=False)
        self.assertEqual(person.heard(), GREETING.format("none"))
        for line in ("hello", "help", "health", "help say"):
            self.assertTrue(person.types(line).startswith("250"), line)
        for line in ("say :x", "messages", "stop", "watch", "unwatch"):
            self.assertTrue(person.types(line).startswith("510 "), line)
        self.assertEqual(person.types("quit"), "221 bye\n")
        self.assertFalse(port.node.stopped)

    def test_the_token(self) -> None:
        """It gives admin; ``level=observer`` lowers it, and 512 says so."""
        person = Port().person(local=False)
        self.assertEqual(person.types(f"auth token={COOKIE}"), "250 level=admin\n")
        self.assertTrue(person.types("say :x").startswith("252"))
        self.assertEqual(person.types(f"auth {COOKIE} observer"), "250 level=observer\n")
        self.assertTrue(person.types("say :x").startswith("512 "))
        self.assertEqual(person.types(f"auth token={COOKIE.upper()}"), "250 level=admin\n")

    def test_lowering_needs_no_token(self) -> None:
        """Who is admin may become observer."""
        person = Port().person()
        self.assertEqual(person.types("auth level=observer"), "250 level=observer\n")
        self.assertTrue(person.types("auth").startswith("504 "))

    def test_the_third_failure_closes(self) -> None:
        """Two wrong tokens may be mistakes."""
        port = Port()
        person = port.person(local=False)
        for left in (2, 1, 0):
            self.assertFalse(person.hung_up)
            reply = person.types("auth token=" + "0" * 64)
            self.assertTrue(reply.startswith("511 "), reply)
            self.assertIn(f"attempts_left={left}", reply)
        self.assertTrue(person.hung_up)
        self.assertEqual(person.types(f"auth token={COOKIE}", "stop"), "")
        self.assertFalse(port.node.stopped)
        self.assertEqual(port.factory.counted["auth-failed"], 3)

    def test_three_failures_in_one_packet(self) -> None:
        """The right token after them is not looked at."""
        port = Port()
        person = port.person(local=False)
        person.types(*["auth token=x"] * 3, f"auth token={COOKIE}", "stop")
        self.assertTrue(person.hung_up)
        self.assertFalse(port.node.stopped)

    def test_odd_tokens_fail(self) -> None:
        """Also one that is not ASCII, and an empty one."""
        for token in ('"é"', '""', '"\\ud800"', "x" * 9000):
            reply = Port().person(local=False).types(f"auth token={token}")
            self.assertIn(reply[:3], ("511", "503"))

    def test_an_observer_sees_no_text(self) -> None:
        """Ids and states, in replies and in events, also where the home opens the port."""
        port = Port(open_observer=True)
        port.person().types("say :secret")
        observer = port.person(local=False, greeted=False)
        self.assertEqual(observer.heard(), GREETING.format("observer"))
        self.assertEqual(observer.types("messages"), "250-id=ada/3/1\n250 end count=1\n")
        observer.types("watch")
        port.ring.add("post", {"id": "ada/3/2", "text": "secret"})
        self.assertEqual(observer.heard(), "650 7f3a:1 post id=ada/3/2\n")
        self.assertTrue(observer.types("say :x").startswith("510 "))

    def test_another_user_is_turned_away(self) -> None:
        """The unix socket serves its owner's uid only."""
        port = Port(uid=2**31 - 2)
        person = port.person(greeted=False)
        self.assertTrue(person.heard().startswith("510 "))
        self.assertTrue(person.hung_up)
        self.assertEqual(person.types("stop"), "")
        self.assertEqual(port.factory.counted["other-uid"], 1)

    def test_too_many_without_a_token(self) -> None:
        """The 33rd TCP session gets 421; a session that authenticates makes room; nobody is timed."""
        port = Port()
        people = [port.person(local=False) for _ in range(32)]
        late = port.person(local=False, greeted=False)
        self.assertTrue(late.heard().startswith("421 "))
        self.assertTrue(late.hung_up)
        self.assertTrue(port.person(greeted=False).heard().startswith("200 "))
        port.clock.advance(86400)
        self.assertFalse(any(person.hung_up for person in people))
        people[0].types(f"auth {COOKIE}")
        self.assertTrue(port.person(local=False, greeted=False).heard().startswith("200 "))


class Telnet(SynchronousTestCase):
    """A real telnet's habits."""

    def test_ctrl_c(self) -> None:
        """The timing mark is answered, and the line glued to it is handled."""
        person = Port().person()
        person.protocol.dataReceived(b"\xff\xf4\xff\xfd\x06health\r\n")
        heard = person.line.value()
        self.assertTrue(heard.startswith(b"\xff\xfb\x06250 "), heard)
