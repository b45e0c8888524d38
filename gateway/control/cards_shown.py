"""A card as the control API shows it: never its number, its mask at most."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import BaseModel

from gateway.cards.card import Booking
from gateway.cards.expiry import write
from gateway.cards.pan import brand_of, mask
from gateway.cards.token import Token
from gateway.vault.cards import KeptCard
from gateway.vault.stub import Stub


class ShownVirtual(BaseModel):
    """What was said of a virtual card; null where nothing was."""

    active_from: date | None
    active_until: date | None
    balance: str | None
    currency: str | None


class ShownBooking(BaseModel):
    """A booking that the card belongs to."""

    system: str
    hotel: str | None
    id: str | None
    departure: date | None
    virtual: ShownVirtual | None

    @classmethod
    def of(cls, booking: Booking) -> ShownBooking:
        """How `booking` is shown."""
        virtual = booking.virtual
        return cls(
            system=booking.system,
            hotel=booking.hotel,
            id=booking.booking_id,
            departure=booking.departure,
            virtual=None
            if virtual is None
            else ShownVirtual(
                active_from=virtual.active_from,
                active_until=virtual.active_until,
                balance=virtual.balance,
                currency=virtual.currency,
            ),
        )


class CardSummary(BaseModel):
    """What a call that writes is answered. No name: it is kept for 24 hours, to be repeated."""

    token: str
    iduser: int
    tokenuser: str
    product: str
    test: bool
    mask: str
    brand: str
    expiration_month: str | None
    expiration_year: str | None
    virtual: bool


class ShownCard(CardSummary):
    """A card with what its bookings say. `virtual`: one of them calls it so."""

    holder: str | None
    bookings: list[ShownBooking]


class ShownCharge(BaseModel):
    """A charge of the card: our id, its reference, and by what its processor knows it."""

    id: str
    reference: str
    processor: str
    processor_id: str | None


class ErasedCard(BaseModel):
    """What is left of a card whose time was over. `charges`: those that the client made with it.
    `mask` and `brand` are empty where the card's record was damaged.
    """

    token: str
    iduser: int
    tokenuser: str
    product: str
    test: bool
    mask: str
    brand: str
    erased_at: datetime
    bookings: list[ShownBooking]
    charges: list[ShownCharge]


class ListedCards(BaseModel):
    """The cards of a booking, the first linked first. `next`: for `after`, where there is more."""

    cards: list[ShownCard]
    next: str | None


def summary(kept: KeptCard) -> bytes:
    """The JSON of a card that was added or changed."""
    return CardSummary.model_validate(_common(kept)).model_dump_json().encode()


def shown(kept: KeptCard) -> ShownCard:
    """All of a card but its number."""
    holder = kept.card.holder
    more = {
        "holder": None if holder is None else holder.reveal(),
        "bookings": [ShownBooking.of(booking) for booking in kept.bookings],
    }
    return ShownCard.model_validate(_common(kept) | more)


def erased(token: Token, stub: Stub) -> ErasedCard:
    """What is left of the card that had `token`."""
    return ErasedCard(
        token=token.alias,
        iduser=token.iduser,
        tokenuser=token.tokenuser,
        product=stub.product,
        test=stub.test,
        mask=stub.mask,
        brand=stub.brand,
        erased_at=stub.erased,
        bookings=[ShownBooking.of(booking) for booking in stub.bookings],
        charges=[
            ShownCharge(
                id=one.charge,
                reference=one.reference,
                processor=one.processor,
                processor_id=one.processor_id,
            )
            for one in stub.references
        ],
    )


def _common(kept: KeptCard) -> dict[str, object]:
    digits, expiry = kept.card.pan.reveal(), kept.card.expiry
    return {
        "token": kept.token.alias,
        "iduser": kept.token.iduser,
        "tokenuser": kept.token.tokenuser,
        "product": kept.product,
        "test": kept.token.test,
        "mask": mask(digits),
        "brand": brand_of(digits),
        "expiration_month": None if expiry is None else write(expiry, "MM"),
        "expiration_year": None if expiry is None else write(expiry, "YYYY"),
        "virtual": kept.is_virtual,
    }
