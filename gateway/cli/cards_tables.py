"""Tables that an import leaves behind: old tokens with their new ones, lines that were refused."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from gateway.cli.output import complain


class Rows:
    """A table that is written row by row."""

    def __init__(self, path: Path | None, columns: tuple[str, ...]) -> None:
        self._file = None
        if path is not None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._file = os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii", newline="")
            self._writer = csv.writer(self._file)
            self._writer.writerow(columns)

    def add(self, *fields: str | int) -> None:
        """Another row."""
        if self._file is not None:
            self._writer.writerow(fields)

    def close(self) -> None:
        """All of it is on the disk."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()


@contextmanager
def new_table(path: Path | None, columns: tuple[str, ...]) -> Iterator[Rows]:
    """A new file for its owner alone, which appears under its name once it is whole: what was killed
    leaves a draft, which the next run replaces.
    """
    if path is not None and path.exists():
        complain(f"{path} is there already.", "Name another file, or move it away.")
        raise typer.Exit(2)
    draft = None if path is None else path.with_name(f"{path.name}.draft")
    if draft is not None:
        draft.unlink(missing_ok=True)
    rows = Rows(draft, columns)
    try:
        yield rows
    finally:
        rows.close()
    if draft is not None and path is not None:
        draft.rename(path)
