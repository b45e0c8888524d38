"""`card-gateway keys create|list|revoke`: gateway keys, each step in the audit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from gateway.access.keys import (
    DEFAULT_SCOPES,
    SCOPES,
    NewKey,
    TooManyKeys,
    create,
    is_live,
    key_id,
)
from gateway.cli import duration
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
from gateway.config_values import parse_name
from gateway.networks import is_within, parse_networks
from gateway.system_user import command_line
from gateway.vault.configured import open_vault
from gateway.vault.rows import KeyRow
from gateway.vault.service import Vault
from gateway.yaml_model import suggest

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke gateway keys.")


def register(parent: typer.Typer) -> None:
    """Adds the group to the command."""
    parent.add_typer(app, name="keys")


@app.command("create")
def create_key(  # noqa: PLR0917 - typer's options
    client: Annotated[str, typer.Option(help="A client of gateway.yaml.")],
    name: Annotated[str, typer.Option(help="What the key is for: front-desk, night-audit.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help=f"One of {', '.join(SCOPES)}; may be repeated. Default: proxy, detokenize."
        ),
    ] = None,
    product: Annotated[
        list[str] | None, typer.Option(help="A product it may use; may be repeated. Default: all.")
    ] = None,
    expires: Annotated[
        str, typer.Option(help="How long it lives: 90d, 12h, 8w. Default: until it is revoked.")
    ] = "",
    network: Annotated[
        list[str] | None,
        typer.Option(help="Only from here, within the client's networks; may be repeated."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Make a key. It is shown once and stored as a hash.

    Example: card-gateway keys create --client pms --name front-desk --product seaside --expires 90d
    """
    settings, now = read_config(config), datetime.now(UTC)
    new = NewKey(
        name=_name(name),
        client=_one_of(client, settings.clients, "client", "--client"),
        scopes=tuple(dict.fromkeys(_one_of(one, SCOPES, "scope", "--scope") for one in scope or []))
        or DEFAULT_SCOPES,
        products=tuple(
            dict.fromkeys(
                _one_of(one, settings.products, "product", "--product") for one in product or []
            )
        ),
        networks=_networks(network or [], settings, client),
        expires=now + duration.parse(expires, "--expires") if expires else None,
    )
    with _vault(settings) as vault:
        try:
            key, row = create(vault.keys, new, now, command_line())
        except TooManyKeys as error:
            complain(error.text, "Revoke one of them, or choose another name:")
            for old in error.live:
                complain(f"    card-gateway keys revoke {old.id}    (created {_day(old.created)})")
            raise typer.Exit(2) from None
    if as_json:
        print_json({"key": key.reveal(), **_public(row, now)})
        return
    done(f"Key {row.id} for {row.client}, named {row.name}. It is shown this once:")
    say("")
    say(f"    {key.reveal()}", style="bold")
    say("")
    say("As a header:  X-Api-Key: <key>")
    say(f"As a proxy:   HTTPS_PROXY=http://{row.name}:<key>@{settings.listen.proxy.address}")


@app.command("list")
def list_keys(as_json: AsJson = False, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """List the keys: who has which, until when, last used when."""
    now = datetime.now(UTC)
    with _vault(read_config(config)) as vault:
        rows = sorted(vault.keys.all(), key=lambda row: (row.client, row.name, row.created))
    if as_json:
        print_json([_public(row, now) for row in rows])
        return
    if not rows:
        say("No keys yet. Make one: card-gateway keys create --client … --name …")
        return
    table(
        ("ID", "CLIENT", "NAME", "STATE", "SCOPES", "PRODUCTS", "EXPIRES", "LAST USED"),
        (
            (
                row.id,
                row.client,
                row.name,
                _state(row, now),
                ",".join(row.scopes),
                ",".join(row.products) or "all",
                _day(row.expires) or "never",
                _minute(row.last_used) or "never",
            )
            for row in rows
        ),
    )


@app.command("revoke")
def revoke_key(
    id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, from `keys list`.")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Revoke a key; the gateway refuses it within two seconds.

    Example: card-gateway keys revoke 4f0k2m9x1q7z
    """
    now = datetime.now(UTC)
    with _vault(read_config(config)) as vault:
        row = vault.keys.by_id(key_id(id) or id)  # a pasted key is understood, never repeated
        if row is None:
            complain("There is no key with this id.", "The ids: card-gateway keys list")
            raise typer.Exit(2)
        if row.revoked is not None or not vault.keys.revoke(row.id, now, command_line()):
            say(f"Key {row.id} was revoked before.")
            return
    done(f"Key {row.id} of {row.client} ({row.name}) is revoked.")


@contextmanager
def _vault(config: Config) -> Iterator[Vault]:
    with closing(open_vault(config, sinks=config.audit.files)) as vault:
        yield vault


def _name(text: str) -> str:
    try:
        return parse_name(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--name") from None


def _one_of(text: str, known: Iterable[str], what: str, option: str) -> str:
    words = list(known)
    if text in words:
        return text
    guess = suggest(text, words) or f"; there are: {', '.join(words)}"
    raise typer.BadParameter(f"there is no {what} `{text}`{guess}", param_hint=option)


def _networks(texts: list[str], config: Config, client: str) -> tuple[str, ...]:
    """The networks as given, each within the client's: outside them a key could never be used."""
    for text in texts:
        try:
            networks = parse_networks(text)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--network") from None
        if not all(is_within(network, config.clients[client].networks) for network in networks):
            raise typer.BadParameter(
                f"`{text}` is not within the networks of `{client}`", param_hint="--network"
            )
    return tuple(texts)


def _state(row: KeyRow, now: datetime) -> str:
    if row.revoked is not None:
        return "revoked"
    return "live" if is_live(row, now) else "expired"


def _public(row: KeyRow, now: datetime) -> dict[str, object]:
    return {
        "id": row.id,
        "client": row.client,
        "name": row.name,
        "state": _state(row, now),
        "scopes": row.scopes,
        "products": row.products or "all",
        "networks": row.networks or "the client's",
        "created": _iso(row.created),
        "expires": _iso(row.expires),
        "revoked": _iso(row.revoked),
        "last_used": _iso(row.last_used),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="seconds")


def _day(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d}"


def _minute(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
