"""`card-gateway vault upgrade`: bringing a vault to this version, as the role that may change its schema."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from gateway.cli.output import DEFAULT_CONFIG, ConfigFile, done
from gateway.config import read_config
from gateway.config_vault import StartSecret, VaultSettings
from gateway.vault.entries import stamp
from gateway.vault.places import open_database, place_of


def register(parent: typer.Typer) -> None:
    """Adds the command to the group."""
    parent.command("upgrade")(upgrade)


def upgrade(
    url: Annotated[
        str | None, typer.Option(help="Of the same database, with the role that owns its tables.")
    ] = None,
    password_file: Annotated[Path | None, typer.Option(help="Where its password is.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Make the vault's tables, or bring them to this version. On SQLite each start does it by itself, and on
    PostgreSQL where the gateway's role may. Gateways of the version before may run meanwhile.

    Example: card-gateway vault upgrade --url postgresql://card_gateway_owner@db.example/vault
    """
    settings = read_config(config)
    if url is not None:
        settings = settings.model_copy(
            update={"vault": as_owner(settings.vault, url, password_file)}
        )
    place = place_of(settings)
    open_database(place, now=stamp(datetime.now(UTC))).close()
    done(f"The vault at {place} is of this version.")


def as_owner(vault: VaultSettings, url: str, password_file: Path | None) -> VaultSettings:
    """The same vault at `url`, with the password of that role. Raises `typer.BadParameter`."""
    password = None if password_file is None else StartSecret(file=password_file.absolute())
    problem = ""
    try:
        checked = VaultSettings(url=url)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]["msg"]
    if problem:
        raise typer.BadParameter(problem, param_hint="--url")
    return vault.model_copy(update={"url": checked.url, "password": password})
