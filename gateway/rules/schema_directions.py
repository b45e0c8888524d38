"""What a pack's YAML may hold under a route's `request` and `response`: what happens to a message."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from gateway.rules.schema_pairs import SaidEntry
from gateway.rules.schema_shapes import Show
from gateway.rules.schema_words import (
    Entry,
    HeaderName,
    Name,
    ShapeNames,
    Text,
    one_or_each,
    one_or_many,
)

FailureName = Literal[
    "number_invalid",
    "expiry_invalid",
    "cvc_missing",
    "test_number",
    "hotel_unknown",
    "card_malformed",
    "outside_booking",
    "product_not_permitted",
    "vault",
]


class InsertEntry(Entry):
    """One thing that is inserted: an XML fragment, JSON members, or form pairs."""

    into: Text
    of: Literal["booking", "card"] = "booking"
    each: Literal["card", "booking"]
    for_: ShapeNames = Field(default=(), alias="for")
    xml: Text | None = None
    json_: dict[Text, str] | None = Field(default=None, alias="json", min_length=1)
    form: dict[Text, str] | None = Field(default=None, min_length=1)

    @property
    def format(self) -> Literal["xml", "json", "form"]:
        """In which format's words it is."""
        return "xml" if self.xml is not None else "json" if self.json_ is not None else "form"

    @model_validator(mode="after")
    def _one_template(self) -> InsertEntry:
        if sum(template is not None for template in (self.xml, self.json_, self.form)) != 1:
            raise ValueError("give one of `xml`, `json` and `form`: what is to be inserted")
        if self.of == "card" and self.each == "booking":
            raise ValueError("`of: card` goes with `each: card`")
        if self.for_ and self.each == "booking":
            raise ValueError("`for` goes with `each: card`")
        return self


class NotCardsEntry(Entry):
    """Places in a message whose digits are no card numbers, whatever they look like."""

    format: Literal["xml", "json", "form"]
    at: Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(one_or_many)]


def no_paths(value: object) -> object:
    """Paths alone are what a shape has by this name."""
    if isinstance(value, str) or (isinstance(value, list) and value and isinstance(value[0], str)):
        raise ValueError(  # pydantic makes a complaint with a place of it
            "paths of cards that are taken out stand in their shape, as its `not_cards`; of a message without a"
            " shape write `not_cards: { format: json, at: [paths] }`"
        )
    return value


NotCardsPlaces = Annotated[
    tuple[NotCardsEntry, ...],
    Field(min_length=1),
    BeforeValidator(one_or_each),
    BeforeValidator(no_paths),
]


def whole_body(value: object) -> object:
    """`refuse` alone is every body."""
    if value == "refuse":
        return {}
    if isinstance(value, dict):
        return value
    raise ValueError("`opaque` is `refuse`, or `{ refuse: [paths], because: signed }`")


class OpaqueEntry(Entry):
    """Which bodies are refused unseen. In short `refuse`: any."""

    refuse: Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(one_or_many)] = ()
    because: Literal["signed", "encrypted"] | None = None
    format: Literal["xml", "json", "form"] | None = None  # of the paths, without a shape


OpaquePlace = Annotated[OpaqueEntry, BeforeValidator(whole_body)]


class RetentionEntry(Entry):
    """How long the cards are kept that a message brings, in days; what gateway.yaml says for their product
    counts where it is less."""

    after_departure: int | None = Field(default=None, ge=0, le=3650)
    without_departure: int | None = Field(default=None, ge=1, le=3650)

    @model_validator(mode="after")
    def _one(self) -> RetentionEntry:
        if self.after_departure is None and self.without_departure is None:
            raise ValueError("give `after_departure`, `without_departure`, or both, in days")
        return self


class DirectionEntry(Entry):
    """What happens to a request, or to a response."""

    not_yet = frozenset({"sign"})

    like: Name | None = None  # a route above: the same happens as to its request, or response
    tokenize: ShapeNames = ()
    detokenize: ShapeNames = ()
    exchange: ShapeNames = ()
    issuer: Name | None = None
    issue: bool = True
    forget: SaidEntry | None = None
    insert: tuple[InsertEntry, ...] = ()
    on_failure: tuple[InsertEntry, ...] = ()
    errors: dict[FailureName, Text] = Field(default_factory=dict)
    header: HeaderName | None = None
    carry_forward: bool = False
    retention: RetentionEntry | None = None
    show: Show | None = None  # instead of what the shapes say
    not_cards: NotCardsPlaces | None = None
    opaque: OpaquePlace | None = None

    @model_validator(mode="after")
    def _alone(self) -> DirectionEntry:
        if self.like is not None and len(self.model_fields_set) > 1:
            raise ValueError(
                "`like` takes the other route's message as it is; nothing may stand beside it"
            )
        return self
