"""P24: a client's machine resets its connection. What a partner answers that may not answer again is
read to its end all the same; for any other's answer nobody waits."""

from __future__ import annotations

import asyncio
import socket
import threading
from types import SimpleNamespace

import pytest

from gateway.engine.settings import Limits
from gateway.exchange import Authority
from tests.e2e.process import until
from tests.e2e.wired import reset
from tests.engine.upstream import OK, Upstream

LARGE = bytes(16_000_000)  # several times what is on its way at once: whoever writes it has to wait
LIMITS = Limits(request_seconds=10, upstream_seconds=10, upstream_connect_seconds=3)
WAYS = ("proxy", "proxy with TLS", "endpoint", "endpoint without TLS")


class Partner(Upstream):
    """Takes a request's body, slowly, and answers, once it may."""

    def __init__(self):
        super().__init__()
        self.asked, self.may_answer = threading.Event(), threading.Event()
        self.deserted = threading.Event()  # the gateway was gone before it had the answer

    async def start(self):
        await super().start()
        for listening in self.server.sockets:  # what it has not read is the gateway's to hold
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)

    async def _answer(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        self.asked.set()
        await asyncio.to_thread(self.may_answer.wait, 10)
        try:
            await self._take(reader, length)
            writer.write(OK)
            await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            self.deserted.set()

    async def _take(self, reader, length):
        while len(self.received) < length:
            left = length - len(self.received)
            self.received += await reader.readexactly(min(1 << 17, left))
            await asyncio.sleep(0.002)  # so slowly that the gateway has to wait for it again


@pytest.fixture
def partner(any_world):
    made = any_world.upstream("a.test", Partner())
    any_world.start(limits=LIMITS, proxy_tls=True, plain_endpoints=True)
    yield made
    made.may_answer.set()


def keep_answers(world, *, kept=True):
    """What `inbox:` at a route says."""

    def admit(exchange):
        exchange.route = SimpleNamespace(inbox=object() if kept else None)

    world.plan.on_admit = admit


@pytest.fixture
def open_by(any_world):
    """Opens a connection to the partner; with it, where its paths begin there."""
    wires = []

    def connect(way):
        if way.startswith("proxy"):
            wire, base = any_world.tls_proxy() if "TLS" in way else any_world.proxy(), "/"
        else:
            wire, base = any_world.plain_endpoints(), "/a/"
        wires.append(wire)
        if base == "/":
            return any_world.tunnel("a.test", wire=wire), base
        any_world.plan.endpoints["a"] = Authority("https", "a.test", any_world.port("a.test"))
        return wire if "without" in way else any_world.secured(wire), base

    yield connect
    for wire in wires:
        wire.close()


def client_reset(world, wire, body):
    """Resets the connection, and waits until the gateway has seen it; a large request waits meanwhile
    for the partner to take more of it."""
    (handler,) = world.engine._master.handlers
    reader = handler.transports[handler.client].reader
    assert until(30, lambda: handler.session.unpaused.is_set() == (body is not LARGE))
    reset(wire)
    assert until(30, lambda: reader.exception() is not None)


def ended(world):
    """The exchange, whose client was gone. Nothing of it nor of its connections is left."""
    world.wait_ended(1, 10)
    ((exchange, error),) = world.plan.ended
    master = world.engine._master
    assert until(30, lambda: not (master.handlers or master.closing or master.asides))
    assert error.code == "client_gone"
    return exchange


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("body", [b"a request", LARGE], ids=["thinks", "takes"])
def test_p24_a_reset_while_the_partner_is_busy_loses_no_answer(
    any_world, partner, open_by, way, body
):
    keep_answers(any_world)
    wire, base = open_by(way)
    wire.send(any_world.post("a.test", body, base))
    assert partner.asked.wait(10)
    client_reset(any_world, wire, body)
    partner.may_answer.set()
    assert ended(any_world).response.body == b"hi"
    assert any_world.plan.seen[-1] == "answer"
    assert bytes(partner.received) == body


@pytest.mark.parametrize("body", [b"a request", LARGE], ids=["thinks", "takes"])
def test_a_reset_ends_what_nobody_keeps(any_world, partner, open_by, body):
    keep_answers(any_world, kept=False)
    wire, base = open_by("proxy")
    wire.send(any_world.post("a.test", body, base))
    assert partner.asked.wait(10)
    client_reset(any_world, wire, body)
    if body is LARGE:  # the gateway is at rest until the partner takes more
        partner.may_answer.set()
        assert partner.deserted.wait(10)
    assert ended(any_world).response is None
    assert "answer" not in any_world.plan.seen
