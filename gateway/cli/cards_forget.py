"""`card-gateway cards forget`: a card, or what ties it to one booking."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from gateway.audit import COMMAND_LINE, Action, Entry, Outcome
from gateway.cli.cards_named import BookingNamed, Yes, confirm, read_booking, read_token
from gateway.cli.output import DEFAULT_CONFIG, ConfigFile, done
from gateway.config import read_config
from gateway.vault.configured import open_vault
from gateway.vault.model import Wanted


def register(parent: typer.Typer) -> None:
    """Adds the command to the group."""
    parent.command("forget")(forget)


def forget(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its alias: tok_1234567_…")],
    booking: BookingNamed = None,
    yes: Yes = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Erase a card altogether, or for one booking; with its last booking the card goes. What is left of one
    whose time was over goes likewise. As a client does with DELETE /v1/cards.

    For example:

      card-gateway cards forget tok_1234567_Example000001

      card-gateway cards forget tok_1234567_Example000001 --booking siteminder 10107 RES-1
    """
    settings, named = read_config(config), read_token(token)
    of = None if booking is None else read_booking(booking)
    confirm("Forget this card? It can not be undone.", yes=yes)
    wanted = Wanted(named, frozenset(settings.products))
    entry = Entry(
        datetime.now(UTC),
        "",
        Action.FORGET,
        Outcome.INTENT,
        origin=COMMAND_LINE,
        iduser=named.iduser,
    )
    with closing(open_vault(settings, sinks=settings.audit.files)) as vault:
        if of is None:
            asyncio.run(vault.cards.forget(wanted, entry, None))
        else:
            asyncio.run(vault.cards.forget_booking(wanted, of, entry, None))
        vault.retention.scrub()
    done("Forgotten.")
