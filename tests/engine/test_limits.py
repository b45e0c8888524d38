"""P33: peers that are slow, endless or many."""

from __future__ import annotations

import select
import socket
import time
from ipaddress import ip_address

import pytest

from gateway.engine.settings import Limits
from gateway.errors import ProxyKeyInvalid, RouteUnknown
from gateway.exchange import Blind
from tests.engine.upstream import OK, Upstream
from tests.engine.wire import Wire

LOOPBACK = ip_address("127.0.0.1")
QUICK = Limits(
    head=4096,
    body=100_000,
    request_seconds=0.4,
    idle_seconds=0.6,
    upstream_seconds=0.5,
    upstream_connect_seconds=1,
)


def _closes(wire: Wire, within: float) -> bool:
    wire.sock.settimeout(within)
    try:
        wire.rest()
    except TimeoutError:
        return False
    return True


def test_p33_nothing_at_all_is_closed(any_world):
    any_world.start(limits=QUICK)
    with any_world.proxy() as wire:
        assert _closes(wire, 5)
    assert not wire.got


def _drip(wire: Wire, data: bytes) -> float:
    """Sends byte by byte until an answer comes; how long that took. Whoever stops dripping is cut
    off in any case: only what comes meanwhile shows that dripping does not help."""
    began = time.monotonic()
    for byte in data:
        wire.send(bytes([byte]))
        if select.select([wire.sock], [], [], 0.02)[0]:
            return time.monotonic() - began
    raise AssertionError("dripping kept it alive")


def test_p33_slow_head_times_out_though_it_drips(world):
    world.start(limits=QUICK)
    with world.proxy() as wire:
        assert 0.3 < _drip(wire, b"GET http://a.test/" + b"a" * 200) < 2
        answer = wire.response()
        assert (answer.status, answer.code) == (408, "request_timeout")


def test_p33_slow_body_times_out_though_it_drips(world):
    upstream = world.upstream("a.test")
    world.start(limits=QUICK)
    with world.proxy() as wire:  # not in a tunnel: TLS has bytes of its own that come early
        place = f"a.test:{upstream.port}"
        head = f"POST http://{place}/ HTTP/1.1\r\nHost: {place}\r\nContent-Length: 9999\r\n\r\n"
        wire.send(head.encode())
        assert 0.3 < _drip(wire, b"x" * 200) < 2
        answer = wire.response()
        assert (answer.status, answer.code) == (408, "request_timeout")
    assert upstream.connections == 0


@pytest.mark.parametrize(
    "start", [b"", b"\x16", b"\x16\x03\x01\x40\x00" + b"\x01\x00\x3f\xfc" + b"x" * 99]
)
def test_p33_a_handshake_that_never_ends_is_cut_off(world, start):
    world.start(limits=QUICK, proxy_tls=True)
    with world.proxy() as wire:
        wire.send(start)
        assert _closes(wire, 6)


def test_p33_an_endless_client_hello_is_not_buffered(world):
    world.start(proxy_tls=True)
    record = b"\x16\x03\x01\x40\x00" + b"\x01\xff\xff\xff" + b"x" * (0x4000 - 4)
    with world.proxy() as wire:
        wire.sock.settimeout(5)
        sent = 0
        try:
            while sent < 8_000_000:
                wire.sock.sendall(record)
                sent += len(record)
        except OSError:
            pass
        assert sent < 8_000_000


def test_p33_idle_after_an_exchange_is_closed(world):
    world.upstream("a.test")
    world.start(limits=QUICK)
    with world.tunnel("a.test") as wire:
        assert wire.ask(world.get("a.test")).status == 200
        assert _closes(wire, 5)


def test_p33_head_over_the_limit_is_431_on_each_listener(world):
    world.upstream("a.test")
    world.start(limits=QUICK)
    head = b"GET / HTTP/1.1\r\n" + b"X-Filler: " + b"a" * 5000
    wires = (world.proxy(), world.tunnel("a.test"), world.endpoints())
    for wire in wires:
        with wire:
            answer = wire.send(head).response()
            assert (answer.status, answer.code) == (431, "head_too_large")
    assert not world.plan.ended


def test_p33_body_over_the_limit_is_413_before_it_was_read(world):
    upstream = world.upstream("a.test")
    world.start(limits=QUICK)
    host = f"Host: a.test:{upstream.port}\r\n"
    with world.tunnel("a.test") as wire:
        answer = wire.ask(
            f"POST / HTTP/1.1\r\n{host}Expect: 100-continue\r\nContent-Length: 100001\r\n\r\n".encode()
        )
        assert (answer.status, answer.code) == (413, "body_too_large")
    with world.tunnel("a.test") as wire:
        wire.send(f"POST / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n".encode())
        wire.send((b"4000\r\n" + b"x" * 0x4000 + b"\r\n") * 8)
        assert wire.response().code == "body_too_large"
    assert upstream.connections == 0


def test_p33_upstreams_limits(world):
    replies = [
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n"
        + b"x" * 0x20000
        + b"\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000,
    ]
    world.upstream("a.test", Upstream(lambda _, n: replies[n - 1]))
    world.start(limits=QUICK)
    codes = []
    for _ in replies:
        with world.tunnel("a.test") as wire:
            answer = wire.ask(world.get("a.test"))
            assert answer.status == 502
            codes.append(answer.code)
    assert codes == ["upstream_invalid", "body_too_large", "body_too_large", "body_too_large"]


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
def test_p33_upstream_that_does_not_finish_times_out(world, reply):
    world.upstream("a.test", Upstream(lambda *_: reply))
    world.start(limits=QUICK)
    with world.tunnel("a.test") as wire:
        answer = wire.ask(world.get("a.test"))
    assert (answer.status, answer.code) == (504, "upstream_timeout")


def test_p33_nobody_dials_before_admission(world):
    upstream = world.upstream("a.test")
    asked = []

    async def resolve(host, port):
        asked.append((host, port))
        return [LOOPBACK]

    world.start(resolve=resolve, trusted=False)  # a stand-in's name is not looked up

    def refuse(exchange):
        raise RouteUnknown

    world.plan.on_admit = refuse
    with world.tunnel("a.test") as wire:
        head = f"POST / HTTP/1.1\r\nHost: a.test:{upstream.port}\r\nContent-Length: 900000\r\n\r\n"
        answer = wire.ask(head.encode() + b"x")  # refused without waiting for the body
        assert (answer.status, answer.code) == (403, "route_unknown")
        wire.send(b"x" * 100_000)  # and what is on its way does not destroy the answer
    world.wait_ended(1)
    assert not asked  # an upstream counts a connection only once its handshake is over
    assert upstream.connections == 0


def test_p33_the_oldest_stranger_gives_way_when_connections_run_out(world):
    world.upstream("a.test")
    world.start(limits=Limits(connections=3))
    known = world.tunnel("a.test")
    assert known.ask(world.get("a.test")).status == 200
    strangers = [world.proxy() for _ in range(6)]
    time.sleep(0.2)
    assert _closes(strangers[0], 2)
    assert known.ask(world.get("a.test")).status == 200
    with world.tunnel("a.test") as late:
        assert late.ask(world.get("a.test")).status == 200
    for wire in (known, *strangers):
        wire.close()


def test_p33_refusals_of_one_packet_let_others_have_their_turn(any_world):
    world, turns, seen = any_world, [0], []

    def refuse(*_):
        raise ProxyKeyInvalid

    async def note(*_):
        seen.append(turns[0])

    def turn():
        turns[0] += 1
        if len(seen) < 200:
            world.loop.loop.call_soon(turn)

    world.plan.on_connect, world.plan.refused_connect = refuse, note
    world.start()
    world.loop.loop.call_soon_threadsafe(turn)
    with world.proxy() as wire:
        wire.send(b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n" * 200)
        until = time.monotonic() + 10
        while len(seen) < 200 and time.monotonic() < until:
            time.sleep(0.01)
    assert len(set(seen)) == 200  # the loop went round between any two


def test_p33_a_client_that_runs_ahead_is_held_back(world):
    world.upstream("a.test", Upstream(lambda *_: OK, delay=1.0))
    world.start()
    with world.tunnel("a.test") as wire:
        wire.send(world.get("a.test"))
        wire.sock.settimeout(0.5)
        flood, sent = b"GET / HTTP/1.1\r\n" * 4096, 0
        try:
            while sent < 64_000_000:
                wire._put(flood, 1)
                sent += len(flood)
        except TimeoutError:
            pass
        assert sent < 32_000_000  # the kernel's buffers, not ours


def test_p33_a_relay_ends_when_it_is_idle(world):
    world.upstream("blind.test")
    world.start(limits=QUICK)
    world.plan.on_connect = lambda peer, host, port, headers: Blind(host, port)
    with world.connect("blind.test") as wire:
        wire.start_tls(world.ca.client_context(), "blind.test")
        assert _closes(wire, 6)


def test_p33_plain_text_is_refused_where_tls_is_asked(world):
    world.start()
    with Wire(world.engine.addresses["endpoints"]) as wire:
        assert wire.send(b"GET / HTTP/1.1\r\nHost: gateway.test\r\n\r\n").rest() == b""
    with Wire(world.engine.addresses["proxy"]) as wire:  # no TLS on this one
        assert wire.send(b"\x16\x03\x01\x00\x05hello").rest() == b""
    assert isinstance(wire.sock, socket.socket)
