"""Made-up requests, replies and events, hostile texts among them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from securechat.admin.grammar.values import RESERVED, Event, Reply, Request

HOSTILE = (
    "", " ", "\x1b[2J", "\x1b]52;c;aGk=\x07", "\x9b31m", "a\r\nbob: forged", "\n250 ok\n", "\x00",
    "\u202egnp.exe", "\u2066x\u2069", "\u200b\u200d\ufeff", "\u2028\u2029\u0085", "\U000e0041",
    "\ud800", "\udfff\ud800", "null", "true", "12", "-0", "1e5", "[1]", "{}", '{"a":1}', "[x]",
    '"', "\\", "\\u0041", "a=b", "=", ":", "@tag", "end", "250 ok", "é", "👩\u200d👧", "\x7f",
)  # fmt: skip

texts = st.sampled_from(HOSTILE) | st.text() | st.text('[]{}",\\: =\n\x1b\u202e', max_size=8)
whole_texts = texts.filter(lambda text: not any("\ud800" <= mark <= "\udfff" for mark in text))
numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
deep: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
keys = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True).filter(
    lambda key: key not in RESERVED and key != "cursor"
)
fields = st.dictionaries(keys, deep, max_size=5)
items = st.lists(st.dictionaries(keys, deep, max_size=3), max_size=4)
tags = st.none() | st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64
)
words = st.sampled_from(["", "bye", "overflow", "securechat-admin 1"])


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """A reply with everything that one can have."""
    said = draw(fields)
    if draw(st.booleans()):
        said["items"] = draw(items)
    code = draw(st.integers(200, 599))
    return Reply(code, said, draw(words), draw(tags))


events = st.builds(
    Event,
    st.from_regex(r"[0-9a-f]{4}:[0-9]{1,9}", fullmatch=True),
    st.sampled_from(["post", "delivery", "replay-end"]),
    fields,
)
verbs = st.sampled_from(["say", "dm", "watch", "help"])
text_requests = st.builds(
    Request,
    verbs,
    st.dictionaries(keys, whole_texts, max_size=4),
    st.lists(whole_texts, max_size=3).map(tuple),
    st.none() | whole_texts.filter(lambda text: not set(text) & set("\n\r\0")),
    tags,
)
json_requests = st.builds(
    Request,
    verbs,
    st.dictionaries(keys.filter(lambda key: key != "cmd"), deep, max_size=4),
    tag=tags,
)
