"""Which route is chosen before which: exactly, with a request that shows it.

1. For one host the most literal path is asked first (`check.weight`), among equals the one that
   stands first in the files. Equals that share a request are ties, and no rules are loaded with one.
2. A host's own routes are asked before those of `*.`, those of a longer `*.name` before a shorter's.
   A request to a host that nobody names by itself is left to each `*.` in turn, so that a route can
   be shut out altogether only by routes of the very same host and port.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from gateway.rules.check import overlap, tie_of, ties, weight
from gateway.rules.finding import Finding, Level
from gateway.rules.model import Route
from gateway.rules.model_addresses import PathPattern
from gateway.rules.reach import path_of

_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS")
_WAYS: Final[tuple[Literal["request", "response"], ...]] = ("request", "response")


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that `loser` names, too, and that `winner` gets."""

    winner: Route
    loser: Route
    request: str


def pattern_of(route: Route) -> PathPattern:
    """The path that a request must have: of the gateway's own URL, or of the target."""
    pattern = route.at if route.at is not None else route.to.path if route.to is not None else None
    if pattern is None:
        raise ValueError(f"route {route.id} has neither `to` nor `at`")
    return pattern


def witness(route: Route, routes: Sequence[Route], method: str) -> str | None:
    """A path with which `route` gets a request of `method` (to a host that it names and no other route
    names better); None where other routes get all of them."""
    return _witness(route, _Order(routes), method)


def url(route: Route, path: str, routes: Sequence[Route]) -> str:
    """A request's target: a whole URL, or a path of the gateway. Below `*.` it is a host that none of
    `routes` names by itself."""
    if route.at is not None or route.to is None:
        return path
    to = route.to
    name = to.host.host
    if to.host.any_below:
        taken = {one.to.host.host for one in routes if one.to is not None}
        names = (f"x{n or ''}.{to.host.host}" for n in range(len(taken) + 1))
        name = next(one for one in names if one not in taken)
    shown = f"[{name}]" if ":" in name else name
    return f"https://{shown}{'' if to.port == 443 else f':{to.port}'}{path}"


def shadows(routes: Sequence[Route]) -> Iterator[Finding]:
    """Ties, routes and methods that never get a request, and what routes take from others."""
    tied, order = list(ties(routes)), _Order(routes)
    for one, other in tied:
        yield _tie(one, other, routes)
    for route in routes:
        yield from _never(route, order)
    equal = {(one.id, other.id) for one, other in tied}
    for taken in _taken(routes, order):
        if (taken.winner.id, taken.loser.id) not in equal:
            yield _told(taken)


def ties_to_come(routes: Sequence[Route], in_force: Sequence[Route]) -> Iterator[Finding]:
    """Ties that there will be once a pack is in force that is not: then the rules are refused."""
    now = {route.id for route in in_force}
    for one, other in ties(routes):
        waiting = next((route for route in (other, one) if route.id not in now), None)
        if waiting is not None:
            problem = replace(
                tie_of(one, other),
                message=f"{tie_of(one, other).message}; told once `{waiting.system}` is in force",
            )
            yield Finding(Level.LOOK, "tie-to-come", other.id, problem)


def _tie(one: Route, other: Route, routes: Sequence[Route]) -> Finding:
    """`one` stands first, and would get what fits both."""
    method = _first(one.methods & other.methods)
    both = path_of([pattern_of(one), pattern_of(other)]) or ""
    request = f"{method} {url(one, both, routes)}"
    return Finding(Level.MISTAKE, "tie", other.id, tie_of(one, other), requests=(request,))


def _never(route: Route, order: _Order) -> Iterator[Finding]:
    none = [method for method in _sorted(route.methods) if _witness(route, order, method) is None]
    if not none:
        return
    before = {one.id for method in none for one in order.rivals(route, method)}
    others = " and ".join(f"`{id}`" for id in sorted(before))
    if len(none) == len(route.methods):
        message = f"route `{route.id}` never gets a request: {others} gets every one before it"
        hint = "Remove it, or give it a path, a host or a method of its own."
        yield Finding(Level.MISTAKE, "never-taken", route.id, route.source.problem(message, hint))
        return
    message = (
        f"route `{route.id}` never gets a {' or '.join(none)}: {others} gets every one before it"
    )
    left = ", ".join(method for method in _sorted(route.methods) if method not in none)
    hint = "Leave out what it does not get."
    problem = route.source.problem(message, hint)
    yield Finding(Level.LOOK, "method-never-taken", route.id, problem, f"methods: [{left}]")


def _witness(route: Route, order: _Order, method: str) -> str | None:
    return path_of([pattern_of(route)], order.before(route, method))


def _taken(routes: Sequence[Route], order: _Order) -> Iterator[Taken]:
    for loser in routes:
        for winner in routes:
            methods = winner.methods & loser.methods
            if winner is loser or not methods or not order.comes_first(winner, loser):
                continue
            if not order.overlap(winner, loser):
                continue
            at = winner if _named(winner, loser) else loser
            for method in _sorted(methods):  # of one of them a third route may get every request
                avoided = order.before(winner, method, loser)
                path = path_of([pattern_of(winner), pattern_of(loser)], avoided)
                if path is not None:
                    yield Taken(winner, loser, f"{method} {url(at, path, routes)}")
                    break


def _told(taken: Taken) -> Finding:
    """A route that says more takes its part of one that says less. That is what they are for; but a
    part in which cards are no longer looked at, or which is another partner's, may surprise."""
    winner, loser = taken.winner, taken.loser
    lost = [way for way in _WAYS if getattr(winner, way).idle and not getattr(loser, way).idle]
    message = f"route `{winner.id}` takes {taken.request} before `{loser.id}` at {loser.source}"
    if lost:
        message += f", which looks at the {' and the '.join(lost)} there; `{winner.name}` does not"
    hint, yaml = "", ""
    if lost and winner.system == loser.system:
        hint = "If cards may be there, let it do the same (the other route above it):"
        yaml = "\n".join(f"{way}: {{ like: {loser.name} }}" for way in lost)
    elif lost:
        hint = (
            "If cards may be there, let it do the same, or leave these requests to the other route."
        )
    elif winner.system != loser.system:
        hint = "Two packs know this host: see that each names what is its own."
    doubtful = lost or winner.system != loser.system
    level = Level.LOOK if doubtful else Level.TOLD
    kind = "unlooked-at" if lost else "shadowed"
    problem = winner.source.problem(message, hint)
    return Finding(level, kind, winner.id, problem, yaml, (taken.request,))


# --- who is asked before whom -----------------------------------------------------------------------


class _Order:
    """Who is asked before whom, worked out once: of hundreds of routes of one host each is compared with each."""

    def __init__(self, routes: Sequence[Route]) -> None:
        places: dict[object, list[Route]] = {}
        for route in routes:
            places.setdefault(_place(route), []).append(route)
        self._asked: dict[int, tuple[list[Route], int]] = {}
        for order in places.values():
            # Stable, as the matcher's.
            order.sort(key=lambda one: weight(pattern_of(one)), reverse=True)
            self._asked |= {id(one): (order, n) for n, one in enumerate(order)}
        self._overlaps: dict[tuple[str, str], bool] = {}

    def rivals(self, route: Route, method: str) -> list[Route]:
        """Those of the same host that are asked before it for a request of this method."""
        order, place = self._asked[id(route)]
        return [one for one in order[:place] if method in one.methods]

    def comes_first(self, winner: Route, loser: Route) -> bool:
        (order, place), (others, after) = self._asked[id(winner)], self._asked[id(loser)]
        return place < after if order is others else _named(winner, loser)

    def overlap(self, one: Route, other: Route) -> bool:
        """Whether some path fits both."""
        a, b = pattern_of(one), pattern_of(other)
        key = (a.text, b.text)
        if key not in self._overlaps:
            self._overlaps[key] = self._overlaps[key[::-1]] = overlap(a, b)
        return self._overlaps[key]

    def before(self, route: Route, method: str, beside: Route | None = None) -> list[PathPattern]:
        """The patterns of its rivals, as far as they fit a path of its own; `beside`: and of that one's."""
        rivals = (one for one in self.rivals(route, method) if self.overlap(one, route))
        return [pattern_of(o) for o in rivals if beside is None or self.overlap(o, beside)]


def _place(route: Route) -> object:
    """The list of the matcher in which it is found: of the gateway's own URLs, or of a host and port."""
    to = route.to
    return "at" if route.at is not None or to is None else (to.host, to.port)


def _named(winner: Route, loser: Route) -> bool:
    """Whether `winner` names a host, or a longer `*.name`, among the hosts that `loser` names."""
    a, b = winner.to, loser.to
    if a is None or b is None or winner.at is not None or loser.at is not None:
        return False
    return b.host.any_below and a.port == b.port and b.host.matches(a.host.host)


def _sorted(methods: frozenset[str]) -> list[str]:
    return [method for method in _METHODS if method in methods]


def _first(methods: frozenset[str]) -> str:
    return _sorted(methods)[0]
