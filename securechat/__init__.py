"""
A secure group chat room with no server.

The map of the house, from the ground up; imports point down only (tests/test_house.py):

- values: ``errors`` ``ids`` ``objects`` ``inputs`` ``effects`` ``notices`` ``keyring``
  ``settings``
- ``signing`` what a signature covers; ``certificates`` whom one names; ``wire`` bytes of messages
- ``membership`` who takes part, who seems reachable (pure)
- ``messaging`` posts, direct messages, receipts, gaps, recovery (pure)
- ``journal`` facts and turn records, explain and trace; ``journal.store`` is SQLite
- ``home`` the home folder: configuration, keys, admission to a room
- ``node`` the running process: links, the door, the turn, what is performed after the commit
- ``admin`` the line port: one grammar, two renderings, one table of commands
- ``cli`` ``tap`` the ways in; ``chat`` the urwid client, a separate program
- ``simulation`` the real node under a virtual clock and a bad network; ``drills`` real processes
"""

__version__ = "0.1.0"
