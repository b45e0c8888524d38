"""How long a payment_change link lives, and when the hotel may cancel: pure functions.

Expedia's "Credit card recapture" says, counted from when the card failed unless it says otherwise:

    check-in more than 48 hours away         the link lives 24 hours
    check-in within 48 hours                 12 hours
    last-minute stays of ten nights or more  2 hours, from the booking
    no new card within 24 hours              the hotel may cancel

It does not say when a stay is last-minute (taken here: booked within 48 hours of check-in), at what
hour check-in is, or in which zone. So there are two ends. `link_expires` is the earliest that fits
what is known, for whoever must hurry; `link_ends` is the latest, after which the link is refused
without a card being sent. They are the same where nothing is in doubt.

1. A check-in date begins when it begins anywhere (UTC+14) and ends when it ends everywhere (UTC-12).
2. Whatever is not known may be anything: without a check-in each of the three lives is possible.
3. Two hours are possible without a known booking time: then they are counted from the failure, the
   latest that the booking can be. Earlier would be a link that had ended before anybody was told.
4. A link that was seen in an answer was alive then, so it does not end before that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

LONG_STAY: Final = 10  # nights
NEAR: Final = timedelta(hours=48)
FAR_LIFE: Final = timedelta(hours=24)
NEAR_LIFE: Final = timedelta(hours=12)
LONG_LIFE: Final = timedelta(hours=2)  # from the booking
SUPPLIER_WAITS: Final = timedelta(hours=24)
_BEGINS: Final = -timedelta(hours=14)
_ENDS: Final = timedelta(hours=24 + 12)


@dataclass(frozen=True, slots=True)
class Stay:
    """What is known of a booking; None: it is not."""

    booked: datetime | None = None
    checkin: date | None = None
    checkout: date | None = None


@dataclass(frozen=True, slots=True)
class Clocks:
    """What runs from a failure; `failed` is the earliest that it can have been."""

    failed: datetime
    link_expires: datetime
    link_ends: datetime
    may_cancel: datetime


def of_failure(
    earliest: datetime, latest: datetime, stay: Stay, alive: datetime | None = None
) -> Clocks:
    """The clocks of a card that failed between `earliest` and `latest` (an event says when: both are
    the same). `alive`: when its link was seen in an answer.
    """
    expires, ends = min(_link_ends(earliest, stay)), max(_link_ends(latest, stay))
    if alive is not None:
        expires, ends = max(expires, alive), max(ends, alive)
    return Clocks(earliest, expires, ends, earliest + SUPPLIER_WAITS)


def earliest_failure(seen: datetime, stay: Stay, since: datetime | None) -> datetime:
    """The earliest that a card can have failed whose link was `seen`: no link lives longer than 24
    hours, none fails before it was booked, nor before `since`, when another card was taken.
    """
    known = [at for at in (stay.booked, since) if at is not None and at <= seen]
    return max([seen - FAR_LIFE, *known])


def _link_ends(failed: datetime, stay: Stay) -> list[datetime]:
    """Every end that the link of a card that failed then may have."""
    long, others = _may_be_long(failed, stay)
    ends = [(stay.booked or failed) + LONG_LIFE] if long else []
    if others:
        away = _away(failed, stay.checkin)
        ends += [failed + NEAR_LIFE] if away[0] <= NEAR else []
        ends += [failed + FAR_LIFE] if away[1] > NEAR else []
    return ends


def _may_be_long(failed: datetime, stay: Stay) -> tuple[bool, bool]:
    """Whether it may be a long stay booked last-minute, and whether it may be another."""
    nights = None
    if stay.checkin is not None and stay.checkout is not None:
        nights = (stay.checkout - stay.checkin).days
    if nights is not None and nights < LONG_STAY:
        return False, True
    # Booked at the latest when it failed: from then check-in was at least as far away.
    away = _away(stay.booked or failed, stay.checkin)
    if away[0] > NEAR:
        return False, True
    sure = nights is not None and stay.booked is not None and away[1] <= NEAR
    return True, not sure


def _away(at: datetime, checkin: date | None) -> tuple[timedelta, timedelta]:
    """How far away check-in is at least, and at most."""
    if checkin is None:
        return timedelta.min, timedelta.max
    midnight = datetime.combine(checkin, time(), UTC)
    return midnight + _BEGINS - at, midnight + _ENDS - at
