"""A body as it comes in, whichever way it is framed."""

from __future__ import annotations

from typing import Final

from gateway.engine import http1
from gateway.errors import BodyTooLarge
from gateway.threads import run

# Above this, `bytes.join` lets other threads run while it copies; 36 MB take it 30 ms.
LARGE: Final = 1024 * 1024


class Body:
    """Collects a body of a known or unknown length up to a limit.

    `length` is what the head says: bytes, http1.CHUNKED, or http1.UNTIL_CLOSE. `padded` lets blanks
    follow a chunk's size. Raises BodyTooLarge, at once where the head says so.
    """

    __slots__ = ("_chunks", "_limit", "_parts", "_remaining", "_size")

    def __init__(self, length: int, limit: int, *, padded: bool) -> None:
        if length > limit:
            raise BodyTooLarge
        self._chunks = http1.ChunkedBody(padded=padded) if length == http1.CHUNKED else None
        self._remaining = length if length >= 0 else -1
        self._limit = limit
        self._parts: list[bytes] = [] if self._chunks is None else self._chunks.parts
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._size if self._chunks is None else self._chunks.size

    @property
    def done(self) -> bool:
        """Whether it is complete; one that ends with its connection never is."""
        return self._remaining == 0 if self._chunks is None else self._chunks.done

    def feed(self, buffer: bytearray) -> None:
        """Takes what belongs to the body. Raises http1.Malformed, BodyTooLarge."""
        if self._chunks is not None:
            self._chunks.feed(buffer)
        elif buffer and self._remaining != 0:
            part = bytes(buffer if self._remaining < 0 else buffer[: self._remaining])
            del buffer[: len(part)]
            self._parts.append(part)
            self._size += len(part)
            if self._remaining > 0:
                self._remaining -= len(part)
        if self.size > self._limit:
            raise BodyTooLarge

    def whole(self) -> bytes:
        """The body. Takes long where it is LARGE."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    async def whole_later(self) -> bytes:
        """The same, while the event loop goes on."""
        return await run(self.size, self.whole)
