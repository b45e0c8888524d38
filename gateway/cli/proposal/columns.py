"""The lines of an export, taken apart into columns: separated, quoted, below a head, or of a fixed width.

    separated   1001;Doe;4111…;12/30        with or without quotes, a separator within them
    below       GUEST      CARD NUMBER      where the first line says what its columns are
    glued       10001DOE  4111…1230123      lines of one length, in each a card at one place

What stands around a value becomes its path: nothing of a line is in it but its separators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from gateway.cards import pan
from gateway.cli.proposal import spelled, words
from gateway.cli.proposal.leaves import Leaf, Step, Taken
from gateway.cli.proposal.ways import text_path
from gateway.codecs.around import made_ready

_MOST_LINES: Final = 5_000
_FEWEST_COLUMNS: Final = 3
_SEPARATORS: Final = (";", "\t", "|", ",")
_WIDEST: Final = 256  # signs that a path may pass over (codecs/around.py)
_NUMBER: Final = 16  # signs of a number among glued columns; a shorter one has blanks behind it
_EXPIRY, _CODE = 4, 3  # of an expiry and of a security code there
_SHORTEST: Final = 13
_FIXED: Final = re.compile(r"\^(?:\{\*(?P<before>[0-9]+)\})?\{(?P<width>[0-9]*)\}")
_PLACEHOLDER: Final = re.compile(r"\{\*?\}")


def columns_of(text: str) -> list[Leaf]:
    """The fields of each line; none where the lines are no columns with a card's number among them."""
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    if len(lines) > _MOST_LINES:
        return []
    for separator in _SEPARATORS:
        leaves = list(_separated(lines, separator))
        if leaves:
            return leaves
    return (list(_below(lines)) or list(_glued(lines))) if text.isascii() else []


def is_fixed(path: str) -> bool:
    """Whether a path leads to a column of so many signs."""
    return _FIXED.fullmatch(path) is not None and not path.endswith("{}")


def head_of(taken: Taken, path: str) -> str:
    """What stands in a column's first line instead of a value, as long as its column; empty where that is a
    value too."""
    for leaf in taken.leaves:
        if leaf.steps[0].axis != "item" or text_path(leaf.steps) != path:
            continue
        if leaf.steps[0].nth == 0 or not made_ready(path).pattern.match(taken.body):
            return ""
        fixed = _FIXED.fullmatch(path)
        width = int(fixed["width"] or 0) if fixed else 0
        return leaf.name[:width].ljust(width) if width else leaf.name
    return ""


def row_of(paths: Sequence[str], values: Sequence[str]) -> str:
    """A line with these values at these paths, in their order."""
    if _FIXED.fullmatch(paths[-1]) is None:
        said = iter(values)
        return _PLACEHOLDER.sub(lambda _: next(said), paths[-1].removeprefix("^"))
    line = ""
    for path, value in zip(paths, values, strict=True):
        if (found := _FIXED.fullmatch(path)) is not None:
            start = int(found["before"] or 0)
            if start and not line:
                line = "x"  # what YAML writes as a block is not to begin with a blank
            line = line.ljust(start) + value.ljust(int(found["width"] or 0))
    return line


def _leaf(row: int, path: str, label: str, value: str) -> Leaf:
    return Leaf((Step("item", nth=row), Step("field", path), Step("member", label)), value.strip())


# --- separated --------------------------------------------------------------------------------------


def _separated(lines: Sequence[str], separator: str) -> Iterator[Leaf]:
    """Lines of which each has as many fields; a column has quotes in every line but the first, or in none."""
    sign = re.escape(separator)
    field = re.compile(rf'(?:"((?:[^"]|"")*)"|([^"{sign}]*))(?:{sign}|\Z)')
    rows = [row for line in lines if (row := _fields(field, line.rstrip(), separator))]
    count = len(rows[0]) if rows else 0
    if len(rows) < len(lines) or count < _FEWEST_COLUMNS or any(len(row) != count for row in rows):
        return
    at = _number_column([[value for value, _ in row] for row in rows])
    if at is None:
        return
    first = [value.strip() for value, _ in rows[0]]
    head = first if _is_head(first, first[at]) else None
    quotes = [quoted for _, quoted in rows[-1]]
    if any([quoted for _, quoted in row] != quotes for row in (rows[1:] if head else rows)):
        return
    passed = ['"{*}"' if quoted else "{*}" for quoted in quotes]
    for n, row in enumerate(rows):
        if head is not None and n == 0:
            continue
        for column, (value, quoted) in enumerate(row):
            path = "^" + "".join(one + separator for one in passed[:column])
            path += '"{}"' if quoted else "{}"
            path += separator if column + 1 < count else ""
            yield _leaf(n, path, head[column] if head else f"c{column + 1}", value)


def _fields(field: re.Pattern[str], line: str, separator: str) -> list[tuple[str, bool]]:
    """A line's values, each with whether it stands in quotes; none where its quotes are not in order."""
    if '"' not in line:
        return [(value, False) for value in line.split(separator)]
    found: list[tuple[str, bool]] = []
    at = 0
    while match := field.match(line, at):
        found.append((match[2] if match[1] is None else match[1], match[1] is not None))
        at = match.end()
        if not line.endswith(separator, 0, at) or match.end() == match.start():
            break
    return found if at == len(line) else []


def _number_column(rows: Sequence[Sequence[str]]) -> int | None:
    for row in rows[:20]:
        for column, value in enumerate(row):
            if pan.is_plausible(pan.digits_of(value.strip()) or ""):
                return column
    return None


def _is_head(row: Sequence[str], name: str) -> bool:
    """Whether a line says what its columns are: it has no digits, and a card's name where the number stands."""
    called = words.names_number(name) or words.is_of_card(name) or words.is_generic(name)
    return called and not any(sign.isdigit() for value in row for sign in value)


# --- of a fixed width -------------------------------------------------------------------------------


def _below(lines: Sequence[str]) -> Iterator[Leaf]:
    """Columns that begin where their names do, in the first line."""
    cells = list(re.finditer(r"\S+(?: \S+)*", lines[0]))
    labels = [cell[0] for cell in cells]
    rows = [(n, line) for n, line in enumerate(lines) if n and line.strip("-=+ ")]
    if len(cells) < _FEWEST_COLUMNS or not rows or not any(map(words.names_number, labels)):
        return
    if not _is_head(labels, next(one for one in labels if words.names_number(one))):
        return
    starts = [cell.start() for cell in cells]
    if starts[-1] > _WIDEST:
        return
    widths = [behind - start for start, behind in pairwise(starts)]
    for n, line in rows:
        for start, width, label in zip(starts, [*widths, 0], labels, strict=True):
            skipped = f"{{*{start}}}" if start else ""
            path = (
                f"^{skipped}{{{width - 1 if width else ''}}}"  # the last sign divides two columns
            )
            value = line[start : start + width - 1] if width else line[start:]
            yield _leaf(n, path, label, value)


def _glued(lines: Sequence[str]) -> Iterator[Leaf]:
    """Columns with nothing between them: lines of one length, with a card's number at one place in each."""
    length = len(lines[0]) if lines else 0
    if len(lines) < 2 or any(len(line) != length for line in lines):  # one line shows no column
        return
    found = [at for at in range(min(length - _NUMBER, _WIDEST) + 1) if _are_numbers(lines, at)]
    if len(found) != 1:
        return
    columns = [(found[0], _NUMBER, "c1")]
    after = found[0] + _NUMBER
    columns += [(at, _EXPIRY, "exp") for at in (after, after + 1) if _are_expiries(lines, at)][:1]
    after = columns[-1][0] + columns[-1][1]
    columns += [(at, _CODE, "c3") for at in (after, after + 1) if _are_codes(lines, at)][:1]
    for n, line in enumerate(lines):
        for at, width, label in columns:
            path = f"^{{*{at}}}{{{width}}}" if at else f"^{{{width}}}"
            yield _leaf(n, path, label, line[at : at + width])


def _are_numbers(lines: Sequence[str], at: int) -> bool:
    values = [line[at : at + _NUMBER].rstrip() for line in lines]
    return all(len(one) >= _SHORTEST and one.isdigit() and pan.is_plausible(one) for one in values)


def _are_expiries(lines: Sequence[str], at: int) -> bool:
    values = [line[at : at + _EXPIRY] for line in lines]
    return at + _EXPIRY <= min(_WIDEST, len(lines[0])) and all(
        one.isdigit() and spelled.whole(one) is not None for one in values
    )


def _are_codes(lines: Sequence[str], at: int) -> bool:
    values = [line[at : at + _CODE] for line in lines]
    return at + _CODE <= min(_WIDEST, len(lines[0])) and all(one.isdigit() for one in values)
