"""Tells twistd that there is a service called securechat."""

from twisted.application.service import ServiceMaker

securechat = ServiceMaker(
    "securechat", "securechat.tap", "A node of a secure chat room without a server", "securechat"
)
