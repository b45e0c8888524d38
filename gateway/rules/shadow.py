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

from gateway.rules.check import tie_of, ties, weight
from gateway.rules.finding import Finding, Level
from gateway.rules.model import PathPattern, Route
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
    return path_of([pattern_of(route)], _before(route, routes, method))


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
    tied = list(ties(routes))
    for one, other in tied:
        yield _tie(one, other, routes)
    for route in routes:
        yield from _never(route, routes)
    equal = {(one.id, other.id) for one, other in tied}
    for taken in _taken(routes):
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


def _never(route: Route, routes: Sequence[Route]) -> Iterator[Finding]:
    none = [method for method in _sorted(route.methods) if witness(route, routes, method) is None]
    if not none:
        return
    before = {one.id for method in none for one in _rivals(route, routes, method)}
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


def _taken(routes: Sequence[Route]) -> Iterator[Taken]:
    for loser in routes:
        for winner in routes:
            methods = winner.methods & loser.methods
            if winner is loser or not methods or not _comes_first(winner, loser, routes):
                continue
            at = winner if _named(winner, loser) else loser
            for method in _sorted(methods):  # of one of them a third route may get every request
                avoided = _before(winner, routes, method)
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


def _same_place(one: Route, other: Route) -> bool:
    """Whether two routes are found in one list of the matcher, for the same requests."""
    if one.at is not None or other.at is not None:
        return one.at is not None and other.at is not None
    a, b = one.to, other.to
    return a is not None and b is not None and (a.host, a.port) == (b.host, b.port)


def _rivals(route: Route, routes: Sequence[Route], method: str) -> list[Route]:
    """Those of the same host that are asked before it for a request of this method."""
    order = [one for one in routes if _same_place(one, route)]
    order.sort(key=lambda one: weight(pattern_of(one)), reverse=True)  # stable, as the matcher's
    place = next(n for n, one in enumerate(order) if one is route)
    return [one for one in order[:place] if method in one.methods]


def _before(route: Route, routes: Sequence[Route], method: str) -> list[PathPattern]:
    return [pattern_of(one) for one in _rivals(route, routes, method)]


def _comes_first(winner: Route, loser: Route, routes: Sequence[Route]) -> bool:
    if _same_place(winner, loser):
        return any(winner is one for one in _rivals(loser, routes, _first(winner.methods)))
    return _named(winner, loser)


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
