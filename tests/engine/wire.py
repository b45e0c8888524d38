"""A blocking client: bytes out, bytes in, TLS where it is wanted; every byte that came is kept."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from dataclasses import dataclass
from typing import Self


class Wire:
    """A blocking client connection; `start_tls` puts TLS on top, also on top of TLS."""

    def __init__(self, address: tuple[str, int], timeout: float = 30.0) -> None:
        self.sock = socket.create_connection(address, timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stack: list[tuple[ssl.SSLObject, ssl.MemoryBIO, ssl.MemoryBIO]] = []
        self.got = bytearray()  # every byte that was read, decrypted

    def start_tls(self, context: ssl.SSLContext, name: str | None) -> Wire:
        below, incoming, outgoing = len(self._stack), ssl.MemoryBIO(), ssl.MemoryBIO()
        layer = context.wrap_bio(incoming, outgoing, server_hostname=name)
        while True:
            try:
                layer.do_handshake()
            except ssl.SSLWantReadError:
                self._put(outgoing.read(), below)
                data = self._get(below)
                if not data:
                    raise ConnectionError("closed in handshake") from None
                incoming.write(data)
            else:
                break
        self._put(outgoing.read(), below)
        self._stack.append((layer, incoming, outgoing))
        return self

    def _put(self, data: bytes, level: int) -> None:
        if not data:
            return
        if level == 0:
            self.sock.sendall(data)
            return
        layer, _, outgoing = self._stack[level - 1]
        view = memoryview(data)
        while view:
            view = view[layer.write(view) :]
        self._put(outgoing.read(), level - 1)

    def _get(self, level: int) -> bytes:
        if level == 0:
            try:
                return self.sock.recv(65536)
            except ConnectionError:
                return b""
        layer, incoming, _ = self._stack[level - 1]
        while True:
            try:
                return layer.read(65536)
            except ssl.SSLWantReadError:
                data = self._get(level - 1)
                if not data:
                    return b""
                incoming.write(data)
            except ssl.SSLZeroReturnError:
                return b""

    def send(self, data: bytes) -> Wire:
        with contextlib.suppress(ConnectionError):
            self._put(data, len(self._stack))
        return self

    def read(self) -> bytes:
        data = self._get(len(self._stack))
        self.got += data
        return data

    def rest(self) -> bytes:
        """Everything until the other side closes."""
        data = bytearray()
        while piece := self.read():
            data += piece
        return bytes(data)

    def response(self, *, head_only: bool = False) -> Answer:
        """One response; what follows it is an error of the test's own."""
        data = bytearray()
        while b"\r\n\r\n" not in data:
            piece = self.read()
            if not piece:
                raise ConnectionError(f"closed after {bytes(data[:200])!r}")
            data += piece
        head, _, body = bytes(data).partition(b"\r\n\r\n")
        answer = Answer.of(head)
        length = (
            0
            if head_only or answer.status in (100, 204, 304)
            else int(answer.one("content-length") or 0)
        )
        parts, size = [body], len(body)
        while size < length:
            piece = self.read()
            if not piece:
                raise ConnectionError("closed in body")
            parts.append(piece)
            size += len(piece)
        answer.body = b"".join(parts)
        assert len(answer.body) == length or answer.status == 100
        return answer

    def ask(self, request: bytes) -> Answer:
        return self.send(request).response()

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()


@dataclass
class Answer:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    @classmethod
    def of(cls, head: bytes) -> Answer:
        lines = head.decode("latin-1").split("\r\n")
        _, status, reason = (lines[0] + "  ").split(" ", 2)
        fields = [line.partition(":") for line in lines[1:]]
        return cls(int(status), reason.strip(), [(n.lower(), v.strip()) for n, _, v in fields])

    def all(self, name: str) -> list[str]:
        return [value for field_name, value in self.headers if field_name == name]

    def one(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) < 2, (name, values)
        return values[0] if values else None

    @property
    def code(self) -> str:
        assert self.one("content-type") == "application/problem+json", (self, self.body[:100])
        return json.loads(self.body)["code"]
