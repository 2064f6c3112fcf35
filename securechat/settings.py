"""
Every knob, with its formula.

Two presets: ``lan`` (T = 1 s) for a network, ``local`` (T = 0.2 s) for demos and tests on one
machine.  Every figure of membership derives from T, the probe period; the limits of messaging are
the defaults of DESIGN 6 and can be set in ``config.toml`` where INTERFACE 3 names them.
Times are in seconds unless a name says otherwise.
"""

from __future__ import annotations

import math

from attrs import frozen

KIB = 1024
MIB = 1024 * KIB

PRESETS = {"lan": 1.0, "local": 0.2}

MAX_MEMBERS = 64
MAX_LINKS = 64
MAX_CERTIFICATES = 1024
MAX_TEXT = 8 * KIB
"""Bytes of UTF-8 in one post or direct message."""
MAX_FRAME = 64 * KIB
MAX_EARLY_FRAME = 4 * KIB
"""Before HELLO was accepted: a stranger with a certificate may cost us this much."""
MAX_POSTS = 64
"""Posts in one envelope."""
MAX_ENVELOPE = 48 * KIB
"""Bytes of the posts of one envelope, so that it fits a frame with room to spare."""
MAX_ADDRESSES = 4
MAX_ENDS = 16
"""Stream ends told in a HELLO, the newest ones."""


@frozen
class Settings:
    """What one node goes by; made once from config.toml, then only read."""

    preset: str = "lan"
    history_posts: int = 10_000
    history_bytes: int = 64 * MIB
    history_days: float = 30.0
    record_days: float = 7.0
    record_bytes: int = 32 * MIB
    direct_deadline: float = 10.0
    """After this long without evidence a sent direct message is ``unknown``."""
    keep_hours: float = 24.0
    """How long an unacknowledged direct message is offered again."""
    posts_per_second: float = 20.0
    burst: float = 100.0
    faults: bool = False

    # Membership: SWIM's names; reference membership 6.

    @property
    def period(self) -> float:
        """T: each peer is probed once in it (up to 12 members; 3 of them above)."""
        return PRESETS[self.preset]

    @property
    def probing_interval(self) -> float:
        """How often the probing LoopingCall fires: max(50 ms, T/10)."""
        return max(0.05, self.period / 10)

    @property
    def ping_timeout(self) -> float:
        """T/2: how long a direct probe waits for its ack."""
        return self.period / 2

    @property
    def vouch_timeout(self) -> float:
        """T/2 and two ticks of 50 ms: how long an answer through a go-between is awaited."""
        return self.period / 2 + 0.1

    @property
    def nack_after(self) -> float:
        """0.4 T, within what the asker waits: when a go-between gives up, so that it can say so."""
        return 0.4 * self.period

    @property
    def cut_off_after(self) -> float:
        """2 T: who hears nobody for so long is cut off."""
        return 2 * self.period

    @property
    def mute_link(self) -> float:
        """4 T: a link on which nothing comes, of a peer vouched for by others, is closed by then."""
        return 4 * self.period

    def suspicion_min(self, members: int) -> float:
        """4 T x max(1, log10 n): the shortest suspicion."""
        return 4 * self.period * max(1.0, math.log10(max(1, members)))

    def suspicion_max(self, members: int) -> float:
        """3 x the shortest up to 12 members, 4 x above: a lone observer's suspicion; 8 T for two."""
        if members <= 2:
            return 8 * self.period
        return (3 if members <= 12 else 4) * self.suspicion_min(members)

    @staticmethod
    def confirmations(members: int) -> int:
        """K = min(2, n - 2) up to 12 members, 3 above: with so many a suspicion is the shortest."""
        return max(0, min(2, members - 2)) if members <= 12 else 3

    def suspicion(self, members: int, confirmed: int, needed: int, score: int) -> float:
        """
        How long a suspicion lasts (Lifeguard).

        max(Min, Max - (Max - Min) log(C + 1) / log(K + 1)) x (local health score + 1), where C others
        have confirmed it of the K that are needed: ``confirmations``, but no more than can be asked.
        """
        longest, shortest = self.suspicion_max(members), self.suspicion_min(members)
        if needed == 0:
            return longest * (score + 1)
        part = math.log(min(confirmed, needed) + 1) / math.log(needed + 1)
        return max(shortest, longest - (longest - shortest) * part) * (score + 1)

    def herd(self, members: int) -> float:
        """T x n/32, at most T: within this, by chance, a member is dialled on fresh news of it."""
        return self.period * min(1.0, members / 32)

    @property
    def redial_first(self) -> float:
        """0.2 T: the first redial after a link ended."""
        return 0.2 * self.period

    @property
    def redial_max(self) -> float:
        """5 T: the longest pause between redials in the first hour."""
        return 5 * self.period

    @property
    def redial_slow(self) -> float:
        """30 T, and never under 5 T of ``local``: after the first hour without contact."""
        return 5 * self.period if self.preset == "local" else 30 * self.period

    def targets(self, members: int) -> int:
        """Peers probed in a period: all up to 12 members, 3 above."""
        return members if members <= 12 else 3

    go_betweens: int = 3
    """Peers asked to reach a member that did not answer."""
    max_health: int = 7
    """The worst local health score; interval, timeout and suspicion are multiplied by score + 1."""

    def fan_out(self, members: int) -> int:
        """Peers that others' claims are passed on to: all up to 12, above 4 x ceil(log10(n + 1))."""
        return members if members <= 12 else 4 * math.ceil(math.log10(members + 1))

    def digests(self, links: int) -> int:
        """Links that hear the digest of messaging in a period: all up to 12, above 3 or an eighth."""
        return links if links <= 12 else max(3, math.ceil(links / 8))

    dial_back_again: float = 3600.0
    """The longest pause after a linked member's addresses were tried in vain; the first is 30 s."""

    @property
    def refute_pause(self) -> float:
        """T, at least half a second: refutations are so far apart, however often we are accused."""
        return max(0.5, self.period)

    claims_burst: float = 20.0
    claims_per_second: float = 2.0
    """Changed claims of one member taken from others; the excess is left to the next question."""

    # The node.

    connect_timeout: float = 2.0
    connect_patience: float = 0.25
    """A quarter of the second after which TCP sends a lost first packet again: a dial that has no TCP
    for so long makes room for another on fresh news of its member."""
    handshake_timeout: float = 10.0
    """TCP accepted or connected, to WELCOME: Twisted has no timeout of its own."""
    duplicate_linger: float = 10.0
    """How long the side that does not decide keeps an older duplicate link."""
    slow_link: int = 128 * KIB
    """Bytes queued on a link above which live posts are not pushed on it."""
    stuck_link: int = 1 * MIB
    """Bytes queued on a link above which it is closed."""
    turn_inputs: int = 512
    """Inputs of one turn at most."""
    turn_seconds: float = 0.02
    """A turn takes no further input after this long."""
    leave_wait: float = 2.0

    # Messaging.

    live_frontier_delay: float = 0.05
    """Within this an author learns that its live post was stored; coalesced."""
    want_posts: int = 256
    want_bytes: int = 256 * KIB
    want_timeout: float = 5.0
    own_stream_grace: float = 0.5
    """How long a hole in a linked author's own stream waits for the author's late frames."""
    recovery_per_second: float = 1000.0
    frontier_part: int = 16 * KIB
    max_holes: int = 16
    frontier_backoff_min: float = 2.0
    frontier_backoff_max: float = 30.0
    outbox_messages: int = 1000
    outbox_bytes: int = 8 * MIB
    skew_noticed: float = 60.0
    """A stamp further ahead than this is marked and never moves our clock beyond it."""
    skew_refused: float = 24 * 3600.0
    """A stamp further ahead than this is not taken yet, and the author is told."""
    nonce_hours: float = 24.0
