"""The members of a simulated room."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from securechat.certificates import check_dates, read_member, read_room
from securechat.simulation.people import FOUNDED_MS, authority, person


class PeopleTests(SynchronousTestCase):
    """Real keys and certificates, always the same."""

    def test_members_of_one_room(self) -> None:
        """Each has a certificate of the room's authority, for its own key and name."""
        room = read_room(authority().certificate)
        self.assertEqual(room.room, authority().room)
        for index in range(4):
            who = person(index)
            found = read_member(who.certificate, who.room_certificate)
            check_dates(found, FOUNDED_MS + 86_400_000)
            self.assertEqual((found.member, found.name), (who.signer.member, f"node{index + 1}"))
            self.assertEqual(found.public, who.signer.public)

    def test_the_same_everywhere(self) -> None:
        """A world's trace must not depend on who made its certificates."""
        before = (person(2).certificate, authority().certificate)
        person.cache_clear()
        authority.cache_clear()
        self.assertEqual((person(2).certificate, authority().certificate), before)
