"""Servers that stand in for a partner: what they wait for, and what they answer.

    WireMock      a mapping, `mappings`, and the journal's `requests`
    MockServer    expectations, and what it recorded: `httpRequest`, `httpResponse`
    Mountebank    an imposter, `imposters`: `stubs` of predicates and responses, and `requests`
    Hoverfly      a simulation: `data.pairs`

A stub that only says what a body matches (a pattern, a part of it) does not hold the body: it was not recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gateway.cli.recorded_pairs import Node
from gateway.cli.wrapped.values import (
    FORM,
    exactly,
    first,
    form,
    listed,
    unbased,
    unpatterned,
    with_query,
    written,
)

_PLACES: Final = ("url", "urlPath", "urlPattern", "urlPathPattern", "urlPathTemplate")
_BODIES: Final = ("equalToJson", "equalToXml", "equalTo")
_EXACT: Final = frozenset({"exact", "json", "xml", "form"})
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


# --- WireMock ---------------------------------------------------------------------------------------


def is_wiremock(data: Any) -> bool:
    """Whether that is a mapping, several, or the journal."""
    found = next(iter(_mappings(data)), None)
    if not isinstance(found, dict) or not isinstance(found.get("request"), dict):
        return False
    asked = found["request"]
    answered = isinstance(found.get("response"), dict) or "responseDefinition" in found
    return answered and ("absoluteUrl" in asked or any(_is_path(asked, one) for one in _PLACES))


def _is_path(asked: Node, name: str) -> bool:
    return isinstance(asked.get(name), str) and (name != "url" or asked[name].startswith("/"))


def _mappings(data: Any) -> list[Any]:
    if not isinstance(data, dict):
        return data if isinstance(data, list) else []
    kept = data.get("mappings") or data.get("requests") or data.get("serveEvents") or [data]
    return kept if isinstance(kept, list) else []


def of_wiremock(data: Any) -> Iterator[tuple[Node, ...]]:
    """Each stub with its answer, or each request that came."""
    for one in _mappings(data):
        asked, answer = one["request"], one.get("response") or one.get("responseDefinition") or {}
        yield _wiremock_request(asked), _wiremock_answer(answer)


def _wiremock_request(asked: Node) -> Node:
    place = first(asked, "absoluteUrl", *_PLACES)
    headers = [(name, str(exactly(value))) for name, value in (asked.get("headers") or {}).items() if exactly(value) is not None]  # fmt: skip
    body: str | bytes | None = None
    patterns = asked.get("bodyPatterns") or []
    if "bodyAsBase64" in asked:
        body = unbased(asked["bodyAsBase64"])
    elif asked.get("body"):
        body = written(asked["body"])
    elif asked.get("formParameters"):
        fields = asked["formParameters"]
        body = form(listed({name: exactly(value) for name, value in fields.items()}))
        headers.append(("Content-Type", FORM))
    for one in patterns:
        known = next((one[name] for name in _BODIES if name in one), None)
        coded = one.get("binaryEqualTo")
        body = body or (unbased(coded) if coded else written(known))
    method = asked.get("method") or "ANY"
    return {
        "method": _method(method, has_body=bool(body or patterns)),
        "uri": with_query(unpatterned(place), {name: exactly(value) for name, value in (asked.get("queryParameters") or {}).items()}),
        "headers": headers,
        "body": body,
        "lost": not body and (bool(patterns) or str(method) not in {*_BODILESS, "ANY"}),
    }  # fmt: skip


def _wiremock_answer(answer: Node) -> Node:
    body: str | bytes | None = answer.get("body") or written(answer.get("jsonBody"))
    coded = answer.get("base64Body") or answer.get("bodyAsBase64")
    if coded:
        body = unbased(coded)
    return {
        "status": answer.get("status"),
        "headers": listed(answer.get("headers")),
        "body": body,
        "lost": not body and bool(answer.get("bodyFileName")),
    }


def _method(said: Any, *, has_body: bool) -> str:
    """A method; where any will do, the likely one."""
    text = str(said or "ANY")
    return text if text.isalpha() and text != "ANY" else "POST" if has_body else "GET"


# --- MockServer -------------------------------------------------------------------------------------


def is_mockserver(data: Any) -> bool:
    """Whether that is an expectation, a list of them, or what it recorded."""
    found = data[0] if isinstance(data, list) and data else data
    return isinstance(found, dict) and isinstance(found.get("httpRequest"), dict)


def of_mockserver(data: Any) -> Iterator[tuple[Node, ...]]:
    """Each request, with the answer where one is given."""
    for one in data if isinstance(data, list) else [data]:
        asked, answer = one["httpRequest"], one.get("httpResponse")
        headers, body = listed(asked.get("headers")), _mockserver_body(asked.get("body"))
        host = next((value for name, value in headers if name.lower() == "host"), "")
        place = with_query(asked.get("path") or "/", asked.get("queryStringParameters"))
        said = {
            "method": _method(asked.get("method"), has_body=bool(body)),
            "uri": f"https://{host}{place}" if host else unpatterned(place),
            "headers": headers,
            "body": body,
            "lost": not body and bool(asked.get("body")),
        }
        if answer is None:
            yield (said,)
            continue
        content = _mockserver_body(answer.get("body"))
        yield (
            said,
            {
                "status": answer.get("statusCode"),
                "headers": listed(answer.get("headers")),
                "body": content,
                "lost": not content and bool(answer.get("body")),
            },
        )


def _mockserver_body(body: Any) -> str | bytes | None:
    """None for what only matches a body."""
    if not isinstance(body, dict) or not isinstance(body.get("type"), str):
        return written(body)
    if "base64Bytes" in body:
        return unbased(body["base64Bytes"])
    if body["type"] == "PARAMETERS":
        return form(listed(body.get("parameters")))
    if body["type"] in {"REGEX", "JSON_PATH", "JSON_SCHEMA", "XPATH", "XML_SCHEMA"}:
        return None
    known = next((body[one] for one in ("json", "xml", "string") if one in body), body)
    return written(known)


# --- Mountebank -------------------------------------------------------------------------------------


def is_mountebank(data: Any) -> bool:
    """Whether that is an imposter, or several."""
    found = next(iter(_imposters(data)), None)
    if not isinstance(found, dict) or not str(found.get("protocol", "")).startswith("http"):
        return False
    return isinstance(found.get("stubs"), list) or isinstance(found.get("requests"), list)


def _imposters(data: Any) -> list[Any]:
    found = data.get("imposters", [data]) if isinstance(data, dict) else []
    return found if isinstance(found, list) else []


def of_mountebank(data: Any) -> Iterator[tuple[Node, ...]]:
    """Each stub, with its first answer, and each request that came."""
    for imposter in _imposters(data):
        for stub in imposter.get("stubs") or ():
            wanted: dict[str, Any] = {}
            for predicate in stub.get("predicates") or ():
                _add_predicate(predicate, wanted)
            said = [one["is"] for one in stub.get("responses") or () if "is" in one]
            yield _mountebank_request(wanted), *map(_mountebank_answer, said[:1])
        for came in imposter.get("requests") or ():
            yield (_mountebank_request(came),)


def _add_predicate(predicate: Node, wanted: dict[str, Any]) -> None:
    """What a predicate wants to see; of one that only matches a body, that there was one."""
    for one in predicate.get("and") or ():
        _add_predicate(one, wanted)
    for kind in ("deepEquals", "equals"):
        wanted.update(predicate.get(kind) or {})
    for kind in ("contains", "startsWith", "endsWith", "matches", "exists"):
        for name, value in (predicate.get(kind) or {}).items():
            wanted.setdefault("lost" if name == "body" else name, value)


def _mountebank_request(asked: Node) -> Node:
    headers, body = listed(asked.get("headers")), written(asked.get("body"))
    fields = asked.get("form")
    if not body and fields:
        body = form(listed(fields))
    host = next((value for name, value in headers if name.lower() == "host"), "")
    place = with_query(unpatterned(asked.get("path") or "/"), asked.get("query"))
    return {
        "method": _method(asked.get("method"), has_body=bool(body)),
        "uri": f"https://{host}{place}" if host else place,
        "headers": headers,
        "body": body,
        "lost": not body and str(asked.get("method") or "GET") not in _BODILESS,
    }


def _mountebank_answer(answer: Node) -> Node:
    body = written(answer.get("body"))
    if answer.get("_mode") == "binary" and body:
        return {"status": answer.get("statusCode"), "headers": listed(answer.get("headers")), "body": unbased(body)}  # fmt: skip
    return {
        "status": answer.get("statusCode"),
        "headers": listed(answer.get("headers")),
        "body": body,
    }


# --- Hoverfly ---------------------------------------------------------------------------------------


def is_hoverfly(data: Any) -> bool:
    """Whether that is a simulation."""
    inside = data.get("data") if isinstance(data, dict) else None
    return isinstance(inside, dict) and isinstance(inside.get("pairs"), list)


def of_hoverfly(data: Any) -> Iterator[tuple[Node, ...]]:
    """Each pair, of any version of the schema."""
    for one in data["data"]["pairs"]:
        asked, answer = one["request"], one["response"]
        said = {name: _hoverfly_value(value) for name, value in asked.items()}
        path = str(said.get("path") or "/")
        query = asked.get("query")
        if isinstance(query, dict) and "value" not in query and "exactMatch" not in query:
            said["query"] = {name: _hoverfly_value(value) for name, value in query.items()}
        host, place = said.get("destination"), with_query(path, said.get("query"))
        headers = {name: _hoverfly_value(value) for name, value in (asked.get("headers") or {}).items()}  # fmt: skip
        wanted = asked.get("body")
        body = written(said.get("body"))
        coded = answer.get("encodedBody") is True
        yield (
            {
                "method": _method(said.get("method"), has_body=bool(body)),
                "uri": f"{said.get('scheme') or 'https'}://{host}{place}" if host else place,
                "headers": listed(headers),
                "body": body,
                "lost": not body and bool(wanted) and wanted != "",
            },
            {
                "status": answer.get("status"),
                "headers": listed(answer.get("headers")),
                "body": unbased(answer["body"]) if coded else answer.get("body"),
            },
        )


def _hoverfly_value(value: Any) -> Any:
    """A text of the first version; of the later ones the first matcher that says all of it."""
    if isinstance(value, list):
        kept = [_hoverfly_value(one) for one in value]
        return next((one for one in kept if one is not None), None)
    if isinstance(value, dict):
        if value.get("matcher", "exact") in _EXACT and "value" in value:
            return value["value"]
        return value.get("exactMatch", value.get("jsonMatch", value.get("xmlMatch")))
    return value
