"""The Store: cards, links, entries, on either database. Statements only; no key ever comes here."""

# ruff: noqa: S608  # statements are put together from the constants here, never from values
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from typing import Final, TypeVar

from gateway.audit import Entry
from gateway.cards.token import IDUSER_MAX
from gateway.vault import answers, closing, cvcs, key_rows
from gateway.vault import entries as audit
from gateway.vault.database import Connection, Database, Step, no_step
from gateway.vault.keyring import Purpose, WrappedKey
from gateway.vault.model import Plan, Recorded, Taken
from gateway.vault.rows import ABREAST_MAX, CardRow, Changes, CvcRow, Filed, Linked, LinkRow

T = TypeVar("T")

_CARD: Final = "product, test, look_up, card.iduser, tokenuser_hash, card.sealed, created"
_LINK: Final = (
    "link.iduser, link.booking_hash, link.system, link.hotel, link.sealed, link.departure,"
    " link.seen, link.retention"
)
_IS_FILED: Final = "SELECT 1 FROM card WHERE look_up IN (%s)"
# Not `(look_up, booking_hash) IN (VALUES ...)`: SQLite reads the whole table for that. All cards without
# a booking's number may have one hash: their links are not counted. Mostly a booking has one link, which its
# index tells by itself.
_FILED: Final = (
    "WITH wanted (look_up, booking_hash, numbered) AS (%s)"
    " SELECT look_up, card.iduser, card.sealed, link.booking_hash, link.sealed, link.departure,"
    " link.seen, link.retention, CASE WHEN numbered = 0 OR link.id IS NULL THEN NULL"
    " WHEN EXISTS (SELECT 1 FROM link AS other"
    " WHERE other.booking_hash = link.booking_hash AND other.id <> link.id)"
    " THEN (SELECT count(*) FROM"
    " (SELECT 1 FROM link AS beside WHERE beside.booking_hash = link.booking_hash"
    f" AND beside.seen >= link.seen LIMIT {ABREAST_MAX}) AS abreast) ELSE 1 END"
    " FROM wanted CROSS JOIN card USING (look_up) LEFT JOIN link"
    " ON link.iduser = card.iduser AND link.booking_hash = wanted.booking_hash"
)
# The stub's token is not to be another card's.
_TAKEN: Final = (
    "SELECT iduser FROM card WHERE iduser IN (%s)"
    " UNION ALL SELECT iduser FROM stub WHERE iduser IN (%s)"
)
_FOUND: Final = (
    f"SELECT {_CARD}, {_LINK} FROM card LEFT JOIN link"
    " ON link.id = (SELECT max(id) FROM link AS any_link WHERE any_link.iduser = card.iduser)"
    " WHERE card.iduser IN (%s)"
)
_LINKED: Final = (
    f"SELECT {_CARD}, {_LINK} FROM link JOIN card USING (iduser) WHERE booking_hash IN (%s)"
    " ORDER BY link.id"
)
_ADD_CARD: Final = (
    "INSERT INTO card (product, test, look_up, iduser, tokenuser_hash, sealed, created)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_ADD_LINK: Final = (
    "INSERT INTO link (iduser, booking_hash, system, hotel, sealed, departure, seen, retention)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_DIGITS: Final = "SELECT iduser, sealed FROM digit_token WHERE iduser IN (%s)"
_DIGITS_TAKEN: Final = "SELECT hash FROM digit_token WHERE hash IN (%s)"
_ADD_DIGITS: Final = "INSERT INTO digit_token (iduser, hash, sealed) VALUES (?, ?, ?)"
_PROBE: Final = (
    "INSERT INTO probe (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at"
)
_CHANGE_LINK: Final = (
    "UPDATE link SET sealed = ?, departure = ?, seen = ?, retention = ?"
    " WHERE iduser = ? AND booking_hash = ? AND sealed = ?"
)


class Store:
    """One writer, one transaction a message. Reads block: the service makes them off the event loop.
    Writes answer with a future, which is done once they are durable. Everything raises, or ends in,
    `VaultUnavailable` for anything that the database could not do.
    """

    def __init__(self, database: Database, *, step: Step = no_step) -> None:
        self._database = database
        self._step = step

    # --- cards ------------------------------------------------------------------------------------

    def filed(self, wanted: Sequence[tuple[bytes, bytes, int]]) -> list[Filed]:
        """The cards with these look-up hashes, those that there are, each with its link to the booking
        with the hash beside it.
        """
        return self._database.read(lambda c: list(map(Filed._make, c.matching(_FILED, wanted))))

    def is_filed(self, look_ups: Sequence[bytes]) -> bool:
        """Whether there is a card with one of these look-up hashes."""
        return self._database.read(lambda c: list(c.among(_IS_FILED, look_ups)) != [])

    def linked(self, bookings: Sequence[bytes]) -> list[Linked]:
        """The cards of the bookings with these hashes, the first linked first."""

        def work(connection: Connection) -> list[Linked]:
            rows = connection.among(_LINKED, bookings)
            return [Linked(CardRow(*row[:7]), LinkRow(*row[7:])) for row in rows]

        return self._database.read(work)

    def taken(self, idusers: Sequence[int]) -> set[int]:
        """Those of `idusers` that are in use, by a card or by what is left of one."""
        return self._database.read(lambda c: {iduser for (iduser,) in c.among(_TAKEN, idusers)})

    def digits(self, idusers: Sequence[int]) -> dict[int, bytes]:
        """The tokens of digits of these idusers, sealed, those that there are."""
        return self._database.read(lambda c: dict(c.among(_DIGITS, idusers)))

    def digits_taken(self, hashes: Sequence[bytes]) -> set[bytes]:
        """Those of `hashes` that a card's token of digits has."""
        return self._database.read(lambda c: {hash for (hash,) in c.among(_DIGITS_TAKEN, hashes)})

    def found(self, idusers: Sequence[int]) -> dict[int, tuple[CardRow, LinkRow | None]]:
        """The cards with these idusers, each with the link that was made last."""
        possible = [iduser for iduser in idusers if 0 < iduser <= IDUSER_MAX]

        def work(connection: Connection) -> dict[int, tuple[CardRow, LinkRow | None]]:
            found: dict[int, tuple[CardRow, LinkRow | None]] = {}
            for row in connection.among(_FOUND, possible):
                card = CardRow(*row[:7])
                found[card.iduser] = (card, None if row[7] is None else LinkRow(*row[7:]))
            return found

        return self._database.read(work)

    def keep(self, decide: Callable[[], Plan], *, entries: int = 0) -> Future[Plan]:
        """Writes the changes of what `decide` gives, all or nothing, and answers with it. `entries`:
        how many audit entries that will be. `decide` is called when the writer's turn has come, so that
        it sees what stands. Ends in `Taken` when another writer was first nevertheless.
        """

        def work(connection: Connection) -> Plan:
            plan = decide()
            self.apply(connection, plan.changes)
            return plan

        return self._database.write("keep", work, entries=entries)

    def apply(self, connection: Connection, changes: Changes) -> None:
        """Writes `changes`, within a transaction. Raises Taken."""
        if changes.version is not None and changes.version != key_rows.version(connection):
            raise Taken
        # Most messages bring cards that are known: no statement is run for none.
        if changes.cards:
            connection.add(_ADD_CARD, changes.cards)
            connection.count_cards(Counter(c.product for c in changes.cards))
        self._step("keep:cards")
        if changes.links:
            connection.add(_ADD_LINK, changes.links)
        for change in changes.changed:
            if connection.execute(_CHANGE_LINK, change).rowcount != 1:
                raise Taken
        self._step("keep:links")
        if changes.digits:
            connection.add(_ADD_DIGITS, changes.digits)
        if changes.cvcs:
            cvcs.put(connection, changes.cvcs)
        audit.append(connection, changes.entries, changes.idusers)
        if changes.answer is not None:
            answers.insert(connection, changes.answer)
            self._step("keep:spooled")
            answers.come_out(connection, changes.answer)
            self._step("keep:came_out")

    def count_by_product(self) -> dict[str, int]:
        """How many cards each product has."""
        statement = "SELECT product, cards FROM card_count WHERE cards > 0 ORDER BY product"
        return self._database.read(lambda c: dict(c.execute(statement).fetchall()))

    # --- entries ----------------------------------------------------------------------------------

    def record(self, entries: Sequence[Entry]) -> Future[None]:
        """Writes audit rows."""
        return self._database.write(
            "record", lambda c: audit.append(c, entries), entries=len(entries)
        )

    def take(
        self, decide: Callable[[], Sequence[int]], entries: Sequence[Entry]
    ) -> Future[dict[int, CvcRow]]:
        """Writes audit rows, and in the same transaction deletes the security codes of the idusers
        that `decide` gives; answers with those that there were.
        """

        def work(connection: Connection) -> dict[int, CvcRow]:
            audit.append(connection, entries)
            self._step("take:recorded")
            taken = [cvcs.take(connection, iduser) for iduser in decide()]
            self._step("take:deleted")
            return {row.iduser: row for row in taken if row is not None}

        return self._database.write("take", work, entries=len(entries))

    def put_back(self, sealed: Callable[[], CvcRow]) -> Future[None]:
        """Holds a security code again, unless a later one is held by now or its card is gone. `sealed` is
        called when the writer's turn has come.
        """
        return self._database.write("put_back", lambda c: cvcs.put_back(c, sealed()))

    def entries(self, after: int, limit: int) -> list[Recorded]:
        """Up to `limit` entries with an id above `after`, in order."""
        return self._database.read(lambda c: audit.read(c, after, limit))

    # --- keyring, probe ---------------------------------------------------------------------------

    def keyring(
        self,
        make: Callable[[Sequence[WrappedKey], Collection[Purpose]], Sequence[WrappedKey]],
        now: str,
    ) -> tuple[list[WrappedKey], str]:
        """The keyring, with the keys that `make` adds to what stands and to the purposes that ever
        had one, and its version: under the database's lock, so that one process does it. Raises what
        `make` raises; then nothing is added.
        """

        def work(connection: Connection) -> tuple[list[WrappedKey], str]:
            stand = key_rows.read(connection)
            purposes = connection.execute("SELECT purpose FROM keyring_made").fetchall()
            added = make(stand, {Purpose(purpose) for (purpose,) in purposes})
            for key in added:
                key_rows.add(connection, key, now, "")
            return [*stand, *added], key_rows.version(connection)

        return self._database.write("keyring", work).result()

    def wrapped_keys(self) -> list[WrappedKey]:
        """The keyring as it stands."""
        return self._database.read(key_rows.read)

    def rewrap(
        self, change: Callable[[Sequence[WrappedKey]], Sequence[WrappedKey]], entry: Entry
    ) -> None:
        """Puts what `change` makes of the keyring in its place, and `entry` beside it: all of it or
        nothing, under the database's lock. Raises what `change` raises.
        """

        def work(connection: Connection) -> None:
            closing.may_write(key_rows.standing(connection)[1])
            rows = change(key_rows.read(connection))
            for row in rows:
                connection.execute(
                    "UPDATE keyring SET wrapped = ? WHERE id = ?", (row.wrapped, row.id)
                )
                self._step("kek_move:row")
            audit.append(connection, [entry])

        self._database.write("kek_move", work).result()

    def probe(self, now: str) -> Future[None]:
        """Writes a row that holds nothing but the time."""

        def work(connection: Connection) -> None:
            connection.execute(_PROBE, (now,))

        return self._database.write("probe", work)
