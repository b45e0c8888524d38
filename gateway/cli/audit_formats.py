"""An audit entry as a line: CSV, JSON, or text for a terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from gateway.vault.audit_line import Line

# A spreadsheet would run it; ids and bookings are what others chose.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class Format(StrEnum):
    """How entries are written."""

    CSV = "csv"
    JSONL = "jsonl"
    TEXT = "text"


def header(form: Format) -> str:
    """What stands before all lines."""
    return _row(Line._fields) if form is Format.CSV else ""


def written(form: Format, line: Line) -> str:
    """The entry, with the end of its line."""
    if form is Format.CSV:
        return _row([_cell(value) for value in line])
    if form is Format.JSONL:
        return line.json()
    return _text(line) + "\n"


def _row(cells: Sequence[str | int | None]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(value: str | int | None) -> str | int | None:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _text(line: Line) -> str:
    """Times to the second; what is empty is left out. Nothing in it steers a terminal."""
    named = {
        "client": line.client,
        "key": line.key,
        "from": line.origin,
        "route": line.route,
        "product": line.product,
        "card": "" if line.iduser is None else str(line.iduser),
        "booking": line.booking,
        "detail": line.detail,
        "about": line.subject,
        "exchange": line.exchange,
    }
    parts = [f"{name}={_plain(value)}" for name, value in named.items() if value]
    start = [
        str(line.id),
        line.at[:19].replace("T", " "),
        _plain(line.action),
        _plain(line.outcome),
    ]
    return "  ".join([*start, *parts])


def _plain(text: str) -> str:
    return text if text.isprintable() else json.dumps(text)
