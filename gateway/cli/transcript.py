"""Recorded messages, read from what people have: a body, a transcript, curl's `-v`, a HAR, a cassette.

    body       the file is one message's body, and nothing is known about it
    .http      heads and bodies as they were on the line, one message after the other, or the requests of
               an HTTP client's file between `###` (RFC 9112)
    curl -v    what curl tells of an exchange: heads behind `> ` and `< `, the answer's body
    HAR 1.2    what browsers and proxies export; read entry by entry, however large the file is
    cassettes  what test tools keep (VCR, vcrpy, betamax, nock), and collections of Postman
    wrapped    stubs, contracts, collections, sessions of other tools, see `wrapped/`

Nothing is sent and nothing is written. What is wrong is told with file and line, never with a text of the
recording: any of it may be a card.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from gateway.cli.curl_trace import looks_like_trace
from gateway.cli.hex_dumps import undumped
from gateway.cli.recorded import Recorded, wrong
from gateway.cli.transcript_cassettes import looks_like_cassette, read_cassette
from gateway.cli.transcript_har import looks_like_har, read_har
from gateway.cli.transcript_http import looks_like_http, read_http
from gateway.cli.wrapped.reader import LARGEST as LARGEST_WRAPPED
from gateway.cli.wrapped.reader import is_wrapped, read_wrapped

_HEAD: Final = 4096
_LARGEST: Final = 256 << 20  # of a file that is read whole
_IN_FOLDERS: Final = frozenset({".har", ".http", ".rest", ".curl", ".txt", ".bru", ".chlsj"})
_MAYBE: Final = frozenset({".yml", ".yaml", ".json", ".xml"})  # in folders: where they say so
_SENT_BY_CLIENTS: Final = frozenset({".http", ".rest"})
_UTF16: Final = re.compile(rb"\A(?:\xff\xfe|\xfe\xff)")

Seen = Callable[[int], None]  # is told how many bytes of a file were read


def files_of(paths: list[Path]) -> list[Path]:
    """The recordings under `paths`: files as they are named, of folders what may be one by its name.

    Raises ConfigurationError where a folder holds none.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = [one for one in sorted(path.rglob("*")) if one.is_file() and _is_recording(one)]
        if not inside:
            kinds = ", ".join(sorted(_IN_FOLDERS))
            raise wrong(
                path, 0, "there is no recording in this folder", f"Looked for: {kinds}, cassettes."
            )
        found += inside
    return found


def _is_recording(path: Path) -> bool:
    """Whether a file in a folder may be one, by its name, or by how it begins."""
    if path.suffix.lower() not in _MAYBE:
        return path.suffix.lower() in _IN_FOLDERS
    with path.open("rb") as stream:
        raw = stream.read(LARGEST_WRAPPED + 1)
    return looks_like_cassette(raw[:_HEAD]) or is_wrapped(raw)


def read(path: Path, seen: Seen = lambda _: None) -> Iterator[Recorded]:
    """The messages of a file, in order: each request, and the answer that it got right behind it.

    Raises ConfigurationError, with the line; OSError.
    """
    with path.open("rb") as stream:
        yield from read_stream(stream, path, seen)


def read_stream(stream: IO[bytes], path: Path, seen: Seen = lambda _: None) -> Iterator[Recorded]:
    """As `read`, of a file that is open, or of memory; `path` is what it is called."""
    head = stream.read(_HEAD)
    stream.seek(0)
    if path.suffix.lower() == ".har" or looks_like_har(head):
        yield from read_har(stream, path, seen)
        return
    raw = _whole(stream, path)
    seen(len(raw))
    wrapped = read_wrapped(raw, path)
    if wrapped is not None:
        yield from wrapped
        return
    if looks_like_cassette(head):
        yield from read_cassette(raw, path)
        return
    raw = raw.removeprefix(codecs.BOM_UTF8)  # an editor's
    raw = (None if looks_like_trace(raw) else undumped(raw)) or raw
    if path.suffix.lower() in _SENT_BY_CLIENTS or looks_like_http(raw):
        if _UTF16.match(raw):
            raise wrong(path, 1, "the transcript is UTF-16", "Save it as UTF-8.")
        yield from read_http(raw, path)
    else:
        yield Recorded(None, 1, path, 1, body=raw)


def read_all(path: Path) -> list[Recorded]:
    """As `read`, all at once: for files that a person looks at."""
    return list(read(path))


def _whole(stream: IO[bytes], path: Path) -> bytes:
    raw = stream.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        largest = f"{_LARGEST >> 20} MB"
        raise wrong(path, 0, f"the file is larger than {largest}", "Cut it, or record a HAR.")
    return raw
