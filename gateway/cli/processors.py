"""`card-gateway processors list|show|check|schema`: the processors' files, looked at without traffic.

Everything here reads the files alone, with all packs, drafts too; `card-gateway check` says whether those
that gateway.yaml uses fit the packs that are in force.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer

from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    complain_of,
    done,
    print_json,
    say,
    table,
)
from gateway.cli.rules_found import Directory, rules_directory
from gateway.errors import ConfigurationError
from gateway.processors.fit import misfits
from gateway.processors.load import load_processors
from gateway.processors.rules import End, ProcessorRules, Request
from gateway.processors.schema import json_schema
from gateway.processors.template import places_of
from gateway.processors.writing import everything
from gateway.rules.load import load_every_pack
from gateway.rules.match import Matcher
from gateway.yaml_model import suggest

app = typer.Typer(no_args_is_help=True, help="The processors that cards are charged through.")


def register(parent: typer.Typer) -> None:
    """Adds the group to the command."""
    parent.add_typer(app, name="processors")


@app.command("list")
def list_processors(
    config: ConfigFile = DEFAULT_CONFIG, directory: Directory = None, as_json: AsJson = False
) -> None:
    """Every processor, and what it can do.

    Example: card-gateway processors list
    """
    found = load_processors(directory or rules_directory(config))
    rows = [_row(one) for one in found.values()]
    if as_json:
        print_json(rows)
        return
    if not rows:
        say("No processors: their files stand in processors/, beside the packs.")
        return
    columns = ("processor", "operations", "credentials", "about")
    table(columns, [[row[column] for column in columns] for row in rows])


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A processor: stripe")],
    config: ConfigFile = DEFAULT_CONFIG,
    directory: Directory = None,
) -> None:
    """One processor: its requests, what they need, and what its answers mean.

    Example: card-gateway processors show stripe
    """
    found = load_processors(directory or rules_directory(config))
    rules = found.get(name)
    if rules is None:
        known = ", ".join(found) or "none"
        complain(f"there is no processor `{name}`{suggest(name, found)}", f"There: {known}.")
        raise typer.Exit(2)
    say(f"{rules.name}: {rules.about}")
    say(f"  file         {rules.file}")
    say(f"  source       {rules.source}")
    say(f"  credentials  {', '.join(rules.credentials) or 'none'}")
    for n, step in enumerate(rules.customer.steps if rules.customer else (), start=1):
        _tell(f"customer, step {n}", step)
    for operation, requests in rules.operations.items():
        for request in requests:
            _tell(operation.value, request)


@app.command("check")
def check(config: ConfigFile = DEFAULT_CONFIG, directory: Directory = None) -> None:
    """Whether every processor's file is right, and a pack's route takes each of its requests.

    Exit code 1 for any problem. Example: card-gateway processors check
    """
    rules = directory or rules_directory(config)
    try:
        found, matcher = load_processors(rules), Matcher(load_every_pack(rules))
    except ConfigurationError as error:
        complain_of(error)
        raise typer.Exit(1) from None
    wrong = False
    for one in found.values():
        problems = misfits(one, matcher)
        if problems:
            wrong = True
            complain_of(ConfigurationError(problems))
        else:
            done(f"{one.name}: {len(one.requests)} requests, each with its route")
    if wrong:
        raise typer.Exit(1)


@app.command("schema")
def schema() -> None:
    """The JSON Schema of a processor's file, for editors that complete and check YAML."""
    print_json(json_schema())


def _row(rules: ProcessorRules) -> Mapping[str, str]:
    return {
        "processor": rules.name,
        "operations": ", ".join(operation.value for operation in rules.operations),
        "credentials": ", ".join(rules.credentials) or "none",
        "about": rules.about,
    }


def _tell(what: str, request: Request) -> None:
    say(f"\n{what}  [{request.source}]")
    say(f"  {request.method} {request.authority}{request.path}")
    body = everything(request)
    names = dict.fromkeys((*request.path.places, *(places_of(body) if body else ())))
    if names:
        say(f"  says   {', '.join(names)}")
    if request.needs:
        say(f"  needs  {', '.join(sorted(request.needs))}")
    for end in request.answer.ends:
        say(f"  {end.ended.value:<11}{_when(end)}")
    say("  unknown    anything else")


def _when(end: End) -> str:
    statuses = ", ".join(str(status) for status in sorted(end.statuses))
    parts = [f"http {statuses}"] if statuses else []
    for path, texts in end.where:
        shown = sorted(texts)
        more = f" and {len(shown) - 5} more" if len(shown) > 5 else ""
        parts.append(f"{path.text} is {' or '.join(repr(text) for text in shown[:5])}{more}")
    return "; ".join(parts) + (" (consumed)" if end.consumed else "")
