"""A card's expiry: month and year, in every spelling that the field uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

# A rule's `as:`. The letters stand for digits; everything else stands for itself.
WHOLE_SPELLINGS: Final = (
    "MMYY", "MM/YY", "MM-YY", "MMYYYY", "MM/YYYY", "MM-YYYY", "YYMM", "YY-MM", "YY/MM",
    "YYYYMM", "YYYY-MM", "YYYY/MM", "YYYY-MM-DD",
)  # fmt: skip
MONTH_SPELLINGS: Final = ("MM", "M")
YEAR_SPELLINGS: Final = ("YYYY", "YY")
_MONTH: Final = re.compile(r"[0-9]{1,2}")
_YEAR: Final = re.compile(r"[0-9]{2}|[0-9]{4}")


@dataclass(frozen=True, slots=True, order=True)
class Expiry:
    """The last month in which a card is good. `year` has four digits, `month` is 1 to 12."""

    year: int
    month: int

    def __str__(self) -> str:
        return "%04d-%02d" % (self.year, self.month)  # noqa: UP031  # a third faster: twice for each card


def parse(text: str, spelling: str) -> Expiry | None:
    """Reads a whole expiry in one of `WHOLE_SPELLINGS`; None when it can not be read.

    Example: `parse("1114", "MMYY")` is November 2014. A month may lack its leading zero where a
    separator makes that clear (`8/29`). The day of `YYYY-MM-DD` is checked for range and dropped.
    """
    match = _PATTERNS[spelling].fullmatch(text.strip())
    if match is None:
        return None
    if "day" in match.re.groupindex and not 1 <= int(match["day"]) <= 31:
        return None
    return from_fields(match["month"], match["year"])


def from_fields(month: str, year: str) -> Expiry | None:
    """Reads a month (`8`, `08`) and a year (`29`, `2029`) from two fields; None when it can not."""
    month, year = month.strip(), year.strip()
    if not _MONTH.fullmatch(month) or not _YEAR.fullmatch(year):
        return None
    number = int(month)
    if not 1 <= number <= 12:
        return None
    return Expiry(int(year) if len(year) == 4 else 2000 + int(year), number)


def write(expiry: Expiry, spelling: str) -> str:
    """Writes an expiry, or one part of it, as `spelling` says; the day is the month's last."""
    year, month = expiry.year, expiry.month
    parts = {"YYYY": f"{year:04d}", "YY": f"{year % 100:02d}", "MM": f"{month:02d}"}
    if spelling == "M":
        return str(month)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    parts["DD"] = str((31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1])
    return re.sub(r"YYYY|YY|MM|DD", lambda m: parts[m[0]], spelling)


def _pattern(spelling: str) -> re.Pattern[str]:
    separated = not spelling.isalpha()
    groups = {
        "YYYY": "(?P<year>[0-9]{4})",
        "YY": "(?P<year>[0-9]{2})",
        "MM": "(?P<month>[0-9]{1,2})" if separated else "(?P<month>[0-9]{2})",
        "DD": "(?P<day>[0-9]{1,2})",
    }
    return re.compile(
        "".join(
            groups.get(part, re.escape(part)) for part in re.findall(r"YYYY|YY|MM|DD|.", spelling)
        )
    )


_PATTERNS: Final = {spelling: _pattern(spelling) for spelling in WHOLE_SPELLINGS}
