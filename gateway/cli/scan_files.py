"""What may hold a card number on a disk: files, and what is packed in them, as chunks of bytes.

Nothing is ever written: archives and databases are read where they stand, packed members are
unpacked in memory, piece by piece, with a limit on how much and how deep.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from gateway.cli import scan_pages
from gateway.cli import scan_sqlite as databases
from gateway.cli.scan_parts import OVERLAP, Chunk, Part, Unreadable

CHUNK: Final = 4 << 20
_HEAD: Final = 262  # as far as tar's mark
_DEEPEST: Final = 4  # an archive in an archive in …
_MOST_UNPACKED: Final = 4 << 30  # bytes out of one file
_LARGEST_NESTED: Final = 512 << 20  # a packed member is held in memory


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(slots=True)
class _Budget:
    left: int = _MOST_UNPACKED


def files(paths: list[Path]) -> Iterator[Path | Unreadable]:
    """Every regular file under `paths`, in order; symbolic links below them are not followed."""
    for path in paths:
        if path.is_dir():
            yield from _below(path)
        else:
            yield path


def _below(directory: Path) -> Iterator[Path | Unreadable]:
    try:
        entries = sorted(directory.iterdir())
    except OSError as error:
        yield Unreadable(str(directory), error.strerror or "can not be read")
        return
    for entry in entries:
        if entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _below(entry)
        elif entry.is_file():
            yield entry


def parts(path: Path) -> Iterator[Part]:
    """Everything in one file: its bytes as they are, and what they unpack to."""
    try:
        with path.open("rb") as stream:
            if _head(stream).startswith(scan_pages.MAGIC):
                yield from databases.read_file(path)
                yield from _raw(str(path), stream, 0)  # free pages
                return
            yield from _stream(str(path), stream, 0, _Budget())
    except OSError as error:
        yield Unreadable(str(path), error.strerror or "can not be read")


def _stream(place: str, stream: IO[bytes], depth: int, budget: _Budget) -> Iterator[Part]:
    yield from _raw(place, stream)
    stream.seek(0)
    kind = _kind(stream)
    if kind is None:
        return
    if depth == _DEEPEST:
        yield Unreadable(place, "packed too deep to be looked into")
        return
    try:
        yield from kind(place, stream, depth, budget)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError, NotImplementedError,
            RuntimeError, tarfile.TarError, zipfile.BadZipFile):  # fmt: skip
        yield Unreadable(place, "is a damaged or encrypted archive")


def _raw(place: str, stream: IO[bytes], line: int = 1) -> Iterator[Part]:
    """Its bytes as they are, but for databases, whose values are set apart."""
    layout = scan_pages.layout_of(_head(stream))
    if layout is not None:
        yield from scan_pages.set_apart(place, stream, layout, CHUNK)
        return
    kept = b""
    while data := stream.read(CHUNK):
        whole = kept + data
        yield Chunk(place, whole, line, len(kept))
        kept = whole[-OVERLAP:]
        line += bool(line) * whole.count(b"\n", 0, len(whole) - len(kept))


def _head(stream: IO[bytes]) -> bytes:
    """The first bytes, by which a kind of file is known."""
    head = stream.read(_HEAD)
    stream.seek(0)
    return head


def _kind(stream: IO[bytes]) -> _Opener | None:
    head = _head(stream)
    for magic, opener in _OPENERS:
        if head.startswith(magic):
            return opener
    if head[257:262] == b"ustar":
        return _tar
    is_zip = zipfile.is_zipfile(stream)
    stream.seek(0)
    return _zip if is_zip else None


def _nested(place: str, stream: _Readable, depth: int, budget: _Budget) -> Iterator[Part]:
    """A packed member. It is held in memory, up to a limit, in order to look into it twice."""
    data = stream.read(max(0, min(_LARGEST_NESTED, budget.left)) + 1)
    if len(data) > _LARGEST_NESTED or budget.left < 0:
        yield Unreadable(place, "unpacks to too much to be looked into")
        return
    budget.left -= len(data)
    yield from _stream(place, io.BytesIO(data), depth + 1, budget)


def _zip(place: str, stream: IO[bytes], depth: int, budget: _Budget) -> Iterator[Part]:
    with zipfile.ZipFile(stream) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                with archive.open(member) as inner:
                    yield from _nested(f"{place}!{member.filename}", inner, depth, budget)


def _tar(place: str, stream: IO[bytes], depth: int, budget: _Budget) -> Iterator[Part]:
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        for member in archive:
            inner = archive.extractfile(member) if member.isfile() else None
            if inner is not None:
                yield from _nested(f"{place}!{member.name}", inner, depth, budget)


def _gzip(place: str, stream: IO[bytes], depth: int, budget: _Budget) -> Iterator[Part]:
    with gzip.GzipFile(fileobj=stream) as inner:
        yield from _nested(place + "!", inner, depth, budget)


def _bzip2(place: str, stream: IO[bytes], depth: int, budget: _Budget) -> Iterator[Part]:
    with bz2.BZ2File(stream) as inner:
        yield from _nested(place + "!", inner, depth, budget)


def _xz(place: str, stream: IO[bytes], depth: int, budget: _Budget) -> Iterator[Part]:
    with lzma.LZMAFile(stream) as inner:
        yield from _nested(place + "!", inner, depth, budget)


def _nested_database(place: str, stream: IO[bytes], _: int, __: _Budget) -> Iterator[Part]:
    yield from databases.read_bytes(place, stream.read(_LARGEST_NESTED))


_Opener = Callable[[str, IO[bytes], int, _Budget], Iterator[Part]]
_OPENERS: Final[tuple[tuple[bytes, _Opener], ...]] = (
    (b"\x1f\x8b", _gzip),
    (b"BZh", _bzip2),
    (b"\xfd7zXZ\0", _xz),
    (scan_pages.MAGIC, _nested_database),
)
