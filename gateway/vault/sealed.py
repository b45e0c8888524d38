"""Every table with a sealed column, and how one row of it is opened: to see that it does, no more.

A table that is missing here would never be looked at: a test compares the list with the schema.
"""

# ruff: noqa: S608  # the statements are put together from the constants here
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gateway.cards.card import Card
from gateway.errors import RecordDamaged
from gateway.vault import (
    answer,
    charge,
    collection,
    credentials,
    cvcs,
    digits,
    foreign,
    idempotency,
    import_keys,
    link,
    notice,
    recapture,
    records,
    stub,
    viewer,
)
from gateway.vault.answers import COLUMNS as STORED
from gateway.vault.keyring import Keyring
from gateway.vault.rows import AnswerRecord, CardRow, CvcRow, LinkRow

Row = tuple[Any, ...]  # the columns' types, as the schema gives them
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class SealedTable:
    """`key` tells rows apart, `columns` is what `open` is given; it raises RecordDamaged. `page`: how
    many rows are read at once.
    """

    name: str
    key: tuple[str, ...]
    columns: str
    open: Callable[[Keyring, Row], object]
    source: str = ""  # where it is not the table alone
    page: int = _PAGE

    def statement(self, *, further: bool) -> str:
        """Reads a page, with the key first; `further`: what follows a key that is bound first."""
        names, marks = ", ".join(self.key), ", ".join("?" * len(self.key))
        after = f" WHERE ({names}) > ({marks})" if further else ""
        source = self.source or self.name
        return f"SELECT {names}, {self.columns} FROM {source}{after} ORDER BY {names} LIMIT ?"


def _card(keyring: Keyring, row: Row) -> None:
    """What it is found by fits what is sealed, too: two that were swapped are damage."""
    one = CardRow(*row)
    test = bool(one.test)
    plaintext = keyring.sealer.open(
        one.sealed, records.card_place(one.product, one.iduser, test=test)
    )
    card = Card(*records.read_card(plaintext))
    parts = records.tokenuser_parts(one.iduser, records.tokenuser_of(plaintext, card))
    found = records.is_filed_under(one.look_up, keyring.look_up, one.product, card, test=test)
    if not found or not keyring.tokenuser.matches(one.tokenuser_hash, *parts):
        raise RecordDamaged


def _link(keyring: Keyring, row: Row) -> None:
    one, (product, test) = LinkRow(*row[:7]), row[7:]
    where = records.link_place(product, one.iduser, one.booking_hash, test=bool(test))
    content = records.read_link(keyring.sealer.open(one.sealed, where))
    # System and hotel stand in clear beside it: those of another booking are damage.
    if not records.is_linked_to(
        one.booking_hash, keyring.booking, records.booking_of(one, content)
    ):
        raise RecordDamaged


def _answer(keyring: Keyring, row: Row) -> None:
    one = AnswerRecord(*row)
    answer.unseal(keyring.quarantine if one.quarantined else keyring.spool, one)


def _cvc(keyring: Keyring, row: Row) -> None:
    cvcs.unseal(keyring.cvc, CvcRow(*row[:4]), row[4], test=bool(row[5]))


def _foreign(keyring: Keyring, row: Row) -> None:
    iduser, processor, sealed, product, test = row
    keyring.foreign.open(sealed, foreign.place_of(iduser, product, processor, test=bool(test)))


def _digits(keyring: Keyring, row: Row) -> None:
    """What it is found by fits what is sealed, too."""
    iduser, hash, sealed, product, test = row
    token = digits.unseal(keyring.sealer, sealed, product, iduser, test=bool(test))
    if not keyring.digits.matches(hash, *digits.hash_parts(product, token, test=bool(test))):
        raise RecordDamaged


def _idempotent(keyring: Keyring, row: Row) -> None:
    product, asked, sealed = row
    keyring.repeated.open(sealed, idempotency.place_of(product, asked))


def _credential(keyring: Keyring, row: Row) -> None:
    product, processor, sealed = row
    keyring.credential.open(sealed, credentials.place_of(product, processor))


def _viewer(keyring: Keyring, row: Row) -> None:
    read = viewer.read_row(row)
    if read.sealed is not None:  # whoever was only invited, or has left, has no code
        viewer.unseal(keyring.viewer, read)


SEALED: Final = (
    SealedTable(
        "card", ("iduser",), "product, test, look_up, iduser, tokenuser_hash, sealed, created", _card
    ),
    SealedTable(
        "link", ("link.id",),
        "link.iduser, booking_hash, system, hotel, link.sealed, departure, seen, product, test",
        _link, "link JOIN card USING (iduser)",
    ),
    SealedTable(
        "cvc", ("cvc.iduser",), "cvc.iduser, at, until, cvc.sealed, product, test", _cvc,
        "cvc JOIN card USING (iduser)",
    ),
    SealedTable(
        "foreign_token", ("foreign_token.iduser", "processor"),
        "foreign_token.iduser, processor, foreign_token.sealed, product, test", _foreign,
        "foreign_token JOIN card USING (iduser)",
    ),
    SealedTable(
        "digit_token", ("digit_token.iduser",),
        "digit_token.iduser, hash, digit_token.sealed, product, test", _digits,
        "digit_token JOIN card USING (iduser)",
    ),
    SealedTable("stub", ("iduser",), ", ".join(stub.StubRow._fields),
                lambda keys, row: stub.open_card(keys.sealer, stub.StubRow(*row))),
    SealedTable("stub_booking", ("iduser", "booking_hash"), ", ".join(stub.StubBookingRow._fields),
                lambda keys, row: stub.open_booking(keys.sealer, stub.StubBookingRow(*row))),
    SealedTable("charge", ("number",), f"{charge.COLUMNS}, sealed",
                lambda keys, row: charge.unseal(keys.charge, row)),
    SealedTable("collection", ("number",), f"{collection.COLUMNS}, sealed",
                lambda keys, row: collection.unseal(keys.collection, row)),
    SealedTable("recapture", ("number",), f"{recapture.COLUMNS}, sealed",
                lambda keys, row: recapture.unseal(keys.recapture, row)),
    SealedTable("page_link", ("number",), f"{link.COLUMNS}, sealed",
                lambda keys, row: link.unseal(keys.page_link, row)),
    SealedTable("notice", ("number",), f"{notice.COLUMNS}, sealed",
                lambda keys, row: notice.unseal(keys.notice, notice.read_row(row[:-1]), row[-1])),
    SealedTable("import_key", ("id",), "id, sealed",
                lambda keys, row: keys.import_key.open(row[1], import_keys.place_of(row[0]))),
    SealedTable("viewer", ("number",), viewer.COLUMNS, _viewer),
    SealedTable("idempotent", ("id",), "product, asked, sealed", _idempotent),
    SealedTable("processor_credential", ("product", "processor"), "product, processor, sealed",
                _credential),
    # Each can have megabytes.
    SealedTable("answer_body", ("id",), f"{STORED}, sealed", _answer,
                "answer JOIN answer_body USING (id)", page=4),
)  # fmt: skip
