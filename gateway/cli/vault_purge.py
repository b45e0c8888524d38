"""`card-gateway vault purge`: erases the cards whose time is over, now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TextColumn

from gateway.audit import COMMAND_LINE, Action, Entry, Outcome
from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    console,
    counted,
    done,
    print_json,
    say,
    table,
)
from gateway.config import read_config
from gateway.vault.configured import open_vault, retention_of
from gateway.vault.places import place_of
from gateway.vault.retention import Overdue, Purged
from gateway.vault.service import Vault
from gateway.vault.sqlite.compaction import BY_ITSELF
from gateway.vault.terms import Retention

_POSTGRES: Final = "PostgreSQL takes erased rows out of their pages without: leave the option out."
_LARGE: Final = (
    "The vault's file is too large to be written anew beside a gateway that works: its pages may hold copies of"
    " what was erased, sealed. At an hour when little comes: card-gateway vault purge --compact"
)


def register(parent: typer.Typer) -> None:
    """Adds the command to the group."""
    parent.command("purge")(purge)


def purge(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would go; 1 when there is any.")
    ] = False,
    compact: Annotated[
        bool,
        typer.Option(
            "--compact",
            help="Write a large SQLite file anew afterwards; who writes waits meanwhile.",
        ),
    ] = False,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Erase the cards and bookings whose time is over, as `retention:` of their product says. For good:
    rows, free pages, the write-ahead log. A running gateway does so by itself every ten minutes.

    For example:

      card-gateway vault purge --dry-run

      card-gateway vault purge --compact
    """
    settings, now = read_config(config), datetime.now(UTC)
    place = place_of(settings)
    if compact and not isinstance(place, Path):
        complain("`--compact` is for a vault in SQLite.", _POSTGRES)
        raise typer.Exit(2)
    retention = retention_of(settings)
    with closing(open_vault(settings, sinks=[] if dry_run else settings.audit.files)) as vault:
        overdue = vault.retention.overdue(retention, now)
        if dry_run:
            _tell_due(overdue, as_json=as_json)
            raise typer.Exit(1 if any(one.links for one in overdue.values()) else 0)
        due = sum(one.links for one in overdue.values())
        gone, scrubbed = _purge(vault, retention, now, due, compact=compact)
    if as_json:
        said = {"links": gone.links, "cards": gone.cards, "stubs": gone.stubs}
        print_json(said | {"scrubbed": scrubbed})
    else:
        _tell(gone, scrubbed=scrubbed)
        if (
            scrubbed
            and not compact
            and isinstance(place, Path)
            and place.stat().st_size > BY_ITSELF
        ):
            say(_LARGE)
    raise typer.Exit(0 if scrubbed else 1)


def _purge(
    vault: Vault, retention: Retention, now: datetime, due: int, *, compact: bool
) -> tuple[Purged, bool]:
    entry = Entry(now, "", Action.PURGE, Outcome.DONE, origin=COMMAND_LINE)
    with _watched(due) as progress:
        gone = vault.retention.purge(retention, now, entry, progress)
        return gone, vault.retention.scrub(compact=compact)


@contextmanager
def _watched(due: int) -> Iterator[Callable[[int], None]]:
    terminal = console(stderr=True)
    columns = (TextColumn("{task.completed} of {task.total} bookings"), BarColumn())
    with Progress(
        *columns, console=terminal, transient=True, disable=not terminal.is_terminal
    ) as shown:
        task = shown.add_task("", total=due)
        yield lambda count: shown.update(task, completed=count)


def _tell_due(overdue: dict[str, Overdue], *, as_json: bool) -> None:
    due = {product: one for product, one in overdue.items() if one.links}
    if as_json:
        print_json(
            {name: {"links": one.links, "cards_concerned": one.cards} for name, one in due.items()}
        )
    elif due:
        rows = [(name, str(one.links), str(one.cards)) for name, one in due.items()]
        table(("PRODUCT", "BOOKINGS DUE", "OF CARDS"), rows)
        say("A card goes with its last booking. Erase them: card-gateway vault purge")
    else:
        done("Nothing is due.")


def _tell(gone: Purged, *, scrubbed: bool) -> None:
    cards, links = counted(gone.cards, "card"), counted(gone.links, "booking")
    done(f"Erased: {cards}, {links}, {counted(gone.stubs, 'old stub')}.")
    if not scrubbed:
        complain(
            "The database's log or pages still hold what was erased: somebody reads an older state.",
            "Run it again, once backups and other commands are done.",
        )
