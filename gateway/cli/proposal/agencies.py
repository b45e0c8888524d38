"""What marks a travel agency's virtual card: a flag beside it, its days, its sum. Proposed as a comment only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gateway.cli.proposal import words
from gateway.cli.proposal.called import called
from gateway.cli.proposal.leaves import Leaf, Taken

_FLAG: Final = re.compile(r"true|false|yes|no|[yn01]|virtual_card", re.IGNORECASE)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ].*)?")
_SUM: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,3})?")
_YES: Final = re.compile(r"true|yes|[y1]|virtual_card", re.IGNORECASE)
BIN: Final = 6  # digits of a number that may be shown
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_FIELDS: Final = (
    ("active_from", words.names_first_day, _DAY),
    ("active_until", words.names_last_day, _DAY),
    ("balance", words.names_balance, _SUM),
    ("currency", words.names_currency, _CURRENCY),
)


# Whom travel agencies write on their cards, as their hotels' help pages say.
_HOLDERS: Final = frozenset(
    {
        "bookingcomagent", "bookingcom", "expediavirtualcard", "expedia", "agodacompanyptelimited", "agodacompanypteltd",
        "agoda", "hotelscom", "ctrip", "tripcom", "hotelbeds", "priceline", "orbitz", "airbnb", "webbeds", "ean",
    }
)  # fmt: skip


def agency_of(holder: Sequence[Leaf]) -> str:
    """A travel agency's name that stands as the holder's; nothing where it is a guest's."""
    text = " ".join(one.text.strip() for one in holder)
    return text if words.squash(text) in _HOLDERS and text.isprintable() else ""


def marks_of(
    taken: Taken, region: Sequence[Leaf], used: Sequence[Leaf]
) -> tuple[tuple[str, Leaf], ...]:
    """The keys of `virtual` with their texts; none where neither a flag nor a first day is there. `used`: the
    card's own texts."""
    free = [one for one in region if one not in used]
    found: dict[str, Leaf] = {}
    for leaf in free:
        if words.names_virtual(called(taken, leaf)) and _FLAG.fullmatch(leaf.text.strip()):
            found.setdefault("flag", leaf)
    for key, named, form in _FIELDS:
        for leaf in free:
            if named(called(taken, leaf)) and form.fullmatch(leaf.text.strip()):
                found.setdefault(key, leaf)
    if not found.keys() & {"flag", "active_from"}:
        return ()
    if "balance" not in found:
        found.pop("currency", None)
    return tuple(found.items())


def is_agencys(marks: Sequence[tuple[str, Leaf]], agency: str) -> bool:
    """Whether what marks a card says that it is an agency's."""
    flag = dict(marks).get("flag")
    return bool(agency) or (_YES.fullmatch(flag.text.strip()) is not None if flag else bool(marks))


def bin_of(bins: Sequence[tuple[str, bool]]) -> str:
    """The six digits that all numbers of agencies begin with, where there are two or more, and no other card's
    does; else nothing. `bins`: those of each number, and whether its card is an agency's."""
    agencys = [digits for digits, is_one in bins if is_one]
    others = {digits for digits, is_one in bins if not is_one}
    shared = set(agencys)
    alike = len(agencys) > 1 and len(shared) == 1 and not shared & others
    return agencys[0] if alike and re.fullmatch(rf"[0-9]{{{BIN}}}", agencys[0]) else ""
