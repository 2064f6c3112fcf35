"""The parts of messaging and who knows whom: made here, once for every start or rebuild."""

from __future__ import annotations

from attrs import define

from securechat.ids import BootId
from securechat.messaging.acks import Acks
from securechat.messaging.announcing import Announcing
from securechat.messaging.book import Book
from securechat.messaging.claims import Claims
from securechat.messaging.closing import Closing
from securechat.messaging.damage import Damage
from securechat.messaging.frontier import OwnFrontier
from securechat.messaging.gaps import Gaps
from securechat.messaging.heads import Heads
from securechat.messaging.hearing import Hearing
from securechat.messaging.inbox import Inbox
from securechat.messaging.losses import Losses
from securechat.messaging.offsets import Offsets
from securechat.messaging.outbox import Outbox
from securechat.messaging.peers import Peers
from securechat.messaging.rates import Bucket
from securechat.messaging.recovery import Recovery
from securechat.messaging.relaying import Relaying
from securechat.messaging.retention import Retention
from securechat.messaging.serving import Serving
from securechat.messaging.shares import Shares
from securechat.messaging.speaking import Speaking
from securechat.messaging.taking import Taking
from securechat.messaging.trying import Trying
from securechat.settings import Settings
from securechat.signing import Signer


@define(eq=False)
class Parts:
    """Everything that messaging is made of."""

    book: Book
    peers: Peers
    claims: Claims
    recovery: Recovery
    closing: Closing
    gaps: Gaps
    acks: Acks
    announcing: Announcing
    speaking: Speaking
    serving: Serving
    taking: Taking
    outbox: Outbox
    losses: Losses
    damage: Damage
    offsets: Offsets
    trying: Trying
    retention: Retention
    hearing: Hearing

    @classmethod
    def made(cls, signer: Signer, boot: BootId, settings: Settings) -> Parts:
        """New parts that know nothing yet."""
        book, peers = Book(signer.member, settings), Peers(signer.member, boot)
        # Whoever signed what is held has shown his certificate, whether he has a seat or not.
        claims = Claims(lambda author: author in peers.states or author in book.streams.authors)
        wanted = Bucket(settings.recovery_per_second, settings.recovery_per_second)
        recovery = Recovery(book, peers, claims, Shares(book, wanted))
        acks = Acks(book, peers)
        relaying = Relaying(peers, claims, settings)
        own, heads = OwnFrontier(signer, book, peers), Heads(book, peers, claims)
        announcing = Announcing(book, peers, claims, own, relaying, acks, heads)
        closing = Closing(book, peers, claims, recovery, announcing)
        said = Bucket(settings.posts_per_second, settings.burst)
        taking = Taking(book, announcing)
        inbox = Inbox(signer, book, peers)
        outbox = Outbox(signer, book, peers)
        losses = Losses(signer, book, peers, outbox)
        offsets = Offsets(signer.member, settings)
        serving = Serving(book, acks)
        return cls(
            book=book,
            peers=peers,
            claims=claims,
            recovery=recovery,
            closing=closing,
            gaps=Gaps(book, peers, closing, recovery),
            acks=acks,
            announcing=announcing,
            speaking=Speaking(signer, book, peers, acks, said),
            serving=serving,
            taking=taking,
            outbox=outbox,
            losses=losses,
            damage=Damage(book, recovery, announcing, inbox.signed_again, outbox.damaged),
            offsets=offsets,
            trying=Trying(book, peers, outbox, acks),
            retention=Retention(book, peers),
            hearing=Hearing(
                book,
                peers,
                claims,
                recovery,
                announcing,
                relaying,
                closing,
                acks,
                taking,
                inbox,
                outbox,
                serving,
                losses,
                offsets,
            ),
        )
