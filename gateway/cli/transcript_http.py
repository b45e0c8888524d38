"""Transcripts of HTTP/1.1 (RFC 9112), as they were on the line or as people write them.

    as on the line     request, response, request, …: with Content-Length or chunked bodies, gzip too
    HTTP client files  requests between lines that begin with `###`; a URL may stand in the first line
    Net::HTTP          what Ruby's debug output tells, see `ruby_debug.py`
    wire logs          what clients of Java and Python tell, see `wire_logs.py`
    curl -v            heads behind `> ` and `< `; of what was sent only the head is told
    curl --trace       all of both ways, see `curl_trace.py`
    curl …             commands for it, see `curl_command.py`

A transcript that was edited has lengths that no longer fit. Where a Content-Length leads to no next
message, the body goes on to the next first line; where chunks can not be read, the tool has put them
together already. Either is noted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gateway.authority import parse_authority
from gateway.cli.curl import looks_like_curl, uncurl
from gateway.cli.curl_command import looks_like_curl_command, requests_of
from gateway.cli.curl_trace import looks_like_trace, untraced
from gateway.cli.recorded import NOT_RECORDED, Recorded, as_it_was, wrong
from gateway.cli.ruby_debug import looks_like_ruby, unruby
from gateway.cli.wire_logs import looks_like_wire_log, unwire
from gateway.errors import HttpInvalid, TargetAmbiguous
from gateway.exchange import Authority
from gateway.headers import Headers

_EOL: Final = rb"[ \t]*\r?(?:\n|\Z)"
_REQUEST: Final = re.compile(
    rb"(?P<method>[A-Z]{3,20}) (?P<target>[^ \r\n]+)(?: HTTP/[0-9](?:\.[0-9])?)?" + _EOL
)
_URL: Final = re.compile(rb"(?P<method>)(?P<target>https?://[^ \r\n]+)(?: HTTP/[0-9.]+)?" + _EOL)
_STATUS: Final = re.compile(
    rb"HTTP/[0-9](?:\.[0-9])? (?P<status>[1-5][0-9]{2})(?: [^\r\n]*)?" + _EOL
)
# Within a file only what says its version: a body may have a line that reads `POST something`.
_FIRST_LINE: Final = re.compile(
    rb"(?:[A-Z]{3,20} [^ \r\n]+ HTTP/[0-9](?:\.[0-9])?|HTTP/[0-9](?:\.[0-9])? [1-5][0-9]{2}(?: [^\r\n]*)?)"
    rb"[ \t]*\r?$",
    re.MULTILINE,
)
_SEPARATOR: Final = re.compile(rb"###[^\n]*(?:\n|\Z)")
_NEXT: Final = re.compile(rb"^(?:" + _FIRST_LINE.pattern + rb"|###)", re.MULTILINE)
# Blank lines, separators, and the comments and variables of HTTP clients.
_BEFORE: Final = re.compile(rb"(?:[ \t]*(?:(?:#|//|@)[^\n]*)?(?:\n|\r\n|(?<=[^\n])\Z))+")
_FIELD: Final = re.compile(
    rb"(?P<name>:?[^\x00-\x20:\x7f]+):[ \t]*(?P<value>[^\r\n]*?)[ \t]*\r?(?:\n|\Z)"
)
_HEAD_END: Final = re.compile(rb"[ \t]*\r?(?:\n|\Z)")
_LINE_END: Final = re.compile(rb"\r?\n")
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n]*)?\r?\n")
_TRAILERS: Final = re.compile(rb"(?:[^\r\n:]+:[^\r\n]*\r?\n)*\r?(?:\n|\Z)")
_LENGTH: Final = re.compile(r"[0-9]{1,12}")
_FROM_FILE: Final = re.compile(rb"[ \t]*<@?[^\S\n]+\S")
_VARIABLE: Final = b"{{"
_BODILESS: Final = frozenset({204, 304})
# What libraries tell, and commands: each message by itself, with the line that it begins in.
_TOLD: Final[
    tuple[tuple[Callable[[bytes], bool], Callable[[bytes], Iterator[tuple[int, bytes]]]], ...]
] = (
    (looks_like_trace, untraced),
    (looks_like_ruby, unruby),
    (looks_like_wire_log, unwire),
    (looks_like_curl_command, requests_of),
)


@dataclass(frozen=True, slots=True)
class _Head:
    message: Recorded  # all but the body
    end: int  # where the body begins


def looks_like_http(raw: bytes) -> bool:
    """Whether a file is a transcript, by its first line that says something."""
    begins = _BEFORE.match(raw)
    separated = begins is not None and any(map(_SEPARATOR.match, begins[0].splitlines()))
    return (
        separated
        or bool(_FIRST_LINE.match(raw, _start(raw, 0)))
        or looks_like_curl(raw)
        or looks_like_trace(raw)
        or looks_like_ruby(raw)
        or looks_like_wire_log(raw)
        or looks_like_curl_command(raw)
    )


def read_http(raw: bytes, file: Path) -> Iterator[Recorded]:
    """The messages of a transcript. Raises ConfigurationError."""
    count, request = 0, None
    for message in _messages(raw, file):
        if message.way == "request":
            count, request = count + 1, message
        elif request is None:
            count += 1
        else:
            method, authority, path = request.method, request.authority, request.path
            message = replace(message, method=method, authority=authority, path=path)  # noqa: PLW2901 - told of once
        yield replace(message, exchange=count)
        if message.way == "response":
            request = None


def _messages(raw: bytes, file: Path) -> Iterator[Recorded]:
    if looks_like_curl(raw):
        for line, text in uncurl(raw):
            yield from _segment(text, file, line, told_by_curl=True)
        return
    for looks_like, segments in _TOLD:
        if looks_like(raw):
            for line, text in segments(raw):
                yield from _segment(text, file, line)
            return
    yield from _segment(raw, file, 1)


def _segment(
    raw: bytes, file: Path, line: int, *, told_by_curl: bool = False
) -> Iterator[Recorded]:
    """The messages of a transcript that begins in `line` of its file."""
    at, counted = _start(raw, 0), 0
    while at < len(raw):
        line += raw.count(b"\n", counted, at)
        counted = at
        head = _head(raw, at, file, line)
        message, end = head.message, head.end
        body, at, notes = _body(raw, end, message)
        if told_by_curl and message.way == "request":
            message = replace(message, complete=_is_empty(message))
            notes = () if message.complete else (NOT_RECORDED,)
        elif _FROM_FILE.match(body) and message.way == "request" and body.count(b"\n") <= 1:
            hint = "Put the file's content there."
            raise wrong(file, line, "the body is a reference to another file", hint)
        at = _start(raw, at)
        if message.way == "response" and 100 <= message.status < 200:
            continue  # the answer proper follows
        headers, undone = as_it_was(message.headers, body)
        yield replace(message, headers=headers, body=body, notes=(*notes, *undone))


def _start(raw: bytes, at: int) -> int:
    """Where the next message begins."""
    if raw.startswith(b"\xef\xbb\xbf", at):
        at += 3
    before = _BEFORE.match(raw, at)
    return before.end() if before else at


def _is_empty(message: Recorded) -> bool:
    """Whether a request says that it has no body."""
    length = message.headers.get("Content-Length")
    return length == "0" or (length is None and "Transfer-Encoding" not in message.headers)


# --- the head ---------------------------------------------------------------------------------------


def _head(raw: bytes, at: int, file: Path, line: int) -> _Head:
    first = _STATUS.match(raw, at) or _REQUEST.match(raw, at) or _URL.match(raw, at)
    if first is None:
        hint = "A message begins with `POST https://host/path HTTP/1.1` or `HTTP/1.1 200 OK`."
        raise wrong(file, line, "this is no request line and no status line", hint)
    fields: list[tuple[bytes, bytes]] = []
    at = first.end()
    while at < len(raw):
        if _SEPARATOR.match(raw, at):
            break
        blank = _HEAD_END.match(raw, at)
        if blank is not None:
            at = blank.end()
            break
        field = _FIELD.match(raw, at)
        if field is None:
            here = line + len(fields) + 1
            hint = "One header in a line, `Name: value`; a blank line ends them."
            raise wrong(file, here, "this is no header", hint)
        fields.append((field["name"], field["value"]))
        at = field.end()
    headers = Headers(pair for pair in fields if not pair[0].startswith(b":"))
    if "status" in first.re.groupindex:
        return _Head(
            Recorded("response", 0, file, line, status=int(first["status"]), headers=headers), at
        )
    authority, path = _target(first["target"], headers, file, line)
    method = first["method"].decode("ascii") or "GET"
    return _Head(Recorded("request", 0, file, line, method, authority, path, headers=headers), at)


def _target(target: bytes, headers: Headers, file: Path, line: int) -> tuple[Authority | None, str]:
    if _VARIABLE in target:
        raise wrong(file, line, "the URL has a variable of an HTTP client", "Put its value there.")
    text = target.decode("utf-8", "surrogateescape")
    scheme, between, rest = text.partition("://")
    if text.startswith("/") or not between:
        host = headers.get("Host")
        found = authority_of("https", host, file, line) if host else None
        return found, text if text.startswith("/") else "/"
    netloc, slash, path = rest.partition("/")
    return authority_of(scheme, netloc, file, line), slash + path or "/"


def authority_of(scheme: str, netloc: str, file: Path, line: int) -> Authority:
    """Where a request went. Raises ConfigurationError where that can not be read."""
    kind, place = scheme.lower(), None
    if kind in {"http", "https"}:
        with suppress(HttpInvalid, TargetAmbiguous):
            place = parse_authority(netloc, 80 if kind == "http" else 443)
    if place is None:
        hint = "It is http:// or https://, a host, and maybe a port."
        raise wrong(file, line, "where the request went can not be read", hint)
    return Authority("http" if kind == "http" else "https", *place)


# --- the body ---------------------------------------------------------------------------------------


def _body(raw: bytes, at: int, message: Recorded) -> tuple[bytes, int, tuple[str, ...]]:
    """The body that begins at `at`, where the next message may begin, and what is odd about it."""
    headers, notes = message.headers, tuple[str, ...]()
    if message.status in _BODILESS:
        return b"", at, notes
    if "chunked" in (headers.get("Transfer-Encoding") or "").lower():
        chunks = _dechunked(raw, at)
        if chunks is not None:
            return chunks[0], chunks[1], notes
        notes = ("its chunks were put together by what recorded it",)
    length = headers.get("Content-Length")
    if length is not None and _LENGTH.fullmatch(length) and not notes:
        end = at + int(length)
        if end <= len(raw) and _follows(raw, end):
            return raw[at:end], end, notes
        notes = ("its Content-Length does not fit: edited, or cut off",)
    following = _NEXT.search(raw, at)
    end = following.start() if following else len(raw)
    return raw[at:end].rstrip(b"\r\n"), end, notes


def _follows(raw: bytes, at: int) -> bool:
    """Whether a body may end at `at`: nothing but blank lines, or another message, is behind it."""
    begins = _start(raw, at)
    return begins == len(raw) or _FIRST_LINE.match(raw, begins) is not None


def _dechunked(raw: bytes, at: int) -> tuple[bytes, int] | None:
    """A chunked body (RFC 9112 section 7.1) and where it ends; None where it is none."""
    parts: list[bytes] = []
    while True:
        size = _CHUNK.match(raw, at)
        if size is None:
            return None
        count, at = int(size[1], 16), size.end()
        if not count:
            trailers = _TRAILERS.match(raw, at)
            return (b"".join(parts), trailers.end()) if trailers else None
        parts.append(raw[at : at + count])
        at += count
        line_end = _LINE_END.match(raw, at)
        if line_end is None:
            return None
        at = line_end.end()
