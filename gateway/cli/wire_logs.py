r"""What HTTP clients of Java and Python tell of their traffic, brought into the form of a transcript.

Apache HttpClient   `… >> "POST /pay HTTP/1.1[\r][\n]"`, `… << "HTTP/1.1 200 OK[\r][\n]"` behind whatever
                    the logger writes; of bytes that are no text `[0x1f]`
http.client         `send: b'POST /pay …'`, `reply: 'HTTP/1.1 200 OK\r\n'`, `header: Server: x`; of the answer the
                    body is not told
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

_HEAD: Final = 64 << 10  # as far as a recording may begin with other words
_APACHE: Final = re.compile(rb'^[^"\n]*?(>>|<<) "(.*)"[ \t]*\r?$', re.MULTILINE)
_SIGN: Final = re.compile(rb"\[(?:(\\r)|(\\n)|0x([0-9a-f]{1,2}))\]")
_PYTHON: Final = re.compile(
    rb"^(?:(?:send: (b'(?:[^'\\\n]|\\.)*'|b\"(?:[^\"\\\n]|\\.)*\"))"
    rb"|(?:reply: ('(?:[^'\\\n]|\\.)*'))|header: ([^\n]*?))[ \t]*\r?$",
    re.MULTILINE,
)
_REQUEST: Final = re.compile(rb"[A-Z]{3,20} \S+ HTTP/1")


def looks_like_wire_log(raw: bytes) -> bool:
    """Whether `raw` is what one of these clients wrote."""
    head = raw[:_HEAD]
    apache, python = _APACHE.search(head), _PYTHON.search(head)
    return bool(
        (apache and _REQUEST.match(apache[2])) or (python and _REQUEST.match(_sent(python) or b""))
    )


def unwire(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Each message as it was on the line, and the line of the recording that it begins in."""
    apache = _APACHE.search(raw, 0, _HEAD) is not None
    told = _APACHE.finditer(raw) if apache else _PYTHON.finditer(raw)
    way, held, begins, counted, line = b"", bytearray(), 0, 0, 1
    for found in told:
        line += raw.count(b"\n", counted, found.start())
        counted = found.start()
        if apache:
            now, text = found[1], _SIGN.sub(_byte, found[2])
        elif found[1] is not None:
            now, text = b">>", _sent(found) or b""
        else:
            now, text = b"<<", _received(found)
        if now != way or (now == b">>" and _REQUEST.match(text) and held):
            if held:
                yield begins, bytes(held)
            way, held, begins = now, bytearray(), line
        held += text
    if held:
        yield begins, bytes(held)


def _byte(found: re.Match[bytes]) -> bytes:
    carriage, line, number = found.groups()
    if number is not None:
        return bytes([int(number, 16)])
    return b"\r" if carriage else b"\n" if line else b""


def _sent(found: re.Match[bytes]) -> bytes | None:
    """What `send:` says; None where it is another line, or no literal."""
    value = _literal(found[1])
    return value if isinstance(value, bytes) else None


def _received(found: re.Match[bytes]) -> bytes:
    """A status line, or a header's."""
    if found[2] is None:
        return (found[3] or b"") + b"\r\n"
    value = _literal(found[2])
    return value.encode("latin-1", "replace") if isinstance(value, str) else b""


def _literal(text: bytes | None) -> object:
    try:
        return ast.literal_eval(text.decode("utf-8", "replace")) if text else None
    except (ValueError, SyntaxError):
        return None
