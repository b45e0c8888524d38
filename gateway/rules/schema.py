"""What a pack's YAML may hold, key by key. `rules/compile.py` turns it into `rules/model.py`.

The models check kinds and choices; what needs more than one value (paths against formats, places in
templates, targets) is checked when a pack is compiled. `json_schema.py` turns them into JSON Schema
for editors. `not_yet` lists keys of the language that no code stands behind yet: they are refused
as such, never ignored. Here are a pack, its routes and its examples; what happens to a message is in
`schema_directions.py`, where its cards stand in `schema_shapes.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from gateway.rules.schema_directions import DirectionEntry, FailureName
from gateway.rules.schema_pairs import IssuerEntry, PairEntry
from gateway.rules.schema_refusals import RefusalsPlace
from gateway.rules.schema_shapes import ShapeEntry
from gateway.rules.schema_words import (
    BESIDE_TOKENIZE,
    Entry,
    Name,
    ShapeName,
    Text,
    VariableName,
    one_or_many,
)

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]


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
    elsewhere = BESIDE_TOKENIZE

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
    elsewhere = BESIDE_TOKENIZE

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
