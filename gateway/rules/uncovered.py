"""What the packs leave to the guard, or refuse, and what their examples do not show.

Nothing here is wrong. Somebody who asks is told where the rules end: which requests to a host with
cards are refused, which messages no shape looks at, which packs and routes are not for live traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from gateway.rules.finding import Finding, Level
from gateway.rules.load import ReadPack
from gateway.rules.model import Pack, Route
from gateway.rules.model_directions import Direction
from gateway.rules.reach import path_of
from gateway.rules.shadow import pattern_of, url
from gateway.rules.targets import parse_path_pattern

_ANY: Final = parse_path_pattern("/**")
_USUAL: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_WAYS: Final = ("request", "response")


def uncovered(packs: Sequence[ReadPack], in_force: Callable[[Pack], bool]) -> Iterator[Finding]:
    """Everything of the kind, in no order. `in_force`: whether gateway.yaml lets a pack work."""
    routes = [route for read in packs if in_force(read.pack) for route in read.pack.routes]
    for read in packs:
        yield from _drafts(read, in_force=in_force(read.pack))
        yield from _examples(read)
        yield from _unseen(read)
        yield from _tests(read)
    yield from _refused(routes)


def _drafts(read: ReadPack, *, in_force: bool) -> Iterator[Finding]:
    pack = read.pack
    why = f": {pack.draft_reason}" if pack.draft_reason else ""
    if pack.draft and in_force:
        message, kind = f"the draft `{pack.system}` is in force{why}", "draft-in-force"
        hint = "Compare it with a recorded message: card-gateway rules explain"
    elif pack.draft:
        message, kind = f"the draft `{pack.system}` is not in force{why}", "draft"
        hint = f"To use it nevertheless: drafts: [{pack.system}] in gateway.yaml."
    elif not in_force:
        message, kind = f"the pack `{pack.system}` is not in force", "not-in-force"
        hint = "gateway.yaml does not name it under `packs:`."
    else:
        return
    key = ("draft",) if pack.draft else ("system",)
    problem = read.located.problem_of_key(key, message, hint)
    yield Finding(Level.TOLD, kind, pack.system, problem)


def _examples(read: ReadPack) -> Iterator[Finding]:
    """What happens to messages, and no example shows it. Two routes that do the same need one."""
    routes = {route.name: route for route in read.pack.routes}
    shown = [getattr(routes[one.route], one.direction) for one in read.pack.examples]
    for route in read.pack.routes:
        for way in _WAYS:
            direction: Direction = getattr(route, way)
            if direction.idle or direction in shown:
                continue
            shown.append(direction)  # told once
            message = f"no example shows what route `{route.id}` does with a {way}"
            hint = "Add a recorded message, with test numbers, under `examples:`:"
            yaml = f"- route: {route.name}\n  {way}: |\n    …\n  expect: {{ cards: 1 }}"
            problem = route.source.problem(message, hint)
            yield Finding(Level.LOOK, "no-example", route.id, problem, yaml)


def _unseen(read: ReadPack) -> Iterator[Finding]:
    """Messages that no shape looks at: one finding for all of a pack's of one kind."""
    for way in _WAYS:
        for guarded in (True, False):
            names = [
                route.name
                for route in read.pack.routes
                if getattr(route, way).idle and getattr(route, f"guards_{way}") is guarded
            ]
            if names:
                what = "are only looked at by the guard" if guarded else "pass as they are"
                message = f"the {way}s of {_listed(names)} {what}: no shape looks at them"
                hint = "Where they may hold cards, say so: `tokenize`, `detokenize` or `opaque`."
                problem = read.located.problem_of_key(("routes",), message, hint)
                yield Finding(Level.TOLD, "not-looked-at", read.pack.system, problem)


def _tests(read: ReadPack) -> Iterator[Finding]:
    names = [route.name for route in read.pack.routes if route.mode == "test"]
    if names:
        message = f"only tokens of test products pass {_listed(names)} (`mode: test`)"
        problem = read.located.problem_of_key(("routes",), message)
        yield Finding(Level.TOLD, "test-route", read.pack.system, problem)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _refused(routes: Sequence[Route]) -> Iterator[Finding]:
    """Of each host with cards, what is let through; the rest is refused."""
    groups: dict[object, list[Route]] = {}
    for route in routes:
        if route.at is None and route.to is not None:
            groups.setdefault((route.to.host, route.to.port), []).append(route)
    for group in groups.values():
        cards = [route for route in group if not (route.request.idle and route.response.idle)]
        if not cards:
            continue
        first = cards[0]
        missing = [
            f"{method} {url(first, path, routes)}"
            for method in _USUAL
            if (path := _unnamed(method, first, routes)) is not None
        ]
        if not missing:
            continue
        named = dict.fromkeys(
            f"{'/'.join(sorted(route.methods))} {pattern_of(route).text}" for route in group
        )
        message = f"{_host(first)} sees cards; besides {', '.join(named)} all is refused"
        hint = "What was asked for and refused, with the YAML: card-gateway refused"
        problem = first.source.problem(message, hint)
        yield Finding(Level.TOLD, "refused", first.system, problem, requests=tuple(missing))


def _host(route: Route) -> str:
    to = route.to
    if to is None:
        return ""
    port = "" if to.port == 443 else f":{to.port}"
    return f"`{'*.' if to.host.any_below else ''}{to.host.host}{port}`"


def _unnamed(method: str, first: Route, routes: Sequence[Route]) -> str | None:
    """A path at the host of `first` with which no route takes a request."""
    to = first.to
    if to is None:
        return None
    taken = [
        pattern_of(one)
        for one in routes
        if one.at is None
        and one.to is not None
        and method in one.methods
        and one.to.port == to.port
        and (
            one.to.host == to.host or (one.to.host.any_below and one.to.host.matches(to.host.host))
        )
    ]
    return path_of([_ANY], taken)
