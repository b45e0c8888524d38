"""`card-gateway exchanges replay`: what was refused, tried once more with today's rules."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from typing import cast

import typer

from gateway.cli.exchanges_named import Client, Id, row_of, run_here, vault_of
from gateway.cli.output import DEFAULT_CONFIG, AsJson, ConfigFile, complain, done, print_json
from gateway.config import Config, read_config
from gateway.errors import ExchangeUnknown, GatewayError, VaultUnavailable
from gateway.vault.answer import AnswerState

# Settings, client, exchange → the id that it has from then on.
Replay = Callable[[Config, str, str], Awaitable[str]]


def register(parent: typer.Typer) -> None:
    """Adds the command to the group."""
    parent.command("replay")(replay)


def replay(
    id: Id, client: Client = None, as_json: AsJson = False, config: ConfigFile = DEFAULT_CONFIG
) -> None:
    """Let a refused answer, or push, through today's rules; its client can fetch it then, a push you.

    Mend the cause first: `exchanges show ID` names it. Exit code 1 when it is still refused.

    Example: card-gateway exchanges replay kbgpmhlnokfjcieidgah
    """
    settings = read_config(config)
    with vault_of(settings) as vault:
        row = row_of(vault, id, client)
    if row.state is not AnswerState.REFUSED:
        complain(f"It is {row.state}, not refused: there is nothing to replay.")
        raise typer.Exit(2)
    try:
        kept = run_here(load_replay()(settings, row.client, id))
    except (ExchangeUnknown, VaultUnavailable):
        raise
    except GatewayError as error:
        if as_json:
            print_json({"exchange": id, "client": row.client, "code": error.code})
        else:
            complain(f"It is still refused: {error.code}. {error.text}", error.action)
        raise typer.Exit(1) from None
    if as_json:
        print_json({"exchange": kept, "client": row.client, "code": ""})
        return
    if row.is_push:
        done(
            f"It is kept as {kept} now, with its tokens: card-gateway exchanges answer {kept} --out FILE"
        )
        return
    done(f"It is kept as {kept} now, for {row.client}: GET /v1/exchanges/{kept}/answer")


def load_replay() -> Replay:
    """What lets an answer through the rules. It is loaded here, when it is needed: with it comes all
    that a running gateway has."""
    return cast("Replay", importlib.import_module("gateway.worker").replay)
