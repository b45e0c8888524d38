"""What stands inside sealed records, and what is hashed to find them: bytes in, values out."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import date, datetime
from json.encoder import encode_basestring_ascii as _quoted
from typing import Final, TypeAlias

from gateway.cards.card import Booking, Card, Virtual
from gateway.cards.expiry import Expiry
from gateway.cards.token import Token
from gateway.errors import RecordDamaged
from gateway.secret import Secret
from gateway.vault.envelope import padded, place
from gateway.vault.hashes import KeyedHash
from gateway.vault.rows import LinkRow

# A link's sealed content. Absent means that no message has said it yet.
Content: TypeAlias = Mapping[str, str]

# Padding hides how long a number or a name is.
_CARD_LENGTH: Final = 48
_LINK_STEP: Final = 64


# --- hashes ---------------------------------------------------------------------------------------


def look_up(hashing: KeyedHash, product: str, card: Card, *, test: bool) -> bytes:
    """The hash under which a card of a product is filed."""
    return hashing.digest(*look_up_parts(product, card, test=test))


def look_ups(hashing: KeyedHash, product: str, card: Card, *, test: bool) -> list[bytes]:
    """The hashes by which the same card of the same product is found again, the one of `look_up` first:
    it may be filed under an older key, until all are filed anew.
    """
    return hashing.digests(*look_up_parts(product, card, test=test))


def is_filed_under(
    stored: bytes, hashing: KeyedHash, product: str, card: Card, *, test: bool
) -> bool:
    """Whether this look-up hash, under whichever key, is the card's."""
    return hashing.matches(stored, *look_up_parts(product, card, test=test))


def look_up_parts(product: str, card: Card, *, test: bool) -> tuple[bytes, ...]:
    """What that hash is made of. Mode is part of it: a product that goes live shall not hand out its old
    test tokens.
    """
    expiry = "" if card.expiry is None else str(card.expiry)
    mode = b"test" if test else b"live"
    return product.encode(), mode, card.pan.reveal().encode(), expiry.encode()


def booking_hash(hashing: KeyedHash, booking: Booking | None) -> bytes:
    """The hash by which the link to the same booking is found again.

    Cards that name no booking share one link for each system and hotel.
    """
    return hashing.digest(*booking_parts(booking))


def is_linked_to(stored: bytes, hashing: KeyedHash, booking: Booking | None) -> bool:
    """Whether this hash is the booking's."""
    return hashing.matches(stored, *booking_parts(booking))


def booking_parts(booking: Booking | None) -> tuple[bytes, ...]:
    """What that hash is made of."""
    if booking is None:
        return (b"none",)
    hotel, booking_id = booking.hotel, booking.booking_id
    said = b"%d%d" % (hotel is not None, booking_id is not None)
    system, hotel, booking_id = booking.system, hotel or "", booking_id or ""
    return (
        said,
        system.encode("utf-8", "surrogatepass"),
        hotel.encode("utf-8", "surrogatepass"),
        booking_id.encode("utf-8", "surrogatepass"),
    )


def tokenuser_parts(iduser: int, tokenuser: str) -> tuple[bytes, bytes]:
    """What the hash of a tokenuser is made of."""
    return b"%d" % iduser, tokenuser.encode("utf-8", "surrogatepass")


# --- the card's record ----------------------------------------------------------------------------


def card_place(product: str, iduser: int, *, test: bool) -> bytes:
    """Where a card's record stands."""
    return place("card", product, iduser, test=test)


def write_card(card: Card, token: Token) -> bytes:
    """`PAN expiry tokenuser`, padded; the expiry is `-` when there is none. Never the CVC (P21)."""
    return f"{_start_of(card)}{token.tokenuser}".encode("ascii").ljust(_CARD_LENGTH)


def read_card(plaintext: bytes) -> tuple[Secret[str], Expiry | None]:
    """PAN and expiry. Raises RecordDamaged for what `write_card` does not write."""
    try:
        pan, expiry, _ = plaintext.decode("ascii").split()
        read = None if expiry == "-" else Expiry(int(expiry[:4]), int(expiry[5:]))
        return Secret(pan), read
    except ValueError:
        pass
    raise RecordDamaged


def tokenuser_of(plaintext: bytes, card: Card) -> str:
    """The tokenuser in the record of `card`. Raises RecordDamaged when it is another card's."""
    start = _start_of(card).encode("ascii")
    if not hmac.compare_digest(plaintext[: len(start)], start):
        raise RecordDamaged
    return plaintext[len(start) :].rstrip().decode("ascii")


def _start_of(card: Card) -> str:
    return f"{card.pan.reveal()} {'-' if card.expiry is None else card.expiry!s} "


# --- the link's record ----------------------------------------------------------------------------


def link_place(product: str, iduser: int, booking: bytes, *, test: bool) -> bytes:
    """Where a link's record stands; `booking` is its hash."""
    return place("link", product, iduser, test=test, row=booking)


def content_of(card: Card, booking: Booking | None) -> dict[str, str]:
    """What a message says about a card in its booking."""
    content: dict[str, str] = {}
    if card.holder is not None:
        content["holder"] = card.holder.reveal()
    if booking is None:
        return content
    if booking.booking_id is not None:
        content["booking_id"] = booking.booking_id
    virtual = booking.virtual
    if virtual is not None:
        content["virtual"] = ""
        if virtual.active_from is not None:
            content["active_from"] = virtual.active_from.isoformat()
        if virtual.active_until is not None:
            content["active_until"] = virtual.active_until.isoformat()
        if virtual.balance is not None:
            content["balance"] = virtual.balance
        if virtual.currency is not None:
            content["currency"] = virtual.currency
    return content


def dated(content: Content, stood: Content, now: str) -> Content:
    """What `stood`, with what `content` adds to it; a balance that is another has its time."""
    if not stood and "balance" not in content:
        return content
    merged = {**stood, **content}
    if merged.get("balance") != stood.get("balance"):
        merged["balance_at"] = now
    return merged


def departure_of(booking: Booking | None) -> str | None:
    """The ISO date from which retention counts."""
    if booking is None or booking.departure is None:
        return None
    return booking.departure.isoformat()


def write_link(content: Content) -> bytes:
    """JSON, padded. Written here: strings only, and `json.dumps` takes twice as long."""
    members = ", ".join([f'"{name}": {_quoted(value)}' for name, value in content.items()])
    return padded(f"{{{members}}}".encode("ascii"), _LINK_STEP)


def read_link(plaintext: bytes) -> dict[str, str]:
    """Reads back what `write_link` wrote. Raises RecordDamaged for anything else."""
    try:
        content = json.loads(plaintext)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise RecordDamaged
    return content


def booking_of(row: LinkRow, content: Content) -> Booking | None:
    """The booking that a link holds; None for a card that came without one."""
    if not row.system:
        return None
    virtual = None
    if "virtual" in content:
        virtual = Virtual(
            _date(content.get("active_from")),
            _date(content.get("active_until")),
            content.get("balance"),
            content.get("currency"),
            _time(content.get("balance_at")),
        )
    return Booking(row.system, row.hotel, content.get("booking_id"), _date(row.departure), virtual)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
