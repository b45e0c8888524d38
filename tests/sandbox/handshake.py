"""A client that stands in the middle of a TLS handshake for as long as a test wants."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from typing import Self


class HalfShaken:
    """Has sent its hello and got the server's; `finish` says the last word of the handshake."""

    def __init__(self, port: int, ca: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=ca)
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname="127.0.0.1")
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._socket.sendall(self._outgoing.read())
                self._incoming.write(self._socket.recv(65536))
            else:
                return

    def finish(self) -> None:
        self._socket.sendall(self._outgoing.read())

    def is_cut_within(self, seconds: float) -> bool:
        """Whether the server ends the connection in that time."""
        until = time.monotonic() + seconds
        self._socket.settimeout(seconds)
        with contextlib.suppress(ConnectionError):
            while self._socket.recv(65536):
                if time.monotonic() > until:
                    return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
