"""How an expiry is spelled, deduced from what stands there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.cards.expiry import EPOCHS, WHOLE_SPELLINGS, parse, write

_FIRST, _LAST = 2000, 2079  # years that a card of a recording may have
_LATEST: Final = 2099  # a test card's, where nothing else can be read


@dataclass(frozen=True, slots=True)
class Spelled:
    """The likeliest spelling, and the others that could be meant."""

    spelling: str
    others: tuple[str, ...] = ()


# The likelier first, where one text could be both.
_ORDER: Final = (
    "MMYY", "MM/YY", "MM/YYYY", "YYYY-MM", "MMYYYY", "YYYYMM", "MM-YY", "MM-YYYY", "MM.YY", "MM.YYYY", "MM YY",
    "MM YYYY", "M/YY", "M/YYYY", "YYYY/MM", "YYYY-MM-DD", "YYYYMMDD", "DD/MM/YYYY", "MM/DD/YYYY", "DD.MM.YYYY",
    "YYYY-MM-DDThh:mm:ss", "YYMM", "YY-MM", "YY/MM",
)  # fmt: skip


def whole(text: str, name: str = "") -> Spelled | None:
    """The spelling of a whole expiry; None where it is none. `name` may say it: `expiry_yymm`."""
    read = _readings(text, _LAST) or _readings(text, _LATEST)
    if not name:  # a telephone's number may be as long as a moment
        read = {spelling: month for spelling, month in read.items() if spelling not in EPOCHS}
    if not read:
        return None
    exact = [one for one in read if _written_so(text.strip(), one)] or list(read)
    named = [
        one for one in exact if "".join(filter(str.isalpha, one)).casefold() in name.casefold()
    ]
    chosen = max(named, key=len) if named else exact[0]
    others = () if named else tuple(one for one in exact if read[one] != read[chosen])
    return Spelled(chosen, others)


def _readings(text: str, last: int) -> dict[str, tuple[int, int]]:
    """The spellings that read a year up to `last`, each with what it reads."""
    read: dict[str, tuple[int, int]] = {}
    for spelling in (*_ORDER, *WHOLE_SPELLINGS):
        found = parse(text, spelling)
        if found is not None and _FIRST <= found.year <= last:
            read.setdefault(spelling, (found.year, found.month))
    return read


def _written_so(text: str, spelling: str) -> bool:
    found = parse(text, spelling)
    if found is None:
        return False
    if "D" in spelling:
        return len(text) >= len(spelling)
    return write(found, spelling) == text


def month(text: str, *, bare: bool) -> str | None:
    """`MM` or `M`; None where it is no month. `bare`: a JSON number, which has no leading zero."""
    text = text.strip()
    if not (text.isdigit() and text.isascii() and len(text) <= 2 and 1 <= int(text) <= 12):
        return None
    return "M" if len(text) == 1 or bare else "MM"


def year(text: str) -> str | None:
    """`YY` or `YYYY`; None where it is no year."""
    text = text.strip()
    if not (text.isdigit() and text.isascii()):
        return None
    if len(text) == 4 and _FIRST <= int(text) <= _LAST:
        return "YYYY"
    return "YY" if len(text) == 2 else None
