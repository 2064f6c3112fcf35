"""Whole frames, cut apart by who reads along: by the specification, not by the product's framer."""

from __future__ import annotations

from collections.abc import Iterator

LENGTH = 4
"""Bytes of a frame's length (docs/spec/wire.md)."""


def bodies(data: bytes) -> Iterator[bytes]:
    """The bodies of whole frames."""
    start = 0
    while start < len(data):
        length = int.from_bytes(data[start : start + LENGTH], "big")
        start += LENGTH
        yield data[start : start + length]
        start += length
