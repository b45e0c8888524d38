"""`card-gateway refused`: what was refused lately, and the YAML that would allow it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC
from typing import Final

import typer

from gateway.cli.output import DEFAULT_CONFIG, AsJson, ConfigFile, print_json, say
from gateway.cli.suggestions import meaning, quoted, suggest
from gateway.config import read_config
from gateway.vault.configured import open_vault
from gateway.vault.rows import RefusalRow

# Who looks a moment after a refusal, or for one that no rule would lift, is to know why it is not here.
_NOTHING: Final = (
    "Nothing was refused that a line of YAML would allow.\n"
    "A running gateway writes down what it refuses every two seconds. What else it refuses, a wrong key or "
    "a message that does not fit its rule, stands in its log with its code."
)


def register(parent: typer.Typer) -> None:
    """Adds the command."""
    parent.command("refused")(refused)


def refused(as_json: AsJson = False, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Print what was refused lately, with the YAML to paste. Exit code 1 when there is something.

    Nothing is allowed by itself: read before pasting, then run: card-gateway check
    """
    settings = read_config(config)
    with closing(open_vault(settings)) as vault:
        rows = sorted(vault.refusals.all(), key=lambda row: row.last, reverse=True)
    if as_json:
        print_json([_public(row) for row in rows])
    elif not rows:
        say(_NOTHING)
    else:
        stands_for = {
            (target.host, target.port): host.stands_for
            for target, host in settings.test_hosts.items()
        }
        for row in rows:
            _print(row, stands_for)
    raise typer.Exit(1 if rows else 0)


def _print(row: RefusalRow, stands_for: Mapping[tuple[str, int], str]) -> None:
    # Routes are looked up under the host that a stand-in stands for: that is what a rule names.
    partner = stands_for.get((row.host, row.port))
    asked = row
    if partner is not None and partner != row.host:
        asked = replace(row, host=partner, port=443)
    suggestion = suggest(asked)
    say(f"{row.count} x {_target(row)}", style="bold")
    last = f"{row.last.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    say(f"   from {quoted(row.client)}, last {last}: {row.code}. {meaning(row.code)}".rstrip())
    if suggestion.why:
        say(f"   {suggestion.why}")
    if suggestion.yaml:
        say(f"# {suggestion.file}", style="dim")
        say(suggestion.yaml, style="green")
    say("")


def _target(row: RefusalRow) -> str:
    if row.method == "CONNECT":
        return f"CONNECT {quoted(row.host)}:{row.port}"
    host = f"{row.scheme}://{row.host}:{row.port}" if row.host else ""
    return quoted(f"{row.method} {host}{row.path}")


def _public(row: RefusalRow) -> dict[str, object]:
    suggestion = suggest(row)
    return {
        **dataclasses.asdict(row),
        "last": row.last.astimezone(UTC).isoformat(timespec="seconds"),
        "file": suggestion.file,
        "yaml": suggestion.yaml,
        "why": suggestion.why,
    }
