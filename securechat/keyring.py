"""
Whose keys we know: one frozen value that membership publishes and everybody else reads.

The door takes the keys of authors from it, the TLS verify callback the removals, the admin port the
names.  It is replaced, never changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property

from attrs import field, frozen

from securechat.errors import LocalError
from securechat.ids import MemberId, member_named


@frozen
class Key:
    """One member as its certificate names it."""

    member: MemberId
    name: str
    public: bytes
    """The 32 bytes of the Ed25519 key."""
    certificate: bytes
    """DER, issued by the room's authority."""
    removed: bool = False


@frozen
class Keyring:
    """All members whose certificate we hold."""

    keys: Mapping[MemberId, Key] = field(factory=dict)

    def get(self, member: MemberId) -> Key | None:
        """The key of a member, if its certificate is held."""
        return self.keys.get(member)

    def named(self, member: MemberId) -> str:
        """The name for people; an unknown member prints as ``#first8ofid``."""
        key = self.keys.get(member)
        if key is None:
            return f"#{member[:8]}"
        return member_named(key.name, member, ambiguous=self._namesakes[key.name] > 1)

    def find(self, word: str) -> MemberId:
        """
        The member that a person means by a name, ``NAME#first8ofid`` or an id.

        LocalError 520 if there is none, 521 with the candidates if there are several.
        """
        if MemberId(word) in self.keys:
            return MemberId(word)
        name, _, prefix = word.partition("#")
        found = (
            sorted(
                key.member
                for key in self.keys.values()
                if (not name or key.name == name) and key.member.startswith(prefix)
            )
            if word
            else []
        )
        if not found:
            raise LocalError(520, f"no member is called {word[:64]!r}; see: members")
        if len(found) > 1:
            candidates = tuple(member_named(self.keys[m].name, m, True) for m in found)
            raise LocalError(521, f"{word[:64]!r} is more than one member", candidates)
        return found[0]

    @cached_property
    def _namesakes(self) -> Counter[str]:
        """How many members have each name: it is asked for every member that is shown."""
        return Counter(key.name for key in self.keys.values())
