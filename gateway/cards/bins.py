"""The operator's table of card ranges: which BINs belong to the B2B category."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigurationError, Problem

_LINE = re.compile(r"([0-9]{4,11})(?:\s*[,;\s].*)?")


@dataclass(frozen=True, slots=True)
class Bins:
    """Prefixes of B2B cards (travel agencies' virtual cards, corporate cards), 4 to 11 digits."""

    prefixes: frozenset[str] = frozenset()

    def is_b2b(self, digits: str) -> bool:
        """Whether a PAN falls into the table."""
        return any(digits[:length] in self.prefixes for length in range(4, 12))


def read_bins(lines: Iterable[str], file: str = "bins") -> Bins:
    """Reads a table: one prefix a line, what follows a comma or blank is a remark; `#` comments.

    Raises `ConfigurationError` naming each line that is neither.
    """
    prefixes: set[str] = set()
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        match = _LINE.fullmatch(bare)
        if match is None:
            problems.append(
                Problem(file, number, "not a BIN", "a line is 4 to 11 digits, then a remark if any")
            )
        else:
            prefixes.add(match[1])
    if problems:
        raise ConfigurationError(problems)
    return Bins(frozenset(prefixes))


def load_bins(path: Path) -> Bins:
    """Reads the table from a file (UTF-8). Raises `ConfigurationError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        problem = Problem(str(path), 0, "the B2B table can not be read", str(error.strerror))
        raise ConfigurationError([problem]) from None
    return read_bins(text.splitlines(), str(path))
