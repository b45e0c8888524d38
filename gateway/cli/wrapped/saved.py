"""What clients, proxies and test tools keep of exchanges.

Pact         contracts of version 1 to 4: `consumer`, `provider`, `interactions`, `messages`
Insomnia     exports of version 4 and 5, JSON and YAML
Charles      a session as JSON (`.chlsj`)
Sentry       an event: `request` with its `data`
exchanges    `request` with a method and a URL, `response`: what people write themselves, and php-vcr
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gateway.cli.recorded_pairs import Node
from gateway.cli.wrapped.values import FORM, first, form, listed, unbased, with_query, written

_DEEPEST: Final = 20  # folders of a collection
_PUSHED: Final = {"method": "POST", "uri": "/"}  # a message of a queue has neither


# --- Pact -------------------------------------------------------------------------------------------


def is_pact(data: Any) -> bool:
    """Whether that is a contract."""
    return (
        isinstance(data, dict)
        and "consumer" in data
        and "provider" in data
        and any(isinstance(data.get(one), list) for one in ("interactions", "messages"))
    )


def of_pact(data: Any) -> Iterator[tuple[Node, ...]]:
    """Each interaction, and each message as what would be posted."""
    for one in data.get("interactions") or ():
        if "request" not in one:
            yield from _pact_message(one)
            continue
        asked, answer = one["request"], one.get("response")
        answers = answer if isinstance(answer, list) else [answer] if answer else []
        body = _pact_body(asked.get("body"))
        said = {
            "method": asked.get("method") or "GET",
            "uri": with_query(asked.get("path") or "/", asked.get("query")),
            "headers": listed(asked.get("headers")),
            "body": body,
        }
        told = [
            {
                "status": reply.get("status"),
                "headers": listed(reply.get("headers")),
                "body": _pact_body(reply.get("body")),
            }
            for reply in answers
        ]
        yield said, *told
    for one in data.get("messages") or ():
        yield from _pact_message(one)


def _pact_message(one: Node) -> Iterator[tuple[Node, ...]]:
    yield ({**_PUSHED, "body": _pact_body(one.get("contents"))},)


def _pact_body(body: Any) -> str | bytes | None:
    """Of version 4 with its `content` and whether that is in base64."""
    if isinstance(body, dict) and "content" in body and set(body) <= {"content", "contentType", "encoded", "contentTypeHint"}:  # fmt: skip
        coded = str(body.get("encoded") or "").lower() == "base64"
        return unbased(body["content"]) if coded else written(body["content"])
    return written(body)


# --- Insomnia ---------------------------------------------------------------------------------------


def is_insomnia(data: Any) -> bool:
    """Whether that is an export."""
    if not isinstance(data, dict):
        return False
    fifth = str(data.get("type") or "").startswith("collection.insomnia.rest/")
    return fifth or (data.get("_type") == "export" and isinstance(data.get("resources"), list))


def of_insomnia(data: Any) -> Iterator[tuple[Node, ...]]:
    """Each request; answers it does not export."""
    kept = data.get("resources") or data.get("collection") or []
    for one in _insomnia_requests(kept, 0):
        headers, body = listed(one.get("headers")), one.get("body") or {}
        kind = str(body.get("mimeType") or "")
        text = body.get("text")
        if kind == FORM:
            text = form(listed(body.get("params")))
        if kind and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", kind if kind != "application/graphql" else "application/json"))  # fmt: skip
        lost = not text and bool(body.get("params") or body.get("fileName"))
        yield (
            {
                "method": one.get("method") or "GET",
                "uri": str(first(one, "url")).replace("{{ _.", "{{"),
                "headers": headers,
                "body": text,
                "lost": lost,
            },
        )


def _insomnia_requests(kept: Any, depth: int) -> Iterator[Node]:
    for one in kept if isinstance(kept, list) and depth < _DEEPEST else ():
        if not isinstance(one, dict):
            continue
        if one.get("_type", "request") == "request" and one.get("url") and "method" in one:
            yield one
        yield from _insomnia_requests(one.get("children"), depth + 1)


# --- Charles ----------------------------------------------------------------------------------------


def is_charles(data: Any) -> bool:
    """Whether that is a session."""
    found = data[0] if isinstance(data, list) and data else None
    return (
        isinstance(found, dict)
        and {"method", "scheme", "host", "path", "request"} <= found.keys()
        and isinstance(found["request"], dict)
    )


def of_charles(data: Any) -> Iterator[tuple[Node, ...]]:
    """Each exchange, but for tunnels."""
    for one in data:
        if one.get("method") == "CONNECT":
            continue
        port = one.get("port") or one.get("actualPort")
        host = one["host"] if port in {None, 80, 443} else f"{one['host']}:{port}"
        place = with_query(one.get("path") or "/", one.get("query"))
        said = {"method": one["method"], "uri": f"{one['scheme']}://{host}{place}", **_charles(one["request"])}  # fmt: skip
        answer = one.get("response")
        if not isinstance(answer, dict):
            yield (said,)
        else:
            yield said, {"status": answer.get("status"), **_charles(answer)}


def _charles(message: Node) -> dict[str, Any]:
    body, head = message.get("body") or {}, message.get("header") or {}
    text: str | bytes | None = body.get("text")
    if text is None and body.get("encoding") == "base64":
        text = unbased(body.get("encoded", ""))
    sizes = message.get("sizes") or {}
    lost = not text and bool(sizes.get("body"))
    return {"headers": listed(head.get("headers")), "body": text, "lost": lost}


# --- Sentry -----------------------------------------------------------------------------------------


def is_sentry(data: Any) -> bool:
    """Whether that is an event about a request."""
    return (
        isinstance(data, dict)
        and ("event_id" in data or "eventID" in data)
        and _sentry_request(data) is not None
    )


def _sentry_request(data: Node) -> Any:
    """As it is sent to Sentry, or as its API tells it."""
    asked = data.get("request")
    if isinstance(asked, dict):
        return asked
    entries = data.get("entries")
    for one in entries if isinstance(entries, list) else ():
        if isinstance(one, dict) and one.get("type") == "request":
            return one.get("data")
    return None


def of_sentry(data: Any) -> Iterator[tuple[Node, ...]]:
    """The request that the event is about."""
    asked = _sentry_request(data)
    headers = listed(asked.get("headers"))
    kind = next((value for name, value in headers if name.lower() == "content-type"), "")
    body = asked.get("data")
    if isinstance(body, dict | list) and kind.lower().startswith(FORM):
        text: str | None = form(listed(body))
    else:
        text = written(body)
    yield (
        {
            "method": asked.get("method") or ("POST" if text else "GET"),
            "uri": asked.get("url") or "/",
            "headers": headers,
            "body": text,
        },
    )


# --- whatever has a request and a response ----------------------------------------------------------


def is_exchange(data: Any) -> bool:
    """Whether that is an exchange, or a list of them, told by the usual names."""
    found = data[0] if isinstance(data, list) and data else data
    if not isinstance(found, dict):
        return False
    asked, answer = found.get("request"), found.get("response")
    return (
        isinstance(asked, dict)
        and isinstance(answer, dict)
        and isinstance(asked.get("method"), str)
        and any(isinstance(asked.get(one), str) for one in ("url", "uri", "path"))
        and any(one in answer for one in ("status", "statusCode", "status_code", "code"))
    )


def of_exchange(data: Any) -> Iterator[tuple[Node, ...]]:
    """Each of them."""
    for one in data if isinstance(data, list) else [data]:
        asked, answer = one["request"], one.get("response") or {}
        yield (
            {"method": asked["method"], "uri": first(asked, "url", "uri", "path"), **_kept(asked)},
            {"status": first(answer, "status", "statusCode", "status_code", "code"), **_kept(answer)},
        )  # fmt: skip


def _kept(message: Node) -> dict[str, Any]:
    names = ("body", "data", "payload", "postData", "text")
    body = next((message[one] for one in names if message.get(one) is not None), None)
    return {"headers": listed(message.get("headers")), "body": written(body)}
