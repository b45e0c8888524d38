"""`card-gateway vault rotate`, `vault rewrap`: new keys for old ones, while gateways run."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from gateway.audit import COMMAND_LINE
from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    console,
    done,
    print_json,
    say,
)
from gateway.config import read_config
from gateway.vault.configured import open_vault
from gateway.vault.keyring import Purpose, WrappedKey
from gateway.vault.places import is_there, place_of
from gateway.vault.rewrap import Rewrapped
from gateway.vault.sealed_tables import CHECKED, ROTATED
from gateway.vault.service import Vault

_POLL_SECONDS: Final = 0.5
_SHOWN: Final = 20  # records that do not open; all of them with --json


def register(parent: typer.Typer) -> None:
    """Adds the commands to `vault`."""
    parent.command("rotate")(rotate)
    parent.command("rewrap")(rewrap)


def rotate(
    purpose: Annotated[
        list[Purpose] | None,
        typer.Option(help="Only the key for this; may be repeated. Default: all that rotate."),
    ] = None,
    activate: Annotated[
        bool, typer.Option("--activate", help="Make none; use those that wait.")
    ] = False,
    retire: Annotated[
        bool, typer.Option("--retire", help="Erase the old keys that nothing is under any more.")
    ] = False,
    wait: Annotated[
        int, typer.Option(min=0, help="Seconds to wait until every gateway has the new keys.")
    ] = 90,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Make new keys for the vault, and use them once every gateway that runs has loaded them.

    What is there is read with the old keys, until it is sealed anew (vault rewrap); then they are
    erased (--retire). Gateways may run meanwhile, all of this version. Exit code 1 when a gateway has not
    loaded the new keys, or an old key is needed still.

    For example:

      card-gateway vault rotate

      card-gateway vault rotate --purpose data --purpose cvc

      card-gateway vault rotate --retire
    """
    if activate and retire:
        raise typer.BadParameter("it goes one by one", param_hint="--retire")
    if purpose and (activate or retire):
        raise typer.BadParameter("only for new keys", param_hint="--purpose")
    if purpose and not set(purpose) <= set(ROTATED):
        stays = next(one for one in purpose if one not in ROTATED)
        raise typer.BadParameter(f"the key for `{stays}` stays", param_hint="--purpose")
    with _vault(config) as vault:
        if retire:
            _retire(vault)
            return
        if not activate:
            made = vault.rotation.add(_who(), purpose or ROTATED)
            say(f"Made, and not used yet: {_named(made)}")
        _activate(vault, wait)


def rewrap(as_json: AsJson = False, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Seal every record under the keys in use. Gateways may run meanwhile; it may be stopped at any moment
    and goes on where it was.

    Exit code 1 when a record does not open: it stays as it is, and so does its key.

    Example: card-gateway vault rewrap
    """
    with _vault(config) as vault, _watched() as progress:
        report = vault.rewrap.run(_who(), progress)
    if as_json:
        print_json(_public(report))
    else:
        _tell(report)
    raise typer.Exit(1 if report.damaged else 0)


def _activate(vault: Vault, wait: int) -> None:
    until = time.monotonic() + wait
    outcome = vault.rotation.activate(_who())
    told = False
    while outcome.behind and time.monotonic() < until:
        if not told:
            say("Waiting until every gateway has loaded them …")
            told = True
        time.sleep(_POLL_SECONDS)
        outcome = vault.rotation.activate(_who())
    if outcome.behind:
        for process in outcome.behind:
            complain(f"Has not loaded the new keys: {process}")
        complain(
            "The new keys are not used yet; everything goes on under the old ones.",
            "Restart that gateway, then run: card-gateway vault rotate --activate",
        )
        raise typer.Exit(1)
    if not outcome.keys:
        say("No key waits to be used.")
        return
    done(f"Used from now on: {_named(outcome.keys)}")
    say("Next: card-gateway vault rewrap, then: card-gateway vault rotate --retire")


def _retire(vault: Vault) -> None:
    outcome = vault.rotation.retire(_who())
    if outcome.keys:
        done(f"Erased: {_named(outcome.keys)}")
    checked = [key for key in outcome.needed if key.purpose in CHECKED]
    needed = [key for key in outcome.needed if key.purpose not in CHECKED]
    if checked:
        say(f"Kept, to check old entries with: {_named(checked)}")
    if needed:
        complain(
            f"Needed still: {_named(needed)}",
            "Run: card-gateway vault rewrap. What ends by itself does so within a day.",
        )
        raise typer.Exit(1)
    if not outcome.keys:
        say("No old key is left to erase.")


@contextmanager
def _vault(config: Path) -> Iterator[Vault]:
    settings = read_config(config)
    if not is_there(place := place_of(settings)):
        complain(f"There is no vault at {place}.", "A new one begins with new keys.")
        raise typer.Exit(2)
    with closing(open_vault(settings, sinks=settings.audit.files)) as vault:
        yield vault


def _who() -> str:
    """As audit and history have it: the user of the machine, too."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return f"{COMMAND_LINE} ({name})"


def _named(keys: list[WrappedKey] | tuple[WrappedKey, ...]) -> str:
    return ", ".join(f"{key.id} ({key.purpose.value})" for key in keys)


class _Bars:
    """A bar for each table, on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, table: str, count: int, of: int) -> None:
        if table not in self._tasks:
            self._tasks[table] = self._progress.add_task(table, total=of)
        self._progress.update(self._tasks[table], completed=count, total=of)


@contextmanager
def _watched() -> Iterator[_Bars]:
    terminal = console(stderr=True)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(
        *columns, console=terminal, transient=True, disable=not terminal.is_terminal
    ) as progress:
        yield _Bars(progress)


def _tell(report: Rewrapped) -> None:
    for one in report.damaged[:_SHOWN]:
        complain(f"Does not open: {one.table} {one.key}")
    if len(report.damaged) > _SHOWN:
        complain(f"… and {len(report.damaged) - _SHOWN} more: --json names all of them.")
    if report.damaged:
        complain("Those stay as they are.", "Restore them from a backup, or erase their cards.")
    total = sum(report.rows.values())
    if not total:
        say(
            "Everything else is under the keys in use."
            if report.damaged
            else "Everything was under the keys in use."
        )
        return
    parts = ", ".join(f"{count} {name}" for name, count in report.rows.items() if count)
    done(f"Sealed anew: {parts}")


def _public(report: Rewrapped) -> dict[str, object]:
    return {
        "rows": report.rows,
        "damaged": [{"table": one.table, "key": one.key} for one in report.damaged],
    }
