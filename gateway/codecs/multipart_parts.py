"""Where the parts of a multipart/form-data body stand (RFC 7578, RFC 2046 section 5.1).

Strict, for readers disagree about nearly everything that this format leaves open:

1. The boundary is what the first line says; the Content-Type must say the same (`stages/labels.py`).
   Nothing stands before it, and behind the last one at most a line end.
2. Lines end with CRLF, or all of them with LF. A line that begins like a delimiter is one.
3. Each part has one `Content-Disposition: form-data` with one `name`; no folded lines, no header
   twice, no `name*`, no transfer coding that changes bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote

from gateway.errors import MessageForbidden, MessageMalformed

MAX_PARTS: Final = 10_000
_LONGEST_HEAD: Final = 16 * 1024
_WINDOW: Final = 1 << 20

# A blank may stand in one, not at its end; a label then has it in quotes (RFC 2046 section 5.1.1).
_BOUNDARY: Final = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_HEADER: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)")
_PARAM: Final = rb"""([0-9A-Za-z*_-]+)=(?:"((?:[^"\\]|\\.)*)"|([!#$%&'*+.^_`|~0-9A-Za-z-]+))"""
_PARAMETER: Final = re.compile(_PARAM)
_DISPOSITION: Final = re.compile(
    rb"form-data(?P<parameters>(?:[ \t]*;[ \t]*" + _PARAM + rb")*+)[ \t]*;?[ \t]*", re.IGNORECASE
)
_CHARSET: Final = re.compile(rb';[ \t]*charset="?([^";\s]*)', re.IGNORECASE)
_CHARSETS: Final = {
    b"": "utf-8", b"utf-8": "utf-8", b"utf8": "utf-8", b"us-ascii": "utf-8",
    b"iso-8859-1": "iso-8859-1", b"windows-1252": "windows-1252",
}  # fmt: skip
_UNCODED: Final = frozenset({b"", b"7bit", b"8bit", b"binary"})


@dataclass(frozen=True, slots=True, repr=False)
class Part:
    """One part: `body[start:end]` from its delimiter to the next one, its content within.

    `names` are what readers take its name for: more than one where it holds escapes. `charset` is
    Python's name of its text's; empty where we know none.
    """

    place: int
    names: frozenset[str]
    start: int
    content: int
    content_end: int
    end: int
    charset: str


@dataclass(frozen=True, slots=True)
class Parts:
    """A body's parts, and how they are parted."""

    delimiter: bytes  # `--` and the boundary
    line_end: bytes
    parts: tuple[Part, ...]
    end: int  # where the closing delimiter begins


def boundary_of(body: bytes) -> bytes:
    """The boundary that a body's first line names. Raises `MessageMalformed` where it names none."""
    line = re.match(rb"--([^\r\n]{1,72})(?:\r?\n|\Z)", body)
    if line is None:
        raise MessageMalformed
    return line[1]


def read_parts(body: bytes) -> Parts:
    """Raises `MessageMalformed` for what is no such body, `MessageForbidden` as the module says."""
    first = boundary_of(body)
    if first.endswith(b"--") and body.rstrip(b"\r\n") == b"--" + first:
        return Parts(b"--" + first[:-2], b"\r\n", (), 0)
    if not _BOUNDARY.fullmatch(first):
        raise MessageForbidden
    delimiter = b"--" + first
    line_end = b"\r\n" if body.startswith(b"\r\n", len(delimiter)) else b"\n"
    places = list(_delimiters(body, delimiter, line_end))
    last = places.pop()
    if body[last:].rstrip(b"\r\n") != delimiter + b"--" or body[last:].count(b"\n") > 1:
        raise MessageForbidden
    frame = Parts(delimiter, line_end, (), last)
    parts = []
    for place, start in enumerate(places):
        if not body.startswith(line_end, start + len(delimiter)):
            raise MessageForbidden
        end = places[place + 1] if place + 1 < len(places) else last
        parts.append(_part(body, place, (start, end), frame))
    return replace(frame, parts=tuple(parts))


def _delimiters(body: bytes, delimiter: bytes, line_end: bytes) -> Iterator[int]:
    """Where delimiters begin: at the start of a line, and of none but such as all the others."""
    position, found = 0, 0
    while position < len(body):
        at = body.find(delimiter, position, position + _WINDOW)
        if at < 0:
            position += _WINDOW - len(delimiter)
            continue
        position = at + len(delimiter)
        if at and body[at - 1] not in b"\r\n":
            continue
        if at and not body.endswith(line_end, 0, at):
            raise MessageForbidden
        if at and line_end == b"\n" and body[at - 2 : at - 1] == b"\r":
            raise MessageForbidden
        if found > MAX_PARTS:
            raise MessageForbidden
        found += 1
        yield at


def _part(body: bytes, place: int, span: tuple[int, int], parts: Parts) -> Part:
    """The part at `span`, by its headers."""
    start, end = span
    line_end = parts.line_end
    first = start + len(parts.delimiter) + len(line_end)
    stop = body.find(line_end * 2, first, min(end, first + _LONGEST_HEAD))
    content = stop + 2 * len(line_end)
    if stop < 0 or content > end - len(line_end):
        raise MessageMalformed
    headers: dict[bytes, bytes] = {}
    for line in body[first:stop].split(line_end):
        header = _HEADER.fullmatch(line)
        if header is None or header[1].lower() in headers:
            raise MessageForbidden
        headers[header[1].lower()] = header[2].strip()
    if headers.get(b"content-transfer-encoding", b"").lower() not in _UNCODED:
        raise MessageForbidden
    names = _names(headers.get(b"content-disposition"))
    said = _CHARSET.findall(headers.get(b"content-type", b""))
    charset = _CHARSETS.get(said[0].lower() if said else b"", "") if len(said) < 2 else ""
    return Part(place, names, start, content, end - len(line_end), end, charset)


def _names(disposition: bytes | None) -> frozenset[str]:
    """What readers may take a part's name for."""
    if disposition is None:
        raise MessageMalformed
    match = _DISPOSITION.fullmatch(disposition)
    if match is None:
        raise MessageForbidden
    said: dict[bytes, bytes] = {}
    for key, quoted, bare in _PARAMETER.findall(match["parameters"]):
        if key.lower() in said or key.lower() == b"name*":
            raise MessageForbidden
        said[key.lower()] = quoted or bare
    if b"name" not in said:
        raise MessageForbidden
    try:
        name = said[b"name"].decode()
    except UnicodeDecodeError:  # holds the input
        raise MessageMalformed from None
    unescaped = re.sub(r"\\(.)", r"\1", name)
    return frozenset({name, unescaped, unquote(name), unquote(unescaped)})
