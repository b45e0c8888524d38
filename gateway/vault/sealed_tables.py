"""Which columns hold what is sealed or hashed under a key of the keyring, and how a row is sealed anew.

What lives for minutes or a day, held security codes and answers to an Idempotency-Key, is left to end
by itself. The keys of `STAY` are not rotated away: docs/decisions/0011-rotating-keys.md says why.
"""

# the statements are put together from the constants here
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from gateway.cards.card import Card
from gateway.vault import (
    answer,
    answers,
    charge,
    collection,
    credentials,
    digits,
    foreign,
    import_keys,
    link,
    notice,
    recapture,
    records,
    stub,
    viewer,
)
from gateway.vault.envelope import Sealer
from gateway.vault.keyring import Keyring, Purpose

# Any: the columns' types, as the schema gives them
Values: TypeAlias = tuple[Any, ...]

_ROWS: Final = 200  # of a portion: a few milliseconds, so that others write meanwhile
_ANSWERS: Final = 8  # an answer may have megabytes


class Column(NamedTuple):
    """A column whose bytes name their key: from the byte `at` on, counted from 1."""

    table: str
    name: str
    at: int

    def under(self) -> str:
        """SQL: the id of the key, in four bytes."""
        return f"substr({self.table}.{self.name}, {self.at}, 4)"


def _sealed(table: str) -> Column:
    return Column(table, "sealed", 2)  # behind the version


def _hash(table: str, name: str) -> Column:
    return Column(table, name, 1)


# Purpose → where a key of it may be named. A key goes when it is named nowhere.
USES: Final[Mapping[Purpose, tuple[Column, ...]]] = {
    Purpose.DATA: (
        _sealed("card"), _sealed("link"), _sealed("digit_token"), _sealed("stub"),
        _sealed("stub_booking"),
    ),
    Purpose.LOOK_UP: (_hash("card", "look_up"),),
    # A stub does not know what its hash was made of: the old key stays as long as the stub does.
    Purpose.TOKENUSER: (_hash("card", "tokenuser_hash"), _hash("stub", "tokenuser_hash")),
    Purpose.SPOOL: (_sealed("answer_body"),),
    Purpose.QUARANTINE: (_sealed("answer_body"),),
    Purpose.CVC: (_sealed("cvc"),),
    Purpose.FOREIGN: (_sealed("foreign_token"),),
    Purpose.RECAPTURE: (_sealed("recapture"),),
    Purpose.IDEMPOTENCY: (_hash("idempotent", "asked"), _hash("idempotent", "request")),
    Purpose.REPEATED: (_sealed("idempotent"),),
    Purpose.NOTICE: (_sealed("notice"),),
    Purpose.CREDENTIAL: (_sealed("processor_credential"),),
    Purpose.CHARGE: (_sealed("charge"),),
    Purpose.PAGE_LINK: (_sealed("page_link"),),
    Purpose.VIEWER: (_sealed("viewer"),),
    Purpose.COLLECTION: (_sealed("collection"),),
    Purpose.IMPORT_KEY: (_sealed("import_key"),),
    Purpose.DIGITS: (_hash("digit_token", "hash"),),
}  # fmt: skip
# Each of these tables by what tells its rows apart, so that it can be read in windows: a card before what it
# leaves, for a key is looked for in this order.
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "card": ("id",),
    "stub": ("iduser",),
    "stub_booking": ("iduser", "booking_hash"),
    "link": ("id",),
    "digit_token": ("iduser",),
    "cvc": ("iduser",),
    "foreign_token": ("iduser", "processor"),
    "recapture": ("number",),
    "idempotent": ("id",),
    "notice": ("number",),
    "processor_credential": ("product", "processor"),
    "charge": ("number",),
    "page_link": ("number",),
    "viewer": ("number",),
    "collection": ("number",),
    "import_key": ("id",),
    "answer_body": ("id",),
}
# New audit entries are under the new key; old ones, and the anchors for good, are checked with the old one.
CHECKED: Final = frozenset({Purpose.AUDIT})
# Not rotated: one hashes booking numbers, which are no card data, and its hashes are names by now; the
# other one tokens of vaults that were left, of which nothing else is kept that could be hashed anew.
STAY: Final = frozenset({Purpose.BOOKING, Purpose.OLD_TOKEN})
ROTATED: Final = tuple(purpose for purpose in Purpose if purpose not in STAY)


@dataclass(frozen=True, slots=True)
class Table:
    """How the rows of a table are sealed anew.

    `key`: the columns that name a row, in which order they are read. `selects`: the sealed column, and
    those that `place` makes its place of, from `source`. `hashed` makes what else is changed, in the order
    of `sets`, of what was sealed.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[tuple[Purpose, Column], ...]  # the sealed one first
    selects: str
    source: str
    place: Callable[[Values], bytes]
    portion: int = _ROWS
    sets: tuple[str, ...] = ("sealed",)
    hashed: Callable[[Keyring, bytes, Values], Values] = lambda *_: ()

    @property
    def table(self) -> str:
        """The table that is changed."""
        return self.columns[0][1].table

    def stale(self, keyring: Keyring) -> tuple[str, list[bytes]]:
        """SQL: whether a row names a key that is not the one in use; and what is bound to it."""
        ids = [key_of(keyring, purpose) for purpose, _ in self.columns]
        return " OR ".join(f"{column.under()} <> ?" for _, column in self.columns), ids

    def opened(self, keyring: Keyring, values: Values) -> bytes:
        """What is sealed in a row, by the values of what it `selects`. Raises RecordDamaged."""
        return self._sealer(keyring).open(values[0], self.place(values[1:]))

    def anew(self, keyring: Keyring, values: Values) -> Values:
        """The new values of what it `sets`. Raises RecordDamaged."""
        plaintext = self.opened(keyring, values)
        sealed = self._sealer(keyring).seal(plaintext, self.place(values[1:]))
        return (sealed, *self.hashed(keyring, plaintext, values[1:]))

    def _sealer(self, keyring: Keyring) -> Sealer:
        found = keyring.of(self.columns[0][0])
        if not isinstance(found, Sealer):
            raise TypeError("a purpose that hashes seals nothing")
        return found


def key_of(keyring: Keyring, purpose: Purpose) -> bytes:
    """The id of the key in use, as it stands in what is sealed and hashed."""
    used = keyring.of(purpose).current
    return used if isinstance(used, bytes) else used.to_bytes(4, "big")


def _plain(
    purpose: Purpose,
    table: str,
    key: tuple[str, ...],
    selects: str,
    place: Callable[[Values], bytes],
    *,
    name: str = "",
    source: str = "",
    portion: int = _ROWS,
) -> Table:
    """A table with one sealed column."""
    columns = ((purpose, _sealed(table)),)
    selected = f"{table}.sealed, {selects}"
    return Table(name or table, key, columns, selected, source or table, place, portion)


def _hashes_of_card(keyring: Keyring, plaintext: bytes, values: Values) -> Values:
    product, iduser, test = values
    card = Card(*records.read_card(plaintext))
    parts = records.tokenuser_parts(iduser, records.tokenuser_of(plaintext, card))
    look_up = records.look_up(keyring.look_up, product, card, test=bool(test))
    return look_up, keyring.tokenuser.digest(*parts)


_CARD: Final = Table(
    "card",
    ("card.id",),
    (
        (Purpose.DATA, _sealed("card")),
        (Purpose.LOOK_UP, _hash("card", "look_up")),
        (Purpose.TOKENUSER, _hash("card", "tokenuser_hash")),
    ),
    "card.sealed, card.product, card.iduser, card.test",
    "card",
    lambda v: records.card_place(v[0], v[1], test=bool(v[2])),
    sets=("sealed", "look_up", "tokenuser_hash"),
    hashed=_hashes_of_card,
)


def _hash_of_digits(keyring: Keyring, plaintext: bytes, values: Values) -> Values:
    product, _, test = values
    token = digits.read(plaintext)
    return (keyring.digits.digest(*digits.hash_parts(product, token, test=bool(test))),)


_DIGITS: Final = Table(
    "digit_token",
    ("digit_token.iduser",),
    ((Purpose.DATA, _sealed("digit_token")), (Purpose.DIGITS, _hash("digit_token", "hash"))),
    "digit_token.sealed, card.product, digit_token.iduser, card.test",
    "digit_token JOIN card ON card.iduser = digit_token.iduser",
    lambda v: digits.place_of(v[0], v[1], test=bool(v[2])),
    sets=("sealed", "hash"),
    hashed=_hash_of_digits,
)
_OF_ANSWER: Final = (
    "answer JOIN answer_body ON answer_body.id = answer.id AND answer.quarantined = "
)
_NUMBER: Final = ("number",)

# Cards first: whoever does not know the new keys finds none after that, and changes none.
TABLES: Final[tuple[Table, ...]] = (
    _CARD,
    _plain(
        Purpose.DATA, "link", ("link.id",),
        "card.product, link.iduser, link.booking_hash, card.test",
        lambda v: records.link_place(v[0], v[1], v[2], test=bool(v[3])),
        source="link JOIN card ON card.iduser = link.iduser",
    ),
    _DIGITS,
    _plain(
        Purpose.DATA, "stub", ("iduser",), "iduser, product, test, tokenuser_hash, erased",
        lambda v: stub.card_place(stub.StubRow._make((*v, b""))),
    ),
    _plain(
        Purpose.DATA, "stub_booking", ("iduser", "booking_hash"),
        "iduser, booking_hash, product, test, erased",
        lambda v: stub.booking_place(stub.StubBookingRow._make((*v, b""))),
    ),
    _plain(
        Purpose.FOREIGN, "foreign_token", ("foreign_token.iduser", "foreign_token.processor"),
        "card.iduser, card.product, foreign_token.processor, card.test",
        lambda v: foreign.place_of(v[0], v[1], v[2], test=bool(v[3])),
        source="foreign_token JOIN card ON card.iduser = foreign_token.iduser",
    ),
    _plain(
        Purpose.CREDENTIAL, "processor_credential", ("product", "processor"),
        "product, processor", lambda v: credentials.place_of(*v),
    ),
    _plain(Purpose.IMPORT_KEY, "import_key", ("id",), "id", lambda v: import_keys.place_of(v[0])),
    _plain(Purpose.VIEWER, "viewer", _NUMBER, "id, product", lambda v: viewer.place_of(*v)),
    _plain(Purpose.CHARGE, "charge", _NUMBER, charge.COLUMNS, charge.place_of),
    _plain(Purpose.COLLECTION, "collection", _NUMBER, collection.COLUMNS, collection.place_of),
    _plain(Purpose.RECAPTURE, "recapture", _NUMBER, recapture.COLUMNS, recapture.place_of),
    _plain(Purpose.PAGE_LINK, "page_link", _NUMBER, link.COLUMNS, link.place_of),
    _plain(Purpose.NOTICE, "notice", _NUMBER, notice.COLUMNS, notice.place_of),
    _plain(
        Purpose.SPOOL, "answer_body", ("answer_body.id",), answers.COLUMNS, answer.place_of,
        name="answer", source=f"{_OF_ANSWER}0", portion=_ANSWERS,
    ),
    _plain(
        Purpose.QUARANTINE, "answer_body", ("answer_body.id",), answers.COLUMNS, answer.place_of,
        name="refused answer", source=f"{_OF_ANSWER}1", portion=_ANSWERS,
    ),
)  # fmt: skip
