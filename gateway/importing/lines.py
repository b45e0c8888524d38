"""Records of a decrypted file: CSV with a header row (RFC 4180), or a JSON object on each line.

What is wrong with all of it is refused at its line; one record that can not be read is None, and the
others go on. Column names are ours: others are never repeated, for a file may lack its header.
"""

from __future__ import annotations

import contextlib
import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from gateway.importing.refusal import FileRefused, Why

COLUMNS: Final = (
    "pan", "expiry", "expiry_month", "expiry_year", "token", "token_user",
    "holder", "system", "hotel", "booking", "departure",
)  # fmt: skip
# PCI DSS calls all of these sensitive authentication data: codes, PINs, magnetic stripes.
_SENSITIVE: Final = re.compile(
    r"(^|_)(cav|cid|csc|cvc|cvd|cvn|cvv|pin|track)(_|[0-9]|$)|(security|card|verification)_?code"
    r"|verification_?(number|value)|pin_?block|track_?data|magstripe"
)
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_NAME: Final = re.compile(r"[^a-z0-9]+")
_LONGEST: Final = 64 * 1024  # bytes of a line

# Line, and the record's fields by column; None: it can not be read.
Record: TypeAlias = tuple[int, Mapping[str, str] | None]


def read_records(pieces: Iterable[bytes]) -> Iterator[Record]:
    """The records of a file that comes in pieces. Raises FileRefused, and what `pieces` raises."""
    lines = _lines(pieces)
    first = next(lines, "")
    if not first.strip():
        raise FileRefused(Why.EMPTY)
    if first.lstrip().startswith("{"):
        return _json(first, lines)
    return _csv(first, lines)


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Each with its end. A byte order mark is no part of the first."""
    number, rest = 0, b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for one in whole:
            number += 1
            yield _text(one + b"\n", number)
        if len(rest) > _LONGEST:
            raise FileRefused(Why.LINE_TOO_LONG, number + 1)
    if rest:
        yield _text(rest, number + 1)


def _text(line: bytes, number: int) -> str:
    if len(line) > _LONGEST:
        raise FileRefused(Why.LINE_TOO_LONG, number)
    text = None
    with contextlib.suppress(UnicodeDecodeError):
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
    if text is None:
        raise FileRefused(Why.NOT_TEXT, number)
    return text


def _csv(first: str, lines: Iterator[str]) -> Iterator[Record]:
    def all_lines() -> Iterator[str]:
        yield first
        yield from lines

    # A separator other than the comma makes one column of them all, which is unknown.
    reader = csv.reader(all_lines(), strict=True)
    names: list[str] | None = None
    while True:
        begun = reader.line_num + 1
        fields, wrong = _row(reader)
        if wrong is not None:
            raise FileRefused(wrong, begun)
        if fields is None:
            return
        if names is None:
            names = [_name(text, None, place) for place, text in enumerate(fields, 1)]
            _check(names)
        elif fields:  # no empty line
            fits = len(fields) == len(names)
            yield begun, dict(zip(names, fields, strict=True)) if fits else None


def _row(reader: Iterator[list[str]]) -> tuple[list[str] | None, Why | None]:
    """The next row, None behind the last. The library's own error may hold the text."""
    try:
        return next(reader, None), None
    except csv.Error as error:
        too_long = "field larger" in str(error)
    return None, Why.LINE_TOO_LONG if too_long else Why.NOT_CSV


def _json(first: str, lines: Iterator[str]) -> Iterator[Record]:
    number, text = 1, first
    while True:
        if text.strip():
            yield number, _members(text, number)
        following = next(lines, None)
        if following is None:
            return
        number, text = number + 1, following


def _members(text: str, number: int) -> Mapping[str, str] | None:
    said: Any = None  # what JSON may be
    with contextlib.suppress(ValueError, RecursionError):
        said = json.loads(text, object_pairs_hook=_Pairs)
    if not isinstance(said, _Pairs):
        return None
    names = [_name(name, number, place) for place, (name, _) in enumerate(said, 1)]
    if len(set(names)) < len(names):
        raise FileRefused(Why.COLUMN_TWICE, number)
    fields = {}
    for name, (_, value) in zip(names, said, strict=True):
        if isinstance(value, str):
            fields[name] = value
        elif type(value) is int:  # a token or a year may be one
            fields[name] = str(value)
        elif value is not None:
            return None
    return fields


class _Pairs(list[tuple[str, Any]]):
    """An object's members, those of the same name too."""


def _name(text: str, line: int | None, place: int) -> str:
    spelled = _CAMEL.sub("_", text.strip()).lower()
    name = _NO_NAME.sub("_", spelled).strip("_")
    if name in COLUMNS:
        return name
    raise FileRefused(
        Why.SECURITY_CODE if _SENSITIVE.search(name) else Why.COLUMN_UNKNOWN, line, place
    )


def _check(names: list[str]) -> None:
    known = set(names)
    if len(known) < len(names):
        raise FileRefused(Why.COLUMN_TWICE, 1)
    if not known >= {"pan", "token"} or not (
        "expiry" in known or known >= {"expiry_month", "expiry_year"}
    ):
        raise FileRefused(Why.COLUMN_MISSING, 1)
