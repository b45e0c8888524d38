"""P36: the exchange knows whether any of its request has left, whatever becomes of it."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from gateway.engine.settings import Limits
from gateway.errors import CardDisguised
from tests.engine.upstream import OK, Upstream

PATIENT = Limits(request_seconds=30, upstream_seconds=30, upstream_connect_seconds=30)
SILENT = replace(PATIENT, upstream_seconds=1)  # for an answer that never comes
MUTE = replace(PATIENT, upstream_connect_seconds=1)  # for a handshake that never ends


def _ended(world, number=1):
    world.wait_ended(number)
    exchange, error = world.plan.ended[-1]
    return exchange.sent, error.code if error else None


def _ask(world):
    with world.tunnel("a.test") as wire:
        return wire.ask(world.post("a.test", b"card"))


def test_p36_nothing_left_for_an_upstream_that_does_not_listen(any_world):
    upstream = any_world.upstream("a.test")
    any_world.start(limits=PATIENT)
    any_world.loop.do(upstream.stop())
    _ask(any_world)
    assert _ended(any_world) == (False, "upstream_unreachable")


def test_p36_nothing_left_for_an_upstream_that_does_not_shake_hands(any_world):
    async def mute(reader, writer):
        await reader.read()
        writer.close()

    upstream = Upstream()
    upstream._serve = mute
    any_world.upstream("a.test", upstream, tls=False)
    any_world.start(limits=MUTE)
    _ask(any_world)
    assert _ended(any_world) == (False, "upstream_timeout")


def test_p36_nothing_left_for_an_upstream_that_is_not_trusted(any_world, ca):
    any_world.upstream("a.test", Upstream(tls=ca.server_context("b.test")))
    any_world.start(limits=PATIENT)
    _ask(any_world)
    assert _ended(any_world) == (False, "upstream_untrusted")


def test_p36_nothing_left_of_what_was_refused(world):
    def refuse(exchange):
        raise CardDisguised

    world.upstream("a.test")
    world.plan.on_send = refuse
    world.start(limits=PATIENT)
    _ask(world)
    assert _ended(world) == (False, "card_disguised")


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (lambda *_: None, "upstream_invalid"),
        (lambda *_: b"no HTTP\r\n\r\n", "upstream_invalid"),
        (lambda *_: OK[:-1], "upstream_timeout"),
        (lambda *_: b"", "upstream_timeout"),
        (lambda *_: OK, None),
    ],
    ids=["closed", "refused", "cut", "silent", "answered"],
)
def test_p36_what_was_written_has_left(any_world, reply, code):
    any_world.upstream("a.test", Upstream(reply))
    any_world.start(limits=SILENT if code == "upstream_timeout" else PATIENT)
    _ask(any_world)
    assert _ended(any_world) == (True, code)


def test_p36_it_has_left_before_the_last_of_a_large_request_is_taken(world):
    """The partner reads a part and breaks: what it has read may be all it needed."""

    async def hasty(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    upstream = Upstream()
    upstream._serve = hasty
    world.upstream("plain.test", upstream, tls=False)
    world.start(limits=PATIENT)
    port, body = upstream.port, b"x" * 4_000_000
    with world.proxy() as wire, contextlib.suppress(ConnectionError):
        wire.ask(
            f"POST http://plain.test:{port}/ HTTP/1.1\r\nHost: plain.test:{port}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
    assert _ended(world) == (True, "upstream_invalid")


def test_p36_each_exchange_of_a_connection_knows_for_itself(world):
    upstream = world.upstream("a.test", Upstream(close=True))
    world.start(limits=PATIENT)
    with world.tunnel("a.test") as wire:
        assert wire.ask(world.get("a.test")).status == 200
        assert _ended(world) == (True, None)
        world.loop.do(upstream.stop())
        assert wire.ask(world.get("a.test")).code == "upstream_unreachable"
    assert _ended(world, 2) == (False, "upstream_unreachable")
