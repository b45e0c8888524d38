"""Routes, shapes and what came of them, as `card-gateway rules` shows them: text and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gateway.cli.examples import Outcome
from gateway.cli.explain import Explanation, path_of, place_of, shapes_of
from gateway.cli.hiding import hide
from gateway.exchange import Authority
from gateway.rules.compile import UNKNOWN_HOST
from gateway.rules.model import Pack, Route
from gateway.rules.model_directions import Direction, Opaque, Pair
from gateway.rules.model_shapes import Field, Shape


def row_of(pack: Pack, route: Route) -> dict[str, str]:
    """A route as a table's row: heading → text."""
    return {
        "route": route.id,
        "methods": ", ".join(sorted(route.methods)),
        "where": _where(route),
        "what happens": _what(route),
        "mode": route.mode,
        "draft": "yes" if pack.draft else "no",
        "source": str(route.source),
    }


def _where(route: Route) -> str:
    to = route.to
    if to is not None:
        host = ("*." if to.host.any_below else "") + to.host.host
        port = "" if to.port == 443 else f":{to.port}"
        target = f"https://{host}{port}{to.path.text}"
        return f"at {route.at.text} ({route.protocol}) -> {target}" if route.at else f"to {target}"
    forward = route.forward
    if route.at is None or forward is None:
        return "nowhere"
    auth = "" if route.auth == "key" else f" (caller {route.auth})"
    if forward.host.endswith(UNKNOWN_HOST):
        target = f"{{{forward.host.removesuffix(UNKNOWN_HOST)}}}"
    else:
        target = str(Authority(forward.scheme, forward.host, forward.port))
    return f"at {route.at.text}{auth} -> {target}{forward.path}"


def _what(route: Route) -> str:
    said = []
    for way, rule in (("request", route.request), ("response", route.response)):
        shapes = ", ".join(shape.name for shape in shapes_of(route, way))
        if rule.opaque is not None:
            said.append(f"{way}: refuse{_which(rule.opaque)}")
        if shapes:
            said.append(f"{way}: {_verb(rule)} {shapes}")
    return "; ".join(said) or "passes"


def _which(rule: Opaque) -> str:
    because = f" as {rule.because}" if rule.because is not None else ""
    return because + (
        f" where {' or '.join(path.text for path in rule.at)} holds" if rule.at else ""
    )


def _verb(rule: Direction) -> str:
    if rule.exchange is not None:
        return "exchange"
    return "tokenize" if rule.tokenize is not None else "detokenize"


def places_of(shape: Shape) -> Iterator[tuple[str, str]]:
    """What a shape names, and where it stands, in the order of a pack."""
    for envelope in shape.envelopes:
        written = "" if envelope.coding == "text" else f" as {envelope.coding}"
        yield "envelope", f"{envelope.format}: {envelope.at.text}{written}"
    if shape.booking is not None:
        yield "booking", " or ".join(path.text for path in shape.bookings)
    yield "card", " or ".join(path.text for path in shape.cards)
    for name in ("number", "expiry", "expiry_month", "expiry_year", "cvc", "holder", "brand"):
        place: Field | None = getattr(shape, name)
        if place is not None:
            spelling = f" as {' or '.join(place.spellings)}" if place.spelling else ""
            number = " (a number)" if place.number else ""
            kept = " (kept)" if name in shape.keep else ""
            yield name, _places(place) + spelling + number + kept
    for name in ("hotel", "booking_id"):
        place = getattr(shape, name)
        if place is not None:
            yield name, _places(place)
    if shape.departure is not None:
        spelling = (
            f" as {' or '.join(shape.departure.spellings)}" if shape.departure.spelling else ""
        )
        yield "departure", _places(shape.departure) + spelling
    if shape.token is not None:
        yield "token", f"{shape.token.iduser.text}, {shape.token.tokenuser.text}"


def looked_for(shape: Shape | Pair) -> str:
    """Where a shape, or pair, leads to."""
    if isinstance(shape, Pair):
        return f"pair {shape.name}: {shape.at.text} {shape.iduser.at.text}"
    booking = f"{shape.booking.text} " if shape.booking is not None else ""
    cards = " or ".join(path.text for path in shape.cards)
    return f"shape {shape.name}: {booking}{cards} {_places(shape.number)}"


def _places(field: Field) -> str:
    return (" and " if field.joined else " or ").join(path.text for path in field.places)


def outcome_of(outcome: Outcome) -> dict[str, Any]:
    """What came of an example, for JSON."""
    return {
        "route": f"{outcome.system}/{outcome.example.route}",
        "source": str(outcome.example.source),
        "passed": not outcome.mistakes,
        "mistakes": list(outcome.mistakes),
    }


def explanation_of(route: Route, told: Explanation) -> dict[str, Any]:
    """What a route does to a message, for JSON; numbers masked."""
    cards = []
    for card in told.trial.cards:
        line, column = place_of(told.trial.before, card.offset)
        cards.append(
            {
                "shape": card.shape.name,
                "path": path_of(card),
                "line": line,
                "column": column,
                "booking": card.booking,
                "position": card.position,
                "hotel": card.hotel,
                "becomes": card.shown if told.action == "tokenize" else "",
                "left_alone": card.left_alone,
                "ask_again": card.asks_again,
                "virtual": card.virtual,
                "failure": card.failure.value if card.failure else None,
            }
        )
    changes = [
        {
            "start": change.start,
            "end": change.end,
            "line": change.line,
            "column": change.column,
            "before": change.before,
            "after": change.after,
        }
        for change in told.changes
    ]
    outside = []
    for one in told.outside:
        line, column = place_of(told.trial.before, one.offset)
        outside.append({"line": line, "column": column, "number": one.masked, "name": one.name})
    carry = [
        {"booking_id": hide(one.booking_id), "hotel": one.hotel, "carried": one.carried}
        for one in told.trial.asking
    ]
    return {
        "route": route.id,
        "action": told.action,
        "cards": cards,
        "carry": carry,
        "changes": changes,
        "reasons": list(told.reasons),
        "outside": outside,
    }
