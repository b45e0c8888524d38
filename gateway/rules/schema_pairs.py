"""What a pack's YAML may say about token pairs, and about the processor that issues its own."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, WithJsonSchema

from gateway.rules.schema_words import Entry, PairPlace, Text, Texts, named

_WORD: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # RFC 9110 section 5.6.2

FieldName = Annotated[
    str,
    named(_WORD, 60, "the name of a header"),
    WithJsonSchema({"type": "string", "pattern": f"^{_WORD}$", "maxLength": 60}),
]


class PairEntry(Entry):
    """Where a token stands as two fields, without a card."""

    format: Literal["xml", "json", "form"]
    at: Text
    iduser: PairPlace
    tokenuser: PairPlace


class SaidEntry(Entry):
    """A place of an answer, and the texts that it may hold."""

    at: Text
    is_: Texts = Field(alias="is")


class IssuerEntry(Entry):
    """How a processor is asked for its own token for a card: a POST, JSON both ways."""

    post: Text
    headers: tuple[FieldName, ...] = ()
    copy_: tuple[Text, ...] = Field(default=(), alias="copy")
    json_: dict[Text, Text] = Field(alias="json", min_length=1)
    issued: SaidEntry
    iduser: Text
    tokenuser: Text
