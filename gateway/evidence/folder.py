"""The evidence's folder: its files, and the manifest that says which they are.

1. The folder is made, or empty: nothing of an older one is taken for this one's. Only its owner reads it.
2. MANIFEST.sha256 has the SHA-256 of every other file, as `sha256sum -c` takes it.
3. MANIFEST.hmac is the manifest's HMAC under the vault's audit key: whoever has the vault and its
   key-encryption key can tell whether it was made by a gateway with them, and nobody else can make it.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from gateway.private_directory import make_private

MANIFEST: Final = "MANIFEST.sha256"
SIGNATURE: Final = "MANIFEST.hmac"
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([a-z-]+[a-z.-]*|README\.md)")
# A spreadsheet would run it.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")

Cell = str | int | None


class Folder:
    """Writes the files of one, each once, then `seal`s it."""

    def __init__(self, directory: Path) -> None:
        """Raises OSError where it can not be made, FileExistsError where something is in it."""
        make_private(directory)
        if any(directory.iterdir()):
            raise FileExistsError(17, "the folder is not empty; name a new one", str(directory))
        self._directory = directory
        self._hashes: dict[str, str] = {}

    def text(self, name: str, text: str) -> None:
        """Writes a file."""
        content = text.encode()
        self._hashes[name] = hashlib.sha256(content).hexdigest()
        self._write(name, content)

    def json(self, name: str, value: object) -> None:
        """The same of JSON, indented, in ASCII."""
        self.text(name, json.dumps(value, indent=2, default=str) + "\n")

    def csv(self, name: str, head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> int:
        """The same of CSV; how many rows. A text that a spreadsheet would run has an apostrophe before."""
        count = 0
        with self._new(name).open("wb") as file:  # as the rows come: an audit may have millions
            written = _Hashed(file)
            table = csv.writer(written)
            table.writerow(head)
            for row in rows:
                table.writerow([_cell(value) for value in row])
                count += 1
        self._hashes[name] = written.digest.hexdigest()
        return count

    def seal(self, sign: Callable[[bytes], str]) -> None:
        """Writes the manifest, and what `sign` gives for it."""
        lines = [f"{digest}  {name}\n" for name, digest in sorted(self._hashes.items())]
        manifest = "".join(lines).encode()
        self._write(MANIFEST, manifest)
        self._write(SIGNATURE, f"{sign(manifest)}\n".encode())

    def _write(self, name: str, content: bytes) -> None:
        self._new(name).write_bytes(content)

    def _new(self, name: str) -> Path:
        path = self._directory / name
        path.touch(mode=0o600, exist_ok=False)
        return path


class _Hashed:
    """Writes text into a file, and hashes what it writes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def write(self, text: str) -> int:
        content = text.encode()
        self.digest.update(content)
        return self._file.write(content)


def faults(directory: Path, signed: Callable[[bytes, str], bool]) -> Iterator[str]:
    """What is wrong with a folder, in words; nothing: it is as it was written. `signed`: whether a text
    is the signature of these bytes. Raises OSError where manifest or signature can not be read.
    """
    manifest = (directory / MANIFEST).read_bytes()
    signature = (directory / SIGNATURE).read_text(encoding="ascii", errors="replace").strip()
    if not signed(manifest, signature):
        yield f"{MANIFEST} was changed, or was made by a gateway with another vault"
    there = {path.name for path in directory.iterdir()} - {MANIFEST, SIGNATURE}
    for line in manifest.decode("ascii", "replace").splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            yield f"{MANIFEST} has a line that is none of ours"
            continue
        digest, name = match.groups()
        if name not in there:
            yield f"{name} is missing"
        elif _digest(directory / name) != digest:
            yield f"{name} was changed"
        there.discard(name)
    yield from (f"{name} is not of this evidence" for name in sorted(there))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cell(value: Cell) -> Cell:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
