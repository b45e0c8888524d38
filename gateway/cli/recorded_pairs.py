"""An exchange as tools keep it, by names that all of them share here, made into recorded messages.

Of a request `method`, `uri`, `headers`, `body`; of an answer `status`, `headers`, `body`. `lost` says that the body
was not recorded. Headers are a mapping (to a text, or a list of them) or pairs; a body is a text, bytes, or
VCR's mapping (`string`, `base64_string`).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from gateway.cli.recorded import NOT_RECORDED, Recorded, as_it_was, fields_of
from gateway.cli.transcript_http import authority_of
from gateway.exchange import Authority
from gateway.headers import Headers

_URL: Final = re.compile(r"(?P<scheme>https?)://(?P<netloc>[^/?#]*)(?P<path>[^#]*)", re.IGNORECASE)

Node = Mapping[str, Any]  # what a tool wrote: looked at piece by piece


def request_of(asked: Node, number: int, file: Path, line: int) -> Recorded:
    """The request. Raises KeyError, TypeError, ValueError where it is none; ConfigurationError."""
    authority, path = _target(str(asked["uri"]), file, line)
    method = str(asked["method"]).removeprefix(":").upper()
    headers, body, notes = _message(asked)
    whole = not asked.get("lost")
    return Recorded(
        "request", number, file, line, method, authority, path, 0,
        headers, body, whole, notes if whole else (NOT_RECORDED,),
    )  # fmt: skip


def response_of(asked: Node, answer: Node, number: int, file: Path, line: int) -> Recorded:
    """What `asked` got. Raises as `request_of` does."""
    authority, path = _target(str(asked["uri"]), file, line)
    method = str(asked["method"]).removeprefix(":").upper()
    status, whole = answer.get("status"), not answer.get("lost")
    if isinstance(status, dict):
        status = status.get("code") or status.get("status_code")
    headers, body, notes = _message(answer)
    return Recorded(
        "response", number, file, line, method, authority, path, int(status or 200),
        headers, body, whole, notes if whole else (NOT_RECORDED,),
    )  # fmt: skip


def _target(uri: str, file: Path, line: int) -> tuple[Authority | None, str]:
    """Where a request went, as far as its URL says so: of `{{host}}/pay` only the path."""
    url = _URL.match(uri)
    if url is None or "{{" in url["netloc"]:
        path = "/" + re.sub(r"^(?:https?://)?[^/?]*/?", "", uri)
        return None, path
    authority = authority_of(url["scheme"], url["netloc"].rpartition("@")[2], file, line)
    path = url["path"]
    return authority, path if path.startswith("/") else "/" + path


def _message(one: Node) -> tuple[Headers, bytes, tuple[str, ...]]:
    headers = fields_of(list(_headers(one.get("headers"))))
    body = _bytes(one.get("body"))
    kept, notes = as_it_was(headers, body)
    return kept, body, notes


def _headers(fields: Any) -> Iterator[tuple[str, str]]:
    """Of a mapping, whose values are texts or lists of them, or of pairs."""
    pairs = fields.items() if isinstance(fields, dict) else fields or []
    for name, value in pairs:
        for text in value if isinstance(value, list) else [value]:
            yield str(name), text.decode("latin-1") if isinstance(text, bytes) else str(text)


def _bytes(body: Any) -> bytes:
    """The bytes that were on the line, of each way in which a body is kept. Raises ValueError."""
    if isinstance(body, dict):
        coded = body.get("base64_string")
        text = body.get("string")
        return base64.b64decode("".join(str(coded).split())) if coded else _bytes(text)
    if isinstance(body, str):
        return body.encode("utf-8", "surrogatepass")
    if body is None or isinstance(body, bytes):
        return body or b""
    raise ValueError("a body is a text")
