"""Sockets that listen: what they accept sends at once."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

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
        loop, said, full = asyncio.get_running_loop(), [], [1, 1]
        accept = loop.sock_accept

        async def sock_accept(bound):
            if full:
                full.pop()
                raise OSError(errno.EMFILE, "too many open files")
            return await accept(bound)

        monkeypatch.setattr(loop, "sock_accept", sock_accept)
        loop.set_exception_handler(lambda _, context: said.append(context["exception"].errno))
        bound = listen("127.0.0.1", 0, 5)
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
