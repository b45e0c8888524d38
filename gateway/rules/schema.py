"""What a pack's YAML may hold, key by key. `rules/compile.py` turns it into `rules/model.py`.

The models check kinds and choices; what needs more than one value (paths against formats, places in
templates, targets) is checked when a pack is compiled. `json_schema.py` turns them into JSON Schema
for editors. `not_yet` lists keys of the language that no code stands behind yet: they are refused
as such, never ignored.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from gateway.rules.schema_pairs import IssuerEntry, PairEntry, SaidEntry
from gateway.rules.schema_refusals import RefusalsPlace
from gateway.rules.schema_words import (
    Entry,
    FieldEntry,
    FieldPlace,
    HeaderName,
    Name,
    ShapeName,
    ShapeNames,
    Text,
    Texts,
    VariableName,
    one_or_many,
    path_alone,
    short,
)

_BESIDE = "beside `tokenize`, under `request` or `response`"
_BESIDE_TOKENIZE = dict.fromkeys(("carry_forward", "retention"), _BESIDE)
Show = Literal["mask", "last4", "alias", "digits"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
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


def one_envelope(value: object) -> object:
    """One envelope is a list of one."""
    if isinstance(value, dict):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


Envelopes = Annotated[
    tuple[EnvelopeEntry, ...], Field(min_length=1, max_length=8), BeforeValidator(one_envelope)
]


class ShapeEntry(Entry):
    """Where a card's fields stand in a message."""

    elsewhere = _BESIDE_TOKENIZE

    format: Literal["xml", "json", "form", "multipart", "text"]
    envelope: Envelopes | None = None
    booking: Text | None = None
    card: Texts
    number: FieldPlace
    expiry: ExpiryPlace | None = None
    expiry_month: ExpiryPlace | None = None
    expiry_year: ExpiryPlace | None = None
    cvc: CvcPlace | None = None
    holder: HolderPlace | None = None
    brand: FieldPlace | None = None
    token: TokenEntry | None = None
    hotel: Text | None = None
    booking_id: Text | None = None
    departure: DayPlace | None = None
    virtual: VirtualEntry | None = None
    foreign: bool = False
    show: Show = "mask"
    keep: tuple[KeepName, ...] = ()
    sentinels: tuple[Text, ...] = ()
    not_cards: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _one_expiry(self) -> ShapeEntry:
        if self.expiry and (self.expiry_month or self.expiry_year):
            raise ValueError("give either `expiry`, or `expiry_month` and `expiry_year`")
        if (self.expiry_month is None) != (self.expiry_year is None):
            raise ValueError("`expiry_month` and `expiry_year` go together")
        parts = [part for part in (self.expiry_month, self.expiry_year) if part is not None]
        if len({part.optional for part in parts}) > 1:
            raise ValueError("`optional` goes with both, `expiry_month` and `expiry_year`")
        return self


class InsertEntry(Entry):
    """One thing that is inserted: an XML fragment, JSON members, or form pairs."""

    into: Text
    of: Literal["booking", "card"] = "booking"
    each: Literal["card", "booking"]
    xml: Text | None = None
    json_: dict[Text, str] | None = Field(default=None, alias="json", min_length=1)
    form: dict[Text, str] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one_template(self) -> InsertEntry:
        if sum(template is not None for template in (self.xml, self.json_, self.form)) != 1:
            raise ValueError("give one of `xml`, `json` and `form`: what is to be inserted")
        if self.of == "card" and self.each == "booking":
            raise ValueError("`of: card` goes with `each: card`")
        return self


class NotCardsEntry(Entry):
    """Places in a message whose digits are no card numbers, whatever they look like."""

    format: Literal["xml", "json", "form"]
    at: Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(one_or_many)]


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
    not_cards: NotCardsEntry | None = None
    opaque: OpaquePlace | None = None

    @model_validator(mode="after")
    def _alone(self) -> DirectionEntry:
        if self.like is not None and len(self.model_fields_set) > 1:
            raise ValueError(
                "`like` takes the other route's message as it is; nothing may stand beside it"
            )
        return self


class InboxEntry(Entry):
    """The answer is kept, sealed, until the caller has it; in short `refused`: a push that does not fit."""

    refused: Literal[True] | None = None
    echo: Text | None = None
    # Places in the request, or `body`: what makes two polls the same one.
    again: Annotated[tuple[Text, ...], BeforeValidator(one_or_many)] = ()


def refused_ones(value: object) -> object:
    """`refused` alone: pushes that do not fit."""
    if value == "refused":
        return {"refused": True}
    if isinstance(value, dict):
        return value
    raise ValueError("`inbox` is `refused`, or a mapping: `{ echo: …, again: … }`")


InboxPlace = Annotated[InboxEntry, BeforeValidator(refused_ones)]


class RouteEntry(Entry):
    """One kind of exchange: where it goes, and what happens to it."""

    not_yet = frozenset({"signed"})
    elsewhere = _BESIDE_TOKENIZE

    name: Name
    to: Text | None = None
    at: Text | None = None
    forward: Text | None = None
    protocol: Literal["paycomet-siteminder"] | None = None
    one_at_a_time: Text | None = None
    inbox: InboxPlace | None = None
    recaptures: bool = False
    auth: Text = "key"
    methods: tuple[Method, ...] = Field(min_length=1)
    product: Text | None = None
    mode: Literal["test", "live"] = "live"
    doctype: Literal["allow"] | None = None
    refusals: RefusalsPlace | None = None
    request: DirectionEntry = DirectionEntry()
    response: DirectionEntry = DirectionEntry()

    @model_validator(mode="after")
    def _one_side(self) -> RouteEntry:
        if self.protocol is not None:
            if self.to is None or self.at is None or self.forward is not None:
                raise ValueError(
                    "with `protocol` give `at` (its URL) and `to` (what a request may name as target), "
                    "and no `forward`"
                )
            return self
        if (self.to is None) == (self.at is None):
            raise ValueError(
                "give either `to` (through the proxy), or `at` and `forward` (a URL of the gateway)"
            )
        if (self.at is None) != (self.forward is None):
            raise ValueError("`at` and `forward` go together")
        return self


class ExpectEntry(Entry):
    """What must come of an example. Everything is optional; what is left out is not looked at."""

    cards: int | None = Field(default=None, ge=0)  # clear cards, or tokens where cards are put in
    left_alone: int | None = Field(default=None, ge=0)  # masks, sentinels, tokens of others
    ask_again: int | None = Field(default=None, ge=0)  # those of them that are all zeros
    carried: int | None = Field(default=None, ge=0)  # tokens that bookings without a card get again
    virtual: int | None = Field(default=None, ge=0)
    bookings: int | None = Field(default=None, ge=0)  # bookings with card data
    hotels: tuple[Text, ...] | None = None
    numbers: tuple[Text, ...] | None = None  # what stands in the numbers' places afterwards
    failed: dict[int, FailureName] | None = None  # card's number in the message → why
    contains: Annotated[tuple[Text, ...], BeforeValidator(one_or_many)] = ()
    removed: Annotated[tuple[Text, ...], BeforeValidator(one_or_many)] = ()
    issues: Annotated[tuple[Text, ...], BeforeValidator(one_or_many)] = ()  # texts of that call
    unchanged: bool | None = None
    refused: Text | None = None  # an error's code


class ExampleEntry(Entry):
    """A message and its expected outcome."""

    name: Text = ""
    route: Name
    request: Text | None = None
    response: Text | None = None
    expect: ExpectEntry

    @model_validator(mode="after")
    def _one_message(self) -> ExampleEntry:
        if (self.request is None) == (self.response is None):
            raise ValueError("give the message as either `request` or `response`")
        if not self.expect.model_fields_set:
            raise ValueError("`expect` is empty: an example without it proves nothing")
        return self


def _true_or_a_reason(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, str) and " " in value.strip()):
        return value
    raise ValueError(
        "`draft` must be true or false, or say which part of the format is not certain"
    )


Draft = Annotated[bool | Text, BeforeValidator(_true_or_a_reason)]


class PackEntry(Entry):
    """One system's file."""

    not_yet = frozenset({"processor", "processors"})
    elsewhere = _BESIDE_TOKENIZE

    system: Name
    about: Text
    source: Text | None = None
    draft: Draft = False
    variables: dict[VariableName, Text] = Field(
        default_factory=dict
    )  # what `{name}` is unless gateway.yaml says otherwise
    shapes: dict[ShapeName, ShapeEntry] = Field(default_factory=dict)
    pairs: dict[ShapeName, PairEntry] = Field(default_factory=dict)
    issuers: dict[Name, IssuerEntry] = Field(default_factory=dict)
    routes: tuple[RouteEntry, ...] = Field(min_length=1)
    examples: tuple[ExampleEntry, ...] = ()
