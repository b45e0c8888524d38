"""`card-gateway certs init|show`: the development CA, the endpoints' certificate, missing secrets."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.certificates import Seen, installed, make_authority, make_leaf, write
from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    done,
    print_json,
    say,
    table,
)
from gateway.config import Config, read_config

_LOCAL: Final = ("localhost", "127.0.0.1", "::1")

app = typer.Typer(no_args_is_help=True, help="Make certificates, see when they end.")

Directory = Annotated[
    Path | None,
    typer.Option(help="Where the CA lives. Default: ca/ under the state: of gateway.yaml."),
]


def register(parent: typer.Typer) -> None:
    """Adds the group to the command."""
    parent.add_typer(app, name="certs")


@app.command("init")
def init(
    directory: Directory = None,
    hostname: Annotated[
        list[str] | None,
        typer.Option(help="A further name or address of the endpoints; may be repeated."),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Make the development CA, the endpoints' and the pages' certificates, and the secrets that
    callers: names.

    What is there is kept. Keys and secrets are readable by their owner alone (0600).

    Example: card-gateway certs init --hostname gateway.hotel.example
    """
    settings = read_config(config)
    made = initialise(settings, directory or settings.authority, hostname or [])
    for file in made:
        done(f"made {file}")
    if not made:
        say("Everything is there; nothing was changed.")
    say(f"Clients trust {(directory or settings.authority) / 'mitmproxy-ca-cert.pem'}")


@app.command("show")
def show(
    directory: Directory = None, as_json: AsJson = False, config: ConfigFile = DEFAULT_CONFIG
) -> None:
    """Show each certificate's fingerprint and end. Exit code 1 when one ends within 30 days."""
    now = datetime.now(UTC)
    found = installed(read_config(config), directory)
    if as_json:
        print_json([_public(one, now) for one in found])
    elif found:
        table(
            ("WHAT", "ENDS", "DAYS", "SHA-256", "FILE"),
            (
                (
                    one.what,
                    f"{one.not_after:%Y-%m-%d}",
                    str(one.days_left(now)),
                    one.fingerprint,
                    str(one.file),
                )
                for one in found
            ),
        )
    else:
        say("There are no certificates yet. Make them: card-gateway certs init")
    ending = [one for one in found if one.ends_soon(now)]
    for one in ending:
        complain(f"{one.file} ends in {one.days_left(now)} days.")
    raise typer.Exit(1 if ending else 0)


def initialise(config: Config, directory: Path, hostnames: list[str]) -> list[Path]:
    """Makes what is missing; the files that were made. Raises OSError, ValueError."""
    now = datetime.now(UTC)
    made = []
    if make_authority(directory, now):
        made.append(directory / "mitmproxy-ca.pem")
    if make_leaf(directory, "endpoints", (*_LOCAL, *hostnames), now):
        made.append(directory / "endpoints-cert.pem")
    if config.has_pages and config.listen.pages.tls is None:
        url = config.pages.url
        names = _LOCAL if url is None else (url.host, *_LOCAL)
        if make_leaf(directory, "pages", names, now):
            made.append(directory / "pages-cert.pem")
    for caller in config.callers.values():
        for method in caller.secrets().values():
            file, _ = method.source()
            if file is not None and not file.exists():
                write(file, secrets.token_urlsafe(24).encode() + b"\n", 0o600)
                made.append(file)
    return made


def _public(one: Seen, now: datetime) -> dict[str, object]:
    return {
        "what": one.what,
        "file": str(one.file),
        "sha256": one.fingerprint,
        "not_after": one.not_after.isoformat(),
        "days": one.days_left(now),
        "names": one.names,
    }
