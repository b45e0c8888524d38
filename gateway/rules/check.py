"""What only shows when all packs are seen together: routes that could both apply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from gateway.errors import Problem
from gateway.rules.model import Pack, Route
from gateway.rules.model_addresses import PathPattern
from gateway.rules.reach import path_of


def check_together(packs: Sequence[Pack]) -> list[Problem]:
    """Systems that stand in two files, and ties: two routes of equal weight for one request."""
    routes = [route for pack in packs for route in pack.routes]
    return [*doubled(packs), *(tie_of(one, other) for one, other in ties(routes))]


def doubled(packs: Sequence[Pack]) -> Iterator[Problem]:
    """Systems that stand in two files."""
    first: dict[str, str] = {}
    for pack in packs:
        if pack.system in first:
            message = f"the system `{pack.system}` is already in {first[pack.system]}"
            yield Problem(pack.file, 1, message)
        first.setdefault(pack.system, pack.file)


def ties(routes: Sequence[Route]) -> Iterator[tuple[Route, Route]]:
    """Pairs of routes, in the order of the files, that one request would fit equally well."""
    groups: dict[object, list[tuple[Route, PathPattern]]] = {}
    for route in routes:
        if route.at is not None:
            groups.setdefault("at", []).append((route, route.at))
        elif route.to is not None:
            to = route.to
            groups.setdefault((to.scheme, to.host, to.port), []).append((route, to.path))
    for group in groups.values():
        for (one, a), (other, b) in combinations(group, 2):
            if one.methods & other.methods and weight(a) == weight(b) and overlap(a, b):
                yield one, other


def tie_of(one: Route, other: Route) -> Problem:
    """What is wrong with two routes that tie, told of the second one."""
    return other.source.problem(
        f"route `{other.id}` ties with `{one.id}` at {one.source}: "
        "one request would fit both, and neither says more",
        "Give one of them a longer literal path, another host, or other methods.",
    )


def weight(pattern: PathPattern) -> tuple[int, bool]:
    """How much a pattern says: the longer literal path wins, then one without any `*`."""
    return pattern.literal, pattern.literal == len(pattern.text)


def overlap(a: PathPattern, b: PathPattern) -> bool:
    """Whether some path fits both patterns."""
    return path_of([a, b]) is not None
