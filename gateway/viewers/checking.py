"""A secret code is checked, and what it is for is done.

1. There is a place to compute its hash: else nothing is counted (`codes.py`).
2. The try is counted and in the audit, durable, before the code is looked at.
3. The code is compared off the event loop, the one-time password in any case too: neither the answer
   nor its time tells which of them was wrong.
4. Wrong: that is in the audit before it is told.
5. Right: what it is for, the entry of it, and the clearing of wrong tries are one transaction. Another
   code that is to take its place is hashed only then, and takes it in that transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from gateway.audit import Entry
from gateway.errors import GatewayError
from gateway.secret import Secret
from gateway.vault.database import Connection
from gateway.vault.viewer import SecretCode, Viewer
from gateway.vault.viewer_codes import Attempt, Guard, Passed, ViewerCodeTable
from gateway.viewers import totp
from gateway.viewers.codes import Codes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Typed:
    """What a person typed."""

    code: Secret[str]
    password: str = field(default="", repr=False)  # the one-time password


class Checking:
    """The only way from a code to what it is for."""

    def __init__(self, table: ViewerCodeTable, codes: Codes, clock: Callable[[], datetime]) -> None:
        self._table, self._codes, self._clock = table, codes, clock

    async def check(
        self,
        id: str,
        typed: Typed,
        entry: Entry,
        guard: Guard,
        act: Callable[[Connection, Viewer], T | GatewayError],
        *,
        chosen: Secret[str] | None = None,
    ) -> T:
        """What `act` gives, done with the entry. `guard`: whether anything may be tried at all;
        `chosen`: the code that takes this one's place, which the caller found good enough.

        Raises CodeWrong, ViewerLocked, CodesBusy, what `guard` and `act` say, VaultUnavailable.
        """
        with self._codes.place():
            attempt = await self._table.begin(id, entry, guard)
            passed = await self._verify(attempt, typed, chosen)
            if passed is None:
                raise await self._table.failed(attempt, entry)
            return await self._table.passed(attempt, passed, entry, act)

    async def _verify(
        self, attempt: Attempt, typed: Typed, chosen: Secret[str] | None
    ) -> Passed | None:
        kept, step = attempt.code, 0
        found: int | None = 0
        if kept.totp is not None:
            after = attempt.row.totp_step
            found = totp.step_of(kept.totp, typed.password, self._clock(), after)
        is_right = await self._codes.matches(kept.hash, typed.code)
        if not is_right or found is None:
            return None
        step = found
        if chosen is not None:  # the one-time passwords stay
            another = SecretCode(await self._codes.hash(chosen), kept.totp)
            return Passed(step, chosen=another)
        if not self._codes.is_outdated(kept.hash):
            return Passed(step)
        return Passed(step, SecretCode(await self._codes.hash(typed.code), kept.totp))
