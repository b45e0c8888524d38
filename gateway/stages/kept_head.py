"""The head of a kept answer: what of it is true of the body that is kept, and of no connection."""

from __future__ import annotations

from typing import Final

from gateway.headers import STALE, Headers

_OF_A_CONNECTION: Final = (
    "Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "TE", "Trailer", "Upgrade",
    "Content-Length", "Alt-Svc", "Refresh", "Location", "Content-Location",
)  # fmt: skip


def write_headers(headers: Headers) -> bytes:
    """Lines, without what changed with the body."""
    kept = Headers(headers.fields)
    kept.remove(*STALE, *_OF_A_CONNECTION)
    return b"\r\n".join(name + b": " + value for name, value in kept)


def read_headers(head: bytes) -> Headers:
    """Reads back what `write_headers` made."""
    lines = head.split(b"\r\n") if head else []
    return Headers([(name, value) for name, _, value in (line.partition(b": ") for line in lines)])
