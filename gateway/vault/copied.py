"""Which of the vault's tables are copied when it is backed up, restored or moved, and how rows are told apart.

Not copied: the schema's version, which processes were there, and counts of cards, which the database keeps
by itself. A table that is missing here would stay behind: a test compares the list with both schemas.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Row: TypeAlias = tuple[Any, ...]  # Any: the columns' types, as the schema gives them

_ROWS: Final = 500  # of a portion: a few milliseconds, so that others write meanwhile
_ANSWERS: Final = 8  # an answer may have megabytes


@dataclass(frozen=True, slots=True)
class Copied:
    """A table. `key` tells its rows apart for good, whatever number they have; `rest`: its other columns.

    `written_once`: the database lets no row be changed, so one that differs is not of the same vault.
    `goes_late`: rows go after others have come: those of the audit, once an anchor lets them.
    """

    name: str
    key: tuple[str, ...]
    rest: tuple[str, ...]
    written_once: bool = False
    goes_late: bool = False
    portion: int = _ROWS

    @property
    def columns(self) -> tuple[str, ...]:
        """Its columns, the key's first."""
        return self.key + self.rest

    def of_key(self, row: Row) -> Row:
        """The key of a row in the columns' order."""
        return row[: len(self.key)]

    def page(self, *, further: bool, keys_alone: bool = False) -> str:
        """SQL: a portion of rows in the key's order; `further`: behind a key that is bound first."""
        columns = ", ".join(self.key if keys_alone else self.columns)
        after = f" WHERE {self._row} > ({_marks(self.key)})" if further else ""
        order = ", ".join(self.key)
        return f"SELECT {columns} FROM {self.name}{after} ORDER BY {order} LIMIT ?"

    def named(self, *, keys_alone: bool = False) -> str:
        """SQL for `Connection.matching`: the rows with the keys that `%s` stands for.

        Not `(iduser, booking_hash) IN (%s)`: for two columns SQLite reads the whole table, each time.
        """
        columns = self.key if keys_alone else self.columns
        wanted = [f"wanted_{name}" for name in self.key]
        same = [f"{name} = {one}" for name, one in zip(self.key, wanted, strict=True)]
        return (
            f"WITH wanted ({', '.join(wanted)}) AS (%s) SELECT {', '.join(columns)}"
            f" FROM wanted CROSS JOIN {self.name} WHERE {' AND '.join(same)}"
        )

    def add(self) -> str:
        """SQL: a row in the columns' order."""
        return (
            f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({_marks(self.columns)})"
        )

    def change(self) -> str:
        """SQL: the rest, then the key are bound."""
        sets = ", ".join(f"{column} = ?" for column in self.rest)
        return f"UPDATE {self.name} SET {sets} WHERE {self._is}"

    def remove(self) -> str:
        """SQL: the key is bound."""
        return f"DELETE FROM {self.name} WHERE {self._is}"

    @property
    def _row(self) -> str:
        return f"({', '.join(self.key)})"

    @property
    def _is(self) -> str:
        return " AND ".join(f"{column} = ?" for column in self.key)


def _marks(columns: tuple[str, ...]) -> str:
    return ", ".join("?" * len(columns))


def _table(name: str, key: str, rest: str, **more: Any) -> Copied:  # Any: of the flags above
    return Copied(name, tuple(key.split()), tuple(rest.split()), **more)


HEADS: Final = _table("audit_head", "writer", "seq id hash")

# Those that others refer to first; what a trigger changes behind what it sees. The keyring is behind the
# cards: `copying` says why.
TABLES: Final = (
    _table("api_key", "id",
           "name client hash scopes products networks created expires revoked last_used"),
    _table("import_key", "id", "certificate sealed created"),
    _table("viewer", "number", "id product name state role may_copy totp tries cleared totp_step created"
           " changed sealed"),
    _table("processor_credential", "product processor", "names sealed set_at set_by"),
    _table("card", "iduser", "id product test look_up tokenuser_hash sealed created"),
    _table("link", "iduser booking_hash", "id system hotel sealed departure seen retention"),
    _table("cvc", "iduser", "at sealed until"),
    _table("foreign_token", "iduser processor", "sealed created"),
    _table("issuing", "iduser processor", "claim until"),
    _table("old_token", "hash", "iduser bound provider created"),
    _table("digit_token", "iduser", "hash sealed"),
    _table("stub", "iduser", "product test tokenuser_hash erased sealed"),
    _table("stub_booking", "iduser booking_hash", "product test erased sealed"),
    _table("answer", "id", "client exchange quarantined state code at route expires products hotels echo"
           " poll size failed failures"),
    _table("answer_body", "id", "sealed", portion=_ANSWERS),
    _table("idempotent", "id", "asked request product expires sealed"),
    _table("recapture", "number", "id client system itinerary event_id state created changed failed"
           " link_expires link_ends may_cancel has_link successor told tell_due tell_tries look_due"
           " look_tries sealed"),
    _table("page_link", "number", "id kind client product language state created expires changed sealed"
           " secret"),
    _table("charge", "number", "id client product test iduser booking reference amount currency initiator"
           " exemption capture_now processor created changed state processor_id has_network_id operation"
           " asked before attempt sent lease challenge_ends look_due look_tries sealed stated_amount"
           " stated_currency captured refunded"),
    _table("charge_event", "number", "charge at before state operation amount actor code decline"
           " stated_amount stated_currency", written_once=True),
    _table("charge_consumed", "iduser booking processor", "at"),
    _table("collection", "number", "id client key product test iduser booking reference amount currency"
           " initiator exemption language link_hours recapture_hours until created changed state step"
           " step_ends not_before charges tries collected stop_asked link recapture due sealed"),
    _table("collection_charge", "charge", "collection"),
    _table("collection_event", "number", "collection at before state step actor code charge link"
           " recapture", written_once=True),
    _table("notice", "number", "id client kind subject product state created changed due tries code"
           " sealed"),
    _table("refusal", "client listener method scheme host port path code", "count last"),
    _table("route_hour", "route hour phase", "messages bookings with_card cards left_alone failed refused"
           " outside"),
    _table("route_writer", "writer", "flush hour"),
    _table("keyring", "id", "purpose state wrapped created"),
    _table("keyring_made", "purpose", ""),
    _table("keyring_version", "id", "version"),
    _table("key_event", "number", "key purpose event at actor", written_once=True),
    _table("audit_anchor", "id", "at newest through heads hash", written_once=True),
    _table("audit", "id", "at exchange action outcome client key origin route product iduser booking"
           " detail subject writer seq hash", written_once=True, goes_late=True),
)  # fmt: skip
NOT_COPIED: Final = frozenset(
    {"schema_version", "keyring_reader", "probe", "card_count", "card_count_part", HEADS.name}
)
