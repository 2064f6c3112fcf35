"""
Who is not a person and not a client of ours: browsers, TLS and SSH that found the port.

A web page can make a browser send lines of its choosing to a port of this machine (redis was hit so:
CVE-2016-10517).  So whatever begins like another protocol ends the connection before it is read any
further, at the beginning of any line, ended or not.
"""

from __future__ import annotations

import re

_HTTP = re.compile(
    rb"(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|PRI) |(?i:host|origin|referer):"
)
_TLS = b"\x16\x03"
_SSH = b"SSH-"


def foreign(line: bytes) -> str | None:
    """``http``, ``tls`` or ``ssh`` if a line begins like that."""
    if line.startswith(_TLS):
        return "tls"
    if line.startswith(_SSH):
        return "ssh"
    return "http" if _HTTP.match(line) else None
