"""
What the model wants done: questions for the node and a few words for the program around it.

The model never waits and never calls: each input answers with a list of acts, and the reply to an
:class:`Ask` comes back as an input that names the ask.  So a table of inputs and acts tests all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from attrs import field, frozen

Reply = Mapping[str, Any]
"""A reply or an event of the admin port in JSON mode, as decoded."""


class Purpose(Enum):
    """Why the node is asked; decides what the model does with the reply."""

    SNAPSHOT = "take the whole picture"
    WATCH = "follow events from the cursor of the picture"
    STATUS = "prove that the node answers, and its counts"
    MEMBERS = "who seems reachable"
    LATEST = "the newest part of the transcript again"
    NEWER = "what follows the newest message held"
    OLDER = "the part above the first row"
    DIRECT = "the direct messages with one partner"
    DELIVERY = "who has stored one of our messages"
    SPEAK = "take a message of ours"
    SHOW = "a question of the person; the reply is printed"


@frozen
class Ask:
    """One command for the node; ``about`` carries what the model needs to place the reply."""

    purpose: Purpose
    cmd: str
    args: Mapping[str, object] = field(factory=dict)
    about: str = ""


class Tell(Enum):
    """What only the program around the model can do."""

    BELL = "ring: a direct message or a mention while nobody looks"
    RECONNECT = "dial the node now"
    QUIT = "leave; the node goes on"


Act = Ask | Tell
