"""Our own calls: only to what egress lets us reach, verified, once, and nothing of them is told."""

from __future__ import annotations

import asyncio
import io
import logging
import ssl
from ipaddress import ip_address

import pytest

from gateway.egress import Egress, StandIn
from gateway.errors import (
    UpstreamForbidden,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnreachable,
    UpstreamUnresolved,
    UpstreamUntrusted,
)
from gateway.exchange import Authority
from gateway.headers import Headers
from gateway.outgoing import Call, Outgoing
from gateway.secret import Secret
from tests.engine.lab import Upstream
from tests.pki import Authority as Ca

PAN = "4539578763621486"
LOOPBACK = ip_address("127.0.0.1")


@pytest.fixture
def ca(tmp_path):
    return Ca(tmp_path)


class World:
    """An upstream that `a.test` leads to, and calls to it."""

    def __init__(self, ca, upstream, **limits):
        self.ca, self.upstream = ca, upstream
        self.limits = {"connect_seconds": 10.0, "seconds": 20.0} | limits
        self.resolved = []

    async def resolve(self, host, port):
        self.resolved.append(host)
        return [LOOPBACK] if host == "private.test" else []

    async def call(self, host="a.test", port=None, scheme="https", path="/v1/cards"):

        await self.upstream.start()
        try:
            port = port or self.upstream.port
            stand_in = StandIn(
                "a.test", self.upstream.port, "a.example", LOOPBACK, self.ca.certificate
            )
            egress = Egress(stand_ins=[stand_in], private=(), own=(), resolve=self.resolve)
            outgoing = Outgoing(egress, **self.limits)
            headers = Headers([(b"Content-Type", b"application/json")])
            self.made = Call(
                "POST", Authority(scheme, host, port), path, headers, Secret(PAN.encode())
            )
            return await outgoing.call(self.made)
        finally:
            self.upstream.server.close()
            for writer in list(self.upstream.serving.values()):
                writer.transport.abort()
            while self.upstream.serving:  # noqa: ASYNC110  # it has no event
                await asyncio.sleep(0.01)


def upstream(ca, **more):
    return Upstream(tls=more.pop("tls", None) or ca.server_context("a.test"), **more)


def test_a_call_and_its_answer(ca, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    reply = (
        b"HTTP/1.1 422 No\r\nX-One: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    world = World(ca, upstream(ca, reply=lambda *_: reply))
    answer = asyncio.run(world.call())
    assert (answer.status, answer.headers.get("x-one"), answer.body.reveal()) == (422, "1", b"abc")
    (request,) = world.upstream.requests
    head, _, body = request.partition(b"\r\n\r\n")
    port = world.upstream.port
    assert head.split(b"\r\n") == [
        b"POST /v1/cards HTTP/1.1", f"Host: a.test:{port}".encode(),
        b"Content-Type: application/json", b"Content-Length: 16", b"Connection: close",
    ]  # fmt: skip
    assert body == PAN.encode()
    assert world.upstream.sni == ["a.test"]
    assert world.resolved == []
    assert world.made.sent


def test_a_redirect_is_an_answer_like_any_other(ca):
    reply = b"HTTP/1.1 307 Elsewhere\r\nLocation: https://a.test/x\r\nContent-Length: 0\r\n\r\n"
    world = World(ca, upstream(ca, reply=lambda *_: reply))
    assert asyncio.run(world.call()).status == 307
    assert len(world.upstream.requests) == 1


def refused(world, error, **where):
    with pytest.raises(error) as caught:
        asyncio.run(world.call(**where))
    assert type(caught.value) is error
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert not world.made.sent
    assert PAN.encode() not in world.upstream.received


def test_p05_an_upstream_that_is_not_verified_gets_nothing(ca, tmp_path):
    for tls in (
        Ca(tmp_path).server_context("a.test"),
        ca.server_context("b.test"),
        ca.server_context("a.test", expired=True),
    ):
        refused(World(ca, upstream(ca, tls=tls)), UpstreamUntrusted)


def test_p05_an_upstream_that_speaks_no_tls_gets_nothing(ca):
    refused(World(ca, Upstream(), connect_seconds=0.5), UpstreamTimeout)
    refused(World(ca, upstream(ca)), UpstreamForbidden, scheme="http")


def test_p30_a_private_address_is_not_dialled(ca):
    for host in ("private.test", "127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"):
        world = World(ca, upstream(ca))
        refused(world, UpstreamForbidden, host=host)
        assert world.upstream.connections == 0


def test_p30_a_stand_in_is_one_port_and_what_has_no_address_is_not_found(ca):
    refused(World(ca, upstream(ca)), UpstreamUnresolved, port=1)
    refused(World(ca, upstream(ca)), UpstreamUnresolved, host="nowhere.test")


def test_nobody_listens(ca):
    world = World(ca, upstream(ca))

    async def call():
        egress = Egress(
            stand_ins=[StandIn("a.test", 1, "a.example", LOOPBACK, ca.certificate)],
            private=(), own=(),
        )  # fmt: skip
        call = Call("POST", Authority("https", "a.test", 1), "/", Headers(), Secret(b""))
        await Outgoing(egress, connect_seconds=1, seconds=1).call(call)

    del world
    with pytest.raises(UpstreamUnreachable):
        asyncio.run(call())


BROKEN = {
    "hangs_up": lambda *_: None,
    "garbage": lambda *_: b"oops " + PAN.encode() + b"\r\n\r\n",
    "header": lambda *_: b"HTTP/1.1 200 OK\r\nbad header " + PAN.encode() + b"\r\n\r\n",
    "cut": lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + PAN.encode(),
    "chunks": lambda *_: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + PAN.encode(),
    "upgrade": lambda *_: b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "too_long": lambda *_: b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2000000,
    "endless_head": lambda *_: b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2000000,
}  # fmt: skip


@pytest.mark.parametrize("kind", BROKEN)
def test_p16_a_broken_answer_is_one_error_that_tells_nothing(ca, kind):
    told = io.StringIO()
    handler = logging.StreamHandler(told)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        world = World(ca, upstream(ca, reply=BROKEN[kind], close=True))
        with pytest.raises(UpstreamInvalid) as caught:
            asyncio.run(world.call())
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert caught.value.__context__ is None
    assert world.made.sent
    assert len(world.upstream.requests) == 1
    assert PAN not in told.getvalue()
    assert "httpcore" not in told.getvalue()
    assert PAN not in repr(world.made) + repr(caught.value)


def test_an_answer_that_does_not_come_is_given_up_and_not_asked_for_again(ca):
    world = World(ca, upstream(ca, delay=2), seconds=0.5)
    with pytest.raises(UpstreamTimeout) as caught:
        asyncio.run(world.call())
    assert caught.value.__context__ is None
    assert world.made.sent
    assert len(world.upstream.requests) == 1


def test_what_httpcore_would_wrap_is_tls_with_the_hosts_name_already(ca):
    from gateway.outgoing import _Stream

    class Plain:
        def get_extra_info(self, name):
            return None

    stream = _Stream((None, Plain()), "a.test", None)
    for name in ("a.test", "b.test", None):
        with pytest.raises(UpstreamUntrusted):
            asyncio.run(stream.start_tls(ssl.create_default_context(), name))


def test_no_call_reads_the_systems_authorities(ca, monkeypatch):
    monkeypatch.setattr(ssl, "create_default_context", lambda *_, **__: pytest.fail("20 ms a call"))
    reply = b"HTTP/1.1 204 No Content\r\n\r\n"
    assert asyncio.run(World(ca, upstream(ca, reply=lambda *_: reply)).call()).status == 204
