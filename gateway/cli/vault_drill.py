"""`card-gateway vault drill`: would the backup do? It is restored for trial."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from gateway.audit import Action, Entry, Outcome
from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    counted,
    done,
    print_json,
    say,
)
from gateway.cli.vault_backup import store_of, watched
from gateway.cli.vault_restore import REDUCED, keks_of, public, reaches, tell
from gateway.config import Config, read_config
from gateway.system_user import command_line
from gateway.vault import restoring
from gateway.vault.backup_file import newest_in
from gateway.vault.configured import open_vault, retention_of
from gateway.vault.copying import Progress
from gateway.vault.drilling import Drilled
from gateway.vault.kek import configured
from gateway.vault.service import Vault
from gateway.vault.workplace import workplace


def register(parent: typer.Typer) -> None:
    """Adds the command to the group."""
    parent.command("drill")(drill)


def drill(
    backup: Annotated[
        Path | None,
        typer.Argument(metavar="[FROM]", help="The backup, or the folder: its newest."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Restore a backup for trial, beside the vault in use, and exit with 1 when it would not do: a record does
    not open, the audit is not whole, a card is back that was erased, a key that was revoked. It says how long it
    takes, and how old the backup is. Without FROM a backup is made for it.

    The vault in use is read, and its audit says how it went; in its directory, what was restored is erased at
    the end. The gateway may run meanwhile.

    For example:

      card-gateway vault drill /mnt/backups

      card-gateway vault drill
    """
    settings, now = read_config(config), datetime.now(UTC)
    by = Entry(now, "", Action.DRILL, Outcome.DONE, origin=command_line())
    with (
        closing(open_vault(settings, sinks=settings.audit.files)) as vault,
        workplace(settings.database.parent) as place,
        watched() as progress,
    ):
        file = _file(vault, settings, backup, place, by, progress=progress)
        terms = restoring.Terms(keks_of(settings), REDUCED, now, vault.drills.lost())
        found = vault.drills.run(file, terms, place, retention_of(settings), by, progress=progress)
    if as_json:
        print_json(_public(file, found))
    else:
        _tell(file, found)
    raise typer.Exit(0 if found.passed else 1)


def _file(
    vault: Vault,
    settings: Config,
    backup: Path | None,
    place: Path,
    by: Entry,
    *,
    progress: Progress,
) -> Path:
    if backup is not None:
        return newest_in(backup) if backup.is_dir() else backup
    kek = configured.current(settings).kind
    made = vault.backups.make(
        place / "now.backup",
        replace(by, action=Action.BACKUP),
        store=store_of(settings),
        kek=kek,
        progress=progress,
    )
    return made.file


def _tell(file: Path, found: Drilled) -> None:
    for one in found.flaws:
        complain(
            f"{one.count} in `{one.table}`: {one.flaw.value}, the first is {one.first or '?'}."
        )
    for fault in found.faults:
        complain(f"The audit's entries {fault.first} to {fault.last}: {fault.fault.value}.")
    if found.back:
        complain(
            f"Back, though erased: {counted(len(found.back), 'card')}, the first is {found.back[0]}."
        )
    for key in found.valid:
        complain(f"The key {key} works again, though it was revoked.")
    if not found.passed:
        complain(
            f"{file} would not do.", "Make another backup now, keep this one, and find out why."
        )
        return
    made = found.manifest
    cards = counted(made.tables["card"].rows, "card")
    done(f"{file} would do: {cards}, {counted(found.opened, 'record')} opened.")
    say(f"It takes {found.took.total_seconds():.1f} seconds until the vault opens.")
    say(f"The backup is {_spelled(found.age)} old: so much would be lost, were the vault lost now.")
    say(reaches(found.replayed, made))
    tell(found.replayed)


def _spelled(age: timedelta) -> str:
    hours, seconds = divmod(int(age.total_seconds()), 3600)
    return (
        f"{counted(hours // 24, 'day')}, {counted(hours % 24, 'hour')}"
        if hours >= 24
        else f"{hours} h {seconds // 60} min"
    )


def _public(file: Path, found: Drilled) -> dict[str, object]:
    return {
        "backup": str(file),
        "digest": found.manifest.digest,
        "passed": found.passed,
        "seconds": round(found.took.total_seconds(), 3),
        "age_seconds": round(found.age.total_seconds()),
        "opened": found.opened,
        "flaws": [
            {"flaw": one.flaw, "table": one.table, "count": one.count, "first": one.first}
            for one in found.flaws
        ],
        "faults": [
            {"fault": one.fault, "first": one.first, "last": one.last} for one in found.faults
        ],
        "back": list(found.back),
        "valid": list(found.valid),
        **public(found.replayed),
    }
