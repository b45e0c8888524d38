"""What in a body its format does not allow, or we refuse of it: line, column, what was expected. One format at a
time, whatever a rule asks of it.
"""

from __future__ import annotations

import json
import re
from typing import Final

from gateway.cli.explain import place_of
from gateway.codecs.document import Format
from gateway.codecs.json_scan import MAX_DEPTH
from gateway.codecs.text import open_text
from gateway.codecs.xml_parser import mistake_in
from gateway.codecs.xml_source import read_source, read_source_with_doctype
from gateway.errors import GatewayError, MessageForbidden

_XML: Final = {
    "ERR_TAG_NAME_MISMATCH": "the end tag of the element that was opened last; another one's stands there",
    "ERR_TAG_NOT_FINISHED": "more: the body ends within an element",
    "ERR_GT_REQUIRED": "`>`",
    "ERR_LTSLASH_REQUIRED": "an end tag",
    "ERR_DOCUMENT_END": "the end: something stands behind the outermost element",
    "ERR_DOCUMENT_EMPTY": "an element",
    "ERR_SPACE_REQUIRED": "a blank between two attributes",
    "ERR_ATTRIBUTE_REDEFINED": "another name: an attribute stands there twice",
    "ERR_ATTRIBUTE_NOT_STARTED": "a quote before an attribute's value",
    "ERR_ATTRIBUTE_NOT_FINISHED": "a quote behind an attribute's value",
    "ERR_ATTRIBUTE_WITHOUT_VALUE": "`=` and a value behind an attribute's name",
    "ERR_LT_IN_ATTRIBUTE": "`&lt;`: a bare `<` stands in an attribute's value",
    "ERR_NAME_REQUIRED": "a name; of a bare `&` make `&amp;`, of a bare `<` make `&lt;`",
    "ERR_ENTITYREF_SEMICOL_MISSING": "`;`; of a bare `&` make `&amp;`",
    "ERR_UNDECLARED_ENTITY": "a reference that XML itself knows (`&amp;`, `&lt;`, `&#160;`); this one nothing declares",
    "ERR_INVALID_CHAR": "a sign that XML allows",
    "ERR_INVALID_CHARREF": "a sign that XML allows",
    "ERR_CDATA_NOT_FINISHED": "`]]>`",
    "ERR_COMMENT_NOT_FINISHED": "`-->`",
    "ERR_HYPHEN_IN_COMMENT": "no `--` within a comment",
    "ERR_MISPLACED_CDATA_END": "no `]]>` in a text",
    "ERR_RESERVED_XML_NAME": "the XML declaration at the very beginning alone",
    "NS_ERR_UNDEFINED_NAMESPACE": "a prefix that is declared (xmlns:…)",
    "NS_ERR_ATTRIBUTE_REDEFINED": "another name: an attribute stands there twice",
}
_DEEP: Final = {"ERR_NAME_TOO_LONG": "a name that is too long", "ERR_RESOURCE_LIMIT": "elements nested too deep, or a text that is too long",
    "ERR_INTERNAL_ERROR": "elements nested too deep", "ERR_INVALID_ENCODING": "a byte that is none of its encoding",
    "ERR_UNSUPPORTED_ENCODING": "an encoding that is not read here"}  # fmt: skip
_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_JSON_PART: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[{}\[\]:,]', re.DOTALL)
_REFERENCES: Final = (
    (re.compile(rb"<(?:[\w.-]+:)?include[\s/>]"), "an XInclude, which another reader would fetch"),
    (re.compile(rb"&(?!#|(?:amp|lt|gt|quot|apos);)"), "a reference to an entity that only the DTD declares"),
)  # fmt: skip
_ENCODINGS: Final = "its encoding: UTF-8, UTF-16 with a mark, ISO-8859 and Windows-125x are read, and XML 1.0; a mark and the declaration must say the same"
_DOCTYPE: Final = re.compile(rb"<!DOCTYPE[^>\[]*(\[)?")
_IN_UTF8: Final = "its encoding: JSON is read in UTF-8"
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff", b"\0")


def place(body: bytes, offset: int) -> str:
    """Where a byte is, for a reader."""
    line, column = place_of(body, offset)
    return f"line {line}, column {column}"


# --- malformed --------------------------------------------------------------------------------------


def malformed(format: Format, body: bytes, *, doctype: bool) -> str:
    """Where a reader of the format stops, and what it expected there."""
    if format == "xml":
        code, at = _xml_stops(body, doctype=doctype)
        expected = _XML.get(code, "")
        return (
            f"its XML stops at {at}" + (f": expected {expected}" if expected else "") if at else ""
        )
    if format == "json":
        return _json_stops(body)
    if format == "form":
        found = _PERCENT.search(body)
        if found is None:
            return "its form is not in UTF-8"
        return f"its form stops at {place(body, found.start())}: expected two hexadecimal digits behind `%`"
    if format == "multipart":
        return "expected parts between boundaries, each with a Content-Disposition, and the last boundary with `--` behind it"
    return ""


def _xml_stops(body: bytes, *, doctype: bool) -> tuple[str, str]:
    """The parser's own name for what is wrong, and where it stopped."""
    read = read_source_with_doctype if doctype else read_source
    try:
        source = read(body)
    except GatewayError:
        return "ERR_DOCUMENT_EMPTY", "line 1, column 1"
    name, line, column = mistake_in(source)
    above = body.count(b"\n", 0, source.start) if not source.wide else 0
    return (name, f"line {line + above}, column {column}") if name else ("", "")


def _json_stops(body: bytes) -> str:
    if body.startswith(_WIDE):
        return _IN_UTF8
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        return f"its JSON stops at {place(body, error.start)}: expected UTF-8"
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        said = error.msg.partition(":")[0].removesuffix(" at").removesuffix(" starting")
        return f"its JSON stops at line {error.lineno}, column {error.colno}: {said[:1].lower()}{said[1:]}"
    except RecursionError:
        return ""
    return ""


# --- forbidden --------------------------------------------------------------------------------------


def forbidden(format: Format, body: bytes, *, doctype: bool) -> str:
    """Which construct it is, and where."""
    if format == "xml":
        return _forbidden_xml(body, doctype=doctype)
    if format == "json":
        return forbidden_json(body)
    if format == "text":
        try:
            open_text(body)
        except MessageForbidden:
            return "the text is in UTF-16, has a zero byte in it, or more than half a megabyte"
    if format == "multipart":
        return "its parts can be read in two ways: a header twice, line ends of two kinds, something behind the last boundary, or a part with a coding of its own"
    return ""


def _forbidden_xml(body: bytes, *, doctype: bool) -> str:
    if (found := _DOCTYPE.search(body)) is not None and (found[1] or not doctype):
        at = place(body, found.start())
        if found[1]:
            return (
                f"{at}: a DTD with declarations of its own (`<!DOCTYPE … [`); have it sent without"
            )
        return (
            f"{at}: a DTD. Where the partner's messages name one, say `doctype: allow` on the route"
        )
    code, at = _xml_stops(body, doctype=doctype)
    if code in _DEEP:
        return f"{at}: {_DEEP[code]}"
    if code == "ERR_DOCUMENT_EMPTY":
        return _ENCODINGS
    for sign, what in _REFERENCES:
        if (found := sign.search(body)) is not None:
            return f"{place(body, found.start())}: {what}"
    return ""


def forbidden_json(body: bytes) -> str:
    """The same of JSON: its depth, or a name that stands twice in its object."""
    if body.startswith(_WIDE) or b"\0" in body[:4]:
        return _IN_UTF8
    names: list[set[bytes] | None] = []
    last: tuple[int, bytes] | None = None
    for part in _JSON_PART.finditer(body):
        sign = part[0]
        if sign in b"{[":
            names.append(set() if sign == b"{" else None)
            if len(names) > MAX_DEPTH:
                return (
                    f"{place(body, part.start())}: brackets in brackets, more than {MAX_DEPTH} deep"
                )
        elif sign in b"}]" and names:
            names.pop()
        elif sign == b":" and last is not None and names and (held := names[-1]) is not None:
            if last[1] in held:
                return f"{place(body, last[0])}: a name that stands in its object already; one of the two would be read, nobody knows which"
            held.add(last[1])
        last = (part.start(), _name(sign)) if sign[:1] == b'"' else None
    return ""


def _name(raw: bytes) -> bytes:
    r"""A member's name as it is meant: `\u0063ard` is `card`."""
    try:
        return str(json.loads(raw)).encode("utf-8", "surrogatepass")
    except ValueError:
        return raw
