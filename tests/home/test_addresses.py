"""Where others reach a node."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from securechat.addresses import is_wildcard, split
from securechat.home import addresses
from securechat.home.addresses import dialled_by_others


class OutwardTests(SynchronousTestCase):
    """The address that stands for every interface."""

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
