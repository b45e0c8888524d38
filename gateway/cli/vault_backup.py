"""`card-gateway vault backup`: the vault as it is at one moment, in one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from gateway.audit import Action, Entry, Outcome
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
)
from gateway.config import Config, read_config
from gateway.system_user import command_line
from gateway.vault.backup import Made
from gateway.vault.configured import open_vault
from gateway.vault.copying import Progress as Watched
from gateway.vault.kek import configured
from gateway.vault.places import is_there, place_of


def register(parent: typer.Typer) -> None:
    """Adds the command to the group."""
    parent.command("backup")(backup)


def backup(
    to: Annotated[
        Path, typer.Argument(metavar="TO", help="A file that is not there yet, or a folder.")
    ],
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Write the vault, as it is at one moment, into one file; the gateway may run meanwhile. From SQLite and
    PostgreSQL alike. Security codes that are held are left out. It can not be opened without the KEK, which is
    not in it: keep that on another medium.

    In a folder the file is named by the time. None is overwritten, and none is removed: do so by their age.

    For example:

      card-gateway vault backup /mnt/backups

      card-gateway vault backup before-upgrade.backup
    """
    settings = read_config(config)
    place = place_of(settings)
    if not is_there(place):
        complain(f"There is no vault at {place}.", "There is nothing to back up yet.")
        raise typer.Exit(2)
    now = datetime.now(UTC)
    file = to / f"vault-{now:%Y%m%dT%H%M%SZ}.backup" if to.is_dir() else to
    with (
        closing(open_vault(settings, sinks=settings.audit.files)) as vault,
        watched() as progress,
    ):
        made = vault.backups.make(
            file,
            Entry(now, "", Action.BACKUP, Outcome.DONE, origin=command_line()),
            store=store_of(settings),
            kek=configured.current(settings).kind,
            progress=progress,
        )
    if as_json:
        print_json(_public(made))
    else:
        _tell(made)


def store_of(settings: Config) -> str:
    """Which kind of database the vault is in."""
    return "sqlite" if settings.vault.url is None else "postgresql"


@contextmanager
def watched() -> Iterator[Watched]:
    """What is told how many rows of which table were looked at; shown on a terminal, with the time, which goes on
    where one step has no rows to count.
    """
    terminal = console(stderr=True)
    columns = (
        TimeElapsedColumn(),
        TextColumn("{task.completed} rows"),
        TextColumn("{task.description}"),
    )
    with Progress(
        *columns, console=terminal, transient=True, disable=not terminal.is_terminal
    ) as shown:
        task = shown.add_task("", total=None)
        yield lambda table, rows: shown.update(task, advance=rows, description=table)


def _tell(made: Made) -> None:
    said = made.manifest
    cards = counted(said.tables["card"].rows, "card")
    rows = counted(sum(one.rows for one in said.tables.values()), "row")
    done(f"{made.file}: {cards}, {rows}.")
    if said.newest is not None:
        say(f"It ends with the audit's entry {said.newest[0]}:{said.newest[1]}")
    say(f"It opens with the KEK {said.kek_id} ({said.kek_provider}), and is worth nothing without.")
    say("Whether it would do is shown by: card-gateway vault drill " + str(made.file))


def _public(made: Made) -> dict[str, object]:
    said = made.manifest
    return {
        "file": str(made.file),
        "bytes": made.size,
        "made": said.made.isoformat(),
        "digest": said.digest,
        "kek": {"provider": said.kek_provider, "id": said.kek_id},
        "newest": None if said.newest is None else f"{said.newest[0]}:{said.newest[1]}",
        "rows": {name: one.rows for name, one in said.tables.items()},
    }
