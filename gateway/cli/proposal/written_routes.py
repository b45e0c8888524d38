"""The lines of a proposed route: its target, and what is done with its request and its response."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from gateway.cli.proposal.beside import insertions
from gateway.cli.proposal.plan import Planned, Side
from gateway.cli.proposal.scalars import scalar
from gateway.cli.proposal.written_shapes import like_cards

_IN_PLACE: Final = "# show: alias   # or, without insert: the token in the number's place"
# What is inserted for a token, and for a card that fails.
_IN_WORDS: Final = {
    "xml": ('xml: "<CardToken>{alias}</CardToken>"', 'xml: "<CardError>{error}</CardError>"'),
    "json": ('json: { card_token: "{alias}" }', 'json: { card_error: "{error}" }'),
}


def route_lines(route: Planned, name: str, at: str) -> Iterator[str]:
    """A route under its name; `at`: where its partner pushes to, if it is one that pushes."""
    yield f"  - name: {scalar(name)}"
    if route.pushed:
        yield f"    at: {scalar(at)}"
        yield '    forward: "{pms}/path-of-the-pms"    # gateway.yaml: variables: { pms: … }'
        yield "    auth: channel-manager               # an entry under callers: in gateway.yaml"
    else:
        yield f"    to: {_url(route)}"
    yield f"    methods: [{route.method}]"
    if route.looks_like_a_test and not route.pushed:
        yield "    # mode: test                        # its host looks like a test system: only test tokens go there"
    if any(
        document.taken.doctype
        for side in (route.request, route.response)
        for m in side.messages
        for document in m.documents
    ):
        yield "    doctype: allow                      # its XML names a DTD"
    yield from _side("request", route.request, _request(route))
    yield from _side("response", route.response, _response(route))
    if not route.response.acting:
        yield from _not_cards(route.response)


def _not_cards(answer: Side) -> Iterator[str]:
    """The places of an answer's numbers that are no cards, in one line: a second `response:` would not load."""
    found = list(like_cards(answer))
    places: dict[str, list[str]] = {}
    for path, _, format in found:
        places.setdefault(format, []).append(scalar(path))
    at = [
        f"{{ format: {format}, at: [{', '.join(dict.fromkeys(paths))}] }}"
        for format, paths in places.items()
    ]
    why = "; or ".join(dict.fromkeys(why for _, why, _ in found))
    if at:
        said = at[0] if len(at) == 1 else f"[{', '.join(at)}]"
        yield f"    # response: {{ not_cards: {said} }}   # it could pass for a card's number, but {why}"


def _url(route: Planned) -> str:
    if not route.host:
        path = route.path if route.path != "/" else "/**"
        return (
            f"https://host.example{path}   # the recording does not say where: put it here"
            if scalar(path) == path
            else (
                f"{json.dumps('https://host.example' + path)}   # the recording does not say where: put it here"
            )
        )
    note = "   # recorded as http://; a target is always https" if route.plain else ""
    url = f"https://{route.host}{route.path}"
    return (url if re.fullmatch(r"[A-Za-z0-9.:/_~-]+", url) else json.dumps(url)) + note


def _request(route: Planned) -> list[str]:
    names = _names(route.request)
    if not names:
        return []
    if route.pushed:
        return [f"tokenize: {names}", *_insertions(route.request)]
    return [f"detokenize: {names}"]


def _response(route: Planned) -> list[str]:
    names = _names(route.response)
    if not names:
        return []
    if any(message.cards for message in route.request.messages):
        return [f"tokenize: {names}                    # the card comes back: it is masked"]
    return [f"tokenize: {names}", *_insertions(route.response)]


def _names(side: Side) -> str:
    names = list(dict.fromkeys(side.names))
    if not names:
        return ""
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"


def _insertions(side: Side) -> Iterator[str]:
    apart = list(insertions(side))
    if apart:
        yield from (*apart, _IN_PLACE)
        return
    draft = side.shapes[0]
    note = "   # the names are yours to choose"
    words = [
        _IN_WORDS[one]
        for one in dict.fromkeys(shape.format for shape in side.shapes)
        if one in _IN_WORDS
    ]
    if words:
        into = "{ into: ., of: card, each: card, "
        yield f"insert: [{', '.join(into + told + ' }' for told, _ in words)}]{note}"
        yield f"on_failure: [{', '.join(into + failed + ' }' for _, failed in words)}]"
        yield _IN_PLACE
    elif draft.format in {"form", "multipart"} and len(side.shapes) > 1:
        yield "# `show: alias`, in each shape, puts the token in its number's place"
    elif draft.format in {"form", "multipart"} and draft.card == "$":
        yield f'insert: [{{ into: $, each: card, form: {{ card_token: "{{alias}}" }} }}]{note}'
        yield _IN_PLACE


def _side(key: str, side: Side, lines: Sequence[str]) -> Iterator[str]:
    said = list(lines)
    if side.opaque is not None:
        because, paths, format = side.opaque
        where = f"refuse: [{', '.join(map(scalar, paths))}], " if paths else ""
        form = f", format: {format}" if format and not lines else ""
        note = "   # who signs our token has signed no card" if because == "signed" else ""
        said.append(f"opaque: {{ {where}because: {because}{form} }}{note}")
    signed = sorted({path for message in side.messages for path in message.signed})
    if side.acting and key == "request" and signed:
        said.append(
            f"# If {scalar(signed[0])} signs the number too, who signs it has signed our token: opaque: {{ because: signed }}"
        )
    if not said:
        return
    comments = [line for line in said if line.startswith("#")]
    if len(said) == 1 and "   #" not in said[0] and not comments and "{" not in said[0]:
        yield f"    {key}: {{ {said[0]} }}"
        return
    if len(comments) == len(said):
        yield from (f"    {line}" for line in said)
        return
    yield f"    {key}:"
    yield from (f"      {line}" for line in said)
