"""Cassettes: the exchanges that test tools record, and the requests that people keep in Postman.

    VCR, vcrpy, betamax   `http_interactions`, or `interactions`: YAML or JSON
    responses             what Python's `responses` records: answers, with the URL that each was for
    nock                  a JSON list of `scope`, `method`, `path`, `body`, `status`, `response`
    Postman               a collection (v2.1): folders of requests, each maybe with saved answers

Only names and texts are read of them: no tag of YAML makes an object, and no number is read as one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from gateway.cli.multipart_written import write_form
from gateway.cli.recorded import Recorded, wrong
from gateway.cli.recorded_pairs import Node, request_of, response_of
from gateway.yaml_texts import NotYaml, items

LARGEST: Final = 16 << 20  # YAML is read as a whole, and slowly
_YAML: Final = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:---[^\n]*\n|#[^\n]*\n|[\w-]+:[^\n]*\n)*(?:(?:http_)?interactions:\s|responses:\s*\n\s*- response:)"
)
_OLD: Final = re.compile(rb"\A---\s*\n- !ruby/struct:VCR::HTTPInteraction")
_JSON: Final = re.compile(
    rb'\A(?:\xef\xbb\xbf)?\s*(?:\{\s*(?:"[\w-]+":\s*(?:"[^"]*"|[\w.]+),\s*)*"(?:http_)?interactions"\s*:'
    rb'|\[\s*\{\s*"scope"\s*:|\{(?=(?s:.)*schema\.getpostman\.com/json/collection))'
)
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+")
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})
_DEEPEST: Final = 20  # folders of a collection


def looks_like_cassette(head: bytes) -> bool:
    """Whether a file begins as one of these does."""
    return any(one.match(head) for one in (_YAML, _OLD, _JSON))


def read_cassette(raw: bytes, file: Path) -> Iterator[Recorded]:
    """The exchanges of a cassette, or of a collection. Raises ConfigurationError."""
    if len(raw) > LARGEST:
        raise wrong(file, 0, f"the cassette is larger than {LARGEST >> 20} MB", "Cut it.")
    number = 0
    for line, one in _entries(raw, file):
        try:
            said, *answers = _pair(one)
            number += 1
            yield request_of(said, number, file, line)
            for answer in answers[:1]:
                yield response_of(said, answer, number, file, line)
        except (KeyError, TypeError, ValueError, AttributeError):
            message = "an entry of the cassette is none: it wants a method and a URL"
            raise wrong(file, line, message, "Record it again.") from None


# --- the entries ------------------------------------------------------------------------------------


def _entries(raw: bytes, file: Path) -> Iterator[tuple[int, Node]]:
    """Each entry, and the line that it begins in (1 where that is not known)."""
    bare = raw.removeprefix(b"\xef\xbb\xbf").lstrip()
    try:
        if bare.startswith((b"{", b"[")):
            yield from ((1, one) for one in _of_json(json.loads(bare)))
        else:
            yield from items(raw, ("http_interactions", "interactions", "responses"))
    except NotYaml as error:
        raise wrong(file, error.line, "this is not well-formed YAML", "Record it again.") from None
    except (ValueError, RecursionError):
        raise wrong(file, 1, "this is not well-formed", "Record it again.") from None


def _of_json(data: Any) -> Iterator[Node]:
    if isinstance(data, list):
        yield from data
        return
    listed = data.get("http_interactions") or data.get("interactions")
    yield from listed if isinstance(listed, list) else _of_folder(data, 0)


def _of_folder(data: Node, depth: int) -> Iterator[Node]:
    """The requests of a collection, with those of its folders."""
    inside = data.get("item")
    for one in inside if isinstance(inside, list) and depth < _DEEPEST else ():
        if isinstance(one, dict) and "request" in one:
            yield one
        elif isinstance(one, dict):
            yield from _of_folder(one, depth + 1)


# --- an exchange ------------------------------------------------------------------------------------


def _pair(one: Node) -> tuple[Node, ...]:
    """A request, and its answer where there is one, as VCR has them. Raises KeyError, TypeError."""
    if "scope" in one:
        return _of_nock(one)
    if "request" not in one:
        return _of_responses(one["response"])
    asked, answers = one["request"], one.get("response")
    if isinstance(asked, str):  # Postman: a URL alone
        return ({"uri": asked, "method": "GET"},)
    if "url" in asked and isinstance(asked.get("body"), str):
        return _of_go_vcr(asked, answers)
    if "url" in asked and "uri" not in asked:
        saved = answers if isinstance(answers, list) else []
        return (_of_postman(asked), *map(_answer_of_postman, saved))
    return (asked,) if answers is None else (asked, answers)


def _of_go_vcr(asked: Node, answer: Any) -> tuple[Node, ...]:
    """An exchange whose bodies are texts, and whose answer has a `code`; php-vcr's is as VCR's but for the `url`."""
    said = {"uri": asked["url"], **asked}
    if not isinstance(answer, dict):
        return (said,)
    return said, {**answer, "status": answer["code"]} if "code" in answer else answer


def _of_responses(said: Node) -> tuple[Node, ...]:
    """An answer, and of its request what is told: where it went."""
    method = said["method"]
    asked = {"method": method, "uri": said["url"], "lost": str(method).upper() not in _BODILESS}
    fields = dict(said.get("headers") or {})
    if said.get("content_type"):
        fields.setdefault("Content-Type", said["content_type"])
    return asked, {"status": said.get("status"), "headers": fields, "body": said.get("body")}


def _of_nock(one: Node) -> tuple[Node, ...]:
    flat = one.get("rawHeaders") or []
    listed = list(zip(flat[::2], flat[1::2], strict=False)) if isinstance(flat, list) else flat
    asked = {
        "method": one["method"],
        "uri": f"{one['scope']}{one['path']}",
        "headers": one.get("reqheaders"),
        "body": _nock_body(one.get("body")),
    }
    body = _nock_body(one.get("response"))
    return asked, {"status": one.get("status"), "headers": listed, "body": body}


def _nock_body(body: Any) -> str | bytes | None:
    """A text; what was compressed as a list of hexadecimal texts; JSON as what it says."""
    if body is None or isinstance(body, str):
        return body
    if isinstance(body, list) and body and all(map(_is_hex, body)):
        return bytes.fromhex("".join(body))
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def _of_postman(asked: Node) -> Node:
    url, body = asked["url"], asked.get("body") or {}
    mode, headers = body.get("mode"), _listed(asked.get("header"))
    text = body.get("raw")
    if mode == "urlencoded":
        text = urlencode(_listed(body.get("urlencoded")))
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    fields = _fields_of(body.get("formdata")) if mode == "formdata" else []
    if fields:
        kind, form = write_form(fields)
        headers = [one for one in headers if one[0].lower() != "content-type"]
        headers.append(("Content-Type", kind))
        text = form
    elif mode == "graphql":
        text = _graphql(body.get("graphql") or {})
        headers.append(("Content-Type", "application/json"))
    lost = mode == "file" or (mode == "formdata" and not fields)
    return {
        "method": asked.get("method", "GET"),
        "uri": url if isinstance(url, str) else url["raw"],
        "headers": headers,
        "body": text,
        "lost": lost,
    }


def _fields_of(pairs: Any) -> list[tuple[str, str | None]]:
    """The parts of a form of Postman's; None for a file, of which the collection has the name alone."""
    return [
        (str(one["key"]), None if one.get("type") == "file" else str(one.get("value") or ""))
        for one in (pairs if isinstance(pairs, list) else [])
        if isinstance(one, dict) and "key" in one and not one.get("disabled")
    ]


def _graphql(said: Node) -> str:
    """What is sent of a query, with its variables, which Postman keeps as a text of JSON."""
    variables = said.get("variables")
    if isinstance(variables, str) and variables.strip():
        variables = json.loads(variables)
    return json.dumps({"query": said.get("query", ""), "variables": variables or {}})


def _answer_of_postman(one: Node) -> Node:
    return {
        "status": one.get("code"),
        "headers": _listed(one.get("header")),
        "body": one.get("body"),
    }


def _listed(pairs: Any) -> list[tuple[str, str]]:
    """Postman's lists of names and values, without those that are switched off."""
    return [
        (str(one["key"]), str(one.get("value") or ""))
        for one in (pairs if isinstance(pairs, list) else [])
        if isinstance(one, dict) and "key" in one and not one.get("disabled")
    ]


def _is_hex(one: Any) -> bool:
    return isinstance(one, str) and _HEX.fullmatch(one) is not None
