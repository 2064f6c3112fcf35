"""
The grammar of the admin port, both directions and both renderings (docs/spec/admin.md).

``values`` what is said; ``text`` lines for hands; ``jsonl`` the same as JSON lines.  A request, reply
or event read back from its own rendering is the same value.
"""
