"""Collections of clients in editors and browsers, events of gateways, and what nock's recorder prints.

Thunder Client    a collection: `requests` with a `body` of a `type`
Hoppscotch        a collection, or a list of them: `endpoint`, `body` with its `contentType`
Lambda            an event of Amazon's API Gateway (version 1 and 2), or of a load balancer
nock              JavaScript: `nock('https://…').post('/…', {…}).reply(200, {…})`
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from gateway.cli.recorded_pairs import Node
from gateway.cli.wrapped.values import FORM, form, listed, unbased, with_query, written

_DEEPEST: Final = 20  # folders of a collection
NOCK: Final = re.compile(
    rb"\bnock\(\s*['\"]https?://[^'\"\n]+['\"][^)\n]*\)\s*\.(?:get|post|put|patch|delete)\("
)
_NOCK: Final = re.compile(
    r"\bnock\(\s*['\"](?P<scope>https?://[^'\"\n]+)['\"][^)\n]*\)"
    r"\s*\.(?P<method>get|post|put|patch|delete)\(\s*['\"](?P<path>[^'\"\n]*)['\"]\s*(?P<more>,\s*)?"
)
_REPLY: Final = re.compile(
    r"\s*\)[\s\S]{0,400}?\.reply\(\s*(?P<status>[1-5]\d\d)\s*(?P<more>,\s*)?"
)
_READER: Final = json.JSONDecoder()


# --- Thunder Client ---------------------------------------------------------------------------------


def is_thunder(data: Any) -> bool:
    """Whether that is a collection."""
    return (
        isinstance(data, dict)
        and isinstance(data.get("requests"), list)
        and any(data.get(one) == "Thunder Client" for one in ("clientName", "client"))
    )


def of_thunder(data: Any) -> Iterator[tuple[Node, ...]]:
    """Each request."""
    for one in data["requests"]:
        headers, body = listed(one.get("headers")), one.get("body") or {}
        text = body.get("raw")
        if body.get("type") == "formencoded":
            text = form(listed(body.get("form")))
            headers.append(("Content-Type", FORM))
        lost = body.get("type") in {"formdata", "binary"}
        yield ({"method": one.get("method") or "GET", "uri": one["url"], "headers": headers, "body": None if lost else text, "lost": lost},)  # fmt: skip


# --- Hoppscotch -------------------------------------------------------------------------------------


def is_hoppscotch(data: Any) -> bool:
    """Whether that is a collection, or a list of them."""
    found = data[0] if isinstance(data, list) and data else data
    return next(_hoppscotch_requests(found, 0), None) is not None


def _hoppscotch_requests(folder: Any, depth: int) -> Iterator[Node]:
    if not isinstance(folder, dict) or depth > _DEEPEST:
        return
    requests, folders = folder.get("requests"), folder.get("folders")
    for one in requests if isinstance(requests, list) else ():
        if isinstance(one, dict) and "endpoint" in one and "method" in one:
            yield one
    for one in folders if isinstance(folders, list) else ():
        yield from _hoppscotch_requests(one, depth + 1)


def of_hoppscotch(data: Any) -> Iterator[tuple[Node, ...]]:
    """Each request; a form is kept as lines of `name: value`."""
    for folder in data if isinstance(data, list) else [data]:
        for one in _hoppscotch_requests(folder, 0):
            headers, body = listed(one.get("headers"), "key"), one.get("body") or {}
            kind, text = body.get("contentType") or "", body.get("body")
            if kind == FORM and isinstance(text, str):
                pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
                text = form([(name.strip(), value.strip()) for name, _, value in pairs])
            if kind and not any(name.lower() == "content-type" for name, _ in headers):
                headers.append(("Content-Type", kind))
            lost = isinstance(text, list)
            yield ({"method": one["method"], "uri": str(one["endpoint"]).replace("<<", "{{"), "headers": headers, "body": None if lost else text, "lost": lost},)  # fmt: skip


# --- Lambda -----------------------------------------------------------------------------------------


def is_lambda(data: Any) -> bool:
    """Whether that is an event about a request."""
    return (
        isinstance(data, dict)
        and isinstance(data.get("requestContext"), dict)
        and isinstance(data.get("isBase64Encoded"), bool)
        and "headers" in data
        and ("httpMethod" in data or isinstance(data["requestContext"].get("http"), dict))
    )


def of_lambda(data: Any) -> Iterator[tuple[Node, ...]]:
    """The request."""
    asked = data["requestContext"].get("http") or {}
    headers = listed(data.get("multiValueHeaders") or data.get("headers"))
    path = data.get("path") or data.get("rawPath") or asked.get("path") or "/"
    query = data.get("rawQueryString") or data.get("queryStringParameters")
    host = next((value for name, value in headers if name.lower() == "host"), "")
    place = with_query(path, query)
    body = data.get("body")
    yield (
        {
            "method": data.get("httpMethod") or asked["method"],
            "uri": f"https://{host}{place}" if host else place,
            "headers": headers,
            "body": unbased(body) if body and data["isBase64Encoded"] else body,
        },
    )


# --- nock -------------------------------------------------------------------------------------------


def of_nock(raw: bytes) -> Iterator[tuple[Node, ...]]:
    """Each call that has its body as its recorder prints it, as JSON; what a program would compute was not
    recorded."""
    text = raw.decode("utf-8-sig", "surrogateescape")
    for found in _NOCK.finditer(text):
        body, at = _value(text, found.end()) if found["more"] else (None, found.end())
        said = {
            "method": found["method"],
            "uri": f"{found['scope']}{found['path']}",
            "body": written(body),
            "lost": bool(found["more"]) and body is None,
        }
        reply = _REPLY.match(text, at)
        if reply is None:
            yield (said,)
            continue
        told, _ = _value(text, reply.end()) if reply["more"] else (None, 0)
        lost = bool(reply["more"]) and told is None
        yield said, {"status": reply["status"], "body": written(told), "lost": lost}


def _value(text: str, at: int) -> tuple[Any, int]:
    """The JSON that begins there, and where it ends; None where there is none."""
    try:
        value, end = _READER.raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at
    return value, end
