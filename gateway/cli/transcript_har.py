"""HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/): what browsers and proxies export.

A HAR has bodies as text, decoded: the content coding is undone and the characters are Unicode. The bytes
that were sent are made of it again, in the charset that the message named. Where a HAR was saved without
contents, or has a form's fields without its text, the message says that its body was not recorded.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import urlencode

from gateway.cli.har_entries import LARGEST, Entry, NoHar, entries
from gateway.cli.recorded import NOT_RECORDED, Recorded, as_it_was, fields_of, wrong
from gateway.cli.transcript_http import authority_of
from gateway.headers import Headers

_HAR: Final = re.compile(rb'(?:\xef\xbb\xbf)?\s*\{\s*"log"\s*:\s*\{')
_CHARSET: Final = re.compile(r'charset="?([\w.:-]{1,40})', re.IGNORECASE)
_DECLARED: Final = re.compile(r"""\A\s*<\?xml[^>]{0,80}?encoding=["']([\w.:-]{1,40})""")
# Those that a message may have (P12); no codec of Python's that is none.
_TEXTUAL: Final = re.compile(
    r"utf-?(?:8|16(?:-?[lb]e)?)|us-ascii|iso-8859-\d{1,2}|latin-?1|(?:windows-|cp)125\d",
    re.IGNORECASE,
)
_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<netloc>[^/?#]*)(?P<path>[^#]*)"
)
_FORM: Final = "application/x-www-form-urlencoded"
_BLIND: Final = "CONNECT"

Json = Mapping[str, Any]  # what a tool wrote: looked at piece by piece


@dataclass(frozen=True, slots=True)
class _Body:
    content: bytes
    complete: bool = True
    notes: tuple[str, ...] = ()


def looks_like_har(head: bytes) -> bool:
    """Whether a file begins as a HAR does."""
    return _HAR.match(head) is not None


def read_har(
    stream: IO[bytes], file: Path, seen: Callable[[int], None] = lambda _: None
) -> Iterator[Recorded]:
    """The exchanges of a HAR: each a request, and a response where one came.

    Raises ConfigurationError, OSError.
    """
    try:
        for number, entry in enumerate(entries(stream, seen), 1):
            yield from _exchange(entry, number, file)
    except NoHar as error:
        message = "the file ends in the middle" if error.cut else "there is no `log.entries` in it"
        raise wrong(file, error.line, message, "Is it a HAR 1.2? Export it again.") from None


def _exchange(entry: Entry, number: int, file: Path) -> Iterator[Recorded]:
    if not entry.raw:
        hint = "Leave it out, or record it with a smaller body."
        raise wrong(file, entry.line, f"an entry is larger than {LARGEST >> 20} MB", hint)
    data = _parse(entry, file)
    asked = _object(data, "request")
    if asked is None:
        raise wrong(file, entry.line, "an entry has no `request`", "Is it a HAR 1.2?")
    method = _text(asked, "method").upper()
    url = _URL.match(_text(asked, "url"))
    if not method or url is None:
        raise wrong(file, entry.line, "an entry's request has no method or no URL")
    if method == _BLIND or url["scheme"].lower() not in {"http", "https"}:
        return  # the tunnel around other exchanges, `data:`, `blob:`, a WebSocket
    authority = authority_of(url["scheme"], url["netloc"].rpartition("@")[2], file, entry.line)
    path = url["path"] if url["path"].startswith("/") else "/" + url["path"]
    headers, body = _fields(asked), _sent(asked, file, entry.line)
    headers, undone = as_it_was(headers, body.content)
    said = Recorded(
        "request", number, file, entry.line, method, authority, path, 0,
        headers, body.content, body.complete, (*body.notes, *undone),
    )  # fmt: skip
    yield said
    answer = _object(data, "response")
    status = answer.get("status") if answer else None
    if answer is None or not isinstance(status, int) or not 200 <= status <= 599:
        return  # it never came
    headers, body = _fields(answer), _received(answer, file, entry.line)
    headers, undone = as_it_was(headers, body.content)
    yield Recorded(
        "response", number, file, entry.line, method, authority, path, status,
        headers, body.content, body.complete, (*body.notes, *undone),
    )  # fmt: skip


def _parse(entry: Entry, file: Path) -> Json:
    try:
        data = json.loads(entry.raw.decode("utf-8"))
    except json.JSONDecodeError as error:
        line = entry.line + error.lineno - 1
        raise wrong(file, line, "this is not well-formed JSON", "Export the HAR again.") from None
    except UnicodeDecodeError:
        raise wrong(file, entry.line, "this entry is not UTF-8", "Export it again.") from None
    except RecursionError:
        raise wrong(file, entry.line, "this entry is nested too deeply") from None
    except ValueError:  # a number of thousands of digits
        raise wrong(file, entry.line, "this entry holds what no HAR has") from None
    return data if isinstance(data, dict) else {}


# --- heads ------------------------------------------------------------------------------------------


def _fields(message: Json) -> Headers:
    listed = message.get("headers")
    pairs = [
        (name, value)
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict)
        and isinstance(name := one.get("name"), str)
        and isinstance(value := one.get("value"), str)
    ]
    return fields_of(pairs)


# --- bodies -----------------------------------------------------------------------------------------


def _sent(message: Json, file: Path, line: int) -> _Body:
    posted = _object(message, "postData")
    size = message.get("bodySize")
    if posted is None:
        length = _number(_fields(message).get("Content-Length"))
        missing = (isinstance(size, int) and size > 0) or length > 0
        return _Body(b"", complete=False, notes=(NOT_RECORDED,)) if missing else _Body(b"")
    kind = _text(posted, "mimeType") or _fields(message).get("Content-Type") or ""
    if _text(posted, "text"):
        return _bytes_of(posted, kind, file, line)
    fields = posted.get("params")
    if not isinstance(fields, list) or not fields:
        return _Body(b"")
    if not kind.lower().startswith(_FORM):
        return _Body(b"", complete=False, notes=("its fields were recorded without their text",))
    pairs = [(_text(one, "name"), _text(one, "value")) for one in fields if isinstance(one, dict)]
    written = urlencode(pairs, errors="surrogatepass").encode("ascii")
    return _Body(written, notes=("its form was written anew, from its fields",))


def _received(message: Json, file: Path, line: int) -> _Body:
    content = _object(message, "content") or {}
    kind = _text(content, "mimeType") or _fields(message).get("Content-Type") or ""
    if _text(content, "text"):
        return _bytes_of(content, kind, file, line)
    sizes = [content.get("size"), message.get("bodySize")]
    length = _number(_fields(message).get("Content-Length"))
    if length > 0 or any(isinstance(size, int) and size > 0 for size in sizes):
        return _Body(b"", complete=False, notes=(NOT_RECORDED,))
    return _Body(b"")


def _bytes_of(content: Json, kind: str, file: Path, line: int) -> _Body:
    """The bytes that a recorded text stands for."""
    text, coding = _text(content, "text"), _text(content, "encoding").lower()
    if coding == "base64":
        try:
            return _Body(base64.b64decode("".join(text.split()), validate=True))
        except (binascii.Error, ValueError):
            message = "a body is said to be base64 and is not"
            raise wrong(file, line, message, "Export the HAR again.") from None
    if coding:
        raise wrong(file, line, "a body has an `encoding` that is not base64")
    named = _CHARSET.search(kind) or _DECLARED.match(text)
    charset = named[1] if named and _TEXTUAL.fullmatch(named[1]) else "utf-8"
    try:
        return _Body(text.encode(charset, "surrogateescape"))
    except (LookupError, UnicodeEncodeError):
        notes = () if charset.lower() == "utf-8" else ("it was written in UTF-8, not as it came",)
        return _Body(text.encode("utf-8", "surrogatepass"), notes=notes)


def _object(data: Json, name: str) -> Json | None:
    found = data.get(name)
    return found if isinstance(found, dict) else None


def _text(data: Json, name: str) -> str:
    found = data.get(name)
    return found if isinstance(found, str) else ""


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 13 else 0
