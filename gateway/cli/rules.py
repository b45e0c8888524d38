"""`card-gateway rules list|show|new|check|explain|rehearse|drift|test|schema`: packs, looked at and tried.

Everything here but `drift` reads the packs alone, drafts too; `card-gateway check` says whether they fit
gateway.yaml.
"""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli import rehearse, rules_check, rules_drift, rules_explain, rules_new
from gateway.cli.examples import Outcome, run_examples
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
from gateway.cli.rules_found import Directory, load_packs, pack_named
from gateway.cli.rules_shown import outcome_of, places_of, row_of
from gateway.rules.json_schema import json_schema

app = typer.Typer(no_args_is_help=True, help="Look at the packs, try them on messages.")


def register(parent: typer.Typer) -> None:
    """Adds the group to the command."""
    parent.add_typer(app, name="rules")


rules_new.register(app)
rules_check.register(app)
rules_explain.register(app)
rehearse.register(app)
rules_drift.register(app)


@app.command("list")
def list_rules(
    config: ConfigFile = DEFAULT_CONFIG, directory: Directory = None, as_json: AsJson = False
) -> None:
    """Every route of every pack, and what it does."""
    packs = load_packs(config, directory).packs
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
    pack = pack_named(load_packs(config, directory), system)
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
    rules = load_packs(config, directory)
    packs = [pack_named(rules, name) for name in systems] if systems else list(rules.packs)
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


@app.command("schema")
def schema() -> None:
    """The JSON Schema of a pack, for editors that complete and check YAML."""
    print_json(json_schema())


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
