"""
The walls of the house as functions over sources: R1 to R7 of DESIGN 3.

Each takes the sources by module name and returns one line per violation, so that the test can hold
them against the real tree and against a tree with one planted violation.  Changing a table here needs
an ADR.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).resolve().parent.parent
Sources = Mapping[str, str]

VALUES = (
    "securechat", "securechat.addresses", "securechat.errors", "securechat.ids", "securechat.objects",
    "securechat.keyring", "securechat.inputs", "securechat.effects", "securechat.notices",
    "securechat.settings",
)  # fmt: skip
GROUND = ("securechat.wire", "securechat.signing", "securechat.certificates")
JOURNAL_PURE = (
    "securechat.journal.records",
    "securechat.journal.explain",
    "securechat.journal.trace",
    "securechat.journal.drawing",
)
ADMIN_FACE = (
    "securechat.admin.grammar",
    "securechat.admin.client",
    "securechat.admin.sanitise",
    "securechat.admin.blocking",
    "securechat.admin.twisted_client",
)
CORES = ("securechat.membership", "securechat.messaging")

# R1: for each package or module, the packages and modules it may import besides itself; the longest
# name that fits an importer speaks for it.
FLOORS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(VALUES, VALUES),
    **dict.fromkeys(GROUND, (*VALUES, *GROUND)),
    **dict.fromkeys(CORES, (*VALUES, *GROUND)),
    **dict.fromkeys(JOURNAL_PURE, (*VALUES, *GROUND, *JOURNAL_PURE)),
    "securechat.journal": (*VALUES, *GROUND, *JOURNAL_PURE),
    "securechat.home": (*VALUES, *GROUND),
    "securechat.node": (*VALUES, *GROUND, *CORES, "securechat.journal", "securechat.home"),
    "securechat.admin": (
        *VALUES, *GROUND, *CORES, "securechat.journal", "securechat.home", "securechat.node",
    ),
    **dict.fromkeys(ADMIN_FACE, (*VALUES, *ADMIN_FACE)),
    "securechat.chat": (*VALUES, *ADMIN_FACE),
    "securechat.drills": (*VALUES, *ADMIN_FACE),
    "securechat.simulation": (
        *VALUES, *GROUND, *CORES, "securechat.journal", "securechat.home", "securechat.node",
    ),
    "securechat.cli": ("securechat",),
    "securechat.__main__": ("securechat",),
    "securechat.tap": (
        *VALUES, *GROUND, *CORES, "securechat.journal", "securechat.home", "securechat.node",
        "securechat.admin",
    ),
    "twisted.plugins.securechat_plugin": (),
}  # fmt: skip

# R2: modules that think only.
PURE = (
    *VALUES, "securechat.wire", "securechat.membership", "securechat.messaging", *JOURNAL_PURE,
    "securechat.node.handshake", "securechat.node.peering", "securechat.admin.grammar",
    "securechat.admin.client", "securechat.admin.sanitise", "securechat.admin.registry",
    "securechat.admin.events", "securechat.chat.model",
)  # fmt: skip
IMPURE = (
    "twisted", "OpenSSL", "urwid", "time", "datetime", "random", "secrets", "os", "socket",
    "threading", "logging",
)  # fmt: skip

# Of these at least 95 % of the branches are under test.
COVERED = (*PURE, "securechat.signing", "securechat.certificates")

# R3: who alone may import what.
OWNERS: dict[str, tuple[str, ...]] = {
    "OpenSSL": ("securechat.node.tls",),
    "service_identity": ("securechat.node.tls",),
    "sqlite3": ("securechat.journal.store",),
    "nacl": ("securechat.signing",),
    "cryptography": (
        "securechat.certificates", "securechat.node.tls", "securechat.home",
        "securechat.simulation",
    ),
    "twisted.internet.reactor": ("securechat.tap", "securechat.chat.app"),
    "urwid": ("securechat.chat",),
    "urwid_readline": ("securechat.chat",),
}  # fmt: skip

CORE_LINES = 150

CABLE_READS = ("active", "check")
"""What admin may ask of a node's cable; what is done to it goes through ``node.input``."""


@frozen
class Import:
    """One import statement: who, what, where."""

    importer: str
    target: str
    line: int


def sources() -> dict[str, str]:
    """The real tree."""
    found = {}
    for path in sorted((ROOT / "securechat").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path.read_text(encoding="utf-8")
    plugin = ROOT / "twisted" / "plugins" / "securechat_plugin.py"
    found["twisted.plugins.securechat_plugin"] = plugin.read_text(encoding="utf-8")
    return found


def patterns(places: tuple[str, ...]) -> list[str]:
    """Where these modules and packages are, for ``coverage report``; ValueError if one is not."""
    found = []
    for place in places:
        path = Path(*place.split("."))
        if (ROOT / path.with_suffix(".py")).is_file():
            found.append(f"{path}.py")
        elif (ROOT / path / "__init__.py").is_file():
            found.append(f"{path}/{'__init__.py' if place == 'securechat' else '*'}")
        else:
            raise ValueError(f"{place} is no module and no package")
    return found


def within(name: str, places: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of these places or inside one (values are modules, not trees)."""
    exact = name in places
    return exact or any(place != "securechat" and name.startswith(place + ".") for place in places)


@cache
def walked(source: str) -> tuple[ast.AST, ...]:
    """Every node of a source; each rule asks for those of nearly all modules, once a planting."""
    return tuple(ast.walk(ast.parse(source)))


def imports(tree: Sources, with_typing: bool = True) -> Iterator[Import]:
    """Every import of every module, ``from a import b`` as ``a.b`` where that is a module."""
    for importer, source in tree.items():
        for node in walked(source):
            if isinstance(node, ast.Import):
                for name in node.names:
                    yield Import(importer, name.name, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                base = _base(importer, node, tree)
                for name in node.names:
                    full = f"{base}.{name.name}"
                    known = full in tree or full in OWNERS
                    yield Import(importer, full if known else base, node.lineno)


def _base(importer: str, node: ast.ImportFrom, tree: Sources) -> str:
    if not node.level:
        return node.module or ""
    package = importer.split(".")
    is_package = any(name.startswith(importer + ".") for name in tree)
    package = package[: len(package) - node.level + (1 if is_package else 0)]
    return ".".join([*package, node.module] if node.module else package)


def r1_floors(tree: Sources) -> list[str]:
    """Imports point down, and there is no cycle."""
    wrong = []
    for found in imports(tree):
        if not found.target.startswith("securechat"):
            continue
        rule = max(
            (name for name in FLOORS if within(found.importer, (name,))), key=len, default=""
        )
        if not rule:
            wrong.append(f"{found.importer}: no floor in the table")
            continue
        allowed = FLOORS[rule]
        own = within(found.target, (rule,)) and rule not in VALUES
        if "securechat" in allowed and rule in ("securechat.cli", "securechat.__main__"):
            continue
        if not own and not within(found.target, allowed):
            wrong.append(f"{found.importer}:{found.line} imports {found.target}")
    return wrong + _cycles(tree)


def _cycles(tree: Sources) -> list[str]:
    graph: dict[str, set[str]] = {name: set() for name in tree}
    for found in imports(tree):
        if found.target in tree and found.target != found.importer:
            graph[found.importer].add(found.target)
    wrong, done = [], set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            wrong.append("cycle: " + " > ".join((*path[path.index(name) :], name)))
            return
        if name in done:
            return
        for other in sorted(graph[name]):
            visit(other, (*path, name))
        done.add(name)

    for name in sorted(graph):
        visit(name, ())
    return wrong


def r2_pure(tree: Sources) -> list[str]:
    """Cores think; they have no clock, no chance, no socket and no log."""
    return [
        f"{found.importer}:{found.line} imports {found.target}"
        for found in imports(tree)
        if within(found.importer, PURE) and found.target.split(".")[0] in IMPURE
    ]


def r3_owners(tree: Sources) -> list[str]:
    """Each dangerous thing has one owner."""
    wrong = []
    for found in imports(tree):
        for thing, owners in OWNERS.items():
            if within(found.target, (thing,)) and not within(found.importer, owners):
                wrong.append(f"{found.importer}:{found.line} imports {found.target}")
    return wrong


def r4_admin(tree: Sources) -> list[str]:
    """Admin reads snapshots and acts through ``node.input``; it reaches into no core or cable."""
    wrong = []
    forbidden = ("apply", "received", "settle", "link_up", "link_down", "put")
    for name, source in tree.items():
        if not within(name, ("securechat.admin",)) or name in ADMIN_FACE:
            continue
        for node in walked(source):
            if not isinstance(node, ast.Attribute):
                continue
            owner = ast.unparse(node.value)
            if "core" in owner and node.attr in forbidden:
                wrong.append(f"{name}:{node.lineno} calls {owner}.{node.attr}")
            if "node" in owner.split(".") and node.attr.startswith("_"):
                wrong.append(f"{name}:{node.lineno} reaches {owner}.{node.attr}")
        wrong += [f"{name}:{line} acts on the cable" for line in _cable_uses(source)]
    return wrong


def _cable_uses(source: str) -> list[int]:
    """Lines that use a node's cable for anything but reading it, or keep it to do so later."""
    attributes = [node for node in walked(source) if isinstance(node, ast.Attribute)]
    reading = {id(node.value) for node in attributes if node.attr in CABLE_READS}
    return [node.lineno for node in attributes if node.attr == "cable" and id(node) not in reading]


def r5_registries(tree: Sources) -> list[str]:
    """Messages and facts belong to their core; only dispatch brings the registries together."""
    wrong = [
        f"{name}:{node.lineno} reads {ast.unparse(node)}"
        for name, source in tree.items()
        if not within(name, ("securechat.node.dispatch", "securechat.membership",
                             "securechat.messaging", "securechat.node.handshake"))
        for node in walked(source)
        if isinstance(node, ast.Attribute) and node.attr in ("MESSAGES", "STATEMENTS")
        and not ast.unparse(node).startswith("dispatch.")
    ]  # fmt: skip
    for name, source in tree.items():
        for node in walked(source):
            if not isinstance(node, ast.ClassDef):
                continue
            is_fact = any(ast.unparse(base) in ("Fact", "effects.Fact") for base in node.bases)
            at_home = within(name, CORES) and name.endswith("facts")
            if is_fact and not at_home:
                wrong.append(f"{name}:{node.lineno} defines the fact {node.name}")
    return wrong


def r6_init(tree: Sources) -> list[str]:
    """A package's ``__init__`` holds its docstring, and the top one the version."""
    wrong = []
    packages = {name.rpartition(".")[0] for name in tree} & set(tree)
    for name in sorted(packages):
        body = ast.parse(tree[name]).body
        extra = [
            node
            for node in body[1:]
            if not (name == "securechat" and ast.unparse(node).startswith("__version__"))
        ]
        if extra or not body or not isinstance(body[0], ast.Expr):
            wrong.append(f"{name}: more than a docstring")
    return wrong


def r7_cores(tree: Sources) -> list[str]:
    """``core`` routes: short, and no rule in it."""
    wrong = []
    for name, source in tree.items():
        if not name.endswith(".core"):
            continue
        if len(source.splitlines()) > CORE_LINES:
            wrong.append(f"{name}: {len(source.splitlines())} lines")
        for node in walked(source):
            if isinstance(node, ast.Compare) and any(
                isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in node.ops
            ):
                wrong.append(f"{name}:{node.lineno} compares: a rule in a core")
    return wrong


RULES = (r1_floors, r2_pure, r3_owners, r4_admin, r5_registries, r6_init, r7_cores)
