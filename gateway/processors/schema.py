"""What a processor's YAML may hold, key by key. `compile.py` turns it into `rules.py`.

The models check kinds and choices; what needs more than one value (places in templates, paths
against formats, answers by name) is checked when a file is compiled. `card-gateway processors
schema` prints them as JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, JsonValue, WithJsonSchema, model_validator

from gateway.processors.model import STATING, Ended, Initiator, Operation
from gateway.rules.schema_pairs import FieldName
from gateway.rules.schema_words import Entry, Name, ShapeName, Text, named, one_or_many

_WORD = "[a-z][a-z0-9_]{0,39}"
Format = Literal["json", "xml", "form"]
Word = Annotated[
    str,
    named(_WORD, 40, "a-z, 0-9 and underscores"),
    WithJsonSchema({"type": "string", "pattern": f"^{_WORD}$"}),
]
Currency = Annotated[
    str,
    named("[A-Z]{3}", 3, "a currency of ISO 4217"),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$"}),
]
Status = Annotated[int, Field(ge=200, le=599)]


T = TypeVar("T")


def _listed(kind: str) -> WithJsonSchema:
    one = {"type": kind}
    return WithJsonSchema({"anyOf": [one, {"type": "array", "items": one}]})


AnyText = Annotated[str, Field()]
Texts = Annotated[
    tuple[AnyText, ...], Field(min_length=1), BeforeValidator(one_or_many), _listed("string")
]
# One, or several. No validator stands before these: behind one, strict mode takes no list for a tuple.
Statuses = Status | Annotated[tuple[Status, ...], Field(min_length=1)]
Initiators = Initiator | Annotated[tuple[Initiator, ...], Field(min_length=1)]


def several(value: T | tuple[T, ...] | None) -> tuple[T, ...]:
    """What was given alone, in a list, or not at all."""
    if isinstance(value, tuple):
        return value
    return () if value is None else (value,)


class EndEntry(Entry):
    """What an answer means that has one of these statuses and these texts in these places.

    `where`: place → texts; `"*"` is any text but none, `""` is none. `as: absent`: the processor has no
    such charge.
    """

    http: Statuses | None = None
    where: dict[Text, Texts] = Field(default_factory=dict)
    as_: Ended | Literal["absent"] = Field(alias="as")
    consumed: bool = False

    @model_validator(mode="after")
    def _says_when(self) -> EndEntry:
        if self.http is None and not self.where:
            raise ValueError("say when it is so: `http:`, `where:`, or both")
        return self


class ChallengeEntry(Entry):
    """One shape of a challenge; it is this one where its first place holds something."""

    kind: Literal["redirect", "form", "html"]
    url: Text | None = None
    fields: dict[Text, Text] = Field(default_factory=dict)
    html: Text | None = None
    base64: bool = False
    back: Text | None = None  # the form's field that takes our own address

    @model_validator(mode="after")
    def _fits_its_kind(self) -> ChallengeEntry:
        wanted = {"redirect": {"url"}, "form": {"url", "fields"}, "html": {"html"}}[self.kind]
        given = {name for name in ("url", "fields", "html") if getattr(self, name)}
        if given != wanted:
            raise ValueError(
                f"a challenge of kind `{self.kind}` has {' and '.join(sorted(wanted))}"
            )
        if self.base64 and self.kind != "html":
            raise ValueError("`base64` goes with `html`")
        if self.back is not None and (self.kind != "form" or self.back in self.fields):
            raise ValueError("`back` goes with `form`, and is none of its `fields`")
        return self


class AmountEntry(Entry):
    """Where the sum stands, in minor units, where answers that end otherwise have it elsewhere."""

    authorized: Text | None = None
    succeeded: Text | None = None
    refunded: Text | None = None

    def given(self) -> dict[Ended, str]:
        """Outcome → place."""
        found = {one: getattr(self, one.value) for one in STATING}
        return {one: text for one, text in found.items() if text is not None}

    @model_validator(mode="after")
    def _says_where(self) -> AmountEntry:
        if not self.given():
            raise ValueError("say where it stands: `authorized:`, `succeeded:`, `refunded:`")
        return self


class AnswerEntry(Entry):
    """How an answer is read. `like:` takes what is not said here from another one."""

    like: ShapeName | None = None
    format: Format | None = None
    id: Text | None = None
    amount: Text | AmountEntry | None = None
    currency: Text | None = None
    decline: Texts | None = None
    network_transaction_id: Text | None = None
    challenge: tuple[ChallengeEntry, ...] | None = None
    ends: tuple[EndEntry, ...] = ()


class AlsoEntry(Entry):
    """Fields that are sent besides, where the order is so."""

    initiator: Initiators | None = None
    exemption: Texts | None = None
    form: dict[Text, JsonValue] | None = None
    json_: dict[Text, JsonValue] | None = Field(default=None, alias="json")

    @model_validator(mode="after")
    def _says_when(self) -> AlsoEntry:
        if self.initiator is None and self.exemption is None:
            raise ValueError("say when it is sent besides: `initiator:` or `exemption:`")
        if (self.form is None) == (self.json_ is None):
            raise ValueError("give one of `form` and `json`: what is sent besides")
        return self


class CallEntry(Entry):
    """One request: its method with the URL, headers, body, and how the answer is read."""

    get: Text | None = None
    post: Text | None = None
    put: Text | None = None
    patch: Text | None = None
    delete: Text | None = None
    headers: dict[FieldName, Text] = Field(default_factory=dict)
    form: dict[Text, JsonValue] | None = None
    json_: dict[Text, JsonValue] | None = Field(default=None, alias="json")
    xml: Text | None = None
    namespace: Text | None = None
    also: tuple[AlsoEntry, ...] = ()
    needs: tuple[Text, ...] = ()
    known_as: Text | None = None
    answer: ShapeName

    @property
    def target(self) -> tuple[str, str]:
        """Method and URL."""
        for name in ("get", "post", "put", "patch", "delete"):
            url = getattr(self, name)
            if url is not None:
                return name, url
        raise ValueError("a request has a method")

    @model_validator(mode="after")
    def _one_of_each(self) -> CallEntry:
        methods = (self.get, self.post, self.put, self.patch, self.delete)
        if sum(url is not None for url in methods) != 1:
            raise ValueError("give one of `get`, `post`, `put`, `patch`, `delete` with its URL")
        bodies = (self.form, self.json_, self.xml)
        if sum(body is not None for body in bodies) > 1:
            raise ValueError("give one of `form`, `json` and `xml`: a request has one body")
        if self.get is not None and any(body is not None for body in bodies):
            raise ValueError("a GET has no body")
        if self.namespace is not None and self.xml is None:
            raise ValueError("`namespace` goes with `xml`")
        return self


class StepEntry(CallEntry):
    """A call whose answer holds something to be kept: name → place."""

    keep: dict[Word, Text] = Field(default_factory=dict)


class CustomerEntry(Entry):
    """How the processor's own token for a card is made, and which answers say that it is no more."""

    steps: Annotated[tuple[StepEntry, ...], Field(min_length=1)]
    gone: tuple[dict[Text, Texts], ...] = ()


Calls = CallEntry | Annotated[tuple[CallEntry, ...], Field(min_length=1)]


class BasicEntry(Entry):
    """`Authorization: Basic`, of two templates."""

    user: AnyText
    password: AnyText


class OperationsEntry(Entry):
    """What it can do. A list: the first whose URL the order can fill."""

    authorize: Calls | None = None
    capture: Calls | None = None
    debit: Calls | None = None
    refund: Calls | None = None
    cancel: Calls | None = None
    look: Calls | None = None

    def given(self) -> dict[Operation, tuple[CallEntry, ...]]:
        """Those that it has."""
        found: dict[Operation, tuple[CallEntry, ...]] = {}
        for name in Operation:
            calls = getattr(self, name.value, None)
            if calls is not None:
                found[name] = several(calls)
        return found


class ProcessorEntry(Entry):
    """One processor's file."""

    processor: Name
    about: Text
    source: Text
    credentials: tuple[Word, ...] = ()
    exponents: dict[Currency, Annotated[int, Field(ge=0, le=4)]] = Field(default_factory=dict)
    headers: dict[FieldName, Text] = Field(default_factory=dict)
    basic: BasicEntry | None = None
    customer: CustomerEntry | None = None
    operations: OperationsEntry
    answers: Annotated[dict[ShapeName, AnswerEntry], Field(min_length=1)]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a processor's file, for editors."""
    return ProcessorEntry.model_json_schema(by_alias=True)
