"""
The commands of the admin port: what each takes, who may, and what it answers (INTERFACE 4).

One table, ``registry()``; parsing, help, the documentation page and shell completion come from it.
Commands of the connection itself (hello, auth, help, watch, unwatch, quit) belong to ``server``.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred

from securechat.admin import asking, views
from securechat.admin.desk import Desk
from securechat.admin.grammar.fitting import cut
from securechat.admin.grammar.values import Code, Reply
from securechat.admin.parameters import Kind, Parameter
from securechat.admin.registry import Command, Level, Registry
from securechat.errors import LocalError
from securechat.ids import MemberId
from securechat.inputs import EVERYBODY, Cancel, Disturb, Heal, Retry, Say, Tell

Args = Mapping[str, Any]
MAX_PAGE = 1000
PAGE = 50

ID = Parameter("id", Kind.ID, required=True, help="as in messages, for instance ada/3/17")
NONCE = Parameter("nonce", Kind.ID, help="the same nonce and text give the same message, for 24 h")


def ok(**fields: Any) -> Reply:
    """250."""
    return Reply(Code.OK, fields)


def items(rows: list[views.Fields], **fields: Any) -> Reply:
    """A list."""
    return Reply(Code.OK, {"items": rows, **fields})


# Looking.


def status(desk: Desk, args: Args, session: Any) -> Reply:
    """Who and where this node is."""
    return ok(**views.status(desk.view()))


def health(desk: Desk, args: Args, session: Any) -> Reply:
    """Three answers."""
    return ok(**views.health(desk.view()))


def members(desk: Desk, args: Args, session: Any) -> Reply:
    """The roster."""
    names = desk.names
    return items([views.member(names, desk.node.me, row) for row in desk.view().membership.members])


def who(desk: Desk, args: Args, session: Any) -> Reply:
    """One member and the evidence."""
    names = desk.names
    found = desk.view().membership.get(names.find_member(args["name"]))
    if found is None:
        raise LocalError(520, f"{args['name'][:64]!r} is not in the roster yet; see: members")
    return ok(**views.who(names, desk.node.me, found))


def links(desk: Desk, args: Args, session: Any) -> Reply:
    """The links that are up, and who was refused."""
    names, view = desk.names, desk.view()
    refused = {
        names.member(MemberId(who)) if who in names.keyring.keys else who: views.refusal(why)
        for who, why in view.refusals.items()
    }
    return items([views.link(names, view, row) for row in view.links], refused=refused)


def messages(desk: Desk, args: Args, session: Any) -> Reply:
    """A page of the transcript."""
    names, newest = desk.names, args["after"] is None
    if args["before"] and not newest:
        raise LocalError(503, "messages goes before= an id or after= one, not both")
    page = desk.read.transcript(
        kind=args["kind"],
        peer=names.find_member(args["with"]) if args["with"] else None,
        before=names.find_message(args["before"]) if args["before"] else None,
        after=asking.place(names, args["after"]),
        limit=args["limit"],
        now=desk.node.now(),
    )
    texts = desk.texts
    rows = [views.line(names, texts, row) for row in page.lines]
    return Reply(Code.OK, _paged("items", rows, page.more, newest), newest=newest)


def _paged(key: str, rows: list[views.Fields], more: bool, newest: bool) -> views.Fields:
    """A page; if there is more in the direction in which it was asked for, where to go on."""
    if not more:
        return {key: rows, "more": False}
    kept, following = cut(rows, newest)
    return {key: kept, "more": True, "next": following}


def delivery(desk: Desk, args: Args, session: Any) -> Reply:
    """What is known at each recipient."""
    names = desk.names
    message = names.find_message(args["id"])
    turns = desk.node.store.turns(asking.LAST_TURNS, str(message))
    rows = [views.recipient(names, row) for row in asking.delivery(desk, message, turns)]
    return items(rows + [views.other(names, row) for row in desk.read.others(message)])


def explain(desk: Desk, args: Args, session: Any) -> Reply:
    """Why something is as it is, with the evidence."""
    story = asking.story(desk, args["id"])
    return Reply(Code.OK, story)


def gaps(desk: Desk, args: Args, session: Any) -> Reply:
    """What is known to be missing."""
    names = desk.names
    rows = desk.read.gaps(desk.node.now())
    return items([views.gap(names, row) for row in rows])


def outbox(desk: Desk, args: Args, session: Any) -> Reply:
    """Own messages that lack evidence."""
    names = desk.names
    return items([views.outbox(names, row) for row in desk.read.outbox()])


def digest(desk: Desk, args: Args, session: Any) -> Reply:
    """The transcript in one word, and stream by stream."""
    names = desk.names
    rows = [views.stream(names, row) for row in desk.read.streams()]
    return ok(digest=desk.view().messaging.digest, streams=rows)


def diff(desk: Desk, args: Args, session: Any) -> Reply:
    """Where a peer's latest frontier and this node differ."""
    names = desk.names
    peer = names.find_member(args["peer"])
    return items([views.diff(names, row) for row in desk.read.diff(peer)])


def counters(desk: Desk, args: Args, session: Any) -> Reply:
    """Every counter."""
    return ok(**views.counters(desk.view()))


def records(desk: Desk, args: Args, session: Any) -> Reply:
    """Turn records; they hold no message text."""
    about = asking.about(desk, args["about"]) if args["about"] else None
    store, last = desk.node.store, args["last"]
    if args["after"] is None:
        rows = store.turns(last, about)
    else:
        rows = tuple(islice(store.export(args["after"]), last))
    reply = items([asking.record(row) for row in rows], name=desk.name, id=desk.node.me)
    return evolve(reply, newest=args["after"] is None)


def receipt(desk: Desk, args: Args, session: Any) -> Reply:
    """The signed proof of storage."""
    return ok(**asking.receipt(desk, args["id"], args["member"]))


def snapshot(desk: Desk, args: Args, session: Any) -> Reply:
    """Everything a client needs to start, at one moment."""
    names, texts, view = desk.names, desk.texts, desk.view()
    page = desk.read.transcript(limit=args["limit"])
    rows = [views.line(names, texts, row) for row in page.lines]
    reply = ok(
        cursor=desk.ring.cursor,
        status=views.status(view),
        members=[views.member(names, desk.node.me, row) for row in view.membership.members],
        **_paged("messages", rows, page.more, newest=True),
    )
    return evolve(reply, newest=True)


# Speaking.


def say(desk: Desk, args: Args, session: Any) -> Deferred[Reply]:
    """Post to the room; 252: accepted, and nothing is claimed of anybody else."""
    answer = desk.input(Say(asking.text(args["text"]), args["nonce"]))
    return answer.addCallback(
        lambda said: _accepted(said.fresh, id=desk.names.message(said.id), state=said.state.value)
    )


def dm(desk: Desk, args: Args, session: Any) -> Deferred[Reply]:
    """Send a direct message."""
    to = desk.names.find_member(args["to"])
    answer = desk.input(Tell(to, asking.text(args["text"]), args["nonce"]))
    return answer.addCallback(
        lambda told: _accepted(
            told.fresh,
            id=desk.names.message(told.id),
            to=desk.names.member(told.to),
            state=told.state.value,
        )
    )


def _accepted(fresh: bool, **fields: Any) -> Reply:
    return Reply(Code.ACCEPTED if fresh else Code.ALREADY, fields)


def retry(desk: Desk, args: Args, session: Any) -> Deferred[Reply]:
    """Try again now, under the same id."""
    answer = desk.input(Retry(desk.names.find_message(args["id"])))
    return answer.addCallback(lambda tried: ok(id=args["id"], state=tried.state.value))


def cancel(desk: Desk, args: Args, session: Any) -> Deferred[Reply]:
    """Try no more."""
    answer = desk.input(Cancel(desk.names.find_message(args["id"])))
    return answer.addCallback(lambda tried: ok(id=args["id"], state=tried.state.value))


# The node itself.


def fault(desk: Desk, args: Args, session: Any) -> Reply | Deferred[Reply]:
    """The cable: cut, heal, drop, delay, list."""
    peers = tuple(desk.names.find_member(name) for name in args["names"] or ())
    action = args["action"]
    if action == "list":
        desk.node.cable.check()
        return _faults(desk)
    if action == "heal":
        answer = desk.input(Heal(peers))
    elif action == "cut" and not peers:
        raise LocalError(504, "fault cut needs names= (who shall be cut off)")
    else:
        cut = True if action == "cut" else None
        answer = desk.input(Disturb(peers or (EVERYBODY,), cut, args["percent"], args["ms"]))
    return answer.addCallback(lambda _: _faults(desk))


def _faults(desk: Desk) -> Reply:
    names = desk.names
    return items([views.fault(names, row) for row in desk.node.cable.active()])


def leave(desk: Desk, args: Args, session: Any) -> Reply:
    """A signed goodbye to everybody, then stop; expected back."""
    return _ending(desk, goodbye=True)


def stop(desk: Desk, args: Args, session: Any) -> Reply:
    """Stop without a word: to the others this looks like a crash."""
    return _ending(desk, goodbye=False)


def _ending(desk: Desk, goodbye: bool) -> Reply:
    """251 if the node is being stopped already; the first request says how."""
    first, goodbye = desk.end(goodbye)
    return Reply(Code.OK if first else Code.ALREADY, {"leaving" if goodbye else "stopping": True})


LOOKING = (
    Command("status", status, "who and where this node is", level=Level.OBSERVER),
    Command("members", members, "the roster and how each member seems", level=Level.OBSERVER),
    Command(
        "who", who, "one member, with the evidence for its state",
        (Parameter("name", Kind.ID, required=True, help="a name, NAME#first8ofid or an id"),),
        Level.OBSERVER,
    ),
    Command("links", links, "the links that are up", level=Level.OBSERVER),
    Command(
        "messages", messages, "the transcript, the latest page or another",
        (
            Parameter("kind", choices=("post", "dm", "gap"), help="only these"),
            Parameter("with", Kind.ID, help="only direct messages with this member"),
            Parameter("before", Kind.ID, help="the page before this id"),
            Parameter("after", help="the page after this id; empty: from the first"),
            Parameter("limit", Kind.INT, default=PAGE, low=1, high=MAX_PAGE, help="items a page"),
        ),
    ),
    Command("delivery", delivery, "what is known at each recipient", (ID,), Level.OBSERVER),
    Command(
        "explain", explain, "why it is so, each line with its evidence",
        (
            Parameter(
                "id", Kind.ID, required=True, help="a message, member:NAME or gap:NAME/EPOCH/SEQ"
            ),
        ),
        Level.OBSERVER,
    ),
    Command("gaps", gaps, "what is known to be missing", level=Level.OBSERVER),
    Command("outbox", outbox, "own messages that lack evidence", level=Level.OBSERVER),
    Command("digest", digest, "the transcript in one word", level=Level.OBSERVER),
    Command(
        "diff", diff, "where this node and a peer differ",
        (Parameter("peer", Kind.ID, required=True, help="a member"),), Level.OBSERVER,
    ),
    Command("counters", counters, "every counter by name", level=Level.OBSERVER),
    Command(
        "records", records, "turn records, without message text",
        (
            Parameter("last", Kind.INT, default=20, low=1, high=MAX_PAGE, help="how many"),
            Parameter("about", Kind.ID, help="only those about an id"),
            Parameter(
                "after", Kind.INT, low=-1, help="those that follow this turn, from -1: for export"
            ),
        ),
        Level.OBSERVER,
    ),
    Command(
        "receipt", receipt, "a signed proof of storage, to be checked off line",
        (ID, Parameter("member", Kind.ID, help="whose receipt, if there are several")),
    ),
    Command(
        "snapshot", snapshot, "status, members and the latest messages, at one moment",
        (Parameter("limit", Kind.INT, default=200, low=1, high=MAX_PAGE, help="messages"),),
        Level.OBSERVER,
    ),
)  # fmt: skip

SPEAKING = (
    Command(
        "say", say, "post to the room",
        (Parameter("text", required=True, help="what to say"), NONCE),
    ),
    Command(
        "dm", dm, "send a direct message",
        (
            Parameter("to", Kind.ID, required=True, help="a name, NAME#first8ofid or an id"),
            Parameter("text", required=True, help="what to say"),
            NONCE,
        ),
    ),
    Command("retry", retry, "try a message again now, under its id", (ID,)),
    Command("cancel", cancel, "try a message no more", (ID,)),
)  # fmt: skip

RUNNING = (
    Command(
        "fault", fault, "imitate a bad cable (needs [faults] enabled)",
        (
            Parameter(
                "action", required=True, choices=("cut", "heal", "drop", "delay", "list"),
                help="what the cable does",
            ),
            Parameter("percent", Kind.FLOAT, required=True, low=0, high=100, only=("drop",),
                      help="of frames that vanish"),
            Parameter("ms", Kind.FLOAT, required=True, low=0, high=60_000, only=("delay",),
                      help="milliseconds that frames are held back"),
            Parameter("names", Kind.LIST, help="to which members; none: all"),
        ),
    ),
    Command("leave", leave, "say goodbye and stop; the next start returns"),
    Command("stop", stop, "stop without a goodbye"),
)  # fmt: skip

HEALTH = Command("health", health, "live, ready, joined", level=Level.NONE)


def registry() -> Registry:
    """The whole table, in the order in which help shows it."""
    table = Registry()
    table.add(*LOOKING[:1], HEALTH, *LOOKING[1:], *SPEAKING, *RUNNING)
    return table
