"""What counts as one source of connections."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from securechat.addresses import is_loopback
from securechat.node.address import shown, source


class AddressTests(SynchronousTestCase):
    """Addresses of sockets."""

    def test_shown(self) -> None:
        """They are shown as people write them; what is no such address, by its kind."""
        self.assertEqual(shown(IPv4Address("TCP", "192.0.2.7", 7400)), "192.0.2.7:7400")
        self.assertEqual(shown(IPv6Address("TCP", "::1", 7400)), "[::1]:7400")
        self.assertEqual(shown(UNIXAddress("/run/x")), "UNIXAddress")

    def test_sources(self) -> None:
        """A network of IPv6 counts as one source, an embedded IPv4 address as itself."""
        for host, expected in (
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
            ("::1", "::1"),
        ):
            kind = IPv6Address if ":" in host else IPv4Address
            self.assertEqual(source(kind("TCP", host, 1)), expected)

    def test_this_machine(self) -> None:
        """Connections from a loopback address are of this machine."""
        self.assertTrue(is_loopback(source(IPv4Address("TCP", "127.0.0.9", 1))))
        self.assertTrue(is_loopback(source(IPv6Address("TCP", "::1", 1))))
        self.assertFalse(is_loopback(source(IPv4Address("TCP", "192.0.2.7", 1))))
