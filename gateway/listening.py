"""A socket that listens, whoever serves it: the engine, or a port of our own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Final

HANDSHAKE: Final = 5.0  # seconds for TLS to begin
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
        self._accepting = self._loop.create_task(self._accept())

    def close(self) -> None:
        """Accepts nothing more, and ends what has not begun."""
        self._accepting.cancel()
        # Not cancelled: asyncio closes nothing where the first step of TLS has not been made.
        for accepted in self._beginning.values():
            with contextlib.suppress(OSError):
                accepted.shutdown(socket.SHUT_RDWR)

    async def wait_closed(self) -> None:
        """After `close`: until none of that is open. What has begun is its protocol's to end."""
        await asyncio.gather(self._accepting, *self._beginning, return_exceptions=True)
        self._bound.close()  # where the task never ran

    async def _accept(self) -> None:
        with self._bound:
            while True:
                try:
                    accepted, _ = await self._loop.sock_accept(self._bound)
                except OSError as error:  # it is gone already, or we have no room for it
                    said = {"message": "a connection could not be accepted", "exception": error}
                    self._loop.call_exception_handler(said)
                    await asyncio.sleep(_PAUSE)
                else:
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
