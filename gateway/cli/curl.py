"""What `curl -v` tells, brought into the form of a transcript.

Heads stand behind `> ` (sent) and `< ` (received), curl's own words behind `* `, `{ ` and `} `. What was
received stands between them as it came; of what was sent the body is not told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_HEAD: Final = 64 << 10  # as far as a recording may begin with other words
_SENT: Final = re.compile(rb"^> [A-Z]{3,20} \S+ HTTP/[0-9]", re.MULTILINE)
_MARKED: Final = re.compile(rb"([<>])(?: |(?=\r?\n))")
_LINE: Final = re.compile(rb"[^\n]*\n|[^\n]+")
_TRAFFIC: Final = re.compile(rb"[{}] \[\d+ bytes data\]\s*")
_PROGRESS: Final = re.compile(rb"\r?[^\n]*--:--:--[^\n]*\n?")
_WORDS: Final = re.compile(
    rb"\* (?:Connection #\d+ to host|Closing connection|shutting down)[^\n]*\n?"
)
# The answer's last line need not end: curl's next words then stand in the same one.
_LAST_WORDS: Final = re.compile(_WORDS.pattern + rb"\Z")


def looks_like_curl(raw: bytes) -> bool:
    """Whether `raw` is what `curl -v` wrote."""
    return _SENT.search(raw, 0, _HEAD) is not None


def uncurl(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Each head, with the body behind it, as it would be on the line; and the line it begins in."""
    kind, begins, head, body, over = b"", 0, bytearray(), bytearray(), False
    for number, found in enumerate(_LINE.finditer(raw), 1):
        line = found[0]
        marked = _MARKED.match(line)
        if marked is not None:
            if head and (over or marked[1] != kind):
                yield begins, _message(head, body)
                head, body, over = bytearray(), bytearray(), False
            kind, begins = marked[1], begins if head else number
            head += line[marked.end() :]
            over = not line[marked.end() :].strip()
        elif kind == b"<" and over and not _of_curl(line):
            body += line
    if head:
        yield begins, _message(head, body)


def _of_curl(line: bytes) -> bool:
    """Whether curl says that of itself."""
    return any(one.fullmatch(line) for one in (_TRAFFIC, _PROGRESS, _WORDS))


def _message(head: bytearray, body: bytearray) -> bytes:
    return bytes(head) + _LAST_WORDS.sub(b"", bytes(body))
