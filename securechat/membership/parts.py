"""
The parts of the membership core, put together; what each decides is said in its own module.
"""

from __future__ import annotations

from collections import Counter

from attrs import frozen

from securechat.ids import BootId
from securechat.membership.announce import Announce
from securechat.membership.contact import Contact
from securechat.membership.deadlines import Deadlines
from securechat.membership.dialback import DialBack
from securechat.membership.dialing import Chance, Dialing
from securechat.membership.dissemination import Dissemination
from securechat.membership.gobetween import GoBetween
from securechat.membership.health import LocalHealth
from securechat.membership.ledger import Ledger
from securechat.membership.links import LinkTable
from securechat.membership.observers import Observers
from securechat.membership.presence import Presence
from securechat.membership.probing import Probing
from securechat.membership.questions import Questions
from securechat.membership.redials import Redials
from securechat.membership.refusals import Refusals
from securechat.membership.restart import Restart
from securechat.membership.talk import Talk
from securechat.membership.verdict import Verdicts
from securechat.settings import Settings
from securechat.signing import Signer


@frozen
class Person:
    """Who we are, and where we listen."""

    signer: Signer
    name: str
    certificate: bytes
    boot: BootId
    listen: str
    advertise: tuple[str, ...]
    peers: tuple[str, ...]


@frozen
class Parts:
    """What ``core`` routes to."""

    ledger: Ledger
    verdicts: Verdicts
    probing: Probing
    deadlines: Deadlines
    redials: Redials
    questions: Questions
    restart: Restart
    contact: Contact
    presence: Presence
    talk: Talk


def assemble(person: Person, settings: Settings, rng: Chance) -> Parts:
    """New parts, which know nothing yet."""
    ledger, links = Ledger(person.signer.member, person.signer.room), LinkTable()
    own: set[str] = set()
    counters: Counter[str] = Counter()
    announce = Announce(
        person.signer, person.certificate, person.boot, ledger, links, person.listen,
        person.advertise, own,
    )  # fmt: skip
    health, refusals = LocalHealth(settings), Refusals(settings)
    verdicts = Verdicts(ledger, settings, health)
    dialing = Dialing(ledger, links, settings, rng, person.peers, own)
    dialback = DialBack(dialing, refusals, settings, rng)
    probing = Probing(ledger, links, verdicts, health, dialing, refusals, settings, rng, counters)
    gobetween = GoBetween(ledger, links, announce, settings, counters)
    observers = Observers(ledger, links, verdicts, refusals, health, announce, settings, counters)
    redials = Redials(ledger, links, verdicts, refusals, observers, dialing, probing, rng)
    restart = Restart(ledger, links, announce, dialing, probing)
    claims = Dissemination(ledger, links, verdicts, dialing, restart, settings, rng, counters)
    questions = Questions(ledger, counters)
    contact = Contact(
        ledger, links, verdicts, refusals, dialing, dialback, probing, gobetween, observers,
        announce, restart, claims, questions,
    )  # fmt: skip
    presence = Presence(
        person.name, ledger, links, verdicts, probing, announce, restart, health, counters
    )
    talk = Talk(
        ledger, announce, restart, contact, probing, dialing, claims, questions, verdicts, gobetween,
        observers, redials, dialback, health, presence,
    )  # fmt: skip
    deadlines = Deadlines(links, verdicts, dialing, dialback, gobetween, redials)
    return Parts(
        ledger, verdicts, probing, deadlines, redials, questions, restart, contact, presence, talk
    )
