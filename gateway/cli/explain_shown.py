"""What `rules explain` says of one recorded message: text and JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway.cli.explain import Explanation, place_of, shapes_of
from gateway.cli.output import complain, console, say
from gateway.cli.recorded import Recorded, Way
from gateway.cli.rehearsal import looks_at
from gateway.cli.rules_shown import explanation_of, looked_for
from gateway.cli.spans import coloured
from gateway.errors import CardDisguised, GatewayError, MessageMalformed, RouteUnknown
from gateway.rules.model import Route


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to say of one recorded message. Without a route `refused` says why."""

    message: Recorded
    way: Way
    route: Route | None = None
    explanation: Explanation | None = None
    refused: GatewayError | None = None
    notes: tuple[str, ...] = ()

    @property
    def bad(self) -> bool:
        """Whether somebody has to do something about it."""
        told = self.explanation
        return self.refused is not None or (
            told is not None and any(card.failure for card in told.trial.cards)
        )


def tell(one: Told) -> None:
    """All of it, for a reader."""
    message, route = one.message, one.route
    if message.way is not None:
        status = f" ({message.status})" if message.status else ""
        say(f"{message.place}: {one.way}{status} {message.target}".rstrip(), style="bold")
    if route is not None:
        say(f"Route {route.id} ({route.source}), its {one.way}:")
    for note in one.notes:
        say(f"  {note}")
    if route is not None:
        _tell_body(one, route)
    if one.refused is not None:
        action = one.refused.action
        if isinstance(one.refused, RouteUnknown):
            action = f"Run: card-gateway rules rehearse {message.file}. It prints the YAML for it."
        if isinstance(one.refused, MessageMalformed):  # its own advice is to come here
            action = (
                "Have it mended where it is written; as it is nobody can tell where its cards are."
            )
        complain(f"Refused ({one.refused.code}): {one.refused.text}", action)


def _tell_body(one: Told, route: Route) -> None:
    told = one.explanation
    if told is None:
        if one.message.complete and one.refused is None:
            say("Its body is empty: nothing to look at.")
        return
    if told.action == "pass":
        say(f"The route does nothing with a {one.way}: it passes.")
    else:
        for line in told.lines():
            say(line)
        if not told.trial.cards:
            for shape in shapes_of(route, one.way):
                say(f"  {looked_for(shape)}")
    for outside in told.outside:
        row, column = place_of(told.trial.before, outside.offset)
        say(f"! line {row}, column {column}: {outside}, outside of every shape", style="yellow")
    if told.outside:
        say(f"  {_fate(one)}", style="yellow")
    _tell_changes(told)


def _fate(one: Told) -> str:
    """What becomes of a card outside of every shape."""
    if one.route is None or not looks_at(one.route, one.way):
        return "The guard does not look at this message: it goes on in clear."
    if isinstance(one.refused, CardDisguised):
        return "The guard can not mask it where it stands, so the message is refused."
    guards = one.route.guards_response if one.way == "response" else one.route.guards_request
    if not guards:
        return "It is for the partner, who may see cards: it goes on in clear."
    return "The guard masks it; name its place in a shape, and it gets a token."


def _tell_changes(told: Explanation) -> None:
    """Spans and texts in a pipe; on a terminal in colour, with what stands around them."""
    out = console()
    if told.changes:
        say("")
    for change in told.changes:
        say(f"bytes {change.start}-{change.end}, line {change.line}, column {change.column}")
        if not out.is_terminal:
            old = next(piece.text for piece in change.sides.before[0] if piece.changed)
            say(f"  - {old}" if old else "  (inserted)")
            say(f"  + {change.after}" if change.after else "  (removed)")
            continue
        for sign, side, style in (
            ("-", change.sides.before, "bold red"),
            ("+", change.sides.after, "bold green"),
        ):
            text = coloured(side[0], style)
            out.print(f"  {sign} ", text, sep="", style=style.removeprefix("bold "))


def public(one: Told) -> dict[str, Any]:
    """For scripts. Of a body alone the keys are those that they always were."""
    said: dict[str, Any] = {}
    if one.explanation is not None and one.route is not None:
        said |= explanation_of(one.route, one.explanation)
    elif one.route is not None:
        said["route"] = one.route.id
    if one.refused is not None:
        said |= {"route": one.route.id if one.route else None, "refused": one.refused.code,
                 "text": one.refused.text}  # fmt: skip
    message = one.message
    said |= {
        "file": str(message.file),
        "line": message.line,
        "way": one.way,
        "exchange": message.exchange,
        "asked": message.target,
        "complete": message.complete,
        "notes": list(one.notes),
    }
    return said
