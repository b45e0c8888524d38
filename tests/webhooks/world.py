"""A vault, the outbox's job, and a receiver with real TLS; only the clock is the test's."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address

from gateway.config_webhook import Webhook
from gateway.egress import Egress, StandIn
from gateway.metrics import Metrics
from gateway.outgoing import Outgoing
from gateway.vault.notices import NewNotice
from gateway.webhooks import parts
from tests.engine.upstream import Upstream
from tests.pki import Authority as Ca
from tests.running import LoopThread
from tests.vault.makers import NOON, Clock, open_vault, rows

LOOPBACK = ip_address("127.0.0.1")
SECRET = "webhook-secret-of-the-tests"
TAKEN = b"HTTP/1.1 204 Taken\r\n\r\n"


def new(subject="charge-a", kind="charge.succeeded", client="pms", **more):
    return NewNotice(client, kind, subject, {"amount": 12500, "currency": "EUR"}, **more)


def status(code, *headers):
    lines = [f"HTTP/1.1 {code} Said", *headers, "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


class Site:
    """`replies`: what the receiver answers, one after the other; the last one from then on."""

    def __init__(
        self, directory, *, url=None, tls=None, delay=0.0, seconds=20.0, told=("pms",), ca=None
    ):
        self.directory, self.clock, self.metrics = directory, Clock(), Metrics()
        self.replies = [TAKEN]
        self.ca, self.seconds = ca or Ca(directory), seconds
        self.receiver = Upstream(
            reply=lambda *_: self.replies.pop(0) if len(self.replies) > 1 else self.replies[0],
            tls=tls or self.ca.server_context("pms.test"),
            close=True,
            delay=delay,
        )
        self.loop = LoopThread()
        self.loop.call(self.receiver.start())
        self.told, self.url = told, url or f"https://pms.test:{self.receiver.port}/hook?a=b"
        self.vault = open_vault(directory, clock=self.clock, told=told)
        self.jobs = self.job(self.vault)

    def job(self, vault):
        """The job of another process on the same vault."""
        webhook = Webhook.model_validate(
            {"url": self.url, "secret": {"env": "HOOK_SECRET"}, "retry_seconds": (10, 60)}
        )
        port = self.receiver.port
        stand_in = StandIn("pms.test", port, "pms.example", LOOPBACK, self.ca.certificate)
        sender = Outgoing(
            Egress(stand_ins=[stand_in], private=(), own=()),
            connect_seconds=self.seconds,
            seconds=self.seconds,
        )
        return parts.build(
            dict.fromkeys(self.told, webhook),
            table=vault.notices,
            sender=sender,
            metrics=self.metrics,
            clock=self.clock,
        )

    def put(self, *notices):
        self.loop.call(self.vault.notices.put(notices))

    def turn(self, seconds=None):
        """What is due so many seconds after noon."""
        if seconds is not None:
            self.clock.now = NOON + timedelta(seconds=seconds)
        for lane in self.jobs.lanes:
            self.loop.call(lane.turn())

    def requests(self):
        """Of each attempt that arrived: its headers, and its body."""
        for request in self.receiver.requests:
            head, _, body = request.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            yield dict(line.split(": ", 1) for line in lines[1:]) | {"": lines[0]}, body

    def said(self):
        return [json.loads(body) for _, body in self.requests()]

    def subjects(self):
        return [said["subject"] for said in self.said()]

    def rows(self):
        """State, tries and code of each that is kept, the first kept first."""
        with rows(self.directory) as connection:
            return connection.execute(
                "SELECT state, tries, code FROM notice ORDER BY number"
            ).fetchall()

    def stop(self):
        self.loop.call(self.receiver.stop())
        self.vault.close()
        self.loop.stop()


@contextmanager
def site(directory, monkeypatch, **more):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    made = Site(directory, **more)
    try:
        yield made
    finally:
        made.stop()
