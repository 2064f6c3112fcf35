"""Addresses as people write them."""

from __future__ import annotations

import socket

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.home import addresses
from securechat.home.addresses import dialled_by_others, is_loopback, is_wildcard, join, split


class SplitTests(SynchronousTestCase):
    """HOST:PORT and nothing else."""

    def test_good(self) -> None:
        """Names, IPv4 addresses, and IPv6 addresses in brackets."""
        for text, found in (
            ("192.0.2.7:7400", ("192.0.2.7", 7400)),
            ("[::1]:7400", ("::1", 7400)),
            ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
            ("node-1.example.org:65535", ("node-1.example.org", 65535)),
        ):
            self.assertEqual(split(text), found)
            self.assertEqual(join(*found), text)

    def test_bad(self) -> None:
        """Anything else says what is wrong."""
        for text in (
            "", "7400", ":7400", "host", "host:", "host:0", "host:65536", "host:07400", "host:-1",
            "host:7400x", "host:٣", "::1:7400", "[::1]", "[host]:7400", "[192.0.2.1]:7400",
            "999.1.1.1:7400", "1.2.3:7400", "ho st:7400", "h\u00f6st:7400", "a..b:7400",
            "-a:7400", f"{'a' * 64}:7400", f"{'a.' * 127}a:7400", "host\n:7400", "host:7400\n",
        ):  # fmt: skip
            with self.subTest(text):
                refused = self.assertRaises(ValueError, split, text)
                self.assertTrue(str(refused))

    @given(st.text(max_size=40))
    def test_any_text(self, text: str) -> None:
        """Any text is an address that is written the same way, or a ValueError."""
        try:
            host, port = split(text)
        except ValueError:
            return
        self.assertEqual(join(host, port), text)


class MeaningTests(SynchronousTestCase):
    """Who can reach an address."""

    def test_loopback(self) -> None:
        """Loopback is 127/8, ::1 and the name localhost."""
        for host in ("127.0.0.1", "127.255.0.1", "::1", "localhost", "LOCALHOST"):
            self.assertTrue(is_loopback(host), host)
        for host in ("0.0.0.0", "192.0.2.1", "::", "localhost.example.org"):
            self.assertFalse(is_loopback(host), host)

    def test_wildcard(self) -> None:
        """0.0.0.0 and :: stand for every interface."""
        self.assertEqual(
            [is_wildcard(h) for h in ("0.0.0.0", "::", "::1", "a")], [True] * 2 + [False] * 2
        )

    def test_one_address_is_itself(self) -> None:
        """What listens on one address is dialled there."""
        self.assertEqual(dialled_by_others("192.0.2.1:7400"), "192.0.2.1:7400")

    def test_every_interface_becomes_one(self) -> None:
        """For every interface stands an address of this machine that can be dialled."""
        for listen in ("0.0.0.0:7400", "[::]:7400"):
            host, port = split(dialled_by_others(listen))
            self.assertFalse(is_wildcard(host))
            self.assertEqual((port, ":" in host), (7400, "::" in listen))

    def test_without_a_network(self) -> None:
        """Without a network it is loopback."""
        self.patch(addresses, "ELSEWHERE", {socket.AF_INET: "255.255.255.255"})
        self.assertEqual(dialled_by_others("0.0.0.0:7400"), "127.0.0.1:7400")
