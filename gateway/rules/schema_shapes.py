"""What a pack's YAML may hold under `shapes`: where the fields of a card stand in a message."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from gateway.rules.schema_words import (
    BESIDE_TOKENIZE,
    Entry,
    FieldEntry,
    FieldPlace,
    Text,
    Texts,
    one_or_each,
    one_or_many,
    path_alone,
    short,
)

Show = Literal["mask", "last4", "alias", "digits"]


def _not_the_number(value: object) -> object:
    if value == "number":
        raise ValueError("`keep` can not name `number`: that is where the card goes; remove it")
    return value


KeepName = Annotated[
    Literal["expiry", "expiry_month", "expiry_year", "holder"], BeforeValidator(_not_the_number)
]


class ExpiryEntry(FieldEntry):
    """A field with an expiry, or a part of one: `as:` are its spellings, the first is written."""

    as_: Texts = Field(alias="as")
    optional: bool = False


class DayEntry(FieldEntry):
    """A field with a day. Without `as:` it begins as ISO 8601 has it."""

    as_: Texts = Field(default=(), alias="as")


class CvcEntry(FieldEntry):
    """The security code; with `required: true` a card without one fails."""

    required: bool = False


class HolderEntry(Entry):
    """The holder's name: in one place, or joined from several."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["at"]}, {"required": ["join"]}]}
    )

    at: Texts | None = None
    join: Annotated[tuple[Text, ...], Field(min_length=2), BeforeValidator(one_or_many)] | None = (
        None
    )
    type: Literal["string", "number"] = "string"

    @model_validator(mode="after")
    def _one(self) -> HolderEntry:
        if (self.at is None) == (self.join is None):
            raise ValueError("give either `at` (where the name stands), or `join` (its parts)")
        return self


def _with_spelling(value: object) -> object:
    if isinstance(value, str | list):
        at = f'"{value}"' if isinstance(value, str) else "[…]"
        raise ValueError(  # noqa: TRY004  # pydantic makes a complaint with a place of it
            f"say how it is spelled: {{ at: {at}, as: MMYY }}"
        )
    return value


ExpiryPlace = Annotated[ExpiryEntry, BeforeValidator(_with_spelling)]

DayPlace = Annotated[DayEntry, BeforeValidator(path_alone), short(DayEntry)]

HolderPlace = Annotated[HolderEntry, BeforeValidator(path_alone), short(HolderEntry)]

CvcPlace = Annotated[CvcEntry, BeforeValidator(path_alone), short(CvcEntry)]


class TokenEntry(Entry):
    """Where a token stands as two fields."""

    iduser: Text
    tokenuser: Text


class FlagEntry(Entry):
    """A flag's place; `is:` are the texts that raise it, where it says more than yes or no."""

    at: Text
    is_: Texts = Field(default=(), alias="is")


FlagPlace = Annotated[FlagEntry, BeforeValidator(path_alone), short(FlagEntry)]


class VirtualEntry(Entry):
    """How the message tells that a card is virtual."""

    flag: FlagPlace | None = None
    active_from: DayPlace | None = None
    active_until: DayPlace | None = None
    balance: Text | None = None
    currency: Text | None = None
    decimals: Text | None = None
    holders: tuple[Text, ...] = ()
    bins: Texts = ()  # ranges, or tables that gateway.yaml names


class EnvelopeEntry(Entry):
    """A document in whose text the next one stands; `as:` is how the text is written."""

    format: Literal["xml", "json", "form", "multipart"]
    at: Text
    as_: Literal["text", "base64", "base64url"] = Field(default="text", alias="as")


Envelopes = Annotated[
    tuple[EnvelopeEntry, ...], Field(min_length=1, max_length=8), BeforeValidator(one_or_each)
]


class ShapeEntry(Entry):
    """Where a card's fields stand in a message."""

    elsewhere = BESIDE_TOKENIZE

    format: Literal["xml", "json", "form", "multipart", "text"]
    envelope: Envelopes | None = None
    booking: Texts | None = None
    card: Texts
    number: FieldPlace
    expiry: ExpiryPlace | None = None
    expiry_month: ExpiryPlace | None = None
    expiry_year: ExpiryPlace | None = None
    cvc: CvcPlace | None = None
    holder: HolderPlace | None = None
    brand: FieldPlace | None = None
    token: TokenEntry | None = None
    hotel: Texts | None = None
    booking_id: Texts | None = None
    departure: DayPlace | None = None
    virtual: VirtualEntry | None = None
    foreign: bool = False
    own_card: bool = False
    show: Show = "mask"
    keep: tuple[KeepName, ...] = ()
    sentinels: tuple[Text, ...] = ()
    not_cards: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _one_expiry(self) -> ShapeEntry:
        if (self.expiry_month is None) != (self.expiry_year is None):
            raise ValueError("`expiry_month` and `expiry_year` go together")
        parts = (self.expiry, self.expiry_month, self.expiry_year)
        if len({part.optional for part in parts if part is not None}) > 1:
            raise ValueError(
                "`optional` goes with each of `expiry`, `expiry_month` and `expiry_year`"
            )
        return self
