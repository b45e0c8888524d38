"""Requests to a processor, written from templates. Pure.

A place is `{name}`; `{name:number}` is the whole of a JSON value and written as a bare number. Each
value is written by the rules of what it stands in: JSON, a form, XML, a header, a URL. None of them
can be left: whatever a booking's number or a holder's name says, it stays one value (injection).

A member of a form or of JSON that has a place without a value is left out; a URL, a header or XML
with one can not be written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote_plus

from gateway.codecs.document import Element
from gateway.codecs.xml_write import Writer
from gateway.errors import OrderIncomplete

_PLACE: Final = re.compile(r"\{([a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?)(:number)?\}")
_BRACE: Final = re.compile(r"[{}]")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?")
# What stands in a URL means itself in a path and in a query, even inside a processor's own query
# language: no quote, no slash, no dot segment.
_IN_URL: Final = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9._~:-]{1,255}")
_IN_HEADER: Final = re.compile(r"[!-~](?:[ -~]{0,4094}[!-~])?")  # RFC 9110, section 5.5
_SURROGATE: Final = re.compile("[\ud800-\udfff]")

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Template:
    """Text with places. `parts`: what stands between them, and at the odd indices their names."""

    parts: tuple[str, ...]
    number: bool = False

    @property
    def places(self) -> tuple[str, ...]:
        """The names of its places."""
        return self.parts[1::2]

    def __str__(self) -> str:
        parts = [f"{{{part}}}" if at % 2 else part for at, part in enumerate(self.parts)]
        return "".join(parts)

    def fill(self, values: Values) -> str | None:
        """The text; None where a place has no value."""
        filled = list(self.parts)
        for at in range(1, len(filled), 2):
            value = values.get(filled[at])
            if value is None:
                return None
            filled[at] = value
        return "".join(filled)


def parse_template(text: str, *, number_allowed: bool = False) -> Template:
    """Parses a template. Raises ValueError with a text for whoever wrote it."""
    parts: list[str] = []
    end, number = 0, False
    for match in _PLACE.finditer(text):
        parts += (text[end : match.start()], match[1])
        number = number or match[2] is not None
        end = match.end()
    parts.append(text[end:])
    if any(_BRACE.search(part) for part in parts[::2]):
        raise ValueError(f"`{text}`: a place is written {{reference}} or {{extra.city}}")
    if number and not number_allowed:
        raise ValueError(f"`{text}`: only JSON has numbers; write it without `:number`")
    if number and (len(parts) != 3 or parts[0] or parts[2]):
        raise ValueError(f"`{text}`: a number is the whole value")
    return Template(tuple(parts), number)


Json = Template | dict[str, "Json"] | list["Json"] | int | float | bool | None


@dataclass(frozen=True, slots=True)
class FormBody:
    """Pairs, in the order of the file."""

    pairs: tuple[tuple[str, Template], ...]


@dataclass(frozen=True, slots=True)
class JsonBody:
    """Members, at any depth."""

    members: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class XmlBody:
    """One element; `namespace` is its default one."""

    root: Element
    namespace: str | None


Body = FormBody | JsonBody | XmlBody

MEDIA_TYPES: Final[Mapping[type[Body], str]] = {
    FormBody: "application/x-www-form-urlencoded",
    JsonBody: "application/json",
    XmlBody: "application/xml",
}


def places_of(body: Body) -> Iterator[str]:
    """The names of all places in a body."""
    match body:
        case FormBody():
            for _, template in body.pairs:
                yield from template.places
        case JsonBody():
            yield from _in_json(dict(body.members))
        case XmlBody():
            yield from _in_element(body.root)


def write_url(template: Template, values: Values) -> str | None:
    """A path with its query; None where a value is missing, or can not stand in a URL."""
    for name in template.places:
        value = values.get(name)
        if value is None or _IN_URL.fullmatch(value) is None:
            return None
    return template.fill(values)


def write_header(template: Template, values: Values) -> str:
    """A header's value. Raises OrderIncomplete where it can not be one."""
    text = template.fill(values)
    if text is None or _IN_HEADER.fullmatch(text) is None:
        raise OrderIncomplete
    return text


def write_body(body: Body, values: Values) -> bytes:
    """The body. Raises OrderIncomplete where a value can not stand in it, MessageUnfit for a sign
    that XML can not hold."""
    match body:
        case FormBody():
            return _write_form(body, values)
        case JsonBody():
            return (_json(dict(body.members), values) or "{}").encode("ascii")
        case XmlBody():
            return _write_xml(body, values)


def _write_form(body: FormBody, values: Values) -> bytes:
    pairs = []
    for name, template in body.pairs:
        text = template.fill(values)
        if text is not None:
            # Brackets as they are: so do the clients of those who have them in their names.
            pairs.append(f"{quote_plus(name, safe='[]')}={quote_plus(_whole(text))}")
    return "&".join(pairs).encode("ascii")


def _json(value: Json, values: Values) -> str | None:
    """Its JSON, in ASCII; None where it is left out. Numbers stand there letter by letter."""
    match value:
        case Template():
            text = value.fill(values)
            if text is None:
                return None
            if not value.number:
                return json.dumps(_whole(text))
            if _NUMBER.fullmatch(text) is None:
                raise OrderIncomplete
            return text
        case dict():
            members = [(name, _json(inner, values)) for name, inner in value.items()]
            texts = [f"{json.dumps(name)}:{text}" for name, text in members if text is not None]
            return "{" + ",".join(texts) + "}"
        case list():
            items = [_json(inner, values) for inner in value]
            return "[" + ",".join(text for text in items if text is not None) + "]"
    return json.dumps(value)


def _whole(text: str) -> str:
    """Raises OrderIncomplete for half a surrogate pair, which no message can hold."""
    if _SURROGATE.search(text):
        raise OrderIncomplete
    return text


def _write_xml(body: XmlBody, values: Values) -> bytes:
    writer = Writer("utf-8")
    space = b"" if body.namespace is None else writer.attribute("xmlns", body.namespace)
    return b'<?xml version="1.0" encoding="UTF-8"?>' + _element(body.root, values, writer, space)


def _element(element: Element, values: Values, writer: Writer, space: bytes = b"") -> bytes:
    tag = writer.name(element.name)
    attributes = b"".join(
        writer.attribute(name, _filled(text, values)) for name, text in element.attributes
    )
    inner = b"".join(_element(child, values, writer) for child in element.children)
    text = writer.text(_filled(element.text, values))
    return b"<%b%b%b>%b%b</%b>" % (tag, space, attributes, text, inner, tag)


def _filled(text: str, values: Values) -> str:
    filled = parse_template(text).fill(values)
    if filled is None:
        raise OrderIncomplete
    return filled


def _in_json(value: Json) -> Iterator[str]:
    match value:
        case Template():
            yield from value.places
        case dict():
            for inner in value.values():
                yield from _in_json(inner)
        case list():
            for inner in value:
                yield from _in_json(inner)


def _in_element(element: Element) -> Iterator[str]:
    for text in (element.text, *(text for _, text in element.attributes)):
        yield from parse_template(text).places
    for child in element.children:
        yield from _in_element(child)
