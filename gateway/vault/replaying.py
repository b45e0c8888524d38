"""What is done again on a backup's rows before it serves: whatever took something away since it was made.

1. What was erased is erased: cards and bookings, purged or on request, with all else that names the guest.
2. Who was shut out stays out: keys that were revoked, viewers who left, were locked, or chose another code
   (which the backup has not: they choose once more), processors' credentials that were erased or replaced,
   keys for files to import.
3. What counts once is over: links to pages that were used or withdrawn; a collection that went on since
   the backup is stopped, for nobody knows here what was taken.
4. What the backup can not have is counted, for people to look at: cards, keys, charges from after it.

The audit's entries are the ground for all of it, and nothing is added to them here.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from gateway.audit import Action, Outcome
from gateway.vault import key_rows, stubs
from gateway.vault.audit_line import Line
from gateway.vault.database import Connection, Database
from gateway.vault.erasure import Erasure, Reduced
from gateway.vault.keyring import Keyring
from gateway.vault.retention import RetentionTable
from gateway.vault.sqlite.spool import Stored
from gateway.vault.traces import Traces

_FORGET: Final = "DELETE FROM card WHERE iduser = ?"
_FORGET_LINK: Final = "DELETE FROM link WHERE iduser = ? AND booking_hash = ?"
_REVOKE: Final = "UPDATE api_key SET revoked = ? WHERE id = ? AND revoked IS NULL"
_VIEWER: Final[Mapping[str, str]] = {
    Action.VIEWER_DISABLE: "UPDATE viewer SET state = 'disabled', sealed = NULL, changed = ?"
    " WHERE id = ? AND state <> 'disabled'",
    Action.VIEWER_LOCK: "UPDATE viewer SET state = 'locked', changed = ? WHERE id = ? AND state = 'active'",
    Action.VIEWER_UNLOCK: "UPDATE viewer SET state = 'active', cleared = tries, changed = ?"
    " WHERE id = ? AND state = 'locked'",
    **dict.fromkeys(
        (Action.VIEWER_RESET, Action.VIEWER_CHANGE, Action.VIEWER_CHOOSE),
        "UPDATE viewer SET state = 'invited', sealed = NULL, cleared = tries, changed = ?"
        " WHERE id = ? AND state IN ('active', 'locked')",
    ),
}
_CREDENTIAL: Final = "DELETE FROM processor_credential WHERE product = ? AND processor = ?"
_IMPORT_KEY: Final = "DELETE FROM import_key WHERE id = ?"
_LINKS: Final = "SELECT id FROM page_link WHERE state = 'open'"
_LINK: Final = "UPDATE page_link SET state = 'revoked', changed = ? WHERE id = ? AND state = 'open'"
_ONGOING: Final = "state NOT IN ('succeeded', 'failed', 'stopped', 'expired')"
_STOPPED: Final = (
    "INSERT INTO collection_event (collection, at, before, state, step, actor, code)"
    f" SELECT number, ?, state, 'stopped', step, 'gateway', 'restored' FROM collection WHERE id = ? AND {_ONGOING}"
)
_STOP: Final = (
    "UPDATE collection SET state = 'stopped', due = NULL, step_ends = NULL, changed = ?"
    f" WHERE id = ? AND {_ONGOING} RETURNING link"
)
_OPEN: Final = f"SELECT id FROM collection WHERE {_ONGOING} ORDER BY number"
_USED_ID: Final = (
    "INSERT INTO key_event (key, purpose, event, at, actor) VALUES (?, ?, ?, ?, '')"
    " ON CONFLICT (key, event) DO NOTHING"
)
_HAS_KEY: Final = "SELECT 1 FROM keyring WHERE id = ?"
_PENDING: Final = "SELECT purpose FROM keyring WHERE id = ? AND state = 'pending'"
_RETIRE: Final = "UPDATE keyring SET state = 'retiring' WHERE purpose = ? AND state = 'active'"
_ACTIVATE: Final = "UPDATE keyring SET state = 'active' WHERE id = ?"
_KNOWN: Final = "SELECT iduser FROM card WHERE iduser IN (%s)"
_LEFT: Final = "SELECT iduser FROM stub WHERE iduser IN (%s)"
# A page counts as used as soon as it began: of a card that was shown the intent is what is certain.
_BEGUN: Final = frozenset({Outcome.INTENT.value, Outcome.DONE.value})
_NO_USE: Final = frozenset({Action.LINK_CREATE.value, Action.VIEWER_CODE.value})
_ISSUED: Final = frozenset({Action.TOKENIZE, Action.IMPORT})
_PORTION: Final = 10_000  # cards that are looked for at once
_MONEY: Final = frozenset({Action.CHARGE, Action.CAPTURE, Action.CANCEL, Action.REFUND})


@dataclass(slots=True)
class Replayed:
    """`entries`: how many there were; `first`, `last`: their ids; `until`: when the latest was written, empty
    without any. `again`: what was done again, how much of
    each. `missing`: what the backup can not have, by kind; each by its id, or what it is known by outside.
    `left`: what names an erased guest and was still on its way when the backup was made.
    """

    entries: int = 0
    first: int = 0
    last: int = 0
    until: str = ""
    again: dict[str, int] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)
    _named: set[tuple[str, str]] = field(default_factory=set, repr=False)

    def did(self, what: str, count: int = 1) -> None:
        """So many more."""
        if count > 0:
            self.again[what] = self.again.get(what, 0) + count

    def misses(self, what: str, name: str) -> None:
        """One more, unless it is named already."""
        if (what, name) not in self._named:  # of an import there may be hundreds of thousands
            self._named.add((what, name))
            self.missing.setdefault(what, []).append(name)


class Replaying:
    """On a database that nothing else has open. `reduced` as for `Erasure.erase`; `now`: a stamp."""

    def __init__(self, database: Database, keyring: Keyring, reduced: Reduced, now: str) -> None:
        self._database, self._reduced, self._now = database, reduced, now
        self._erasure = Erasure(database, keyring)
        self._retention = RetentionTable(database, keyring)

    def run(self, entries: Stored) -> Replayed:
        """Does it; says what. Blocks. Raises VaultUnavailable, RecordDamaged."""
        found = Replayed()
        for one in entries:
            found.entries, found.first, found.last = (
                found.entries + 1,
                found.first or one.id,
                one.id,
            )
            found.until = max(found.until, one.at)
        self._guests(entries, found)
        self._write(lambda c: self._cards(c, entries, found))
        self._write(lambda c: self._people(c, entries, found))
        self._write(lambda c: self._pages(c, entries, found))
        self._write(lambda c: self._collections(c, entries, found))
        self._database.read(lambda c: self._missing(c, entries, found))
        return found

    def stop_all(self) -> Replayed:
        """Where nothing is known of what happened: stops every collection that would go on."""
        found = Replayed()

        def work(connection: Connection) -> None:
            for (id,) in connection.execute(_OPEN).fetchall():
                self._stop(connection, id, found)

        self._write(work)
        return found

    # --- guests and cards -------------------------------------------------------------------------

    def _guests(self, entries: Stored, found: Replayed) -> None:
        erased = [one for one in _done(entries) if one.action == Action.ERASE]
        # Bookings first: how one is spelt is known as long as a card of it is there.
        for one in erased:
            if one.iduser is None and one.subject:
                hashed = bytes.fromhex(one.subject)
                self._erased(self._erasure.again_by_booking(hashed, self._reduced), found)
        for one in erased:
            if one.iduser is not None and not one.subject:
                self._erased(self._erasure.again_by_card(one.iduser, self._reduced), found)

    @staticmethod
    def _erased(traces: Traces, found: Replayed) -> None:
        for name, count in traces.counts.items():
            found.did(name, count)
        for name, count in traces.left:
            found.left[name] = found.left.get(name, 0) + count

    def _cards(self, connection: Connection, entries: Stored, found: Replayed) -> None:
        for one in _done(entries):
            if one.iduser is None:
                continue
            booking = bytes.fromhex(one.subject) if one.subject and _is_erasure(one) else None
            if one.action == Action.PURGE:
                gone = self._retention.again(connection, one.iduser, booking, one.at)
                found.did("links" if booking else "cards", gone if booking else bool(gone))
            elif one.action in {Action.FORGET, Action.ERASE} and booking is None:
                gone = connection.execute(_FORGET, (one.iduser,)).rowcount
                stubs.forget(connection, one.iduser)
                found.did("cards", gone)
            elif one.action in {Action.FORGET, Action.ERASE} and booking is not None:
                gone = connection.execute(_FORGET_LINK, (one.iduser, booking)).rowcount
                stubs.forget_booking(connection, one.iduser, booking)
                found.did("links", gone)

    # --- who may, and what counts once ------------------------------------------------------------

    def _people(self, connection: Connection, entries: Stored, found: Replayed) -> None:
        for one in _done(entries):
            if one.action == Action.KEY_REVOKE:
                found.did("keys", connection.execute(_REVOKE, (one.at, one.key)).rowcount)
            elif one.action in _VIEWER:
                values = (self._now, one.subject or one.key)
                found.did("viewers", connection.execute(_VIEWER[one.action], values).rowcount)
            elif one.action in {Action.CREDENTIALS, Action.CREDENTIALS_ERASE}:
                gone = connection.execute(_CREDENTIAL, (one.product, one.detail)).rowcount
                found.did("credentials", gone)
            elif one.action == Action.IMPORT_KEY_ERASE:
                found.did("import_keys", connection.execute(_IMPORT_KEY, (one.subject,)).rowcount)
            elif one.action == Action.VAULT_KEY_ACTIVATE and one.subject.isdecimal():
                _activate(connection, int(one.subject), one.at)
            elif one.action == Action.VAULT_KEY_CREATE and one.subject.isdecimal():
                _burn(connection, int(one.subject), one.detail, one.at)

    def _pages(self, connection: Connection, entries: Stored, found: Replayed) -> None:
        there = {id for (id,) in connection.execute(_LINKS).fetchall()}
        for one in entries:
            begun = one.outcome in _BEGUN and one.action not in _NO_USE
            if begun and one.exchange in there:
                found.did(
                    "page_links", connection.execute(_LINK, (self._now, one.exchange)).rowcount
                )

    def _collections(self, connection: Connection, entries: Stored, found: Replayed) -> None:
        there = [id for (id,) in connection.execute(_OPEN).fetchall()]
        named = {one.subject for one in entries}.intersection(there) if there else ()
        for id in there:
            if id in named:
                self._stop(connection, id, found)

    def _stop(self, connection: Connection, id: str, found: Replayed) -> None:
        connection.execute(_STOPPED, (self._now, id))
        (link,) = connection.execute(_STOP, (self._now, id)).fetchone()
        if link is not None:
            connection.execute(_LINK, (self._now, link))
        found.did("stopped")

    # --- what is not there ------------------------------------------------------------------------

    def _missing(self, connection: Connection, entries: Stored, found: Replayed) -> None:
        erased = {one.iduser for one in _done(entries) if _is_erasure(one) and not one.subject}
        lost: set[int] = set()
        issued = (
            one.iduser
            for one in _done(entries)
            if one.action in _ISSUED and one.iduser is not None and one.iduser not in erased
        )
        while portion := sorted(set(islice(issued, _PORTION))):
            there = {
                iduser
                for statement in (_KNOWN, _LEFT)
                for (iduser,) in connection.among(statement, portion)
            }
            lost.update(iduser for iduser in portion if iduser not in there)
        if lost:
            found.missing["cards"] = [str(iduser) for iduser in sorted(lost)]
        kept = {str(row.id) for row in key_rows.read(connection)}
        for one in entries:
            what, name = _named(one)
            if what and not (what == "vault_keys" and name in kept):
                found.misses(what, name)

    def _write(self, work: Callable[[Connection], Any]) -> None:  # Any: what it gives is not used
        self._database.write("replay", work).result()


_NAMES: Final[Mapping[str, tuple[str, Callable[[Line], str]]]] = {
    Action.KEY_CREATE: ("keys", lambda one: one.key),
    Action.VIEWER_INVITE: ("viewers", lambda one: one.subject),
    Action.CREDENTIALS: ("credentials", lambda one: f"{one.product}/{one.detail}"),
    Action.CHANGE: ("expiries", lambda one: str(one.iduser)),
    Action.COLLECT: ("collections", lambda one: one.subject),
    Action.KEK_MOVE: ("kek", lambda one: one.detail),
    Action.VAULT_KEY_ACTIVATE: ("vault_keys", lambda one: one.subject),
    Action.IMPORT_KEY: ("import_keys", lambda one: one.subject),
}


def _done(entries: Stored) -> Iterator[Line]:
    """What was done, and not only repeated."""
    return (one for one in entries if one.outcome == Outcome.DONE and one.detail != "repeated")


def _named(one: Line) -> tuple[str, str]:
    """What the backup can not know of, and its name; empty: nothing."""
    if one.action in _MONEY and one.outcome == Outcome.INTENT:
        return "charges", one.detail or one.subject or one.exchange
    if one.outcome != Outcome.DONE or one.detail == "repeated" or one.action not in _NAMES:
        return "", ""
    what, name = _NAMES[one.action]
    return what, name(one)


def _activate(connection: Connection, id: int, at: str) -> None:
    """A key that waited when the backup was made was used since, so none is written under the one before:
    the audit's entries from then on are under it.
    """
    row = connection.execute(_PENDING, (id,)).fetchone()
    if row is not None:
        connection.execute(_RETIRE, row)
        connection.execute(_ACTIVATE, (id,))
        connection.execute(_USED_ID, (id, *row, "activated", at))
        key_rows.rename(connection, secrets.token_hex(16))


def _burn(connection: Connection, id: int, purpose: str, at: str) -> None:
    """No key is ever given the number of one that is lost: what was sealed under it is elsewhere still."""
    if connection.execute(_HAS_KEY, (id,)).fetchone() is None:
        for event in ("created", "retired"):
            connection.execute(_USED_ID, (id, purpose, event, at))


def _is_erasure(one: Line) -> bool:
    return one.action in {Action.PURGE, Action.FORGET, Action.ERASE}
