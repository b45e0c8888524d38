"""One field of a form that a client posted, urlencoded or multipart, as the bytes that it meant."""

from __future__ import annotations

from email.message import Message
from io import BytesIO
from typing import Final
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartParser

from gateway.errors import GatewayError, LabelWrong, MessageForbidden, MessageMalformed
from gateway.headers import Headers

LIMIT: Final = 256 * 1024  # bytes of the whole body: a pull is asked for in one thousand
_FIELDS: Final = 16
_URLENCODED: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"


def read_field(headers: Headers, body: bytes, name: str) -> bytes:
    """The value of the field `name`. What it is encoded in is left to whoever reads it.

    Raises LabelWrong where the Content-Type names no form, MessageMalformed where the body is none
    or has no such field, MessageForbidden where it stands there twice.
    """
    labels = headers.get_all("Content-Type")
    if len(labels) != 1:
        raise LabelWrong
    if len(body) > LIMIT:
        raise MessageForbidden
    label = Message()
    label["Content-Type"] = labels[0]
    kind = label.get_content_type()
    if kind == _URLENCODED:
        values = _urlencoded(body, name)
    elif kind == _MULTIPART:
        values = _multipart(body, str(label.get_param("boundary", "")), name)
    else:
        raise LabelWrong
    if len(values) > 1:
        raise MessageForbidden
    if not values:
        raise MessageMalformed
    return values[0]


def _urlencoded(body: bytes, name: str) -> list[bytes]:
    """`+` and `%20` are blanks; bytes that a client left as they are stay so."""
    failure: GatewayError | None = None
    pairs: list[tuple[str, str]] = []
    try:
        pairs = parse_qsl(
            body.decode("latin-1"),
            keep_blank_values=True,
            encoding="latin-1",
            max_num_fields=_FIELDS,
        )
    except ValueError:
        failure = MessageForbidden()
    if failure is not None:  # raised here: the other's text holds the number of fields
        raise failure
    return [value.encode("latin-1") for field, value in pairs if field == name]


def _multipart(body: bytes, boundary: str, name: str) -> list[bytes]:
    """In memory alone: a part that went to a temporary file would leave a password there."""
    try:
        parser = MultipartParser(
            BytesIO(body),
            boundary,
            len(body),
            strict=True,
            part_limit=_FIELDS,
            partsize_limit=LIMIT,
            spool_limit=LIMIT,
            memory_limit=2 * LIMIT,
            disk_limit=0,
        )
        return [bytes(part.raw) for part in parser if part.name == name]
    except (MultipartError, ValueError):
        pass
    raise MessageMalformed
