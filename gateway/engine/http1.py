"""HTTP/1.1 on the wire, read strictly (RFC 9112) and written back; pure, no I/O.

What the RFC lets a recipient repair (bare LF, folded lines, white space before a colon, repeated
lengths, other transfer codings) is refused instead: the gateway and the server behind it must read
the same message (P34). Bodies travel on with a Content-Length, whatever framing they came in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.headers import Headers

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE: Final = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.([01])\r\n")
_STATUS_LINE: Final = re.compile(
    rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?\r\n"
)
# The value's inner part may hold blanks; those around it do not belong to it.
_FIELD: Final = re.compile(
    rb"("
    + _TOKEN
    + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*\r\n"
)
_BARE: Final = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,12})")
# Some servers pad the size with blanks. We frame anew, so that reading it so is safe.
_PADDED_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*")
_CHUNK_LINE: Final = 64
_FEW_CHUNKS: Final = 1000
_LEAST_AVERAGE: Final = 16  # bytes

CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2

# Ours to decide, hop by hop (RFC 9110, 7.6.1).
HOP_BY_HOP: Final = (
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "Proxy-Authorization",
    "Proxy-Authenticate",
    "Transfer-Encoding",
    "TE",
    "Trailer",
    "Upgrade",
)
_OPTIONS: Final = frozenset({"close", "keep-alive", "te", ""})


class Malformed(Exception):
    """Not HTTP/1.1 as it must be. Holds nothing of the message."""


@dataclass(slots=True)
class RequestHead:
    """A request's head. `length` is the body's, or CHUNKED."""

    method: str
    target: str
    version: int  # HTTP/1.x
    headers: Headers
    length: int
    close: bool
    expects_continue: bool


@dataclass(slots=True)
class ResponseHead:
    """A response's head. `length` is the body's, or CHUNKED, or UNTIL_CLOSE."""

    status: int
    reason: str
    headers: Headers
    length: int
    close: bool


def find_end(buffer: bytearray, start: int = 0) -> int:
    """Where the head in `buffer` ends (after its empty line), or -1 while it is not complete.

    `start` is how much was looked at before. Raises Malformed for a bare CR or LF, which some
    servers take for the end of a line.
    """
    end = buffer.find(b"\r\n\r\n", max(0, start - 3))
    stop = len(buffer) if end < 0 else end + 4
    bare = _BARE.search(buffer, max(0, start - 1), stop)
    # A CR that is the last byte so far may still get its LF.
    if bare is not None and not (end < 0 and bare.end() == stop and buffer[-1] == 0x0D):
        raise Malformed
    return end + 4 if end >= 0 else -1


def parse_request(head: bytes) -> RequestHead:
    """Parses a complete head, empty line included. Raises Malformed."""
    line = _REQUEST_LINE.match(head)
    if line is None:
        raise Malformed
    headers = _fields(head, line.end())
    version = int(line[3])
    length = _declared(headers, version)
    if length is None:
        length = 0
    expect = headers.get_all("Expect")
    if len(expect) > 1 or (expect and expect[0].lower() != "100-continue"):
        raise Malformed
    if "Upgrade" in headers or "Trailer" in headers or "HTTP2-Settings" in headers:
        raise Malformed
    method = line[1].decode("ascii")
    if len(headers.get_all("Host")) != 1 and not (version == 0 and "Host" not in headers):
        raise Malformed
    if method in ("TRACE", "PRI") or (method == "CONNECT" and length != 0):
        raise Malformed
    options = _options(headers)
    if not options <= _OPTIONS:
        raise Malformed
    return RequestHead(
        method=method,
        target=line[2].decode("ascii"),
        version=version,
        headers=headers,
        length=length,
        close=version == 0 or "close" in options,
        expects_continue=bool(expect) and version == 1,
    )


def parse_response(head: bytes, method: str) -> ResponseHead:
    """Parses a complete head of the answer to a `method` request.

    Raises Malformed, also for every 1xx: we ask for none of them.
    """
    line = _STATUS_LINE.match(head)
    if line is None or line[2].startswith(b"1"):
        raise Malformed
    headers = _fields(head, line.end())
    version, status = int(line[1]), int(line[2])
    declared = _declared(headers, version)
    bodiless = method == "HEAD" or status in (204, 304)
    length = 0 if bodiless else UNTIL_CLOSE if declared is None else declared
    options = _options(headers)
    return ResponseHead(
        status=status,
        reason=(line[3] or b"").decode("latin-1"),
        headers=headers,
        length=length,
        close=length == UNTIL_CLOSE
        or "close" in options
        or (version == 0 and "keep-alive" not in options),
    )


def write_request(method: str, path: str, headers: Headers, *body: bytes) -> bytes:
    """A request's head, and what is given of its body. Raises Malformed where a part would break
    the head: nothing that a stage wrote into it can end a line."""
    return b"".join((_head(f"{method} {path} HTTP/1.1", headers), *body))


def write_response(status: int, reason: str, headers: Headers, *body: bytes) -> bytes:
    """A response's head, and what is given of its body. Raises Malformed as `write_request` does."""
    return b"".join((_head(f"HTTP/1.1 {status} {reason}", headers), *body))


class ChunkedBody:
    """Takes chunks out of a buffer. No extensions, no trailers; each chunk ends in CRLF.

    (h11 before 0.16 takes any two bytes for that CRLF: CVE-2025-43859.) A body of tiny chunks would
    keep the event loop busy and fill memory with objects that are larger than what they hold: after
    a thousand chunks they must have 16 bytes on average.
    """

    __slots__ = ("_chunks", "_remaining", "_size", "done", "parts", "size")

    def __init__(self, *, padded: bool = False) -> None:
        self._size = _PADDED_CHUNK if padded else _CHUNK
        self._remaining = -1  # of the chunk; -1: its size comes next
        self._chunks = 0
        self.parts: list[bytes] = []
        self.size = 0
        self.done = False

    def feed(self, buffer: bytearray) -> None:
        """Takes what is complete out of `buffer`. Raises Malformed."""
        at = 0
        try:
            while not self.done:
                if self._remaining < 0:
                    after = self._read_size(buffer, at)
                elif self._remaining == 0:
                    after = self._read_end(buffer, at)
                else:
                    after = self._read_data(buffer, at)
                if after < 0:
                    return
                at = after
        finally:
            del buffer[:at]

    def _read_size(self, buffer: bytearray, at: int) -> int:
        """Where the chunk's data begin; -1: more is needed."""
        end = buffer.find(b"\r\n", at, at + _CHUNK_LINE)
        if end < 0:
            if len(buffer) - at >= _CHUNK_LINE or b"\n" in buffer[at : at + _CHUNK_LINE]:
                raise Malformed
            return -1
        match = self._size.fullmatch(buffer, at, end)
        if match is None:
            raise Malformed
        self._remaining = int(match[1], 16)
        self._chunks += 1
        if self._chunks > _FEW_CHUNKS and self.size < _LEAST_AVERAGE * (self._chunks - 1):
            raise Malformed
        return end + 2

    def _read_data(self, buffer: bytearray, at: int) -> int:
        """Where the next chunk begins; -1: more is needed, and what there was is taken."""
        end = at + self._remaining
        if len(buffer) < end:
            part = bytes(buffer[at:])
            if part:
                self._take(part)
                del buffer[at:]
            return -1
        if len(buffer) < end + 2:
            return -1  # the few bytes wait for their CRLF
        if buffer[end : end + 2] != b"\r\n":
            raise Malformed
        self._take(bytes(buffer[at:end]))
        self._remaining = -1
        return end + 2

    def _read_end(self, buffer: bytearray, at: int) -> int:
        """Where the message ends; -1: more is needed."""
        if len(buffer) < at + 2:
            return -1
        if buffer[at : at + 2] != b"\r\n":
            raise Malformed
        self.done = True
        return at + 2

    def _take(self, part: bytes) -> None:
        self.parts.append(part)
        self.size += len(part)
        self._remaining -= len(part)


def _fields(head: bytes, start: int) -> Headers:
    fields: list[tuple[bytes, bytes]] = []
    end = len(head) - 2
    while start < end:
        match = _FIELD.match(head, start)
        if match is None:
            raise Malformed
        fields.append((match[1], match[2]))
        start = match.end()
    if start != end:
        raise Malformed
    return Headers(fields)


def _declared(headers: Headers, version: int) -> int | None:
    """The declared length, CHUNKED, or None. Anything that two readers could read two ways is
    refused: both framings at once, either of them twice, any coding but `chunked`."""
    codings, lengths = headers.get_all("Transfer-Encoding"), headers.get_all("Content-Length")
    if codings:
        if lengths or len(codings) > 1 or version == 0 or codings[0].lower() != "chunked":
            raise Malformed
        return CHUNKED
    if not lengths:
        return None
    if len(lengths) > 1 or _LENGTH.fullmatch(lengths[0]) is None:
        raise Malformed
    return int(lengths[0])


def _options(headers: Headers) -> set[str]:
    return {
        option.strip(" \t").lower()
        for value in headers.get_all("Connection")
        for option in value.split(",")
    }


def _head(line: str, headers: Headers) -> bytes:
    lines = [line.encode("latin-1", "replace"), *[b"%b: %b" % field for field in headers], b"", b""]
    head = b"\r\n".join(lines)
    # As many lines as were meant, and none of them broken or folded.
    ends = len(lines) - 1
    if head.count(b"\n") != ends or head.count(b"\r") != ends:
        raise Malformed
    return head
