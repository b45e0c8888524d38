"""New keys for old ones: known everywhere, then used, then alone (P23).

1. `add` makes a key for each purpose. It is wrapped only under a KEK that opens all that stand. Nothing is
   written under it.
2. `activate` uses the new keys from its commit on, if every process that serves has them (`keyring_watch`).
   What is under the old ones is read as before.
3. `Rewrap` seals every record anew.
4. `retire` erases the wrapped keys that are named nowhere any more (`key_uses`).

Each change is one transaction with its audit entries, and with the keys' history, which stays.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.audit import Action, Entry, Outcome
from gateway.errors import RecordDamaged
from gateway.secret import Secret
from gateway.vault import entries as audit
from gateway.vault import key_rows, key_uses
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.entries import stamp
from gateway.vault.envelope import KEY_LENGTH
from gateway.vault.key_rows import KeyEvent, KeyHistory
from gateway.vault.keyring import Purpose, State, WrappedKey, opens, wrap
from gateway.vault.keyring_watch import SILENT, KeyringWatch, new_version
from gateway.vault.sealed_tables import ROTATED

_ACTION: Final = {
    KeyEvent.CREATED: Action.VAULT_KEY_CREATE,
    KeyEvent.ACTIVATED: Action.VAULT_KEY_ACTIVATE,
    KeyEvent.RETIRED: Action.VAULT_KEY_RETIRE,
}


@dataclass(frozen=True, slots=True)
class Activated:
    """What `activate` did: the keys that are used from now on, or who has not loaded them yet."""

    keys: tuple[WrappedKey, ...]
    behind: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Retired:
    """What `retire` did: the keys that were erased, and those that are needed still."""

    keys: tuple[WrappedKey, ...]
    needed: tuple[WrappedKey, ...]


class Rotation:
    """Every method blocks, and raises VaultUnavailable. `by`: who does it, for audit and history."""

    def __init__(
        self,
        database: Database,
        watch: KeyringWatch,
        clock: Callable[[], datetime],
        step: Step = no_step,
    ) -> None:
        self._database, self._watch = database, watch
        self._clock, self._step = clock, step

    def add(self, by: str, purposes: Collection[Purpose] = ROTATED) -> list[WrappedKey]:
        """A new key for each of `purposes`, which nothing is written under yet; those that have one
        already get no second one. Gives all that wait. Raises RecordDamaged where the KEK was moved
        meanwhile.
        """
        self._watch.refresh()
        made = {one: Secret(secrets.token_bytes(KEY_LENGTH)) for one in purposes}
        version, now = new_version(), self._clock()

        def work(connection: Connection) -> list[WrappedKey]:
            rows = key_rows.read(connection)
            waiting = _in_state(rows, State.PENDING)
            if not opens(rows, self._watch.kek):
                raise RecordDamaged
            first = 1 + max(key_rows.highest(connection), *(row.id for row in rows))
            wanted = [one for one in made if one not in {row.purpose for row in waiting}]
            added = [
                wrap(key_id, purpose, made[purpose], self._watch.kek)
                for key_id, purpose in enumerate(wanted, start=first)
            ]
            for key in added:
                key_rows.add(connection, key, stamp(now), by)
                self._step("key_add:row")
            if added:
                key_rows.rename(connection, version)
                self._record(connection, KeyEvent.CREATED, added, by, now)
            return [*waiting, *added]

        return self._database.write("key_add", work).result()

    def waiting(self) -> list[WrappedKey]:
        """The keys that were made and are not used yet."""
        return _in_state(self._database.read(key_rows.read), State.PENDING)

    def activate(self, by: str) -> Activated:
        """Uses every key that waits, from the commit on, if each process that serves has loaded them;
        else none.
        """
        version, now = new_version(), self._clock()

        def work(connection: Connection) -> Activated:
            rows = key_rows.read(connection)
            waiting = _in_state(rows, State.PENDING)
            since = stamp(now - SILENT)
            behind = tuple(key_rows.behind(connection, since)) if waiting else ()
            if behind or not waiting:
                return Activated((), behind)
            mine = {row.purpose for row in waiting}
            # The old one first: of each purpose one is active at any moment.
            for row in _in_state(rows, State.ACTIVE):
                if row.purpose in mine:
                    key_rows.set_state(connection, row, State.RETIRING)
            for row in waiting:
                key_rows.set_state(connection, row, State.ACTIVE)
                key_rows.say(connection, row, KeyEvent.ACTIVATED, stamp(now), by)
                self._step("key_activate:row")
            key_rows.rename(connection, version)
            self._record(connection, KeyEvent.ACTIVATED, waiting, by, now)
            return Activated(tuple(waiting), ())

        return self._database.write("key_activate", work).result()

    def retire(self, by: str) -> Retired:
        """Erases every old key under which nothing is left. The audit's are kept: old entries are checked
        with them. Others write meanwhile, and nothing of it is lost where it is killed.
        """
        candidates = _in_state(self._database.read(key_rows.read), State.RETIRING)
        unused = key_uses.unused(self._database, candidates, self._step)
        version, now = new_version(), self._clock()

        def work(connection: Connection) -> Retired:
            old = _in_state(key_rows.read(connection), State.RETIRING)
            going = [row for row in old if row.id in unused]
            for row in going:
                key_rows.erase(connection, row)
                key_rows.say(connection, row, KeyEvent.RETIRED, stamp(now), by)
                self._step("key_retire:row")
            if going:
                key_rows.rename(connection, version)
                self._record(connection, KeyEvent.RETIRED, going, by, now)
            return Retired(tuple(going), tuple(row for row in old if row not in going))

        return self._database.write("key_retire", work).result()

    def history(self) -> list[KeyHistory]:
        """What became of every key that there ever was, in order."""
        return self._database.read(key_rows.history)

    def since(self) -> dict[Purpose, datetime]:
        """Purpose → since when the key that is used for it is; of those that are rotated."""
        used = {row.id for row in self._database.read(key_rows.read) if row.state is State.ACTIVE}
        return {
            Purpose(one.purpose): one.at
            for one in self.history()
            if one.key in used and one.event is KeyEvent.ACTIVATED and one.purpose in ROTATED
        }

    def behind(self) -> list[str]:
        """Which processes that serve have not the keyring that stands."""
        since = stamp(self._clock() - SILENT)
        return self._database.read(lambda c: key_rows.behind(c, since))

    def _record(
        self,
        connection: Connection,
        event: KeyEvent,
        keys: Iterable[WrappedKey],
        by: str,
        now: datetime,
    ) -> None:
        audit.append(
            connection,
            [
                Entry(
                    now, "", _ACTION[event], Outcome.DONE,
                    origin=by, detail=key.purpose.value, subject=str(key.id),
                )
                for key in keys
            ],
        )  # fmt: skip


def _in_state(rows: Iterable[WrappedKey], state: State) -> list[WrappedKey]:
    return [row for row in rows if row.state is state]
