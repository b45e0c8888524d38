"""The client: raw sockets, CONNECT, TLS, prepared bytes. One request at a time, as cheap as it gets."""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bench import messages

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy: where it is, whom it is believed with, which process it is."""

    name: str
    pid: int
    port: int
    authority: Path

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response; `seconds` from the request's first byte to the answer's last."""

    status: int
    body: bytes
    seconds: float


class Connection:
    """A connection to the upstream on `port`, through `proxy` or (None) straight to it."""

    def __init__(
        self, proxy: Proxy | None, port: int, context: ssl.SSLContext, timeout: float = 30.0
    ) -> None:
        plain = socket.create_connection(("127.0.0.1", proxy.port if proxy else port), timeout)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy:
                target = f"{messages.HOST}:{port}"
                plain.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
                _check(_head(plain)[0], proxy.name)
            self._socket = context.wrap_socket(plain, server_hostname=messages.HOST)
        except BaseException:
            plain.close()
            raise

    def ask(self, request: bytes) -> Answer:
        """Raises OSError (TimeoutError too), RuntimeError for an answer that is none."""
        began = time.perf_counter()
        self._socket.sendall(request)
        head, rest = _head(self._socket)
        length = next(
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        body = bytearray(length)
        body[: len(rest)] = rest
        view, have = memoryview(body), len(rest)
        while have < length:
            got = self._socket.recv_into(view[have : have + _CHUNK])
            if not got:
                raise RuntimeError("an answer was cut off")
            have += got
        return Answer(int(head[9:12]), bytes(body), time.perf_counter() - began)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _head(stream: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        got = stream.recv(65536)
        if not got:
            raise RuntimeError("a connection was closed early")
        data += got
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def _check(head: bytes, who: str) -> None:
    if head[9:12] != b"200":
        raise RuntimeError(f"{who} refuses the CONNECT: {head[:80]!r}")
