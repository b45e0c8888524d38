"""What the pipeline hears of requests that ended before it, and what the engine keeps to itself."""

from __future__ import annotations

import asyncio
import time

import pytest

from gateway.engine import http1
from gateway.engine.settings import Limits
from gateway.errors import KeyRequired
from gateway.exchange import Authority
from tests.engine.upstream import OK, Upstream
from tests.engine.wire import Wire

NAMED = "my-exchange-0001"
PAN = "4111-1111-1111-1111"


def told(world, count=1):
    until = time.monotonic() + 30
    while len(world.plan.refused_heads) < count and time.monotonic() < until:
        time.sleep(0.01)
    return [(peer.listener, error.code) for peer, error in world.plan.refused_heads]


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "http_invalid"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 5000, "head_too_large"),
        (b"GET / HTTP/1.1\r\nX", "request_timeout"),
        (b"CONNECT a.test:443 HTTP/1.1\r\nHost: b.test:443\r\n\r\n", "target_ambiguous"),
        (b"CONNECT a.test:x HTTP/1.1\r\nHost: a.test:x\r\n\r\n", "http_invalid"),
    ],
)  # fmt: skip
def test_p39_a_head_that_is_refused_is_told_once(world, head, code):
    world.start(limits=Limits(head=4096, request_seconds=0.4))
    with world.proxy() as wire:
        answer = wire.send(head).response()
        assert answer.code in (code, "target_ambiguous")
        wire.rest()
    assert told(world) == [("proxy", answer.code)]
    assert not world.plan.ended


def test_p39_plain_text_where_tls_is_asked_is_told(world):
    world.upstream("a.test")
    world.start()
    with Wire(world.engine.addresses["endpoints"]) as wire:
        assert wire.send(b"GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n").rest() == b""
    with world.connect("a.test") as wire:
        assert wire.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").rest() == b""
    assert told(world, 2) == [("endpoints", "http_invalid"), ("proxy", "http_invalid")]


def test_p39_who_says_nothing_or_is_admitted_is_not_told(world):
    world.upstream("a.test")
    world.start(limits=Limits(request_seconds=0.3))
    with world.proxy() as wire:
        assert wire.rest() == b""
    with world.tunnel("a.test") as wire:
        assert wire.ask(world.get("a.test")).status == 200
    world.wait_ended(1)
    assert not world.plan.refused_heads


@pytest.mark.parametrize("name", [NAMED, PAN])
def test_p16_a_refused_request_does_not_name_itself(world, name):
    """Whatever the pipeline took before it refused: the engine gives a fresh id."""
    world.upstream("a.test")
    world.start()

    def admit(exchange):
        exchange.id = name
        raise KeyRequired

    world.plan.on_admit = admit
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.get("a.test", extra=f"X-Gateway-Exchange: {name}\r\n"))
        assert answer.status == 401
        assert name.encode() not in wire.got
    world.wait_ended(1)
    assert world.plan.ended[0][0].id == answer.one("x-gateway-exchange") != name


@pytest.mark.parametrize("name", [NAMED, PAN])
def test_p16_a_request_without_a_target_does_not_name_itself(world, name):
    world.start()
    with world.proxy() as wire:
        answer = wire.ask(
            f"GET / HTTP/1.1\r\nHost: a\r\nX-Gateway-Exchange: {name}\r\n\r\n".encode()
        )
        assert answer.code == "http_invalid"
        assert name.encode() not in wire.got


def test_the_name_that_admission_took_is_kept(world):
    world.upstream("a.test")
    world.start()
    world.plan.on_admit = lambda exchange: setattr(exchange, "id", NAMED)
    with world.tunnel("a.test") as wire:
        assert wire.ask(world.get("a.test")).one("x-gateway-exchange") == NAMED


class Speaker(Upstream):
    """Can be made to speak unasked."""

    writers: list[asyncio.StreamWriter]

    async def _serve(self, reader, writer):
        self.__dict__.setdefault("writers", []).append(writer)
        await super()._serve(reader, writer)


def test_p34_an_upstream_that_speaks_while_we_work_is_not_used_again(any_world):
    """Its words would be taken for the answer to the request that is worked on."""
    upstream = any_world.upstream("a.test", Speaker())
    any_world.start()
    stale = OK.replace(b"\r\n\r\nhi", b"\r\n\r\nNO")
    plain_send = any_world.plan.send

    async def send(exchange):
        await plain_send(exchange)
        if exchange.request.path == "/two":
            upstream.writers[0].write(stale)
            await asyncio.sleep(0.2)

    any_world.plan.send = send
    with any_world.tunnel("a.test") as wire:
        assert wire.ask(any_world.get("a.test", "/one")).body == b"hi"
        assert wire.ask(any_world.get("a.test", "/two")).body == b"hi"
        assert wire.ask(any_world.get("a.test", "/three")).body == b"hi"
    assert upstream.connections == 2


# --- tiny chunks ----------------------------------------------------------------------------------


def chunked(size, count):
    return (b"%x\r\n" % size + b"x" * size + b"\r\n") * count


def test_p33_a_body_of_tiny_chunks_is_refused():
    body, buffer = http1.ChunkedBody(), bytearray(chunked(1, 20_000))
    with pytest.raises(http1.Malformed):
        body.feed(buffer)
    assert len(body.parts) < 1_200


def test_p33_few_tiny_chunks_and_many_small_ones_pass():
    for size, count in ((1, 900), (40, 20_000)):
        body = http1.ChunkedBody()
        body.feed(bytearray(chunked(size, count) + b"0\r\n\r\n"))
        assert body.done
        assert b"".join(body.parts) == b"x" * size * count


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 7])
def test_p34_chunks_in_pieces(cut):
    raw = chunked(11, 3) + chunked(300, 2) + b"0\r\n\r\n"
    body, buffer = http1.ChunkedBody(), bytearray()
    for at in range(0, len(raw), cut):
        buffer += raw[at : at + cut]
        body.feed(buffer)
    assert body.done
    assert not buffer
    assert b"".join(body.parts) == b"x" * 633


def test_p33_tiny_chunks_on_the_wire(world):
    tiny = chunked(1, 5_000) + b"0\r\n\r\n"
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + tiny
    upstream = world.upstream("a.test", Upstream(lambda *_: reply))
    world.start()
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.get("a.test"))
        assert (answer.status, answer.code) == (502, "upstream_invalid")
    with world.tunnel("a.test") as wire:
        wire.send(
            f"POST / HTTP/1.1\r\nHost: a.test:{upstream.port}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n".encode()
            + tiny
        )
        answer = wire.response()
        assert (answer.status, answer.code) == (400, "http_invalid")
    assert len(upstream.requests) == 1


# --- ways past the gateway ------------------------------------------------------------------------


def reply_with(*fields):
    return b"HTTP/1.1 201 Made\r\n" + b"".join(f + b"\r\n" for f in fields) + b"Content-Length: 0\r\n\r\n"  # fmt: skip


def test_p08_alt_svc_is_dropped(world):
    world.upstream("a.test", Upstream(lambda *_: reply_with(b'Alt-Svc: h3=":443"', b"X-Kept: 1")))
    world.start()
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.get("a.test"))
    assert (answer.one("alt-svc"), answer.one("x-kept")) == (None, "1")


@pytest.mark.parametrize(
    ("field", "kept"),
    [
        ("Location: https://pms.test/x", False),
        ("Location: //pms.test/x", False),
        ("Location: /\\pms.test/x", False),
        ("Location: /\t/pms.test/x", False),
        ("Location: HTTPS:pms.test", False),
        ("Content-Location: http://pms.test/x", False),
        ("Refresh: 5; url=https://pms.test/", False),
        ("Location: /bookings/1?a=b:c", True),
        ("Location: bookings/1", True),
        ("Content-Location: ?page=2", True),
    ],
)
def test_p08_an_endpoint_sends_nobody_past_the_gateway(world, field, kept):
    server = world.upstream("a.test", Upstream(lambda *_: reply_with(field.encode())))
    world.start()
    world.plan.endpoints["a"] = Authority("https", "a.test", server.port)
    name = field.partition(":")[0].lower()
    with world.endpoints() as wire:
        answer = wire.ask(b"GET /a/x HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
    assert bool(answer.all(name)) is kept
    with world.tunnel("a.test") as wire:  # the proxy's client asked that host itself
        assert wire.ask(world.get("a.test")).all(name)


def test_the_clients_own_slowness_is_not_ours(world):
    upstream = world.upstream("a.test")
    world.start()
    with world.tunnel("a.test") as wire:
        wire.send(
            f"POST / HTTP/1.1\r\nHost: a.test:{upstream.port}\r\nContent-Length: 2\r\n\r\n".encode()
        )
        time.sleep(0.6)
        assert wire.ask(b"hi").status == 200
    world.wait_ended(1)
    assert world.plan.ended[0][0].seconds["gateway"] < 0.4
