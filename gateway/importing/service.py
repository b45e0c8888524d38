"""Importing a file: looked through as a whole, then kept in portions.

1. The first reading keeps nothing: a file that is damaged, or has a column for security codes, is refused
   before a card of it is in the vault.
2. The intent is in the audit before the first card is kept, and each token that is new in the transaction
   that keeps it.
3. A portion is whole or not there. Killed and run again, what is there already is found by its token, and
   the rest is kept: nothing is there twice, nothing is missing.
4. A line that is no card is told by its number and a code. The others go on.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from gateway.access.products import Product
from gateway.audit import COMMAND_LINE, Action, Entry, Outcome
from gateway.cards.token import OldToken, Token
from gateway.exchange import new_id
from gateway.importing.envelope import decrypted
from gateway.importing.lines import Record, read_records
from gateway.importing.refusal import FileRefused, Why
from gateway.importing.rows import Code, RefusedRow, Row, read_row
from gateway.vault.service import Vault

PORTION: Final = 200
_CHUNK: Final = 64 * 1024

Progress = Callable[[int], None]  # how many bytes of the file were read


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a line: a code where it is refused or doubtful, tokens where it is kept."""

    line: int
    code: Code | None
    old: OldToken | None = None
    token: Token | None = None
    created: bool = False


@dataclass(frozen=True, slots=True)
class Looked:
    """A file that may be imported: SHA-256 of it as it came, and how many records it has."""

    sha256: str
    records: int


class Importing:
    """One file for one product. `provider`: whose tokens stand in it."""

    def __init__(
        self,
        vault: Vault,
        product: Product,
        provider: str,
        keys: Sequence[RSAPrivateKey],
        clock: Callable[[], datetime],
    ) -> None:
        self._vault, self._product, self._provider = vault, product, provider
        self._keys, self._clock = keys, clock

    def look(self, file: BinaryIO, progress: Progress) -> Looked:
        """Reads all of it, and keeps nothing. Raises FileRefused."""
        hashed = _Hashed(file, progress)
        records = sum(1 for _ in self._records(hashed))
        return Looked(hashed.sha256(), records)

    def run(self, file: BinaryIO, looked: Looked, progress: Progress) -> Iterator[Told]:
        """Keeps its cards, and tells what became of each line; a line is told once it is durable.

        Raises FileRefused where it is another file than the one that was looked through,
        VaultUnavailable, RecordDamaged.
        """
        entry = Entry(
            self._clock(), new_id(), Action.IMPORT, Outcome.INTENT,
            origin=COMMAND_LINE, product=self._product.name, subject=looked.sha256,
        )  # fmt: skip
        asyncio.run(self._vault.record([entry]))
        hashed = _Hashed(file, progress)
        rows = (
            read_row(line, fields, self._product, self._provider)
            for line, fields in self._records(hashed)
        )
        try:
            while portion := list(islice(rows, PORTION)):
                yield from self._keep(portion, entry)
        except FileRefused:
            raise FileRefused(Why.CHANGED) from None
        if hashed.sha256() != looked.sha256:
            raise FileRefused(Why.CHANGED)
        done = replace(entry, at=self._clock(), outcome=Outcome.DONE)
        asyncio.run(self._vault.record([done]))

    def _records(self, hashed: _Hashed) -> Iterator[Record]:
        yield from read_records(decrypted(hashed, self._keys))
        while hashed.read(_CHUNK):  # what stands behind the message belongs to the checksum
            continue

    def _keep(self, portion: Sequence[Row | RefusedRow], entry: Entry) -> Iterator[Told]:
        rows = [row for row in portion if isinstance(row, Row)]
        made = iter(
            self._vault.old_tokens.put(
                [row.card for row in rows], self._provider, replace(entry, at=self._clock())
            )
        )
        for row in portion:
            if isinstance(row, RefusedRow):
                yield Told(row.line, row.code)
                continue
            one = next(made)
            if one.token is None:
                yield Told(row.line, Code.TOKEN_OF_ANOTHER_CARD)
            else:
                code = Code.LUHN if row.doubtful else None
                yield Told(row.line, code, row.card.old, one.token, one.created)


class _Hashed:
    """A file that is hashed as it is read, from its beginning."""

    def __init__(self, file: BinaryIO, progress: Progress) -> None:
        file.seek(0)
        self._file, self._hash, self._progress = file, hashlib.sha256(), progress
        self._at = 0

    def read(self, count: int) -> bytes:
        """As of a file."""
        read = self._file.read(count)
        self._hash.update(read)
        self._at += len(read)
        self._progress(self._at)
        return read

    def sha256(self) -> str:
        """Of all that was read, in hexadecimal."""
        return self._hash.hexdigest()
