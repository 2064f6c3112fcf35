"""
``twistd securechat``: the only assembly point, and the only place that names the reactor.

``makeService`` only validates: locks, the journal and the epoch belong to ``startService``, since
twistd forks between them.  Timers must not follow the wall clock, which is what ``reactor.seconds``
reads by default (Twisted's issue 2424), so the first act is to give it the monotonic clock.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.python import usage

if sys.platform == "win32":
    sys.exit("securechat: Windows is not supported; run it on Linux")

from securechat.admin.service import AdminService
from securechat.errors import HomeError
from securechat.home.identity import Home, load_home
from securechat.home.passphrase import read_passphrase
from securechat.home.places import IDENTITY_KEY, default_home
from securechat.node.service import NodeService, refuse_to_start


class Options(usage.Options):
    """``twistd -n securechat --home DIR``."""

    synopsis = "[--home DIR] [--passphrase-file FILE]"
    longdesc = "Runs one node of a secure chat room. Make its home with: securechat init"
    optParameters = [  # noqa: RUF012 - Twisted reads this from the class
        ["home", None, None, "the home folder (default: $SECURECHAT_HOME, or the user's own)"],
        ["passphrase-file", None, None, "where the passphrase of identity.key is; - reads stdin"],
    ]

    def postOptions(self) -> None:
        """Drop twistd's pid file: several nodes start from one folder; the home has a lock."""
        parent = self.parent
        if parent is not None and parent.get("pidfile") == "twistd.pid":
            parent["pidfile"] = None


def makeService(options: Options) -> IService:
    """The node and its admin port; exits with one line if this home cannot run."""
    from twisted.internet import reactor

    clock: Any = reactor
    clock.seconds = time.monotonic
    path = Path(options["home"] or os.environ.get("SECURECHAT_HOME") or default_home())
    source = options["passphrase-file"] or os.environ.get("SECURECHAT_PASSPHRASE_FILE")
    try:
        passphrase = read_passphrase(source, path / IDENTITY_KEY)
        load_home(path, passphrase)
    except HomeError as problem:
        refuse_to_start(problem)

    def load() -> Home:
        return load_home(path, passphrase)

    services = MultiService()
    detached = options.parent is not None and not options.parent.get("nodaemon")
    node = NodeService(clock, load, detached)
    node.setServiceParent(services)
    AdminService(clock, node).setServiceParent(services)
    return services
