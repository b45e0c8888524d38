"""`card-gateway rules check`: what the packs shadow, never match, or leave uncovered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gateway import strict_yaml
from gateway.cli.output import DEFAULT_CONFIG, AsJson, ConfigFile, console, done, print_json, say
from gateway.cli.rules_exercised import misplaced, unexercised, unexercised_pairs
from gateway.cli.rules_exercised_routes import unexercised_of_routes
from gateway.cli.rules_found import Directory, in_force, rules_directory
from gateway.errors import ConfigurationError, Problem
from gateway.rules.check import doubled
from gateway.rules.finding import Finding, Level
from gateway.rules.hosts import unreachable
from gateway.rules.load import ReadPack, check_names, read_every_pack
from gateway.rules.shadow import shadows, ties_to_come
from gateway.rules.uncovered import uncovered
from gateway.rules.unused import unused, unused_names
from gateway.yaml_place import Located

_ORDER: Final = (Level.MISTAKE, Level.LOOK, Level.TOLD)
_STYLES: Final = {Level.MISTAKE: "red", Level.LOOK: "yellow", Level.TOLD: ""}


def register(parent: typer.Typer) -> None:
    """Adds the command."""
    parent.command("check")(check)


def check(
    config: ConfigFile = DEFAULT_CONFIG,
    directory: Directory = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what is only good to know.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What the packs shadow, never match, or leave uncovered. Exit code 1 for a mistake.

    Example: card-gateway rules check --all
    """
    found = findings(config, directory)
    shown = [one for one in found if everything or one.level is not Level.TOLD]
    if as_json:
        print_json([_row(one) for one in shown])
    else:
        for one in shown:
            _tell(one)
        _sum_up(found, len(found) - len(shown))
    if any(one.level is Level.MISTAKE for one in found):
        raise typer.Exit(1)


def findings(config: Path, directory: Path | None) -> list[Finding]:
    """Everything there is to say, what matters most first, then in the order of the files.

    Raises ConfigurationError where gateway.yaml, or the directory, can not be read.
    """
    settings = strict_yaml.load(config) if config.exists() else None
    where = directory or rules_directory(config)
    try:
        packs = read_every_pack(where)
    except ConfigurationError as error:
        return [_mistake(problem) for problem in error.problems]
    found = list(_of_packs(packs, where, config, settings))
    return sorted(
        found, key=lambda one: (_ORDER.index(one.level), one.problem.file, one.problem.order)
    )


def _of_packs(
    packs: Sequence[ReadPack], where: Path, config: Path, settings: Located | None
) -> Iterator[Finding]:
    force = in_force(config)
    entries = [read.entry for read in packs]
    for problem in check_names(where, entries, force.packs, force.drafts):
        yield _mistake(problem)
    working = [read for read in packs if force.has(read.pack)]
    for problem in doubled([read.pack for read in working]):
        yield _mistake(problem)
    routes = [route for read in working for route in read.pack.routes]
    yield from shadows(routes)
    yield from ties_to_come([route for read in packs for route in read.pack.routes], routes)
    yield from uncovered(packs, force.has)
    for read in packs:
        yield from unused(read)
        yield from unexercised(read)
        yield from unexercised_pairs(read)
        yield from unexercised_of_routes(read)
        yield from misplaced(read)
    if settings is not None:
        yield from _beside(packs, working, settings)


def _beside(
    packs: Sequence[ReadPack], working: Sequence[ReadPack], settings: Located
) -> Iterator[Finding]:
    """What shows only beside gateway.yaml, of which a few keys are read."""
    data: Any = settings.data
    said = data if isinstance(data, dict) else {}
    yield from unused_names(settings, packs)
    hosts = said.get("test_hosts")
    stood_for = [
        str(one.get("stands_for", ""))
        for one in _mappings(hosts.values() if isinstance(hosts, dict) else ())
    ]
    egress = said.get("egress")
    private = egress.get("private", ()) if isinstance(egress, dict) else ()
    named = [str(one.get("host", "")) for one in _mappings(private)]
    yield from unreachable(working, stood_for, named)


def _mappings(values: Any) -> list[dict[str, Any]]:
    return [one for one in values if isinstance(one, dict)]


def _mistake(problem: Problem) -> Finding:
    return Finding(Level.MISTAKE, "refused-by-the-loader", Path(problem.file).stem, problem)


def _tell(one: Finding) -> None:
    console().print(
        f"{one.problem.place}: {one.level}: {one.problem.message}",
        style=_STYLES[one.level] or None,
        markup=False,
    )
    for request in one.requests[:1]:
        if request not in one.problem.message:
            say(f"    like {request}")
    for line in (*one.problem.hint.splitlines(), *(f"  {line}" for line in one.yaml.splitlines())):
        say(f"    {line}")


def _sum_up(found: Sequence[Finding], hidden: int) -> None:
    counts = Counter(one.level for one in found)
    more = f"; {hidden} more with --all" if hidden else ""
    parts = []
    if counts[Level.MISTAKE]:
        parts.append(f"{counts[Level.MISTAKE]} mistake{'s' if counts[Level.MISTAKE] > 1 else ''}")
    if counts[Level.LOOK]:
        parts.append(f"{counts[Level.LOOK]} worth a look")
    if parts:
        say(f"{', '.join(parts)}{more}.")
    else:
        done(f"nothing found{more}")


def _row(one: Finding) -> dict[str, object]:
    problem = one.problem
    return {
        "level": str(one.level),
        "kind": one.kind,
        "about": one.about,
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message,
        "change": problem.hint,
        "yaml": one.yaml,
        "requests": list(one.requests),
    }
