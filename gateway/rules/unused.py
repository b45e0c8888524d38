"""What a pack says and nothing comes of: parts that no route uses, keys that can have no effect."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from gateway.cards import pan
from gateway.rules.finding import Finding, Level
from gateway.rules.load import ReadPack
from gateway.rules.model import Pack, Route
from gateway.rules.model_directions import Inserted
from gateway.rules.notes import Place
from gateway.rules.schema_directions import DirectionEntry
from gateway.rules.templates import texts
from gateway.yaml_place import Located

# Of a shape: what is looked at only while cards are taken out, or only while they are put in.
_TAKEN_OUT: Final = ("show", "sentinels", "not_cards", "foreign", "hotel", "booking_id", "departure", "virtual", "own_card")  # fmt: skip
_PUT_IN: Final = ("keep", "token")
_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_WITHOUT_BODY: Final = {
    "request": frozenset({"GET", "HEAD", "OPTIONS"}),
    "response": frozenset({"HEAD"}),
}


def unused(read: ReadPack) -> Iterator[Finding]:
    """Everything of the kind in one pack, in no order."""
    yield from _parts(read)
    yield from _shape_keys(read)
    yield from _sentinels(read)
    for n, route in enumerate(read.pack.routes):
        yield from _route(read, route, ("routes", n))


def unused_names(settings: Located, packs: Sequence[ReadPack]) -> Iterator[Finding]:
    """Variables, and tables of numbers, of gateway.yaml (`settings`) that no pack names."""
    said = settings.data if isinstance(settings.data, dict) else {}
    for key, kind, used in (
        ("variables", "variable", {name for read in packs for name in _variables(read)}),
        ("virtual_bins", "table", {name for read in packs for name in _tables(read)}),
    ):
        names = said.get(key)
        for name in names if isinstance(names, dict) else ():
            if name not in used:
                message = f"no pack uses the {kind} `{name}`"
                problem = settings.problem_of_key((key, name), message, "Remove it, or name it.")
                yield Finding(Level.LOOK, f"{kind}-unused", name, problem)


def _finding(read: ReadPack, kind: str, place: Place, message: str, hint: str) -> Finding:
    problem = read.located.problem_of_key(place, message, hint)
    return Finding(Level.LOOK, kind, read.pack.system, problem)


# --- parts ------------------------------------------------------------------------------------------


def _parts(read: ReadPack) -> Iterator[Finding]:
    directions = [entry for route in read.entry.routes for entry in (route.request, route.response)]
    shapes = {name for one in directions for name in (*one.tokenize, *one.detokenize)}
    pairs = {name for one in directions for name in one.exchange}
    issuers = {one.issuer for one in directions}
    for key, named, used in (
        ("shapes", read.entry.shapes, shapes),
        ("pairs", read.entry.pairs, pairs),
        ("issuers", read.entry.issuers, issuers),
        ("variables", read.entry.variables, _variables(read)),
    ):
        kind = key.removesuffix("s")
        for name in named:
            if name not in used:
                message = f"no route uses the {kind} `{name}`"
                yield _finding(read, f"{kind}-unused", (key, name), message, _USE[kind])


_USE: Final = {
    "shape": "Remove it, or name it under a route's `tokenize` or `detokenize`: its cards are not looked for.",
    "pair": "Remove it, or name it under a route's `exchange`: its tokens are not exchanged.",
    "issuer": "Remove it, or name it under a route's `issuer`.",
    "variable": "Remove it, or write {…} in a route's `forward`.",
}


def _variables(read: ReadPack) -> set[str]:
    return {name for route in read.entry.routes for name in _VARIABLE.findall(route.forward or "")}


def _tables(read: ReadPack) -> set[str]:
    shapes = read.entry.shapes.values()
    return {name for shape in shapes if shape.virtual for name in shape.virtual.bins}


# --- keys of shapes ---------------------------------------------------------------------------------


def _shape_keys(read: ReadPack) -> Iterator[Finding]:
    taken_out, put_in = _uses(read.pack)
    dead: tuple[str, ...]
    for name, entry in read.entry.shapes.items():
        if name in taken_out and name not in put_in:
            dead, only = _PUT_IN, "taken out (`tokenize`)"
        elif name in put_in and name not in taken_out:
            dead, only = _TAKEN_OUT, "put in (`detokenize`)"
        else:
            continue
        for key in dead:
            if key in entry.model_fields_set:
                message = f"`{key}` has no effect: with `{name}` cards are only {only}"
                yield _finding(read, "no-effect", ("shapes", name, key), message, "Remove it.")


def _uses(pack: Pack) -> tuple[set[str], set[str]]:
    """The names of the shapes with which cards are taken out, and put in."""
    both = [direction for route in pack.routes for direction in (route.request, route.response)]
    taken_out = {shape.name for one in both if one.tokenize for shape in one.tokenize.shapes}
    return taken_out, {shape.name for one in both for shape in one.detokenize}


def _sentinels(read: ReadPack) -> Iterator[Finding]:
    for name, entry in read.entry.shapes.items():
        for n, text in enumerate(entry.sentinels):
            place = ("shapes", name, "sentinels", n)
            digits = pan.digits_of(text)
            if pan.is_zeros(text) or (digits is None and pan.is_no_card(text)):
                what = "zeros are" if pan.is_zeros(text) else "what is no number is"
                message = f"the sentinel `{text}` has no effect: {what} left alone anyway"
                yield _finding(read, "no-effect", place, message, "Remove it.")
            elif digits is not None and pan.is_plausible(digits) and not pan.is_test_number(digits):
                message = f"the sentinel {pan.mask(digits)} could be a real card, which would pass in clear"
                hint = "Remove it, unless the partner says that this number is nobody's."
                yield _finding(read, "sentinel-could-be-a-card", place, message, hint)


# --- keys of routes ---------------------------------------------------------------------------------


def _route(read: ReadPack, route: Route, place: Place) -> Iterator[Finding]:
    entry = read.entry.routes[int(place[-1])]
    ways: tuple[tuple[str, DirectionEntry], ...] = (
        ("request", entry.request),
        ("response", entry.response),
    )
    for way, said in ways:
        if not getattr(route, way).idle and route.methods <= _WITHOUT_BODY[way]:
            methods = " or ".join(sorted(route.methods))
            whose = "" if way == "request" else "the answer to "
            message = f"`{way}` has no effect: {whose}a {methods} has no body"
            hint = "Name the method that has one, or remove it."
            yield _finding(read, "no-effect", (*place, way), message, hint)
        yield from _errors(read, route, way, said, (*place, way))
    if entry.response.not_cards is not None and not route.guards_response:
        message = "`not_cards` has no effect: this caller may see cards, so the guard does not look"
        where = (*place, "response", "not_cards")
        yield _finding(read, "no-effect", where, message, "Remove it.")


def _errors(
    read: ReadPack, route: Route, way: str, said: DirectionEntry, place: Place
) -> Iterator[Finding]:
    rule = getattr(route, way).tokenize
    if rule is None or not said.errors:
        return
    if not any(_says_error(one) for one in rule.on_failure):
        message = "`errors` has no effect: nothing under `on_failure` holds `{error}`"
        hint = "Write {error} where the partner's code belongs, or remove `errors`."
        yield _finding(read, "no-effect", (*place, "errors"), message, hint)
        return
    reads_expiry = any(shape.expiry or shape.expiry_month for shape in rule.shapes)
    if "expiry_invalid" in said.errors and not reads_expiry:
        message = "`expiry_invalid` has no effect: no shape of this route reads an expiry"
        where = (*place, "errors", "expiry_invalid")
        yield _finding(
            read, "no-effect", where, message, "Remove it, or add `expiry` to the shape."
        )


def _says_error(one: Inserted) -> bool:
    return any("{error}" in text for text in texts(one.content))
