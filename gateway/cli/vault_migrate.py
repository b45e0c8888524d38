"""`card-gateway vault migrate`: a vault moves to another place, while gateways use it."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    complain_of,
    done,
    print_json,
    say,
)
from gateway.cli.vault_migrate_told import public, tell, watched
from gateway.config import Config, read_config
from gateway.config_vault import StartSecret, VaultSettings
from gateway.errors import ConfigurationError, GatewayError
from gateway.system_user import command_line
from gateway.vault.closing import Closed
from gateway.vault.database import Database
from gateway.vault.entries import stamp
from gateway.vault.kek import configured
from gateway.vault.moving import Moving
from gateway.vault.moving_ends import Filling, Leaving, Mover
from gateway.vault.places import Place, is_there, open_database, place_of

_GO_ON: Final = (
    "Run the same command again; or, to give it up: card-gateway vault migrate SOURCE --abandon"
)
_STANDS: Final = {
    Closed.OPEN: ("is in use as before", "A move that was stopped goes on with the same command."),
    Closed.CLOSING: ("takes nothing new", _GO_ON),
    Closed.MOVING: ("takes no writes", _GO_ON),
    Closed.MOVED: (
        "was left for good",
        "If the place that it was being moved to is not open yet, run the same command again.",
    ),
}


def register(parent: typer.Typer) -> None:
    """Adds the command to the group."""
    parent.command("migrate")(migrate)


def migrate(  # noqa: PLR0917 - typer's options
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A file, or postgresql://…")],
    target: Annotated[
        str | None,
        typer.Argument(metavar="TARGET", help="A file that is not there, or an empty database."),
    ] = None,
    abandon: Annotated[
        bool,
        typer.Option("--abandon", help="Open SOURCE again: its move was stopped, and is given up."),
    ] = False,
    source_password_file: Annotated[
        Path | None, typer.Option(help="Where SOURCE's password is.")
    ] = None,
    target_password_file: Annotated[
        Path | None, typer.Option(help="Where TARGET's password is.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(help="Who vouches for the databases' servers; default: vault.ca.")
    ] = None,
    notice: Annotated[
        float,
        typer.Option(min=0, help="Seconds that exchanges have to end in, before SOURCE is closed."),
    ] = 10.0,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Move the vault from SOURCE to TARGET while gateways use it: a file of SQLite's, or PostgreSQL, either way.

    Rows are copied again and again until few are left. Then gateways begin nothing new that has a card, and
    answer 503 with Retry-After, for about as long as the first pass took. What they have begun may end
    (--notice); what is left is copied; every table is counted and summed on both sides; SOURCE is closed for
    good, and TARGET opened. Tokens and keys stay the same, and the KEK is the one of gateway.yaml.

    May be stopped at any moment, and run again. Stopped while SOURCE takes no writes, it is opened again; after
    a kill it stays closed until this is run again, or with --abandon. Exit code 1 when both are not the same:
    then SOURCE is in use as before.

    The role at TARGET has to own the tables. A password comes from a file, from the place that gateway.yaml
    names for the same URL, from PGPASSWORD, or from ~/.pgpass.

    For example:

      card-gateway vault migrate state/vault.db postgresql://card_gateway_owner@db.example/vault

      card-gateway vault migrate postgresql://card_gateway@db.example/vault state/vault.db

      card-gateway vault migrate state/vault.db --abandon
    """
    settings = read_config(config)
    here = _place(source, settings, source_password_file, ca, "SOURCE")
    if target is None and not abandon:
        raise typer.BadParameter("say where it goes", param_hint="TARGET")
    there = None if target is None else _place(target, settings, target_password_file, ca, "TARGET")
    if not is_there(here):
        complain(f"There is no vault at {here}.", "Name the one that is to be moved.")
        raise typer.Exit(2)
    who = mover(settings)
    with ExitStack() as closing, _interruptible():
        leaving = Leaving(closing.enter_context(_opened(here)), here, there, who)
        if abandon or there is None:
            _abandon(leaving, here)
            return
        filling = Filling(closing.enter_context(_opened(there)), there, who)
        closing.enter_context(_saying_where_it_stands(leaving, here))
        watcher = closing.enter_context(watched(quiet=as_json))
        moved = Moving(leaving, filling, here, notice=notice, watcher=watcher).run()
    if as_json:
        print_json(public(moved))
    else:
        tell(moved, here, there)
    raise typer.Exit(0 if moved.proof.holds else 1)


# --- the two places -------------------------------------------------------------------------------


def _place(
    said: str, config: Config, password_file: Path | None, ca: Path | None, name: str
) -> Place:
    """Where it is. What gateway.yaml says of the same URL counts, but for what the options say."""
    if "://" not in said:
        if password_file is not None:
            raise typer.BadParameter("a file has no password", param_hint=name)
        return Path(said)
    known = config.vault if config.vault.url == said else VaultSettings()
    problem = ""
    try:
        asked = VaultSettings(url=said, ca=ca or known.ca, password=known.password)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
    if problem:
        raise typer.BadParameter(problem, param_hint=name)
    if password_file is not None:
        secret = StartSecret(file=password_file.absolute())
        asked = asked.model_copy(update={"password": secret})
    return place_of(config.model_copy(update={"vault": asked}))


@contextmanager
def _opened(place: Place) -> Iterator[Database]:
    database = open_database(place, now=stamp(datetime.now(UTC)))
    try:
        yield database
    finally:
        database.close()


def mover(config: Config) -> Mover:
    """One run, by whoever runs the command."""
    upcoming = configured.upcoming(config)
    keks = [configured.current(config), *([] if upcoming is None else [upcoming])]
    return Mover(
        secrets.token_hex(16),
        command_line(),
        keks,
        lambda: datetime.now(UTC),
        config.audit.files,
    )


# --- when it is stopped ---------------------------------------------------------------------------


@contextmanager
def _interruptible() -> Iterator[None]:
    """A lost terminal and a polite kill are what Ctrl-C is: the source is opened again. Whoever started it by
    nohup wants it to go on without its terminal.
    """
    numbers = [
        number
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    before = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _saying_where_it_stands(leaving: Leaving, place: Place) -> Iterator[None]:
    """What became of the source, where the move did not end."""
    try:
        yield
    except (GatewayError, ConfigurationError) as error:
        complain_of(error)
    except KeyboardInterrupt:
        complain("Stopped.")
    else:
        return
    try:
        stands, what = _STANDS[leaving.state()]
    except GatewayError:
        stands, what = "does not answer", "Look at it with: card-gateway vault status"
    complain(f"{place} {stands}.", what)
    raise typer.Exit(2)


def _abandon(leaving: Leaving, place: Place) -> None:
    if leaving.state() is Closed.MOVED:
        complain(
            f"{place} was moved: it may not open again, or cards would be kept in two places.",
            "If the target is not open yet, run `vault migrate` with both, again.",
        )
        raise typer.Exit(2)
    if leaving.reopen(whoever_closed=True):
        done(f"{place} takes writes again.")
        say(
            "Erase where it was being moved to: what was copied there is no vault, but has sealed cards."
        )
    else:
        say(f"{place} is in use: there is nothing to give up.")
