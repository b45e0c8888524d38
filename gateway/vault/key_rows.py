"""The keyring as rows: the keys, the version of it that stands, what became of each key, who has read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from gateway.vault.database import Connection
from gateway.vault.entries import unstamp
from gateway.vault.keyring import Purpose, State, WrappedKey

_READ: Final = "SELECT id, purpose, state, wrapped FROM keyring ORDER BY id"
_ADD: Final = "INSERT INTO keyring (id, purpose, state, wrapped, created) VALUES (?, ?, ?, ?, ?)"
# What every transaction that writes asks first: PostgreSQL is asked when it begins. Texts alone.
STANDS: Final = "SELECT version, closed FROM keyring_version WHERE id = 1"
_RENAME: Final = "UPDATE keyring_version SET version = ? WHERE id = 1"
_SAY: Final = "INSERT INTO key_event (key, purpose, event, at, actor) VALUES (?, ?, ?, ?, ?)"
_HISTORY: Final = "SELECT key, purpose, event, at, actor FROM key_event ORDER BY number"
_HIGHEST: Final = "SELECT max(key) FROM key_event"
_BEAT: Final = (
    "INSERT INTO keyring_reader (process, version, seen) VALUES (?, ?, ?)"
    " ON CONFLICT (process) DO UPDATE SET version = excluded.version, seen = excluded.seen"
)
_BURY: Final = "DELETE FROM keyring_reader WHERE seen < ?"
_READERS: Final = "SELECT process, version FROM keyring_reader WHERE seen >= ? ORDER BY process"
_KNOWN: Final = frozenset(Purpose)


class KeyEvent(StrEnum):
    """What became of a key."""

    CREATED = "created"  # known to every process that reads the keyring, used by none
    ACTIVATED = "activated"
    RETIRED = "retired"  # nothing was left under it, and it was erased


@dataclass(frozen=True, slots=True)
class KeyHistory:
    """A line of the keys' history. `actor`: who did it; empty: the gateway itself, with the vault."""

    key: int
    purpose: str
    event: KeyEvent
    at: datetime
    actor: str


def read(connection: Connection) -> list[WrappedKey]:
    """The keyring as it stands. Keys of purposes that only a newer version knows are left out: it may
    run beside this one, and has added them.
    """
    return [
        WrappedKey(key_id, Purpose(purpose), State(state), wrapped)
        for key_id, purpose, state, wrapped in connection.execute(_READ)
        if purpose in _KNOWN
    ]


def version(connection: Connection) -> str:
    """The name of the keyring that stands: another one with each change."""
    return standing(connection)[0]


def standing(connection: Connection) -> tuple[str, str]:
    """The same, and why the vault takes nothing now: empty where it is open (`closing.Closed`)."""
    name, closed = connection.execute(STANDS).fetchone()
    return str(name), str(closed)


def rename(connection: Connection, version: str) -> None:
    """Says that the keyring is another one."""
    connection.execute(_RENAME, (version,))


def add(connection: Connection, key: WrappedKey, now: str, actor: str) -> None:
    """Adds a key, and to its history that it was made, and used from now on if it is active."""
    connection.execute(_ADD, (key.id, key.purpose.value, key.state.value, key.wrapped, now))
    say(connection, key, KeyEvent.CREATED, now, actor)
    if key.state is State.ACTIVE:
        say(connection, key, KeyEvent.ACTIVATED, now, actor)


def set_state(connection: Connection, key: WrappedKey, state: State) -> None:
    """Gives a key another state."""
    connection.execute("UPDATE keyring SET state = ? WHERE id = ?", (state.value, key.id))


def erase(connection: Connection, key: WrappedKey) -> None:
    """Erases the wrapped key; its history stays."""
    connection.execute("DELETE FROM keyring WHERE id = ?", (key.id,))


def say(connection: Connection, key: WrappedKey, event: KeyEvent, now: str, actor: str) -> None:
    """Adds to the history."""
    connection.execute(_SAY, (key.id, key.purpose.value, event.value, now, actor))


def history(connection: Connection) -> list[KeyHistory]:
    """What became of every key that there ever was, in order."""
    return [
        KeyHistory(key, purpose, KeyEvent(event), unstamp(at), actor)
        for key, purpose, event, at, actor in connection.execute(_HISTORY)
    ]


def highest(connection: Connection) -> int:
    """The highest id that a key ever had: none is used twice."""
    (last,) = connection.execute(_HIGHEST).fetchone()
    return int(last or 0)


def beat(connection: Connection, process: str, version: str, now: str, *, buried: str) -> None:
    """Writes that a process has this version of the keyring, and forgets whoever was silent since
    `buried`.
    """
    connection.execute(_BURY, (buried,))
    connection.execute(_BEAT, (process, version, now))


def behind(connection: Connection, since: str) -> list[str]:
    """Which processes, of those that were there since then, have not the keyring that stands."""
    stands = version(connection)
    return [name for name, has in connection.execute(_READERS, (since,)) if has != stands]
