"""After ``fault cut`` and ``fault heal`` the links are there again, whatever was half made."""

from __future__ import annotations

from securechat.drills.rig import Member, until
from tests.acceptance.rooms import OwnRoomCase
from tests.acceptance.test_delivery import linked

NAMES = ("ada", "bob", "carol")


def lost(member: Member) -> int:
    """How many frames the cable of a node took."""
    return int(member.ask("counters").get("faults_dropped", 0))


def refused(member: Member, reason: str) -> int:
    """How many links were refused, at one end or the other, for a reason."""
    return int(member.ask("counters").get("refused", {}).get(reason, 0))


class Healed(OwnRoomCase):
    """Ada's cable to bob is cut while carol vouches for him; the preset is ``local``."""

    def test_what_was_half_made_is_made_anew_without_waiting_for_a_timeout(self) -> None:
        """A dial whose HELLO vanished is broken off at the heal, and no end calls the other silent."""
        room = self.make(*NAMES)
        room.start(*NAMES)
        room.meet(*NAMES)
        ada, bob = room["ada"], room["bob"]
        ada.ask("fault", action="cut", names=["bob"])
        until(lambda: "bob" not in linked(ada), "the mute link is closed")
        before = lost(ada)
        until(lambda: lost(ada) > before, "a HELLO vanished")
        ada.ask("fault", action="heal", names=["bob"])
        until(lambda: "bob" in linked(ada) and "ada" in linked(bob), "both have a link")
        self.assertGreater(refused(bob, "by-peer.mended"), 0, bob.ask("counters"))
        for member in (ada, bob):
            self.assertEqual(refused(member, "silent"), 0, member.ask("counters"))
        room.meet(*NAMES)
