"""A socket that listens, whoever serves it: the engine, or a port of our own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Final

HANDSHAKE: Final = 5.0  # seconds for TLS to begin
_AT_ONCE: Final = 32  # connections accepted in one turn of the loop; others have theirs
_PAUSE: Final = (
    1.0  # seconds until the next try when there is no room for a connection, as in asyncio
)


def listen(host: str, port: int, backlog: int) -> socket.socket:
    """Binds an address, 0 for any port, and listens. Raises OSError where it can not be had.

    What it accepts sends at once (TCP_NODELAY is handed down). asyncio only sees to that for sockets
    of its own making; where it does not, an answer in two pieces waits 40 ms for the client's
    acknowledgement of the first.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.create_server((host, port), family=family, backlog=backlog)
    bound.setblocking(False)
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


class Accepting:
    """Serves what comes to a socket that listens, from now on; to be used on the loop.

    asyncio's own server would wait a minute for a client that begins TLS and says no more, and leaves
    it open when it closes: such a connection counts nowhere yet.
    """

    def __init__(
        self,
        bound: socket.socket,
        made: Callable[[], asyncio.BaseProtocol],
        tls: ssl.SSLContext | None,
    ) -> None:
        self._bound, self._made, self._tls = bound, made, tls
        self._loop = asyncio.get_running_loop()
        self._beginning: dict[asyncio.Task[None], socket.socket] = {}
        self._pause: asyncio.TimerHandle | None = None
        self._listen()

    def close(self) -> None:
        """Accepts nothing more, and ends what has not begun. What waits to be accepted is refused."""
        if self._pause is not None:
            self._pause.cancel()
        if self._bound.fileno() >= 0:
            self._loop.remove_reader(self._bound)
            self._bound.close()
        # Not cancelled: asyncio closes nothing where the first step of TLS has not been made.
        for accepted in self._beginning.values():
            with contextlib.suppress(OSError):
                accepted.shutdown(socket.SHUT_RDWR)

    async def wait_closed(self) -> None:
        """After `close`: until none of that is open. What has begun is its protocol's to end."""
        await asyncio.gather(*self._beginning, return_exceptions=True)

    def _listen(self) -> None:
        # Not a task with sock_accept: one that is cancelled just after a connection was accepted for it
        # loses that connection, open and never answered (asyncio, not uvloop).
        self._loop.add_reader(self._bound, self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, _ = self._bound.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return  # nobody is left, or whoever came has gone: then the loop calls again
            except OSError as error:  # it is gone already, or we have no room for it
                said = {"message": "a connection could not be accepted", "exception": error}
                self._loop.call_exception_handler(said)
                self._loop.remove_reader(self._bound)
                self._pause = self._loop.call_later(_PAUSE, self._listen)
                return
            accepted.setblocking(False)
            task = self._loop.create_task(self._begin(accepted))
            self._beginning[task] = accepted
            task.add_done_callback(self._beginning.pop)

    async def _begin(self, accepted: socket.socket) -> None:
        with contextlib.suppress(OSError):  # whoever does not speak TLS is gone with that
            await self._loop.connect_accepted_socket(
                self._made,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else HANDSHAKE,
            )
