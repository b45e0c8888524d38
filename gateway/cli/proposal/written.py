"""The YAML of a proposal: short, with a comment where a person has to decide."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from gateway.cards import expiry, pan
from gateway.cli.proposal import example
from gateway.cli.proposal.example import Texts, encoded, test_number
from gateway.cli.proposal.found import FoundCard
from gateway.cli.proposal.leaves import Steps
from gateway.cli.proposal.messages import Document, Message
from gateway.cli.proposal.plan import Planned, Side, drafts_of
from gateway.cli.proposal.shapes import Draft, Place
from gateway.cli.trial import example_token

_PLAIN: Final = re.compile(r"(?:[A-Za-z/]|\$\.|\.{1,2}/)[A-Za-z0-9./_$-]*|\$|\.")
_NOT_TEXT: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "e"})
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")
_LONGEST: Final = 40
_MOST_LINES: Final = 60
_EXPIRES: Final = [expiry.Expiry(2030, 12), *(expiry.Expiry(2031, month) for month in range(1, 12))]
_NOT_A_SYSTEM: Final = frozenset(
    {"www", "api", "co", "com", "org", "net", "gov", "secure", "test", "sandbox"}
)


def system_of(routes: Sequence[Planned]) -> str:
    """A name for the system, made of the first host."""
    host = next((route.host for route in routes if route.host), "").partition(":")[0]
    labels = host.split(".")
    parts = [part for part in labels[:-1] if part not in _NOT_A_SYSTEM and not part.isdigit()]
    return word(parts[-1] if parts else "", "new-partner")


def word(text: str, otherwise: str) -> str:
    """A name of the form that systems and routes have, made of `text`."""
    plain = _NOT_IN_NAMES.sub("-", text.lower()).strip("-").lstrip("0123456789-")
    return plain[-_LONGEST:].strip("-").lstrip("0123456789-") or otherwise


def scalar(text: str) -> str:
    """A YAML scalar: quoted where a plain one could be read as something else."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    return text if plain else json.dumps(text)


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
    for route, name in zip(routes, names, strict=True):
        lines += _route(route, name, system)
    if examples:
        told = [
            line
            for route, name in zip(acting, (names[routes.index(r)] for r in acting), strict=True)
            for line in _examples(route, name)
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
    for key, place in draft.fields.items():
        note = "".join(f"   # {doubt}" for doubt in draft.doubts) if key == "number" else ""
        if key == "number" and re.search(r"\[1[0-9]\]\Z", place.at[0]):
            note += "   # what is in brackets is the value's length: it differs with the number"
        if key == "expiry":
            note = "".join(f"   # {one}" for one in draft.unsure)
        yield f"    {key}: {_place(key, place)}{note}"
    if draft.join:
        yield f"    holder: {{ join: [{', '.join(map(scalar, draft.join))}] }}"
    for key, path in draft.around.items():
        note = "   # is it what you call the booking by?" if key == "booking_id" else ""
        yield f"    {key}: {scalar(path)}{note}"
    for path, why in _not_cards(name, routes):
        yield f"    # not_cards: [{scalar(path)}]   # could pass for a card's number, but {why}; the guard would mask it in an answer"


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


def _route(route: Planned, name: str, system: str) -> Iterator[str]:
    yield f"  - name: {scalar(name)}"
    if route.pushed:
        yield f"    at: {scalar('/push/' + system)}"
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
            if _PLAIN.fullmatch(path)
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
    draft = side.shapes[0]
    note = "   # the names are yours to choose"
    into = "{ into: ., of: card, each: card, "
    if draft.format == "xml" and draft.card != "/":
        yield f'insert: [{into}xml: "<CardToken>{{alias}}</CardToken>" }}]{note}'
        yield f'on_failure: [{into}xml: "<CardError>{{error}}</CardError>" }}]'
    elif draft.format == "json":
        yield f'insert: [{into}json: {{ card_token: "{{alias}}" }} }}]{note}'
        yield f'on_failure: [{into}json: {{ card_error: "{{error}}" }} }}]'
    elif draft.format in {"form", "multipart"} and draft.card == "$":
        yield f'insert: [{{ into: $, each: card, form: {{ card_token: "{{alias}}" }} }}]{note}'


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
            f"# If {signed[0]} signs the number too, who signs it has signed our token: opaque: {{ because: signed }}"
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


# --- examples ---------------------------------------------------------------------------------------


def _examples(route: Planned, name: str) -> Iterator[str]:
    for way, side in (("request", route.request), ("response", route.response)):
        if not side.acting:
            continue
        putting_in = way == "request" and not route.pushed
        message = next((one for one in side.messages if one.cards), None)
        if message is None:
            continue
        made = example_of(message, side, putting_in=putting_in)
        if made is None:
            yield f"  # No example of its {way}: it would be too long."
            continue
        text, expect, shortened = made
        if text.count("\n") > _MOST_LINES:
            yield f"  # No example of its {way}: it would be too long."
            continue
        yield f"  - route: {scalar(name)}"
        note = "   # shortened: only what leads to the card" if shortened else ""
        if "\n" not in text and "'" not in text:
            yield f"    {way}: '{text}'{note}"
        elif "\n" not in text:
            yield f"    {way}: {json.dumps(text)}{note}"
        else:
            yield f"    {way}: |-{note}"
            yield from (f"      {line}" for line in text.splitlines())
        yield f"    expect: {expect}"


def example_of(message: Message, side: Side, *, putting_in: bool) -> tuple[str, str, bool] | None:
    """The example's message, what is expected of it, and whether it was shortened; None: there is none."""
    documents = message.with_cards
    if not documents:
        return None
    cards_of = [card for one in documents for card in one.cards]
    recorded = {leaf.text.strip() for card in cards_of for leaf in card.leaves}
    recorded |= {pan.digits_of(card.number.text) or "" for card in cards_of}
    by_outer = {id(one): one for one in message.documents}
    cards = 0
    numbers: list[str] = []
    texts: dict[int, dict[Steps, str]] = {}
    for document in documents:
        mine = texts.setdefault(id(document), {})
        for card in document.cards:
            cards += 1
            length = len(pan.digits_of(card.number.text) or "")
            number = test_number(length, recorded)
            numbers.append(pan.mask(number))
            mine.update(
                _card_texts(card, example_token(cards).alias if putting_in else number, recorded)
            )
        mine.update(_said(document, side))
    shortened = False
    # From the inside out: what a document became is a text of the one around it.
    for document in sorted(documents, key=lambda one: -len(one.layers)):
        text, short = example.blanked(document.taken, texts[id(document)])
        shortened = shortened or short
        for depth in range(len(document.layers) - 1, -1, -1):
            layer = document.layers[depth]
            outer = next(
                (one for one in by_outer.values() if one.layers == document.layers[:depth]), None
            )
            if outer is None:
                return None
            held = texts.setdefault(id(outer), {})
            held[layer.steps] = encoded(text, layer.coding)
            text, short = example.blanked(outer.taken, held)
            shortened = shortened or short
        outermost = text
    if putting_in:
        return outermost, f"{{ cards: {cards}, removed: tok_1_Example000001 }}", shortened
    masked = ", ".join(json.dumps(one) for one in dict.fromkeys(numbers))
    return outermost, f"{{ cards: {cards}, contains: [{masked}] }}", shortened


def _card_texts(card: FoundCard, number: str, recorded: Collection[str]) -> dict[Steps, str]:
    texts = {card.number.steps: number}
    if card.expiry is not None:
        for leaf, spelling in zip(card.expiry.at, card.expiry.spellings, strict=True):
            said = [expiry.write(one, spelling) for one in _EXPIRES]
            texts[leaf.steps] = next((one for one in said if one not in recorded), said[0])
    if card.code is not None:
        length = len(card.code.text.strip())
        texts[card.code.steps] = next(
            one for one in ("1234"[:length], "7379"[:length]) if one != card.code.text.strip()
        )
    for leaf in card.holder:
        texts[leaf.steps] = "Jane Doe" if len(card.holder) == 1 else "Jane"
    return texts


def _said(document: Document, side: Side) -> Texts:
    """The names that stand in fields, where a path asks for them."""
    paths = " ".join(
        path for draft in side.shapes for place in draft.fields.values() for path in place.at
    )
    paths += " ".join(path for draft in side.shapes for path in draft.join)
    return {
        leaf.steps: leaf.text.strip()
        for leaf in document.taken.leaves
        if f"='{leaf.text.strip()}'" in paths
    }
