"""`card-gateway recaptures list|show`: cards that failed at Expedia Rapid, and until when they wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    print_json,
    say,
    table,
)
from gateway.config import read_config
from gateway.control.recaptures import shown
from gateway.recapture.service import STATES
from gateway.vault.configured import open_vault
from gateway.vault.recaptures import RecaptureTable
from gateway.yaml_model import suggest

app = typer.Typer(no_args_is_help=True, help="Cards that failed at Expedia Rapid.")


def register(parent: typer.Typer) -> None:
    """Adds the group."""
    parent.add_typer(app, name="recaptures")


@app.command("list")
def list_recaptures(
    state: Annotated[
        list[str] | None, typer.Option(help="Only these states; may be repeated.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """List the newest recaptures; with `--state pending` those that need a card.

    Example: card-gateway recaptures list --state pending
    """
    for one in state or []:
        if one not in STATES:
            guess = suggest(one, STATES) or f"; there are: {', '.join(STATES)}"
            raise typer.BadParameter(f"there is no state `{one}`{guess}", param_hint="--state")
    now = datetime.now(UTC)
    with _recaptures(config) as recaptures:
        rows = asyncio.run(recaptures.listed(now, states=state))
    public = [shown(row, now).model_dump(mode="json") for row in rows]
    if as_json:
        print_json(public)
        return
    if not rows:
        say("No recaptures.")
        return
    table(
        ("ID", "STATE", "ITINERARY", "LINK EXPIRES", "HOTEL MAY CANCEL", "TOLD"),
        (
            (
                one["id"],
                one["state"],
                one["itinerary_id"],
                _minute(one["link_expires_at"]),
                _minute(one["supplier_may_cancel_at"]),
                _told(one["webhook"]),
            )
            for one in public
        ),
    )


@app.command("show")
def show_recapture(
    id: Annotated[str, typer.Argument(metavar="ID", help="Its id, from `recaptures list`.")],
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Show one recapture, never its link.

    Example: card-gateway recaptures show ID
    """
    with _recaptures(config) as recaptures:
        found = asyncio.run(recaptures.open(id))
    if found is None:
        complain("There is no recapture with this id.", "The ids: card-gateway recaptures list")
        raise typer.Exit(2)
    public = shown(found.row, datetime.now(UTC)).model_dump(mode="json")
    if as_json:
        print_json(public)
        return
    for name, value in public.items():
        if name != "webhook":
            say(f"{name.replace('_', ' '):<24} {'-' if value is None else value}")
    say(f"{'told':<24} {_told(public['webhook'])}")


@contextmanager
def _recaptures(config: Path) -> Iterator[RecaptureTable]:
    settings = read_config(config)
    with closing(open_vault(settings)) as vault:
        yield vault.recaptures


def _minute(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _told(webhook: dict[str, Any] | None) -> str:  # Any: JSON
    """How the PMS was told of it."""
    if webhook is None:
        return "from a link, nothing to tell"
    if webhook["delivered_at"]:
        return _minute(webhook["delivered_at"])
    if webhook["next_attempt_at"]:
        return f"not yet, {webhook['attempts']} tries"
    return f"no, {webhook['attempts']} tries"
