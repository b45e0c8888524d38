"""The YAML of a proposal: short, with a comment where a person has to decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.cli.proposal.examples import examples_of
from gateway.cli.proposal.plan import Planned, drafts_of
from gateway.cli.proposal.scalars import scalar, word
from gateway.cli.proposal.written_routes import route_lines
from gateway.cli.proposal.written_shapes import shape_lines

_LONGEST: Final = 40
_NOT_A_SYSTEM: Final = frozenset(
    {"www", "api", "co", "com", "org", "net", "gov", "secure", "test", "sandbox"}
)


def system_of(routes: Sequence[Planned]) -> str:
    """A name for the system, made of the first host."""
    host = next((route.host for route in routes if route.host), "").partition(":")[0]
    labels = host.split(".")
    parts = [part for part in labels[:-1] if part not in _NOT_A_SYSTEM and not part.isdigit()]
    return word(parts[-1] if parts else "", "new-partner")


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
            lines += shape_lines(name, draft, routes)
    lines += ["", "routes:"]
    names = route_names(routes)
    several = sum(route.pushed for route in routes) > 1
    for route, name in zip(routes, names, strict=True):
        lines += route_lines(
            route, name, f"/push/{system}/{name}" if several else f"/push/{system}"
        )
    if examples:
        told = [
            line
            for route, name in zip(acting, (names[routes.index(r)] for r in acting), strict=True)
            for line in examples_of(route, name)
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
