"""Whether a virtual card may be charged now, and that much: pure decisions.

1. A date begins when it begins at the hotel: the channel's dates are the hotel's. Where nobody said
   in which time zone that is, a date begins when it begins anywhere, and ends when it has ended
   everywhere: a charge that comes some hours early is declined by the card's bank and costs nothing,
   one that is refused here on the last day may be lost.
2. The last day counts.
3. What was charged to the card since its balance was said is taken off it, and so is what may have
   been charged. A balance that nobody can read is not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Final

from gateway.cards.card import Booking, Virtual
from gateway.errors import (
    BalanceInOtherCurrency,
    BalanceTooLow,
    CardNoLongerActive,
    CardNotYetActive,
    GatewayError,
)
from gateway.processors.currency import EXPONENTS
from gateway.vault.charge import Charge, ChargeState

_FIRST: Final = timedelta(hours=14)  # ahead of UTC, where a day begins first
_LAST: Final = timedelta(hours=12)  # behind it, where it ends last
_LONG_PAST: Final = 2000  # what is before has no hours to be counted back
# Thousands may be parted where the decimals are too: of 1,234 alone nobody knows what it is. A card that
# is overdrawn is good for nothing.
_SUM: Final = (
    r"-?(?:[0-9]{1,12}(?:\.[0-9]{1,4}|,[0-9]{1,2})?"
    r"|[0-9]{1,3}(?:,[0-9]{3}){1,3}\.[0-9]{1,4}|[0-9]{1,3}(?:\.[0-9]{3}){1,3},[0-9]{1,4})"
)
BALANCE: Final = rf"(?:([A-Z]{{3}}) *)?({_SUM}) *([A-Z]{{3}})?"
_NOTHING: Final = frozenset({ChargeState.DECLINED, ChargeState.EXPIRED, ChargeState.CANCELLED})
_TAKEN: Final = frozenset({ChargeState.SUCCEEDED, ChargeState.REFUNDED, ChargeState.DISPUTED})


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be charged, when; `zone` None: nobody said where the hotel is."""

    amount: int
    currency: str
    now: datetime
    zone: tzinfo | None


def refusal(
    bookings: Iterable[Booking], asked: Asked, earlier: Iterable[Charge]
) -> type[GatewayError] | None:
    """Why not; None: it may be charged. `earlier`: what was charged to the card."""
    charges = tuple(earlier)
    for booking in bookings:
        if booking.virtual is not None:
            found = _dates(booking.virtual, asked) or _balance(booking.virtual, asked, charges)
            if found is not None:
                return found
    return None


def is_sum(balance: str) -> bool:
    """Whether anybody can read it: a balance that is none is not checked."""
    return _read(balance) is not None


def opens(bookings: Iterable[Booking], zone: tzinfo | None) -> datetime | None:
    """When a card may be charged for all of these, in UTC; None: they say nothing of it."""
    days = [one.virtual.active_from for one in bookings if one.virtual is not None]
    first = max((day for day in days if day is not None), default=None)
    if first is None or first.year < _LONG_PAST:
        return None
    if zone is not None:
        return datetime.combine(first, time(), zone).astimezone(UTC)
    return datetime.combine(first, time(), UTC) - _FIRST


def _dates(virtual: Virtual, asked: Asked) -> type[GatewayError] | None:
    latest, earliest = _days(asked)
    if virtual.active_from is not None and latest < virtual.active_from:
        return CardNotYetActive
    if virtual.active_until is not None and earliest > virtual.active_until:
        return CardNoLongerActive
    return None


def _days(asked: Asked) -> tuple[date, date]:
    if asked.zone is not None:
        today = asked.now.astimezone(asked.zone).date()
        return today, today
    return (asked.now + _FIRST).date(), (asked.now - _LAST).date()


def _balance(
    virtual: Virtual, asked: Asked, earlier: tuple[Charge, ...]
) -> type[GatewayError] | None:
    read = None if virtual.balance is None else _read(virtual.balance)
    named = [read[1], read[3]] if read else []
    currency = virtual.currency or next((code for code in named if code in EXPONENTS), None)
    since = virtual.balance_at
    counted = [one for one in earlier if since is None or one.created >= since]
    if read is not None and currency is None:  # the first charge has told
        currency = next((one.currency for one in counted if _used(one)), None)
    if currency is not None and currency != asked.currency:
        return BalanceInOtherCurrency
    if read is None:
        return None
    good_for = int(_decimal(read[2]).scaleb(EXPONENTS[asked.currency]))
    used = sum(_used(one) for one in counted if one.currency == asked.currency)
    return BalanceTooLow if used + asked.amount > good_for else None


def _read(balance: str) -> re.Match[str] | None:
    return re.fullmatch(BALANCE, " ".join(balance.split()))


def _decimal(text: str) -> Decimal:
    """The last dot or comma parts the decimals; whatever stands before it parts thousands."""
    mark = max(text.rfind("."), text.rfind(","))
    if mark < 0:
        return Decimal(text)
    whole = text[:mark].replace(",", "").replace(".", "")
    return Decimal(f"{whole}.{text[mark + 1 :]}")


def _used(charge: Charge) -> int:
    """What it takes, or may take, from the card."""
    stands = charge.state
    if stands is ChargeState.UNKNOWN and charge.before is not None:
        stands = charge.before
    if stands in _NOTHING:
        return 0
    return charge.captured - charge.refunded if stands in _TAKEN else charge.amount
