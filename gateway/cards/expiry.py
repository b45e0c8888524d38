"""A card's expiry: month and year, in every spelling that the field uses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import combinations, permutations
from typing import Final

# A rule's `as:`. The letters stand for digits; everything else stands for itself.
WHOLE_SPELLINGS: Final = (
    "MMYY", "MM/YY", "MM-YY", "MMYYYY", "MM/YYYY", "MM-YYYY", "YYMM", "YY-MM", "YY/MM",
    "YYYYMM", "YYYY-MM", "YYYY/MM", "YYYY-MM-DD",
    "M/YY", "M/YYYY", "MM.YY", "MM.YYYY", "MM YY", "MM YYYY", "DD/MM/YYYY", "MM/DD/YYYY",
    "DD.MM.YYYY", "YYYYMMDD", "YYYY-MM-DDThh:mm:ss", "YYYY-MM-DD hh:mm:ss",
    "YYYY.MM", "YYYY MM", "M-YY", "M-YYYY", "YYYY-M", "MM/DD/YY", "DD/MM/YY", "DD-MM-YYYY",
    "MMM YYYY", "MMM-YYYY", "MMM/YYYY", "MMM YY", "MMM-YY", "MMM/YY", "MMMM YYYY",
    "MMMYY", "MMMYYYY", "DD-MMM-YY", "DD-MMM-YYYY", "DD MMM YYYY", "DDMMMYY", "DDMMMYYYY",
    "unix", "unix-ms", "/Date(unix-ms)/",
)  # fmt: skip
# Since 1970 in UTC: what is read, what is written, and how many of it a second has.
EPOCHS: Final = {
    "unix": (re.compile(r"([1-9][0-9]{8,9})"), "%d", 1),
    "unix-ms": (re.compile(r"([1-9][0-9]{11,12})"), "%d", 1000),
    "/Date(unix-ms)/": (  # of .NET and OData; the zone behind it does not change the moment
        re.compile(r"/Date\(([1-9][0-9]{11,12})(?:[+-][0-9]{4})?\)/"), "/Date(%d)/", 1000,
    ),
}  # fmt: skip
MONTH_SPELLINGS: Final = ("MM", "M", "MMM", "MMMM")
YEAR_SPELLINGS: Final = ("YYYY", "YY")
_PART: Final = "YYYY|YY|MMMM|MMM|MM|M|DD|hh:mm:ss"
_MONTH: Final = re.compile(r"[0-9]{1,2}")
# English, as `MMMM` and cut to three letters `MMM`; either is read for both.
_NAMES: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_NUMBERS: Final = {
    name.lower()[:length]: number for number, name in enumerate(_NAMES, 1) for length in (3, 9)
} | {"sept": 9}
# ISO 8601 of an xs:dateTime: fractions and zone may follow.
_ZONE: Final = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_TIME: Final = rf"[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]+)?{_ZONE}"
# Behind a day as a country writes it: `12/31/2030 12:00:00 AM`.
_ANY_TIME: Final = (
    r"(?:[ T]{1,2}[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: ?[AaPp]\.?[Mm]\.?)?)?"
)
_ZONED: Final = frozenset({"YYYY-MM-DD", "YYYY-MM"})  # XML Schema's date and gYearMonth
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
    separator makes that clear (`8/29`). The day of `YYYY-MM-DD` is checked for range and dropped;
    a time behind a day, and a zone, too: the month is the one that is written.
    """
    if spelling in EPOCHS:
        day = _epoch_day(text, spelling)
        return None if day is None else Expiry(day.year, day.month)
    match = _PATTERNS[spelling].fullmatch(text.strip())
    if match is None:
        return None
    if spelling in _WITH_DAY and not 1 <= int(match["day"]) <= 31:
        return None
    month, year = match.group("month", "year")
    return from_fields(month, year) if spelling in _NAMED else _from_digits(month, year)


def parse_any(text: str, spellings: Iterable[str]) -> Expiry | None:
    """Reads an expiry in whichever of `spellings` it is; None where two of them read another one."""
    read = {found for spelling in spellings if (found := parse(text, spelling)) is not None}
    return read.pop() if len(read) == 1 else None


def first_day(text: str, spellings: Iterable[str]) -> date | None:
    """The day that a text in one of `spellings` names, of a month its first; None where there is no
    such day, or two."""
    return _only_day(_read_day(text, spelling, 1) for spelling in spellings)


def last_day(text: str, spellings: Iterable[str]) -> date | None:
    """As `first_day`, of a month its last."""
    return _only_day(_read_day(text, spelling, None) for spelling in spellings)


def clash(spellings: Sequence[str]) -> tuple[str, str] | None:
    """Two of `spellings` that read one text as different months (`DD/MM/YYYY` and `MM/DD/YYYY`)."""
    for one, other in combinations(spellings, 2):
        for text in _samples(one):
            mine, others = parse(text, one), parse(text, other)
            if mine is not None and others is not None and mine != others:
                return one, other
    return None


def from_fields(month: str, year: str) -> Expiry | None:
    """Reads a month (`8`, `08`, `Aug`) and a year (`29`, `2029`) from two fields; None when it can not."""
    month, year = month.strip(), year.strip()
    if not _YEAR.fullmatch(year):
        return None
    if not _MONTH.fullmatch(month):
        month = str(_NUMBERS.get(month.lower().removesuffix("."), 0))
    return _from_digits(month, year)


def _from_digits(month: str, year: str) -> Expiry | None:
    number = int(month)
    if not 1 <= number <= 12:
        return None
    return Expiry(int(year) if len(year) == 4 else 2000 + int(year), number)


def write(expiry: Expiry, spelling: str) -> str:
    """Writes an expiry, or one part of it, as `spelling` says; the day is the month's last."""
    year, month = expiry.year, expiry.month
    if spelling in EPOCHS:
        _, written, parts_of_second = EPOCHS[spelling]
        day = datetime(year, month, _last_of(year, month), tzinfo=UTC)
        return written % (int(day.timestamp()) * parts_of_second)
    parts = {
        "YYYY": f"{year:04d}",
        "YY": f"{year % 100:02d}",
        "MMMM": _NAMES[month - 1],
        "MMM": _NAMES[month - 1][:3],
        "MM": f"{month:02d}",
        "M": str(month),
        "DD": str(_last_of(year, month)),
        "hh:mm:ss": "00:00:00",
    }
    return re.sub(_PART, lambda m: parts[m[0]], spelling)


def _last_of(year: int, month: int) -> int:
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def _read_day(text: str, spelling: str, of_month: int | None) -> date | None:
    """The day that is written; where only a month is, its day `of_month`, or its last."""
    if spelling in EPOCHS:
        return _epoch_day(text, spelling)
    month = parse(text, spelling)
    match = _PATTERNS[spelling].fullmatch(text.strip())
    if month is None or match is None:
        return None
    day = of_month or _last_of(month.year, month.month)
    if "day" in match.re.groupindex:
        day = int(match["day"])
    try:
        return date(month.year, month.month, day)
    except ValueError:  # the 31st of a shorter month
        return None


def _epoch_day(text: str, spelling: str) -> date | None:
    pattern, _, parts_of_second = EPOCHS[spelling]
    match = pattern.fullmatch(text.strip())
    if match is None:
        return None
    return datetime.fromtimestamp(int(match[1]) // parts_of_second, UTC).date()


def _only_day(days: Iterable[date | None]) -> date | None:
    read = {day for day in days if day is not None}
    return read.pop() if len(read) == 1 else None


def _samples(spelling: str) -> Iterator[str]:
    """Texts in a spelling, of parts that could be months, days and years alike."""
    parts = re.findall(f"{_PART}|.", spelling)
    for two in permutations(("10", "11", "12")):
        numbers = iter(two)
        yield "".join(
            "00:00:00" if part == "hh:mm:ss"
            else "1112" if part == "YYYY"
            else "Nov" if part in {"MMM", "MMMM"}
            else next(numbers) if part in {"YY", "MM", "M", "DD"}
            else part
            for part in parts
        )  # fmt: skip


def _between(sign: str) -> str:
    """What stands between two parts; around a slash, a dash, a point people write blanks."""
    return f" ?{re.escape(sign)} ?" if sign in "/-." else re.escape(sign)


def _pattern(spelling: str) -> re.Pattern[str]:
    separated = not spelling.isalpha()
    name = "(?P<month>[A-Za-z]{3,9}\\.?)"
    groups = {
        "YYYY": "(?P<year>[0-9]{4})",
        "YY": "(?P<year>[0-9]{2})",
        "MMMM": name,
        "MMM": name,
        "MM": "(?P<month>[0-9]{1,2})" if separated else "(?P<month>[0-9]{2})",
        "M": "(?P<month>[0-9]{1,2})",
        "DD": "(?P<day>[0-9]{1,2})" if separated else "(?P<day>[0-9]{2})",
        "hh:mm:ss": _TIME,
    }
    parts = re.findall(f"{_PART}|.", spelling)
    behind = _ANY_TIME if separated and "DD" in parts and "hh:mm:ss" not in parts else ""
    zone = _ZONE if spelling in _ZONED else ""
    return re.compile("".join(groups.get(part) or _between(part) for part in parts) + behind + zone)


_PATTERNS: Final = {
    spelling: _pattern(spelling) for spelling in WHOLE_SPELLINGS if spelling not in EPOCHS
}
_WITH_DAY: Final = frozenset(
    spelling for spelling, pattern in _PATTERNS.items() if "day" in pattern.groupindex
)
_NAMED: Final = frozenset(spelling for spelling in WHOLE_SPELLINGS if "MMM" in spelling)
