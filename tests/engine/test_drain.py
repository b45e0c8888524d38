"""P40: stopping finishes what is in hand, and only that."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from gateway.egress import Egress
from gateway.engine.master import Engine
from gateway.engine.settings import EngineSettings, ListenerSettings
from tests.e2e.process import until
from tests.engine.lab import Plan
from tests.engine.upstream import OK, Upstream


def _has(upstream, count: int) -> None:
    """Waits until the partner has so many requests."""
    assert until(30, lambda: len(upstream.requests) == count)


def _stop(world, grace: float) -> threading.Thread:
    thread = threading.Thread(target=lambda: world.loop.do(world.engine.stop(grace)))
    thread.start()
    return thread


def test_p40_running_exchanges_finish_and_say_close(any_world):
    upstream = any_world.upstream("a.test", Upstream(delay=2.5))
    any_world.start()
    idle = any_world.tunnel("a.test")
    wires = [any_world.tunnel("a.test") for _ in range(4)]
    for wire in wires:
        wire.send(any_world.get("a.test"))
    _has(upstream, 4)
    stopping = _stop(any_world, 30)
    for wire in wires:
        answer = wire.response()
        assert (answer.status, answer.body, answer.one("connection")) == (200, b"hi", "close")
        assert wire.rest() == b""
        wire.close()
    assert idle.rest() == b""
    idle.close()
    stopping.join(30)
    assert not stopping.is_alive()
    assert len(any_world.plan.ended) == 4
    assert all(error is None for _, error in any_world.plan.ended)
    with pytest.raises(OSError):
        socket.create_connection(any_world.engine.addresses["proxy"], 1).close()


def test_p40_grace_ends(world):
    upstream = world.upstream("a.test", Upstream(delay=60))
    world.start()
    with world.tunnel("a.test") as wire:
        wire.send(world.get("a.test"))
        _has(upstream, 1)
        began = time.monotonic()
        stopping = _stop(world, 0.5)
        assert wire.rest() == b""
        stopping.join(30)
        assert time.monotonic() - began < 20  # far less than the partner takes
    assert [error.code for _, error in world.plan.ended] == ["client_gone"]


def test_p40_what_the_pipeline_has_in_hand_is_finished(world):
    world.upstream("a.test")
    world.start()
    begun, finished = threading.Event(), []

    async def answer(exchange):
        begun.set()
        await asyncio.sleep(0.6)
        finished.append(exchange.id)

    world.plan.answer = answer
    with world.tunnel("a.test") as wire:
        wire.send(world.get("a.test"))
        assert begun.wait(30)
        _stop(world, 0.05).join(30)
    assert len(finished) == 1
    assert len(world.plan.ended) == 1


class Deaf:
    """An upstream that answers once and then takes nothing more in, TLS' close_notify included."""

    def __init__(self, context) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        plain, _ = self._listener.accept()
        self._below = plain.dup()
        self._tls = self._context.wrap_socket(plain, server_side=True)
        self._tls.recv(65536)
        self._tls.sendall(OK)

    def is_cut(self) -> bool:
        """Whether the connection itself has ended, whatever was said on it."""
        self._below.settimeout(10)
        try:
            while self._below.recv(65536):
                pass
        except TimeoutError:
            return False
        except ConnectionError:
            pass
        return True

    async def stop(self) -> None:
        self._thread.join(30)
        for one in (self._tls, self._below, self._listener):
            one.close()


def test_p40_an_upstream_that_does_not_say_goodbye_is_cut_off(any_world):
    upstream = any_world.upstreams["a.test"] = Deaf(any_world.ca.server_context("a.test"))
    any_world.start()
    with any_world.tunnel("a.test") as wire:
        assert wire.ask(any_world.get("a.test")).body == b"hi"
    began = time.monotonic()
    any_world.loop.do(any_world.engine.stop(30))
    assert time.monotonic() - began < 20
    assert upstream.is_cut()


def test_a_port_in_use_fails_the_start(confdir):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = EngineSettings(confdir=confdir, proxy=ListenerSettings("127.0.0.1", port))
        engine = Engine(settings, Plan(), Egress(stand_ins=(), private=(), own=()))
        with pytest.raises(OSError):
            asyncio.run(engine.start())


def test_a_certificate_that_is_missing_fails_the_start(confdir, tmp_path):
    missing = tmp_path / "none.pem"
    listener = ListenerSettings("127.0.0.1", 0, tls=True, certificate=missing, key=missing)
    engine = Engine(
        EngineSettings(confdir=confdir, endpoints=listener),
        Plan(),
        Egress(stand_ins=(), private=(), own=()),
    )
    with pytest.raises(ValueError):
        asyncio.run(engine.start())


def test_an_exchange_that_is_being_ended_is_in_hand(world, monkeypatch):
    """Garbage is collected while nothing is: what a big message leaves is freed at its end."""
    world.upstream("a.test")
    world.start()
    ending, over = threading.Event(), threading.Event()

    async def end(_exchange, _error):
        ending.set()
        await asyncio.to_thread(over.wait, 30)

    monkeypatch.setattr(world.plan, "end", end)
    with world.tunnel("a.test") as wire:
        assert wire.ask(world.get("a.test")).status == 200
    try:
        assert ending.wait(10)
        assert until(10, lambda: world.engine.connections == 0)
        assert not world.engine.idle
    finally:
        over.set()
    assert until(10, lambda: world.engine.idle)
