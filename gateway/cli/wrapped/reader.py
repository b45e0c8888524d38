"""Which tool wrapped an exchange, and the messages in it. A new tool is one entry of `_TOOLS`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

from gateway.cli.recorded import Recorded, wrong
from gateway.cli.recorded_pairs import Node, request_of, response_of
from gateway.cli.transcript_http import read_http
from gateway.cli.wrapped import clients, projects, saved, stubs
from gateway.cli.wrapped.told import told_of
from gateway.errors import ConfigurationError
from gateway.yaml_texts import NotYaml, whole

LARGEST: Final = 16 << 20
_HEAD: Final = 64 << 10  # as far as a program may begin with other words
_JSON: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*[{\[]")
_YAML: Final = re.compile(
    rb"\A(?:\xef\xbb\xbf)?(?:---\s*|#[^\n]*\n)*(?:_type: export|type: collection\.insomnia\.rest/)"
)

Pairs = Iterator[tuple[Node, ...]]


class _Tool(NamedTuple):
    """A tool that writes JSON: a sign that stands in no other file, and how it is known and read once parsed."""

    name: str
    sign: re.Pattern[bytes]
    is_one: Callable[[Any], bool]
    pairs: Callable[[Any], Pairs]


# The first that knows a file reads it: the strictest first.
_TOOLS: Final = (
    _Tool("Pact", re.compile(rb'"consumer"\s*:'), saved.is_pact, saved.of_pact),
    _Tool("MockServer", re.compile(rb'"httpRequest"\s*:'), stubs.is_mockserver, stubs.of_mockserver),
    _Tool("Mountebank", re.compile(rb'"(?:stubs|imposters)"\s*:'), stubs.is_mountebank, stubs.of_mountebank),
    _Tool("Hoverfly", re.compile(rb'"pairs"\s*:'), stubs.is_hoverfly, stubs.of_hoverfly),
    _Tool("Insomnia", re.compile(rb'"(?:__export_format|_type|collection)"\s*:|insomnia'), saved.is_insomnia, saved.of_insomnia),
    _Tool("Charles", re.compile(rb'"(?:actualPort|scheme)"\s*:'), saved.is_charles, saved.of_charles),
    _Tool("Sentry", re.compile(rb'"event(?:_id|ID)"\s*:'), saved.is_sentry, saved.of_sentry),
    _Tool("Lambda", re.compile(rb'"isBase64Encoded"\s*:'), clients.is_lambda, clients.of_lambda),
    _Tool("Thunder Client", re.compile(rb'"Thunder Client"'), clients.is_thunder, clients.of_thunder),
    _Tool("Hoppscotch", re.compile(rb'"endpoint"\s*:'), clients.is_hoppscotch, clients.of_hoppscotch),
    _Tool("WireMock", re.compile(rb'"(?:response|responseDefinition)"\s*:'), stubs.is_wiremock, stubs.of_wiremock),
    _Tool("an exchange", re.compile(rb'"response"\s*:'), saved.is_exchange, saved.of_exchange),
)  # fmt: skip


class Wrapped(NamedTuple):
    """A file that a tool wrote: whose, and its exchanges."""

    tool: str
    pairs: Pairs


def is_wrapped(raw: bytes) -> bool:
    """Whether a tool of these wrote a file."""
    return len(raw) <= LARGEST and (projects.BURP.match(raw) is not None or _wrapped(raw) is not None)  # fmt: skip


def read_wrapped(raw: bytes, file: Path) -> Iterator[Recorded] | None:
    """The messages in a tool's file; None where it is none. Raises ConfigurationError, where it is one that is not
    read, or not whole."""
    told = told_of(raw)
    if told is not None:
        what, action = told
        raise wrong(file, 1, f"this is {what}, not a message", action)
    if len(raw) > LARGEST:
        return None
    if projects.BURP.match(raw):
        return _of_burp(raw, file)
    found = _wrapped(raw)
    return None if found is None else _messages(found, file)


def _wrapped(raw: bytes) -> Wrapped | None:
    if projects.SOAPUI.match(raw):
        return Wrapped("SoapUI", projects.of_soapui(raw))
    if projects.BRUNO.match(raw):
        return Wrapped("Bruno", projects.of_bruno(raw))
    if clients.NOCK.search(raw, 0, _HEAD):
        return Wrapped("nock", clients.of_nock(raw))
    if _YAML.match(raw):
        return _of_yaml(raw)
    signs = [one for one in _TOOLS if one.sign.search(raw)] if _JSON.match(raw) else []
    data = _parsed(raw) if signs else None
    return next((Wrapped(one.name, one.pairs(data)) for one in signs if one.is_one(data)), None)


def _of_yaml(raw: bytes) -> Wrapped | None:
    try:
        data = whole(raw)
    except NotYaml:
        return None
    return Wrapped("Insomnia", saved.of_insomnia(data)) if saved.is_insomnia(data) else None


def _parsed(raw: bytes) -> Any:
    """None where it is no JSON: then it is no tool's."""
    try:
        return json.loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return None


def _messages(found: Wrapped, file: Path) -> Iterator[Recorded]:
    number = count(1)
    try:
        for said, *answers in found.pairs:
            exchange = next(number)
            yield request_of(said, exchange, file, 1)
            for answer in answers[:1]:
                yield response_of(said, answer, exchange, file, 1)
    except (KeyError, TypeError, ValueError, AttributeError, projects.NotXml):
        raise _unread(found.tool, file) from None


def _of_burp(raw: bytes, file: Path) -> Iterator[Recorded]:
    try:
        for exchange, (asked, answer) in enumerate(projects.of_burp(raw), 1):
            for one in read_http(asked + b"\r\n" + answer, file):
                yield replace(one, exchange=exchange)
    except (ValueError, projects.NotXml):
        raise _unread("Burp", file) from None


def _unread(tool: str, file: Path) -> ConfigurationError:
    message = f"this is a file of {tool}, and an exchange in it can not be read"
    return wrong(file, 1, message, "Save the message's body in a file of its own.")
