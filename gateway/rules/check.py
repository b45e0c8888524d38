"""What only shows when all packs are seen together: routes that could both apply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from gateway.errors import Problem
from gateway.rules.model import Pack, PathPattern, Route


def check_together(packs: Sequence[Pack]) -> list[Problem]:
    """Systems that stand in two files, and ties: two routes of equal weight for one request."""
    return [*_doubled(packs), *_ties([route for pack in packs for route in pack.routes])]


def _doubled(packs: Sequence[Pack]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for pack in packs:
        if pack.system in first:
            message = f"the system `{pack.system}` is already in {first[pack.system]}"
            yield Problem(pack.file, 1, message)
        first.setdefault(pack.system, pack.file)


def _ties(routes: Sequence[Route]) -> Iterator[Problem]:
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
                yield Problem(
                    other.source.file,
                    other.source.line,
                    f"route `{other.id}` ties with `{one.id}` at {one.source}: "
                    "one request would fit both, and neither says more",
                    "Give one of them a longer literal path, another host, or other methods.",
                    other.source.column,
                )


def weight(pattern: PathPattern) -> tuple[int, bool]:
    """How much a pattern says: the longer literal path wins, then one without any `*`."""
    return pattern.literal, pattern.literal == len(pattern.text)


def overlap(a: PathPattern, b: PathPattern) -> bool:
    """Whether some path fits both patterns."""
    left, right = a.text.split("/"), b.text.split("/")
    for one, other in zip(left, right, strict=False):
        if "**" in {one, other}:
            return True
        # `*` is a segment that is not empty.
        if one != other and not ("*" in {one, other} and one and other):
            return False
    return len(left) == len(right)
