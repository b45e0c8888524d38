"""`card-gateway vault status`, `vault kek move`: which keys the vault has, and who gives its KEK.

The group's other commands have modules of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer

from gateway.cli import (
    rotation,
    vault_backup,
    vault_drill,
    vault_migrate,
    vault_purge,
    vault_restore,
    vault_upgrade,
    vault_verify,
)
from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    complain_of,
    counted,
    done,
    print_json,
    say,
    table,
)
from gateway.config import Config, read_config
from gateway.vault import kek_move
from gateway.vault.kek import configured
from gateway.vault.kek.provider import KekProvider
from gateway.vault.kek_move import KeyState, Status
from gateway.vault.keyring import State
from gateway.vault.places import Place, is_there, place_of

app = typer.Typer(no_args_is_help=True, help="The vault's keys, and what it keeps.")
kek_app = typer.Typer(no_args_is_help=True, help="The key-encryption key (KEK).")
app.add_typer(kek_app, name="kek")
rotation.register(app)


def register(parent: typer.Typer) -> None:
    """Adds the group."""
    vault_purge.register(app)
    vault_verify.register(app)
    vault_upgrade.register(app)
    vault_migrate.register(app)
    vault_backup.register(app)
    vault_restore.register(app)
    vault_drill.register(app)
    parent.add_typer(app, name="vault")


@app.command("status")
def show_status(as_json: AsJson = False, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Show who gives the KEK, whether it opens the vault, each key's id and age; never a key.

    Exit code 1 when the vault is sealed, or takes nothing because it is moved or restored. A KEK of a
    server is fetched from there. With --json also the history of every key that there ever was, for an
    assessor.

    Example: card-gateway vault status
    """
    settings = read_config(config)
    place = place_of(settings)
    if not is_there(place):
        say("No vault yet. It is made with the first command that needs it, or by: run")
        return
    found = kek_move.status(place, _providers(settings), datetime.now(UTC))
    if as_json:
        print_json(_public(found))
    else:
        _print(found, settings)
    if found.problem is not None:
        if not as_json:
            complain_of(found.problem)
        raise typer.Exit(1)
    if found.closed:
        if not as_json:
            complain("The vault takes nothing.", found.closed)
        raise typer.Exit(1)


@kek_app.command("move")
def move_kek(
    to: Annotated[str, typer.Option(help="What stands under vault.next_kek, for certainty.")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Wrap every key of the vault under the KEK of vault.next_kek. The gateway may run meanwhile.

    Example: card-gateway vault kek move --to transit
    """
    settings = read_config(config)
    old, new = configured.current(settings), configured.upcoming(settings)
    if new is None:
        complain("Nothing stands under `vault.next_kek`.", "Name there who gives the KEK next.")
        raise typer.Exit(2)
    if new.kind != to:
        raise typer.BadParameter(f"`vault.next_kek` is `{new.kind}`", param_hint="--to")
    place = place_of(settings)
    _require(place)
    sinks = settings.audit.files
    moved = kek_move.move(place, old, new, datetime.now(UTC), sinks=sinks)
    if not moved:
        say(f"Every key was wrapped under the KEK of {new.place} before.")
    else:
        done(f"Wrapped under the KEK of {new.place}: {counted(moved, 'key')}.")
    say(
        "In gateway.yaml, write what stands under `next_kek:` under `kek:`, and remove `next_kek:`."
    )
    say(f"Keep the old KEK ({old.place}) as long as backups of the database from before.")


def _require(place: Place) -> None:
    if not is_there(place):
        complain(f"There is no vault at {place}.", "A new one begins under `vault.kek`.")
        raise typer.Exit(2)


def _providers(config: Config) -> list[KekProvider]:
    upcoming = configured.upcoming(config)
    return [configured.current(config), *([] if upcoming is None else [upcoming])]


def _print(found: Status, config: Config) -> None:
    for name, provider in zip(("KEK", "next KEK"), _providers(config), strict=False):
        used = "   in use" if found.opened_by and found.opened_by.place == provider.place else ""
        say(f"{name + ':':<10} {provider.kind:<11} {provider.place}{used}")
    if not found.keys:
        say("No keys yet: they are made when the vault is opened for the first time.")
        return
    columns = ("PURPOSE", "ACTIVE", "SINCE", "OTHERS", "WRAPPED UNDER KEK")
    table(columns, _rows(found.keys))
    if any(key.state is State.PENDING for key in found.keys):
        say("Keys wait to be used: card-gateway vault rotate --activate")
    if any(key.state is State.RETIRING for key in found.keys):
        say(
            "Old keys are kept: card-gateway vault rewrap, then: card-gateway vault rotate --retire"
        )
    for process in found.behind:
        say(f"Has not loaded all of them: {process}")


def _rows(keys: tuple[KeyState, ...]) -> Iterator[tuple[str, ...]]:
    for purpose in dict.fromkeys(key.purpose for key in keys):
        mine = [key for key in keys if key.purpose is purpose]
        active = [str(key.id) for key in mine if key.state == "active"]
        others = [f"{key.id} {key.state}" for key in mine if key.state != "active"]
        keks = dict.fromkeys(str(key.kek) for key in mine)
        since = [str(key.since.date()) for key in mine if key.state == "active" and key.since]
        said = ", ".join(others) or "-"
        yield purpose.value, ", ".join(active), ", ".join(since) or "-", said, ", ".join(keks)


def _public(found: Status) -> dict[str, object]:
    used, problem = found.opened_by, found.problem
    return {
        "sealed": problem is not None,
        "why": None if problem is None else problem.problem.message,
        "closed": found.closed or None,
        "again_helps": None if problem is None else problem.again,
        "provider": None if used is None else used.kind,
        "keys": [
            {
                "id": key.id,
                "purpose": key.purpose,
                "state": key.state,
                "kek": key.kek,
                "since": None if key.since is None else key.since.isoformat(),
            }
            for key in found.keys
        ],
        "behind": list(found.behind),
        "history": [
            {
                "key": one.key,
                "purpose": one.purpose,
                "event": one.event,
                "at": one.at.isoformat(),
                "by": one.actor,
            }
            for one in found.history
        ],
    }
