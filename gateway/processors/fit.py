"""Whether the packs have a route for each request of a processor, one that does what it counts on.

A request holds our token. The route that takes it puts the card in, or exchanges the pair: without it
the processor would get a token that means nothing to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.codecs import open_document
from gateway.codecs.envelope import open_layout
from gateway.errors import GatewayError, Problem
from gateway.processors.rules import ProcessorRules, Request
from gateway.processors.template import places_of, write_body, write_url
from gateway.processors.writing import everything
from gateway.rules.by_sign import by_first_sign
from gateway.rules.match import Matcher
from gateway.rules.model import Route
from gateway.stages.detokenize import read_tokens
from gateway.stages.pairs import read_pairs

_PAIR = ("token.iduser", "token.tokenuser")


_EXAMPLES: Final = {
    "token": "tok_1_Example000001",
    "token.iduser": "1",
    "token.tokenuser": "Example000001",
    "currency": "EUR",
    "currency.lower": "eur",
}  # all else is 1: what may be a number is one


def misfits(rules: ProcessorRules, matcher: Matcher) -> list[Problem]:
    """What is wrong between a processor and the packs that are in force."""
    return [problem for request in rules.requests for problem in _misfit(request, matcher)]


def _misfit(request: Request, matcher: Matcher) -> Iterator[Problem]:
    body = everything(request)
    used = set(places_of(body)) if body is not None else set()
    values = {name: _EXAMPLES.get(name, "1") for name in (*used, *request.path.places)}
    host = request.authority.host
    path = write_url(request.path, values) or "/"
    try:
        route = matcher.to(request.method, request.authority, host, path)
    except GatewayError:
        route = None
    if route is None or route.inbox is not None or route.protocol is not None:
        where = f"{request.method} {request.authority}{request.path}"
        hint = "Add a route to the pack, or name the pack under `packs:` in gateway.yaml."
        yield _problem(request, f"no route of a pack takes {where}", hint)
        return
    if body is None or not used & {"token", *_PAIR}:
        return
    try:
        written = write_body(body, values)
        found = _finds_token(route, written) if "token" in used else _finds_pair(route, written)
    except GatewayError:
        found = False
    if not found:
        what = "`{token}`" if "token" in used else "`{token.iduser}` and `{token.tokenuser}`"
        message = f"the route {route.id} ({route.source}) does not find {what} where it stands"
        yield _problem(request, message, "Compare the template with the route's shape or pair.")


def _finds_token(route: Route, body: bytes) -> bool:
    shapes = by_first_sign(route.request, body).detokenize
    return any(
        spot.presented.ours is not None
        for shape in shapes
        for spot in read_tokens(open_layout(shape.layout, body), shape)
    )


def _finds_pair(route: Route, body: bytes) -> bool:
    rule = route.request.exchange
    if rule is None:
        return False
    spots = read_pairs(open_document(rule.pairs[0].format, body), rule)
    return any(spot.presented.ours is not None for spot in spots)


def _problem(request: Request, message: str, hint: str) -> Problem:
    return request.source.problem(message, hint)
