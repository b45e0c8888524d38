"""The packs that `card-gateway rules …` works on, and what of them a command names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway import strict_yaml
from gateway.cli.output import complain
from gateway.rules.check import check_together
from gateway.rules.load import load_every_pack
from gateway.rules.model import Pack, Route, RuleSet
from gateway.yaml_model import suggest

Directory = Annotated[
    Path | None,
    typer.Option(
        "--rules", help="Where the packs are. Default: as gateway.yaml says, else rules/."
    ),
]


@dataclass(frozen=True, slots=True)
class InForce:
    """What gateway.yaml says of the packs, as far as a command that looks at packs asks."""

    packs: frozenset[str] | None = None  # None: all that are no drafts
    drafts: frozenset[str] = frozenset()

    def has(self, pack: Pack) -> bool:
        """Whether the pack's routes let anything through."""
        named = self.packs is None or pack.system in self.packs
        return pack.system in self.drafts or (named and not pack.draft)


def load_packs(config: Path, directory: Path | None) -> RuleSet:
    """Every pack, drafts too. Ties between those in force, with which the gateway would not start, are
    told on standard error. Raises ConfigurationError."""
    rules, force = load_every_pack(directory or rules_directory(config)), in_force(config)
    for problem in check_together([pack for pack in rules.packs if force.has(pack)]):
        complain(
            f"{problem.place}: the gateway does not take these rules: {problem.message}",
            problem.hint,
        )
    return rules


def rules_directory(config: Path) -> Path:
    """Where gateway.yaml says the packs are; `rules` where there is no such file.

    Only that one key is read: the packs can be looked at while the rest is being edited.
    """
    if not config.exists():
        return Path("rules")
    return config.parent / str(_settings(config).get("rules", "rules"))


def in_force(config: Path) -> InForce:
    """Which packs are in force; without gateway.yaml those that are no drafts."""
    settings = _settings(config) if config.exists() else {}
    packs, drafts = settings.get("packs"), settings.get("drafts")
    return InForce(
        frozenset(map(str, packs)) if isinstance(packs, list) else None,
        frozenset(map(str, drafts)) if isinstance(drafts, list) else frozenset(),
    )


def _settings(config: Path) -> dict[str, object]:
    data = strict_yaml.load(config).data
    return data if isinstance(data, dict) else {}


def pack_named(rules: RuleSet, system: str) -> Pack:
    """The pack of a system. Ends the command where there is none."""
    for pack in rules.packs:
        if pack.system == system:
            return pack
    known = [pack.system for pack in rules.packs]
    return wrong_use(f"there is no pack `{system}`{suggest(system, known)}", known)


def route_named(rules: RuleSet, name: str) -> Route:
    """`system/name`, or either alone where that is enough. Ends the command where there is none."""
    routes = {route.id: route for route in rules.routes}
    if name in routes:
        return routes[name]
    fitting = [route for route in rules.routes if name in {route.system, route.name}]
    if len(fitting) == 1:
        return fitting[0]
    known = [route.id for route in fitting] or list(routes)
    return wrong_use(f"there is no single route `{name}`{suggest(name, routes)}", known)


def wrong_use(message: str, known: Sequence[str]) -> NoReturn:
    """Says what was wrong and what there is, and ends the command."""
    complain(message, f"There: {', '.join(known)}." if known else "")
    raise typer.Exit(2)
