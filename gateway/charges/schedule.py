"""When a charge is looked for again, by itself. Pure.

in doubt      soon at first, then less and less, for about a month; then it is left to a person
a challenge   it often ends on the partner's page, and nobody comes back to say so: every few seconds
              at first, while the guest is there, and every few minutes until its end
expired       twice more: whoever authenticated in the last moment may have paid
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from gateway.vault.charge import Charge, ChargeState

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_IN_DOUBT: Final = (
    *(10, 20, 30, 60, 120, 300, 600, 900, 1800), _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR,
    *[_DAY] * 30,
)  # fmt: skip
_CHALLENGE: Final = (5, 10, 15, 20, 30, 60, 60, 60, 120, 120, 300)
_EXPIRED: Final = (_HOUR, _DAY)


def next_look(row: Charge, now: datetime) -> datetime | None:
    """When; None: not by itself."""
    if row.lease is not None:
        return row.lease
    if row.state is ChargeState.CHALLENGED:
        pause = _CHALLENGE[min(row.look_tries, len(_CHALLENGE) - 1)]
        at = now + timedelta(seconds=pause)
        ends = row.challenge_ends
        return min(at, ends) if ends is not None and now < ends else at
    if row.state is ChargeState.EXPIRED:
        return _after(_EXPIRED, row.look_tries, now)
    if _is_in_doubt(row):
        return _after(_IN_DOUBT, row.look_tries, now)
    return None


def _is_in_doubt(row: Charge) -> bool:
    if row.operation is not None or row.state in (ChargeState.PENDING, ChargeState.UNKNOWN):
        return True
    return row.state is ChargeState.AUTHORIZED and row.capture_now  # it is taken by itself


def _after(pauses: tuple[int, ...], tries: int, now: datetime) -> datetime | None:
    return now + timedelta(seconds=pauses[tries]) if tries < len(pauses) else None
