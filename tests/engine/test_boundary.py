"""P01, P02, P08, P16: whatever happens inside, nothing is forwarded and nothing is told."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest
from mitmproxy.exceptions import AddonHalt
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode

from gateway.engine.boundary import CLEARED, Guard
from gateway.engine.settings import Limits
from gateway.errors import InternalError, VaultUnavailable
from gateway.exchange import Response
from gateway.headers import Headers
from tests.engine.upstream import OK, Upstream

CANARY = b"4929000000006"


class Odd(BaseException):
    """Neither an Exception nor one of the interpreter's own."""


FAULTS = [RuntimeError, MemoryError, RecursionError, AddonHalt, AssertionError, Odd, StopIteration]
FAULTS += [StopAsyncIteration, KeyError, VaultUnavailable, asyncio.TimeoutError, GeneratorExit]


def _raise(fault):
    def do(*_):
        raise fault(CANARY) if fault is not VaultUnavailable else fault()

    return do


@pytest.mark.parametrize("stage", ["connect", "admit", "send", "answer"])
def test_p01_an_exception_at_any_stage_forwards_nothing(world, stage):
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + CANARY
    upstream = world.upstream("a.test", Upstream(lambda *_: reply))
    world.start()
    port = upstream.port
    for fault in FAULTS:
        wire = world.proxy() if stage == "connect" else world.tunnel("a.test")
        with wire:
            if stage == "connect":
                world.plan.on_connect = _raise(fault)
                wire.send(f"CONNECT a.test:{port} HTTP/1.1\r\nHost: a.test:{port}\r\n\r\n".encode())
            else:
                setattr(world.plan, f"on_{stage}", _raise(fault))
                wire.send(world.post("a.test", CANARY))
            answer = wire.response()
            wanted = "vault_unavailable" if fault is VaultUnavailable else "internal"
            assert answer.code == wanted, fault
            assert wire.rest() == b""
            assert CANARY not in wire.got
    if stage != "answer":
        assert CANARY not in upstream.received
        assert not upstream.requests
    assert CANARY.decode() not in world.log.getvalue()
    world.wait_ended(0 if stage == "connect" else len(FAULTS))
    assert all(error is not None for _, error in world.plan.ended)


@pytest.mark.parametrize("stage", ["admit", "send", "answer"])
def test_p01_a_cancellation_from_within_closes(world, stage):
    upstream = world.upstream("a.test")
    world.start()
    setattr(world.plan, f"on_{stage}", _raise(asyncio.CancelledError))
    with world.tunnel("a.test") as wire:
        assert wire.send(world.post("a.test", CANARY)).rest() == b""
    assert stage == "answer" or not upstream.requests
    world.wait_ended(1)


def test_p01_endless_recursion_forwards_nothing(world):
    upstream = world.upstream("a.test")
    world.start()

    def sink(exchange):
        return sink(exchange)

    world.plan.on_send = sink
    with world.tunnel("a.test") as wire:
        assert wire.ask(world.post("a.test", CANARY)).code == "internal"
    assert not upstream.requests


def test_p01_an_exception_in_the_layer_is_answered_in_fixed_words(world, monkeypatch):
    upstream = world.upstream("a.test")
    world.start()
    monkeypatch.setattr("gateway.engine.http.read_target", _raise(MemoryError))
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.post("a.test", CANARY))
        assert (answer.status, answer.code) == (502, "internal")
        assert wire.rest() == b""
    assert not upstream.received


def test_p01_an_exception_below_the_layers_closes(world, monkeypatch):
    upstream = world.upstream("a.test")
    world.start()
    monkeypatch.setattr("gateway.engine.layers.fingerprint", _raise(MemoryError))
    wire = world.proxy()
    context = world.ca.client_context()
    monkeypatch.setattr("gateway.engine.layers.Tls.start_tls", _raise(RuntimeError))
    with world.connect("a.test", wire=wire), pytest.raises(ConnectionError):
        wire.start_tls(context, "a.test")
    assert upstream.connections == 0


def test_p01_a_header_that_a_stage_broke_is_not_sent(world):
    upstream = world.upstream("a.test")
    world.start()

    def split(exchange):
        headers = exchange.request.headers
        headers.fields = [*headers, (b"X-Token", b"a\r\nX-Evil: 1")]

    world.plan.on_send = split
    with world.tunnel("a.test") as wire:
        assert wire.ask(world.get("a.test")).code == "internal"
    assert not upstream.received
    world.plan.on_send = lambda exchange: None

    def split_answer(exchange):
        exchange.response.reason = "OK\r\nX-Evil: 1"

    world.plan.on_answer = split_answer
    with world.tunnel("a.test") as wire:
        assert wire.ask(world.get("a.test")).code == "internal"
    assert b"X-Evil" not in wire.got


def test_p01_failing_to_end_harms_nobody(world):
    world.upstream("a.test")
    world.start()
    world.plan.on_end = _raise(RuntimeError)
    with world.tunnel("a.test") as wire:
        for _ in range(2):
            assert wire.ask(world.get("a.test")).status == 200
    world.wait_ended(2)


def test_p02_a_response_set_beforehand_is_not_sent(world):
    upstream = world.upstream("a.test")
    world.start()

    def preset(exchange):
        exchange.response = Response(200, "OK", Headers(), CANARY)

    world.plan.on_admit = preset
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.get("a.test"))
        assert answer.body == b"hi"  # upstream's, which went through `answer`
    world.plan.on_admit = lambda exchange: None
    world.plan.on_answer = preset  # another object than the one that came in
    with world.tunnel("a.test") as wire:
        assert wire.ask(world.get("a.test")).code == "internal"
        assert CANARY not in wire.got
    assert len(upstream.requests) == 2


def test_p02_clearance_is_said_not_assumed():
    guard = Guard()
    with guard:
        pass
    assert isinstance(guard.verdict, InternalError)
    with guard:
        guard.clear()
        raise MemoryError
    assert isinstance(guard.verdict, InternalError)
    with guard:
        guard.clear()
    assert guard.verdict is CLEARED
    with contextlib.suppress(asyncio.CancelledError), guard:
        guard.clear()
        raise asyncio.CancelledError
    assert guard.verdict is not CLEARED


@pytest.mark.parametrize("said", [None, True, "cleared", 200])
@pytest.mark.parametrize("stage", ["admit", "send", "answer"])
def test_p02_only_a_clearance_lets_a_message_go_on(world, monkeypatch, stage, said):
    """Not whatever is no refusal: a stage that says nothing at all has cleared nothing."""
    upstream = world.upstream("a.test")
    world.start()

    async def later(*_):
        return said

    verdict = (lambda *_: said) if stage == "admit" else later
    monkeypatch.setattr(f"gateway.engine.boundary.Boundary.{stage}", verdict)
    with world.tunnel("a.test") as wire:
        assert wire.ask(world.post("a.test", CANARY)).code == "internal"
        assert CANARY not in wire.got
    assert bool(upstream.requests) == (stage == "answer")


def test_p01_a_client_that_leaves_is_noted_and_its_request_not_sent(world):
    upstream = world.upstream("a.test")
    world.start()
    reached, go_on = asyncio.Event(), asyncio.Event()
    original = world.plan.send

    async def slow(exchange):
        reached.set()
        await go_on.wait()
        await original(exchange)

    world.plan.send = slow
    wire = world.tunnel("a.test")
    wire.send(world.post("a.test", CANARY))

    async def wait():
        await reached.wait()

    world.loop.do(wait())
    wire.close()

    async def resume():
        await asyncio.sleep(0.1)
        go_on.set()

    world.loop.do(resume())
    world.wait_ended(1)
    assert world.plan.ended[0][1].code == "client_gone", world.log.getvalue()
    assert CANARY not in upstream.received


@pytest.mark.parametrize(
    "extra",
    [
        "Upgrade: websocket\r\nConnection: Upgrade\r\n",
        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings\r\n",
        "Connection: upgrade\r\n",
        "Upgrade: websocket\r\n",
        "Trailer: X-Card\r\n",
        "Expect: 200-ok\r\n",
    ],
)
def test_p08_upgrades_and_trailers_are_refused(world, extra):
    upstream = world.upstream("a.test")
    world.start()
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.get("a.test", extra=extra))
        assert (answer.status, answer.code) == (400, "http_invalid")
        assert wire.rest() == b""
    assert upstream.connections == 0


@pytest.mark.parametrize("port", [53, 5353, 443])
@pytest.mark.parametrize(
    "first", [b"\x00\x1d\x12\x34", b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n", b"SSH-2.0"]
)
def test_p08_only_tls_may_follow_a_connect(world, first, port):
    dialled = []

    async def resolve(host, port):
        dialled.append((host, port))
        return []

    world.start(resolve=resolve)
    with world.connect("dns.test", port) as wire:
        assert wire.send(first + CANARY).rest() == b""
    assert not dialled


def test_p08_alpn_never_agrees_on_h2(world):
    world.upstream("a.test")
    world.start(proxy_tls=True)
    context = world.ca.client_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with world.proxy().start_tls(context, "gateway.test") as wire:
        assert wire._stack[0][0].selected_alpn_protocol() == "http/1.1"
    context.set_alpn_protocols(["h2"])
    with world.proxy().start_tls(context, "gateway.test") as wire:
        assert wire._stack[0][0].selected_alpn_protocol() is None
        answer = wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").response()
        assert answer.code == "http_invalid"


def test_p08_a_switch_that_upstream_starts_is_refused(world):
    reply = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    world.upstream("a.test", Upstream(lambda *_: reply + CANARY))
    world.start()
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.get("a.test"))
        assert (answer.status, answer.code) == (502, "upstream_invalid")
        wire.rest()
    assert CANARY not in wire.got


def test_p16_libraries_log_nothing(world):
    world.upstream("a.test", Upstream(lambda *_: b"garbage " + CANARY + b"\r\n\r\n"))
    world.start(limits=Limits(request_seconds=1))
    for name in ("mitmproxy.proxy.server", "mitmproxy", "asyncio", "h11"):
        logging.getLogger(name).critical("says %s", CANARY.decode())
    with world.tunnel("a.test") as wire:
        assert wire.ask(world.get("a.test")).code == "upstream_invalid"
    with world.proxy() as wire:
        wire.send(b"GET http://a.test/ HTTP/1.1\r\n" + CANARY)
        wire.close()
    world.loop.loop.call_soon_threadsafe(_raise(RuntimeError))
    with world.tunnel("a.test") as wire:
        wire.ask(world.get("a.test"))
    log = world.log.getvalue()
    assert CANARY.decode() not in log
    assert "unhandled_error" in log


def test_p16_own_lines_name_kind_and_place_only(world):
    world.upstream("a.test", Upstream(lambda *_: OK))
    world.start()
    world.plan.on_send = _raise(ValueError)
    with world.tunnel("a.test") as wire:
        wire.ask(world.get("a.test"))
    log = world.log.getvalue()
    assert "ValueError" in log
    assert "test_boundary.py:" in log
    assert CANARY.decode() not in log


def test_p08_a_layer_of_mitmproxys_own_ends_the_connection(world, monkeypatch):
    """Its hooks are not on the list, so that its first one closes everything."""
    dialled = []

    async def resolve(host, port):
        dialled.append(host)
        return []

    world.start(resolve=resolve)

    def stock(self, first):
        self.context.server.address = ("a.test", 80)
        return HttpLayer(self.context, HTTPMode.transparent)

    monkeypatch.setattr("gateway.engine.layers.Entrance._decide", stock)
    with world.proxy() as wire:
        assert (
            wire.send(b"GET / HTTP/1.1\r\nHost: a.test\r\nX: " + CANARY + b"\r\n\r\n").rest() == b""
        )
    assert not dialled
    assert CANARY.decode() not in world.log.getvalue()
