"""The YAML of a proposal: short, with a comment where a person has to decide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Final

from gateway.cli.proposal.beside import insertions, is_another
from gateway.cli.proposal.columns import is_fixed
from gateway.cli.proposal.examples import examples_of
from gateway.cli.proposal.plan import Planned, Side, drafts_of
from gateway.cli.proposal.scalars import scalar, word
from gateway.cli.proposal.shapes import Draft, Place

_LONGEST: Final = 40
_IN_PLACE: Final = "# show: alias   # or, without insert: the token in the number's place"
_NOT_A_SYSTEM: Final = frozenset(
    {"www", "api", "co", "com", "org", "net", "gov", "secure", "test", "sandbox"}
)


def system_of(routes: Sequence[Planned]) -> str:
    """A name for the system, made of the first host."""
    host = next((route.host for route in routes if route.host), "").partition(":")[0]
    labels = host.split(".")
    parts = [part for part in labels[:-1] if part not in _NOT_A_SYSTEM and not part.isdigit()]
    return word(parts[-1] if parts else "", "new-partner")


def written(routes: Sequence[Planned], system: str, *, examples: bool = True) -> str:
    """The pack's text."""
    acting = [
        route
        for route in routes
        if route.request.shapes
        or route.response.shapes
        or route.request.opaque
        or route.response.opaque
    ]
    lines = [
        f"# Proposed from a recorded message. Read it, correct it, save it as rules/{system}.yaml; then:",
        f"#   card-gateway rules test {system}",
        f"system: {scalar(system)}",
        "about: what this is                      # say it in a few words",
        "source: a recorded message",
    ]
    shapes = list(drafts_of(routes))
    if shapes:
        lines += ["", "shapes:"]
        for name, draft in shapes:
            lines += _shape(name, draft, routes)
    lines += ["", "routes:"]
    names = route_names(routes)
    several = sum(route.pushed for route in routes) > 1
    for route, name in zip(routes, names, strict=True):
        lines += _route(route, name, f"/push/{system}/{name}" if several else f"/push/{system}")
    if examples:
        told = [
            line
            for route, name in zip(acting, (names[routes.index(r)] for r in acting), strict=True)
            for line in examples_of(route, name)
        ]
        if not any(line.startswith("  -") for line in told):
            lines += told
        else:
            lines += [
                "",
                "examples:                                # the recording, with nothing of what it said",
                *told,
            ]
    return "\n".join(lines) + "\n"


def route_names(routes: Sequence[Planned]) -> list[str]:
    """A name for each, of its path's last words."""
    names: list[str] = []
    for route in routes:
        parts = [part for part in route.path.split("/") if part not in {"", "*"}]
        last = parts[-1].rpartition(".")[0] or parts[-1] if parts else ""
        base = word(last, "all")[: _LONGEST - 4].strip("-") or "all"
        name, number = base, 1
        while name in names:
            number += 1
            name = f"{base}-{number}"
        names.append(name)
    return names


# --- shapes -----------------------------------------------------------------------------------------


def _shape(name: str, draft: Draft, routes: Sequence[Planned]) -> Iterator[str]:
    yield f"  {name}:"
    if draft.layers:
        one = [_envelope(layer.format, layer.at, layer.coding) for layer in draft.layers]
        if len(one) == 1:
            yield f"    envelope: {one[0]}"
        else:
            yield "    envelope:"
            yield from (f"      - {each}" for each in one)
    yield f"    format: {draft.format}"
    if draft.booking:
        yield f"    booking: {scalar(draft.booking)}"
    yield f"    card: {scalar(draft.card)}"
    if is_another(name, draft, routes):
        yield "    own_card: true   # another card than the one beside it, with fields of its own"
    for key, place in draft.fields.items():
        yield f"    {key}: {_place(key, place)}{_note(key, place, draft)}"
    yield from _around_card(name, draft, routes)


def _around_card(name: str, draft: Draft, routes: Sequence[Planned]) -> Iterator[str]:
    """What a shape says beside the card's own fields, and what it could say."""
    if draft.sentinels:
        said = ", ".join(map(scalar, draft.sentinels))
        yield f"    sentinels: [{said}]   # what stands there in the first line"
    if draft.format == "text" and _takes_out(name, routes):
        said = "nothing can be inserted into a text"
        if is_fixed(draft.fields["number"].at[0]):
            yield f"    show: digits   # a token as long as the number, in its place: {said}"
        else:
            yield f"    show: alias   # the token in the number's place: {said}"
    said_of = [f"{key}: {scalar(path)}" for key, path in draft.virtual]
    said_of += [f"holders: [{scalar(draft.agency)}]"] if draft.agency else []
    if said_of:
        marks = ", ".join(said_of)
        first = any(key == "active_from" for key, _ in draft.virtual)
        note = ": it can not be charged before its first day" if first else ""
        yield f"    # virtual: {{ {marks} }}   # an agency's card{note}"
    if draft.unread and not any(name.startswith("expiry") for name in draft.fields):
        at = f"{{ at: {scalar(draft.unread)}, as: MMYY }}"
        yield f"    # expiry: {at}   # called so, but what was recorded there is none: how is it spelled?"
    if draft.join:
        yield f"    holder: {{ join: [{', '.join(map(scalar, draft.join))}] }}"
    for key, path in draft.around.items():
        note = "   # is it what you call the booking by?" if key == "booking_id" else ""
        yield f"    {key}: {scalar(path)}{note}"
    for path, why in _not_cards(name, routes):
        yield f"    # not_cards: [{scalar(path)}]   # could pass for a card's number, but {why}; the guard would mask it"


def _takes_out(name: str, routes: Sequence[Planned]) -> bool:
    """Whether a shape takes cards out of messages."""
    return any(
        name in route.response.names or (route.pushed and name in route.request.names)
        for route in routes
    )


def _note(key: str, place: Place, draft: Draft) -> str:
    """What somebody should look at in a field's line."""
    notes: list[str] = []
    if key == "number":
        notes += draft.doubts
        if not draft.unread and not any(name.startswith("expiry") for name in draft.fields):
            notes.append("no expiry was found near it: is there one?")
        if re.search(r"\[1[0-9]\]\Z", place.at[0]):
            notes.append("what is in brackets is the value's length: it differs with the number")
    if key == "expiry":
        notes += draft.unsure
    if key == "cvc" and draft.guessed:
        notes.append("is it the security code? its name does not say so; remove the line if not")
    if key == "cvc":
        others = [path for path in draft.other_codes if path not in place.at]
        both = ", ".join(map(scalar, (*place.at, *others)))
        if others:
            what = " and ".join(map(scalar, others))
            notes.append(f"{what} could be the code, too: instead of it, or both (cvc: [{both}])?")
    return "".join(f"   # {note}" for note in notes)


def _envelope(format: str, at: str, coding: str) -> str:
    how = "" if coding == "text" else f", as: {coding}"
    return f"{{ format: {format}, at: {scalar(at)}{how} }}"


def _place(key: str, place: Place) -> str:
    at = scalar(place.at[0]) if len(place.at) == 1 else f"[{', '.join(map(scalar, place.at))}]"
    more = ""
    if key.startswith("expiry"):
        spellings = place.spellings
        more = (
            f", as: {_word(spellings[0])}"
            if len(spellings) == 1
            else f", as: [{', '.join(map(_word, spellings))}]"
        )
    if place.number and key != "brand":
        more += ", type: number"
    return f"{{ at: {at}{more} }}" if more else at


def _word(text: str) -> str:
    return text if re.fullmatch(r"[A-Z]+(?:[/-][A-Z]+)*", text) else json.dumps(text)


def _not_cards(name: str, routes: Sequence[Planned]) -> Iterator[tuple[str, str]]:
    answers = [route.response for route in routes if name in route.response.names]
    answers += [route.request for route in routes if route.pushed and name in route.request.names]
    found = [(path, why) for side in answers for path, why, _ in _like_cards(side)]
    return iter(dict.fromkeys(found))


def _like_cards(side: Side) -> Iterator[tuple[str, str, str]]:
    """Numbers in answers that the guard would mask: path, why they are none, format."""
    for message in side.messages:
        for path, why, leaf in message.not_cards:
            outer = message.documents[0].taken
            if outer.at(leaf.steps) is leaf and outer.format != "multipart":
                yield path, why, outer.format


# --- routes -----------------------------------------------------------------------------------------


def _route(route: Planned, name: str, at: str) -> Iterator[str]:
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
        for path, why, format in _like_cards(route.response):
            at = f"{{ format: {format}, at: {scalar(path)} }}"
            yield f"    # response: {{ not_cards: {at} }}   # it could pass for a card's number, but {why}"


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


# What is inserted for a token, and for a card that fails.
_IN_WORDS: Final = {
    "xml": ('xml: "<CardToken>{alias}</CardToken>"', 'xml: "<CardError>{error}</CardError>"'),
    "json": ('json: { card_token: "{alias}" }', 'json: { card_error: "{error}" }'),
}


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
