"""`card-gateway rules list|show|explain|test|schema`: packs, looked at and tried without traffic.

Everything here reads the packs alone, drafts too; `card-gateway check` says whether they fit
gateway.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from gateway import strict_yaml
from gateway.cli.examples import Outcome, run_examples
from gateway.cli.explain import body_of, explain, shapes_of
from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    done,
    print_json,
    say,
    table,
)
from gateway.cli.rules_shown import explanation_of, looked_for, outcome_of, places_of, row_of
from gateway.errors import GatewayError
from gateway.rules.load import load_every_pack
from gateway.rules.model import Pack, Route, RuleSet
from gateway.rules.schema import json_schema
from gateway.yaml_model import suggest

Way = Literal["request", "response"]
Directory = Annotated[
    Path | None,
    typer.Option(
        "--rules", help="Where the packs are. Default: as gateway.yaml says, else rules/."
    ),
]

app = typer.Typer(no_args_is_help=True, help="Look at the packs, try them on messages.")


def register(parent: typer.Typer) -> None:
    """Adds the group to the command."""
    parent.add_typer(app, name="rules")


@app.command("list")
def list_rules(
    config: ConfigFile = DEFAULT_CONFIG, directory: Directory = None, as_json: AsJson = False
) -> None:
    """Every route of every pack, and what it does."""
    packs = _load(config, directory).packs
    rows = [row_of(pack, route) for pack in packs for route in pack.routes]
    if as_json:
        print_json(rows)
        return
    columns = ("route", "methods", "where", "what happens")
    table(columns, [[row[column] for column in columns] for row in rows])


@app.command("show")
def show(
    system: Annotated[str, typer.Argument(help="A pack's system: siteminder")],
    config: ConfigFile = DEFAULT_CONFIG,
    directory: Directory = None,
) -> None:
    """One pack: its shapes, field by field, and its routes."""
    pack = _pack(_load(config, directory), system)
    why = f": {pack.draft_reason}" if pack.draft_reason else ""
    say(f"{pack.system}: {pack.about}" + (f" (draft{why})" if pack.draft else ""))
    say(f"  file    {pack.file}")
    if pack.format_source:
        say(f"  source  {pack.format_source}")
    for shape in pack.shapes.values():
        say(f"\nshape {shape.name} ({shape.format})")
        for name, text in places_of(shape):
            say(f"  {name:<13} {text}")
    for pair in pack.pairs.values():
        say(f"\npair {pair.name} ({pair.format})")
        say(f"  {pair.at.text} {pair.iduser.at.text}, {pair.tokenuser.at.text}")
    for name, issuer in pack.issuers.items():
        say(f"\nissuer {name}")
        say(f"  POST {issuer.path}, at the host of the request")
        members = (*issuer.copied, *(member for member, _ in issuer.members))
        say(f"  sends {', '.join(members)}")
    for route in pack.routes:
        row = row_of(pack, route)
        say(f"\nroute {route.name}  [{route.source}]")
        say(f"  {row['methods']} {row['where']}")
        say(f"  {row['what happens']}")
    say(f"\n{len(pack.examples)} examples: card-gateway rules test {pack.system}")


@app.command("test")
def run_tests(
    systems: Annotated[
        list[str] | None, typer.Argument(help="Packs by their system. Default: all.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    directory: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Runs the packs' examples. Exit code 1 when one does not come out as expected."""
    rules = _load(config, directory)
    packs = [_pack(rules, name) for name in systems] if systems else list(rules.packs)
    outcomes = [outcome for pack in packs for outcome in run_examples(pack)]
    failed = [outcome for outcome in outcomes if outcome.mistakes]
    if as_json:
        print_json([outcome_of(outcome) for outcome in outcomes])
    else:
        for outcome in outcomes:
            _tell(outcome)
        for pack in packs:
            if not pack.examples:
                say(f"- {pack.system}: no examples")
        say(f"{len(outcomes)} examples, {len(failed)} failed")
    if failed:
        raise typer.Exit(1)


@app.command("explain")
def explain_message(
    file: Annotated[Path, typer.Argument(help="A message; a whole HTTP request is fine too.")],
    *,
    route: Annotated[
        str, typer.Option("--route", help="system/name, or system alone if it has one")
    ],
    way: Annotated[
        str, typer.Option("--as", help="request or response. Default: the one the route works on.")
    ] = "",
    config: ConfigFile = DEFAULT_CONFIG,
    directory: Directory = None,
    as_json: AsJson = False,
) -> None:
    """Says which cards a route finds in FILE, where, and which bytes would change.

    Card numbers are shown masked. Exit code 1 when the message would be refused or a card fails.
    """
    found = _route(_load(config, directory), route)
    direction = _direction(found, way)
    try:
        told = explain(found, direction, body_of(file.read_bytes()))
    except GatewayError as error:
        if as_json:
            print_json({"route": found.id, "refused": error.code, "text": error.text})
        else:
            complain(f"Refused ({error.code}): {error.text}", error.action)
        raise typer.Exit(1) from None
    if as_json:
        print_json(explanation_of(found, told))
    else:
        say(f"Route {found.id} ({found.source}), its {direction}:")
        for line in told.lines():
            say(line)
        if not told.trial.cards:
            for shape in shapes_of(found, direction):
                say(f"  {looked_for(shape)}")
    if any(card.failure for card in told.trial.cards):
        raise typer.Exit(1)


@app.command("schema")
def schema() -> None:
    """The JSON Schema of a pack, for editors that complete and check YAML."""
    print_json(json_schema())


def rules_directory(config: Path) -> Path:
    """Where gateway.yaml says the packs are; `rules` where there is no such file.

    Only that one key is read: the packs can be looked at while the rest is being edited.
    """
    if not config.exists():
        return Path("rules")
    data = strict_yaml.load(config).data
    named = data.get("rules", "rules") if isinstance(data, dict) else "rules"
    return config.parent / str(named)


def _load(config: Path, directory: Path | None) -> RuleSet:
    return load_every_pack(directory or rules_directory(config))


def _pack(rules: RuleSet, system: str) -> Pack:
    for pack in rules.packs:
        if pack.system == system:
            return pack
    known = [pack.system for pack in rules.packs]
    return _wrong(f"there is no pack `{system}`{suggest(system, known)}", known)


def _route(rules: RuleSet, name: str) -> Route:
    routes = {route.id: route for route in rules.routes}
    if name in routes:
        return routes[name]
    fitting = [route for route in rules.routes if name in {route.system, route.name}]
    if len(fitting) == 1:
        return fitting[0]
    known = [route.id for route in fitting] or list(routes)
    return _wrong(f"there is no single route `{name}`{suggest(name, routes)}", known)


def _direction(route: Route, asked: str) -> Way:
    ways: tuple[Way, Way] = ("request", "response")
    working = [way for way in ways if not getattr(route, way).idle]
    fitting = [way for way in working if asked in {"", way}]
    if len(fitting) == 1:
        return fitting[0]
    if not working:
        return _wrong(f"the route {route.id} lets everything pass: nothing to explain", [])
    return _wrong(f"the route {route.id} works on its {' and '.join(working)}: say --as", [])


def _wrong(message: str, known: Sequence[str]) -> NoReturn:
    complain(message, f"There: {', '.join(known)}." if known else "")
    raise typer.Exit(2)


def _tell(outcome: Outcome) -> None:
    example = outcome.example
    name = f"{outcome.system}/{example.route} {example.source}"
    if not outcome.mistakes:
        done(name)
        return
    complain(f"✗ {name}")
    for mistake in outcome.mistakes:
        for line in mistake.splitlines():
            say(f"    {line}")
