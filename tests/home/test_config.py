"""What config.toml may say."""

from __future__ import annotations

import tomllib

from attrs import asdict
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from securechat.errors import HomeError
from securechat.home.config import (
    KEYS,
    Config,
    check_value,
    make_config,
    parse_config,
    render_config,
)
from securechat.settings import Settings

CONTRACT = {
    "node": {"listen": "0.0.0.0:7400", "advertise": [], "peers": [], "preset": "lan"},
    "admin": {"tcp": "127.0.0.1:7401", "open_observer": False},
    "history": {"posts": 10000, "bytes": 67108864, "days": 30},
    "records": {"record_days": 7, "record_bytes": 33554432},
    "direct": {"deadline_s": 10, "keep_h": 24},
    "limits": {"posts_per_second": 20, "burst": 100},
    "faults": {"enabled": False},
}

HOSTS = st.sampled_from(["127.0.0.1", "192.0.2.7", "[::1]", "[2001:db8::5]", "localhost", "a-b.c"])
ADDRESSES = st.builds(lambda host, port: f"{host}:{port}", HOSTS, st.integers(1, 65535))
LOOPBACKS = st.builds(
    lambda host, port: f"{host}:{port}",
    st.sampled_from(["127.0.0.1", "127.8.9.1", "[::1]", "localhost"]),
    st.integers(1, 65535),
)
SIZES = st.integers(65536, 2**40)
CONFIGS = st.builds(
    Config,
    listen=ADDRESSES,
    advertise=st.lists(ADDRESSES, max_size=4).map(tuple),
    peers=st.lists(ADDRESSES, max_size=64).map(tuple),
    preset=st.sampled_from(["lan", "local"]),
    tcp=LOOPBACKS,
    open_observer=st.booleans(),
    posts=st.integers(1, 10_000_000),
    bytes=SIZES,
    days=st.floats(0.01, 36500) | st.integers(1, 36500),
    record_days=st.floats(0.01, 36500),
    record_bytes=SIZES,
    deadline_s=st.floats(0.1, 86400),
    keep_h=st.floats(0.01, 8760),
    posts_per_second=st.floats(0.1, 100_000),
    burst=st.floats(1, 1_000_000),
    enabled=st.booleans(),
)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


class FileTests(SynchronousTestCase):
    """The file as it is written and read."""

    def test_contract(self) -> None:
        """The file of a new home has exactly the keys and values of the interface."""
        self.assertEqual(tomllib.loads(render_config(Config())), CONTRACT)

    def test_each_key_stands_alone_under_its_comment(self) -> None:
        """Every key is on a line of its own, uncommented, with a comment above it."""
        lines = render_config(Config()).splitlines()
        for key in KEYS:
            at = [i for i, line in enumerate(lines) if line.startswith(f"{key.name} = ")]
            self.assertEqual(len(at), 1, key.name)
            self.assertTrue(lines[at[0] - 1].startswith("# "), key.name)

    @given(CONFIGS)
    @settings(max_examples=150, deadline=None)
    def test_round_trip(self, config: Config) -> None:
        """Whatever can be configured is read back as it was written, without a warning."""
        again = parse_config(render_config(config).encode())
        self.assertEqual(again, config)
        self.assertEqual(again.warnings, ())

    def test_missing_keys_have_their_defaults(self) -> None:
        """An empty file is the default configuration."""
        self.assertEqual(parse_config(b""), Config())
        self.assertEqual(parse_config(b'[node]\npreset = "local"').preset, "local")

    def test_not_toml(self) -> None:
        """A file that is no TOML is one line with the place."""
        for content in (b"[node", b"listen = ", b"\xff\xfe", b"a" * 3, b"[" * 5000):
            refused = self.assertRaises(HomeError, parse_config, content)
            self.assertIn("config.toml is not TOML", str(refused))
            self.assertTrue(str(refused).isprintable())

    @given(st.binary(max_size=200))
    @settings(max_examples=200, deadline=None)
    def test_any_bytes(self, content: bytes) -> None:
        """Any bytes are a configuration or one printable line."""
        try:
            parsed = parse_config(content)
        except HomeError as refused:
            self.assertTrue(str(refused).isprintable())
        else:
            self.assertTrue(all(warning.isprintable() for warning in parsed.warnings))


class UnknownTests(SynchronousTestCase):
    """Keys that nobody knows are told, with the nearest."""

    def _warning(self, content: str) -> str:
        parsed = parse_config(content.encode())
        self.assertEqual(parsed, Config())
        (warning,) = parsed.warnings
        return warning

    def test_misspelt(self) -> None:
        """A misspelt key is named with the nearest one."""
        warning = self._warning("[direct]\ndeadline = 5\n")
        self.assertEqual(
            warning,
            "config.toml: unknown key [direct] deadline; the nearest is [direct] deadline_s",
        )

    def test_wrong_section(self) -> None:
        """A key in another section is not taken, and its own section is named."""
        self.assertIn("[history] posts", self._warning("[limits]\nposts = 5\n"))
        self.assertIn("[node] listen", self._warning('listen = "127.0.0.1:1"\n'))

    def test_unknown_section(self) -> None:
        """A misspelt section is named once, with the nearest one."""
        self.assertIn("the nearest is [history]", self._warning("[histroy]\nposts = 5\ndays = 1\n"))

    def test_none_is_near(self) -> None:
        """Where no key or section is near there is no guess, but a list of what there is."""
        for content, line in (
            ("[admin]\nx = 1", "unknown key [admin] x; [admin] has tcp, open_observer"),
            ("x = 1", "unknown key x; every key stands in a section: [node], [admin], [history]"),
            ("[zzz]\nposts = 1", "unknown section [zzz]; there are [node], [admin], [history]"),
            ("[node.x]\ny = 1", "unknown section [node.x]; the nearest is [node]"),
        ):
            self.assertTrue(self._warning(content).startswith(f"config.toml: {line}"), line)

    def test_hostile_key(self) -> None:
        """A key with control characters in it moves no cursor when it is told."""
        warning = self._warning('[node]\n"\\u001b[2J\\u202e" = 1\n')
        self.assertTrue(warning.isprintable() and warning.isascii())


class ValueTests(SynchronousTestCase):
    """Values that cannot be name the key, the value, and what is allowed."""

    def _refusal(self, content: str) -> str:
        refused = self.assertRaises(HomeError, parse_config, content.encode())
        self.assertTrue(str(refused).isprintable())
        return str(refused)

    def test_line(self) -> None:
        """The line names key, value and what is allowed."""
        self.assertEqual(
            self._refusal("[history]\nposts = -3\n"),
            "config.toml: [history] posts = -3 cannot be:"
            " a whole number from 1 to 10000000 is wanted",
        )

    def test_one_of_a_list(self) -> None:
        """The address that cannot be is named, not the list that it stands in."""
        self.assertEqual(
            self._refusal('[node]\npeers = ["192.0.2.7:7400", "foo"]\n'),
            "config.toml: [node] peers = 'foo' cannot be: HOST:PORT is wanted (not HOST:PORT)",
        )

    def test_each_kind(self) -> None:
        """Wrong types, negative and too large values, and what is no number are all refused."""
        for line in (
            '[history]\nposts = "many"',
            "[history]\nposts = 1.5",
            "[history]\nposts = true",
            "[history]\nbytes = 1",
            "[history]\ndays = -1",
            "[history]\ndays = inf",
            "[direct]\ndeadline_s = nan",
            "[direct]\nkeep_h = 0",
            "[limits]\nburst = 1e9",
            '[faults]\nenabled = "yes"',
            "[admin]\nopen_observer = 1",
            '[node]\npreset = "wan"',
            "[node]\npreset = []",
            "[node]\nlisten = 7400",
            '[node]\npeers = "192.0.2.7:7400"',
            '[node]\npeers = ["192.0.2.7"]',
            '[node]\npeers = ["0.0.0.0:7400"]',
            "[node]\nadvertise = " + str(["a:1"] * 5),
            "[node]\nlisten = {a = 1}",
        ):
            with self.subTest(line):
                text = self._refusal(line)
                name = line.split("\n")[1].split(" ")[0]
                self.assertIn(f"{name} = ", text)
                self.assertIn("is wanted", text)

    def test_admin_is_loopback(self) -> None:
        """An admin port that others could reach is refused."""
        for address in ("0.0.0.0:7401", "192.0.2.1:7401", "[::]:7401", "example.org:7401"):
            text = self._refusal(f'[admin]\ntcp = "{address}"')
            self.assertIn("loopback only", text)
        for address in ("127.0.0.1:7401", "[::1]:7401", "localhost:7401"):
            self.assertEqual(check_value("tcp", address), address)

    @given(st.sampled_from([key.name for key in KEYS]), ANY)
    @settings(max_examples=300, deadline=None)
    def test_any_value(self, name: str, value: object) -> None:
        """Any value of any key is taken as it is, or refused in one printable line."""
        try:
            taken = check_value(name, value)
        except ValueError as refused:
            self.assertTrue(str(refused).isprintable())
        else:
            self.assertEqual(taken, tuple(value) if isinstance(value, list) else value)

    def test_options_are_judged_too(self) -> None:
        """What the command line gives is held to the same."""
        self.assertEqual(make_config(preset="local").preset, "local")
        self.assertRaises(HomeError, make_config, listen="nowhere")


class SettingsTests(SynchronousTestCase):
    """What becomes of it."""

    def test_defaults_agree(self) -> None:
        """The defaults of the file are the defaults of the node."""
        self.assertEqual(asdict(Config().settings()), asdict(Settings()))

    def test_every_key_arrives(self) -> None:
        """A value of the file is the node's."""
        found = make_config(
            preset="local", posts=5, bytes=70000, days=1.5, record_days=2, record_bytes=80000,
            deadline_s=3, keep_h=4, posts_per_second=6, burst=7, enabled=True,
        ).settings()  # fmt: skip
        self.assertEqual((found.preset, found.period), ("local", 0.2))
        self.assertEqual((found.history_posts, found.history_bytes), (5, 70000))
        self.assertEqual((found.history_days, found.record_days), (1.5, 2))
        self.assertEqual((found.record_bytes, found.direct_deadline), (80000, 3))
        self.assertEqual((found.keep_hours, found.posts_per_second), (4, 6))
        self.assertEqual((found.burst, found.faults), (7, True))
