"""Looks for clear card numbers in everything that a gateway wrote, as `card-gateway scan` does."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from gateway.cards import pan
from gateway.cards.scan import find_cards
from gateway.cli import scan_files
from gateway.cli.scan_pages import BREAK
from gateway.cli.scan_parts import Unreadable
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.postgres.values import values


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found: files looked into, masked numbers with their places, what was unreadable; `tables` of a
    database on a server.
    """

    files: tuple[str, ...]
    clear: tuple[str, ...]
    unreadable: tuple[str, ...]
    tables: tuple[str, ...] = ()


def look(
    directory: Path,
    *,
    known: Collection[str],
    skip: Path | None = None,
    database: PostgresPlace | None = None,
) -> Looked:
    """Every file below `directory`, but those below `skip`, and every value in `database`. `known` numbers
    count wherever they stand, also inside a longer run of digits. Raises OSError, VaultUnavailable.
    """
    names: list[str] = []
    tables: dict[str, None] = {}
    clear: set[str] = set()
    unreadable: list[str] = []
    for file in scan_files.files([directory]):
        if isinstance(file, Unreadable):
            unreadable.append(file.place)
            continue
        if skip is not None and file.is_relative_to(skip):
            continue
        names.append(str(file.relative_to(directory)))
        for part in scan_files.parts(file):
            if isinstance(part, Unreadable):
                unreadable.append(f"{part.place} {part.why}")
                continue
            place = part.place.removeprefix(f"{directory}/")
            for found in find_cards(part.data, known=known):
                clear.add(f"{place}: {pan.mask(found.digits.reveal())}")
    for table, column, held in [] if database is None else values(database):
        tables[table] = None
        for found in find_cards(BREAK.join(held), known=known):
            clear.add(f"{table}.{column}: {pan.mask(found.digits.reveal())}")
    return Looked(tuple(names), tuple(sorted(clear)), tuple(unreadable), tuple(tables))


def finds_a_decoy(number: str) -> bool:
    """Whether `look` sees: a number is written to a file of its own, looked for, and removed."""
    with tempfile.TemporaryDirectory(prefix="card-gateway-decoy-") as name:
        (Path(name) / "decoy.log").write_text(f'{{"note": "{number}"}}\n', encoding="utf-8")
        return len(look(Path(name), known=()).clear) == 1
