"""Sockets that listen: what they accept sends at once."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import socket

import pytest
import uvloop

from gateway import listening
from gateway.listening import Accepting, listen


def test_what_is_accepted_does_not_wait_for_acknowledgements():
    with listen("127.0.0.1", 0, 5) as bound, socket.create_connection(bound.getsockname()):
        accepted, _ = bound.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_that_is_taken():
    with listen("127.0.0.1", 0, 5) as bound, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", bound.getsockname()[1], 5)


def test_after_a_moment_without_room_it_accepts_again(monkeypatch):
    monkeypatch.setattr(listening, "_PAUSE", 0.01)

    class Greeting(asyncio.Protocol):
        def connection_made(self, transport):
            transport.write(b"hello")
            transport.close()

    async def scene():
        said, full = [], [1, 1]
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: said.append(context["exception"].errno)
        )

        class Crowded(socket.socket):
            def accept(self):
                if full:
                    full.pop()
                    raise OSError(errno.EMFILE, "too many open files")
                return super().accept()

        with listen("127.0.0.1", 0, 5) as plain:
            bound = Crowded(fileno=plain.detach())
        bound.setblocking(False)
        address = bound.getsockname()
        server = Accepting(bound, Greeting, None)
        reader, writer = await asyncio.open_connection(*address)
        assert await reader.read() == b"hello"
        writer.close()
        server.close()
        await server.wait_closed()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        return said

    assert asyncio.run(scene()) == [errno.EMFILE, errno.EMFILE]


def test_what_is_closed_before_it_ran_leaves_nothing_open():
    async def scene():
        bound = listen("127.0.0.1", 0, 5)
        server = Accepting(bound, asyncio.Protocol, None)
        server.close()
        await server.wait_closed()
        return bound.fileno()

    assert asyncio.run(scene()) == -1


def test_closing_while_there_is_no_room_opens_nothing_again(monkeypatch):
    monkeypatch.setattr(listening, "_PAUSE", 0.01)

    class Full(socket.socket):
        def accept(self):
            raise OSError(errno.EMFILE, "too many open files")

    async def scene():
        said, full = [], asyncio.Event()

        def told(_, context):
            said.append(context)
            full.set()

        asyncio.get_running_loop().set_exception_handler(told)
        with listen("127.0.0.1", 0, 5) as plain:
            bound = Full(fileno=plain.detach())
        bound.setblocking(False)
        server = Accepting(bound, asyncio.Protocol, None)
        with socket.create_connection(bound.getsockname()):
            await full.wait()
            server.close()
            before = len(said)
            await asyncio.sleep(0.05)
        await server.wait_closed()
        return len(said) - before

    assert asyncio.run(scene()) == 0


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("turns", range(8))
def test_a_connection_that_comes_as_it_closes_is_not_left_open(runner, turns):
    """Closed at each turn of the loop between a connection's coming and its first byte. Whoever waits for
    the garbage collector to close it waits for long: it sees what is frozen only when the process ends.
    """

    class Kept(asyncio.Protocol):
        def connection_made(self, transport):
            begun.append(transport)

    async def scene():
        loop = asyncio.get_running_loop()
        bound = listen("127.0.0.1", 0, 5)
        server = Accepting(bound, Kept, None)
        await asyncio.sleep(0.01)
        client = socket.create_connection(bound.getsockname(), timeout=5)

        def close(left):
            if left:
                loop.call_soon(close, left - 1)
            else:
                server.close()
                closed.set()

        closed = asyncio.Event()
        close(turns)
        await closed.wait()
        await server.wait_closed()
        for transport in begun:  # as a port does
            transport.abort()
        with client:
            return await loop.run_in_executor(None, end, client), server

    def end(client):
        with contextlib.suppress(ConnectionResetError):
            return client.recv(1)
        return b""

    begun = []
    gc.disable()
    try:
        assert runner(scene())[0] == b""
    finally:
        gc.enable()
