"""Secret codes of viewers: chosen, tried, and what a right one does.

1. A code that is tried is counted, durable and with its audit entry, before it is verified: whoever
   kills us, or asks in parallel, has five in a row and no more.
2. Tries are numbered for the viewer's life. A right code clears those up to its own number, never one
   that began later.
3. What a right code does, its audit entry and the clearing are one transaction, in which the viewer is
   looked at again: one that was locked or disabled meanwhile does nothing more.
4. The step of a one-time password counts once, and no older one after it.
5. A code is unlocked or taken by the code of another viewer of the product, never by its own.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeVar

from gateway.audit import Action, Entry, Outcome
from gateway.errors import (
    CodeWrong,
    GatewayError,
    SecondPersonRequired,
    ViewerLocked,
    ViewerNotReady,
    ViewerUnknown,
)
from gateway.vault import entries as audit
from gateway.vault import viewer as records
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import stamp
from gateway.vault.envelope import Sealer
from gateway.vault.requests import refused
from gateway.vault.viewer import TRIES, SecretCode, State, Viewer, ViewerRow
from gateway.vault.viewers import find, is_second, viewer_of

T = TypeVar("T")
Guard = Callable[[Connection, Viewer], GatewayError | None]

# What was wrong with a code is forgotten with the code.
_RESET: Final = (
    "UPDATE viewer SET state = 'invited', sealed = NULL, cleared = tries, changed = ? WHERE id = ?"
)
_UNLOCK: Final = "UPDATE viewer SET state = 'active', cleared = tries, changed = ? WHERE id = ?"
_CHOOSE: Final = (
    "UPDATE viewer SET state = 'active', sealed = ?, cleared = tries, changed = ? WHERE id = ?"
)
_TRY: Final = "UPDATE viewer SET tries = tries + 1 WHERE id = ?"
_CLEAR: Final = (
    "UPDATE viewer SET cleared = CASE WHEN cleared > ?1 THEN cleared ELSE ?1 END,"
    " totp_step = CASE WHEN totp_step > ?2 THEN totp_step ELSE ?2 END,"
    " sealed = ?3, changed = ?4 WHERE id = ?5"
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A code that was tried and counted: against what, and as the viewer's how-manieth."""

    row: ViewerRow
    number: int
    code: SecretCode


@dataclass(frozen=True, slots=True)
class Passed:
    """What turned out to be right: the step of the one-time password (0: none is asked for), and
    the code's new hash where its parameters are outdated. `chosen`: another code, which takes its
    place if what it was for is done."""

    step: int = 0
    renewed: SecretCode | None = None
    chosen: SecretCode | None = None


class ViewerCodeTable:
    """Every method raises VaultUnavailable and RecordDamaged. `entry` says who does what, from where,
    and how it ends; product, and whose code it was, are added here.
    """

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        clock: Callable[[], datetime],
        step: Step = no_step,
    ) -> None:
        self._database, self._sealer, self._clock, self._step = database, sealer, clock, step

    async def choose(self, id: str, code: SecretCode, entry: Entry, guard: Guard) -> Viewer:
        """Gives an invited viewer its code. `guard` changes what goes with it, or says no.

        Raises what `guard` says, ViewerNotReady.
        """

        def do(connection: Connection, now: str) -> Viewer | GatewayError:
            viewer = viewer_of(connection, id)
            if viewer.state is not State.INVITED or viewer.totp != (code.totp is not None):
                return ViewerNotReady()
            refusal = guard(connection, viewer)
            if refusal is not None:
                return refusal
            sealed = records.seal(self._sealer, id, viewer.product, code)
            connection.execute(_CHOOSE, (sealed, now, id))
            audit.append(connection, [replace(entry, key=id, product=viewer.product, subject=id)])
            return viewer_of(connection, id)

        return await self._decided("viewer_choose", entry, do)

    async def begin(self, id: str, entry: Entry, guard: Guard) -> Attempt:
        """Counts a try, durable, before the code is looked at. `guard` says no before that.

        Raises what `guard` says, ViewerLocked.
        """
        tried = replace(entry, action=Action.VIEWER_CODE, subject=id, key=id)

        def do(connection: Connection, _: str) -> Attempt | GatewayError:
            row = find(connection, id)
            if row is None or row.viewer.state is not State.ACTIVE:
                return ViewerLocked()
            refusal = guard(connection, row.viewer)
            if refusal is not None:
                return refusal
            connection.execute(_TRY, (id,))
            about = replace(tried, outcome=Outcome.INTENT, product=row.viewer.product)
            audit.append(connection, [about])
            return Attempt(row, row.tries + 1, records.unseal(self._sealer, row))

        return await self._decided("viewer_try", tried, do)

    async def failed(self, attempt: Attempt, entry: Entry) -> GatewayError:
        """Writes that the code was wrong; what that is told as."""
        viewer = attempt.row.viewer
        said = replace(
            entry, action=Action.VIEWER_CODE, outcome=Outcome.REFUSED, key=viewer.id,
            subject=viewer.id, product=viewer.product, detail=CodeWrong.code,
        )  # fmt: skip

        def do(connection: Connection) -> GatewayError:
            now = find(connection, viewer.id)
            entries = [said]
            if now is not None and attempt.number - now.cleared == TRIES:
                locked = replace(said, action=Action.VIEWER_LOCK, outcome=Outcome.DONE)
                entries.append(replace(locked, detail=ViewerLocked.code))
            audit.append(connection, entries)
            left = 0 if now is None else now.viewer.left
            return CodeWrong(left) if left else ViewerLocked()

        return await asyncio.wrap_future(self._database.write("viewer_failed", do))

    async def passed(
        self,
        attempt: Attempt,
        right: Passed,
        entry: Entry,
        act: Callable[[Connection, Viewer], T | GatewayError],
    ) -> T:
        """Does what the right code was for, with the entry of it. `act` changes nothing where it says
        no; then the entry tells so.

        Raises what `act` says, ViewerLocked, CodeWrong for a one-time password that was used.
        """
        viewer = attempt.row.viewer
        about = replace(entry, key=viewer.id, product=viewer.product)

        def do(connection: Connection, now: str) -> T | GatewayError:
            row = find(connection, viewer.id)
            if row is None or not self._is_still(row, attempt):
                return ViewerLocked()
            if right.step and right.step <= row.totp_step:
                return CodeWrong(row.viewer.left) if row.viewer.left else ViewerLocked()
            acted = act(connection, row.viewer)
            self._step("viewer_passed:acted")
            sealed, changed = row.sealed, stamp(row.viewer.changed)
            if right.renewed is not None:
                sealed = records.seal(self._sealer, viewer.id, viewer.product, right.renewed)
            if right.chosen is not None and not isinstance(acted, GatewayError):
                sealed = records.seal(self._sealer, viewer.id, viewer.product, right.chosen)
                changed = now
            connection.execute(_CLEAR, (attempt.number, right.step, sealed, changed, viewer.id))
            if not isinstance(acted, GatewayError):
                audit.append(connection, [about])
            return acted

        return await self._decided("viewer_passed", about, do)

    # --- what another person's right code does, inside its transaction ---------------------------

    def unlock(self, connection: Connection, id: str, by: Viewer) -> GatewayError | None:
        """Lets it see again. SecondPersonRequired, ViewerNotReady, ViewerUnknown."""
        viewer = self._for_second(connection, id, by)
        if isinstance(viewer, GatewayError):
            return viewer
        if viewer.state is not State.LOCKED:
            return ViewerNotReady()
        connection.execute(_UNLOCK, (stamp(self._clock()), id))
        return None

    def reset(self, connection: Connection, id: str, by: Viewer) -> GatewayError | None:
        """Takes its code, so that it chooses another. SecondPersonRequired, ViewerNotReady,
        ViewerUnknown."""
        viewer = self._for_second(connection, id, by)
        if isinstance(viewer, GatewayError):
            return viewer
        if viewer.state not in {State.ACTIVE, State.LOCKED}:
            return ViewerNotReady()
        connection.execute(_RESET, (stamp(self._clock()), id))
        return None

    # --- inside -----------------------------------------------------------------------------------

    async def _decided(
        self, name: str, entry: Entry, do: Callable[[Connection, str], T | GatewayError]
    ) -> T:
        def work(connection: Connection) -> T | GatewayError:
            decided = do(connection, stamp(self._clock()))
            if isinstance(decided, GatewayError):
                audit.append(connection, [refused(entry, decided)])
            return decided

        outcome = await asyncio.wrap_future(self._database.write(name, work))
        if isinstance(outcome, GatewayError):
            raise outcome
        return outcome

    def _is_still(self, row: ViewerRow, attempt: Attempt) -> bool:
        """Whether the code that was tried is the viewer's still, and nobody locked it by hand. Its own
        try may have been the last one."""
        if row.sealed is None or row.is_locked:
            return False
        if row.sealed == attempt.row.sealed:
            return True
        # It may be the same one, sealed anew meanwhile. An argon2 hash has a salt of its own.
        now = records.unseal(self._sealer, row).hash.reveal()
        return hmac.compare_digest(now.encode(), attempt.code.hash.reveal().encode())

    def _for_second(self, connection: Connection, id: str, by: Viewer) -> Viewer | GatewayError:
        row = find(connection, id)
        if row is None or row.viewer.product != by.product:
            return ViewerUnknown()
        if not is_second(connection, row.viewer, by.id):
            return SecondPersonRequired()
        return row.viewer
