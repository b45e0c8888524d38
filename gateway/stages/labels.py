"""What a message's Content-Type says of it, and whether that fits what its route's shape expects.

The shape's format decides how a body is read. A label that says something else is refused where
cards would be put in: the processor would read the body by its label, and see other fields than we.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from gateway.codecs.document import Format
from gateway.codecs.multipart_parts import boundary_of
from gateway.codecs.xml_source import WIDE_LABELS, codec_of, read_source_with_doctype
from gateway.errors import LabelWrong
from gateway.headers import Headers

_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
# RFC 9110 section 8.3.1, whole: a list or a second type beside it is not read.
_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_LABEL: Final = re.compile(
    rf'({_WORD}/{_WORD})((?:[ \t]*;[ \t]*{_WORD}=(?:{_WORD}|"[^"\\]*"))*)[ \t]*;?[ \t]*'
)
_BOUNDARY: Final = re.compile(r';[ \t]*boundary=(?:"([^"\\]*)"|([^";\s]*))', re.IGNORECASE)
_CHARSET: Final = re.compile(r';[ \t]*charset="?([^";\s]*)', re.IGNORECASE)
_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii"})
_HIGH: Final = re.compile(rb"(?:%[89A-Fa-f][0-9A-Fa-f])+")


def check(headers: Headers, format: Format, body: bytes = b"") -> None:
    """Raises `LabelWrong` unless there is exactly one Content-Type, it names `format`, and its
    charset, where it has one, is UTF-8 or makes the same of `body`: another one would make other fields
    of the same bytes."""
    match = _read(headers)
    if match is None or not _fits(match[1], format):
        raise LabelWrong
    charsets = {charset.lower() for charset in _CHARSET.findall(match[2])} - _UTF8
    if not all(body and _reads_alike(charset, format, body) for charset in charsets):
        raise LabelWrong


def named(headers: Headers, formats: Iterable[Format]) -> Format:
    """Which of `formats` the one Content-Type names. Raises `LabelWrong` where it is none of them."""
    match = _read(headers)
    fitting = [format for format in formats if match is not None and _fits(match[1], format)]
    if not fitting:
        raise LabelWrong
    return fitting[0]


def _read(headers: Headers) -> re.Match[str] | None:
    """The one Content-Type, taken apart; None where there is another number of them, or it says more."""
    labels = headers.get_all("Content-Type")
    return _LABEL.fullmatch(labels[0].strip()) if len(labels) == 1 else None


def check_written(headers: Headers, format: Format, before: bytes, after: bytes) -> None:
    """Raises `LabelWrong` where what was written into a body would be read as other signs by its label's
    charset: a name with an accent, in UTF-8, in a form that says that it is ISO-8859-1."""
    charsets = {one.lower() for one in _CHARSET.findall(headers.get("Content-Type") or "")} - _UTF8
    if not charsets or after == before:
        return
    check(headers, format, after)
    if format == "form" and set(_HIGH.findall(after)) - set(_HIGH.findall(before)):
        raise LabelWrong


def _reads_alike(charset: str, format: Format, body: bytes) -> bool:
    """Whether a reader who goes by `charset`, which is not UTF-8, reads the same as we: in XML that names it
    itself, and where nothing but ASCII stands, which the charsets of one byte have in common."""
    codec = codec_of(charset)
    if format == "xml":
        source = read_source_with_doctype(body)
        if charset in WIDE_LABELS.get(source.wide, ()) or codec == source.codec != "utf-8":
            return True
    return codec is not None and body.isascii()


def check_boundary(headers: Headers, format: Format, body: bytes) -> None:
    """Raises `LabelWrong` unless a multipart form's parts are parted by what its one Content-Type
    says: whoever reads it by that would find others in it. Nothing is asked of other formats."""
    if format != "multipart" or not body:
        return
    check(headers, format)
    said = _BOUNDARY.findall(headers.get("Content-Type") or "")
    if len(said) != 1 or (said[0][0] or said[0][1]).encode() not in _boundaries(body):
        raise LabelWrong


def _boundaries(body: bytes) -> set[bytes]:
    """A form without parts is one closing delimiter."""
    first = boundary_of(body)
    return {first, first.removesuffix(b"--")} if body.rstrip() == b"--" + first else {first}


def format_of(headers: Headers) -> Format | None:
    """The format that the (first) Content-Type names, or None for any other type."""
    return _format((headers.get("Content-Type") or "").partition(";")[0].strip())


def _fits(media_type: str, format: Format) -> bool:
    """Whether a label names the format. A text's says that it is one, and none of the others."""
    found = _format(media_type)
    if format == "text":
        return found is None and media_type.lower().startswith("text/")
    return found == format


def _format(media_type: str) -> Format | None:
    label = media_type.lower()
    if label in {"text/xml", "application/xml"} or label.endswith("+xml"):
        return "xml"
    if label in {"application/json", "text/json"} or label.endswith("+json"):
        return "json"
    return "form" if label == _FORM else "multipart" if label == _MULTIPART else None
