"""What a pack's YAML may say about how a route's refusals are told."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema, model_validator

from gateway.rules.schema_words import Entry, Text

Form = Literal["problem", "problem-xml", "soap", "ota", "json", "text", "auto"]


_FORMS: Final = ("as", "xml", "json", "text")
_STATUS: Final[dict[str, Any]] = {
    "anyOf": [
        {"const": 200},
        {"type": "integer", "minimum": 400, "maximum": 599, "not": {"enum": [401, 407]}},
    ]
}


def _possible(value: object) -> object:
    """A status that answers a request whole: 401 and 407 ask for credentials, others have no body."""
    if isinstance(value, int) and (value == 200 or 400 <= value <= 599) and value not in {401, 407}:
        return value
    raise ValueError("a refusal's status is 200, or 400 to 599 but 401 and 407")


Status = Annotated[
    int,
    BeforeValidator(_possible),
    WithJsonSchema(_STATUS),
]


class StatusEntry(Entry):
    """Which status is for whom. What is left out keeps the refusal's own."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    wrong: Status | None = None  # the caller's message is at fault
    later: Status | None = None  # the same may succeed later

    @model_validator(mode="after")
    def _something(self) -> StatusEntry:
        if self.wrong is None and self.later is None:
            raise ValueError("give `wrong` (the message is at fault), `later`, or both")
        return self


def _one_for_both(value: object) -> object:
    return {"wrong": value, "later": value} if not isinstance(value, dict) else value


Json = Annotated[JsonValue, WithJsonSchema({})]  # anything: its own schema would name itself


class RefusalsEntry(Entry):
    """The form of a refusal: one that the gateway has, or a template. In short: the form's name."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {"anyOf": [{"required": list(two)} for two in combinations(_FORMS, 2)]}
        }
    )

    as_: Form | None = Field(default=None, alias="as")
    xml: Text | None = None
    json_: dict[Text, Json] | None = Field(default=None, alias="json", min_length=1)
    text: Text | None = None
    status: (
        Annotated[
            StatusEntry,
            BeforeValidator(_one_for_both),
            WithJsonSchema({"anyOf": [_STATUS, StatusEntry.model_json_schema()]}),
        ]
        | None
    ) = None

    @model_validator(mode="after")
    def _one_form(self) -> RefusalsEntry:
        if sum(one is not None for one in (self.as_, self.xml, self.json_, self.text)) > 1:
            raise ValueError("give one of `as`, `xml`, `json` and `text`")
        return self


def _by_name(value: Any) -> Any:  # Any: what YAML has there
    return {"as": value} if isinstance(value, str) else value


RefusalsPlace = Annotated[
    RefusalsEntry,
    BeforeValidator(_by_name),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(get_args(Form))},
                RefusalsEntry.model_json_schema(by_alias=True),
            ]
        }
    ),
]
