"""What commands about cards have in common: how a card and a booking are named, and being asked."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from gateway.cards.card import Booking
from gateway.cards.token import Token, parse_alias

NO_HOTEL: Final = "-"

BookingNamed = Annotated[
    tuple[str, str, str] | None,
    typer.Option(
        "--booking",
        metavar="SYSTEM HOTEL BOOKING",
        help="As it was kept: siteminder 10107 RES-1; - for a hotel that it came without.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def read_token(text: str) -> Token:
    """The token that is an alias. Raises `typer.BadParameter`, which repeats nothing of it."""
    token = parse_alias(text)
    if token is None:
        raise typer.BadParameter(
            "this is not a token; it is like tok_1234567_…", param_hint="TOKEN"
        )
    return token


def read_booking(named: tuple[str, str, str]) -> Booking:
    """The booking that `--booking` names. Raises `typer.BadParameter`."""
    system, hotel, booking = (one.strip() for one in named)
    if not system or not booking:
        raise typer.BadParameter("name a system and a booking", param_hint="--booking")
    return Booking(system, None if hotel in {"", NO_HOTEL} else hotel, booking)


def confirm(question: str, *, yes: bool) -> None:
    """Ends the command with 2 unless a person says yes; without one to ask, `--yes` must stand."""
    if yes:
        return
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        agreed = False
    if not agreed:
        typer.echo("Nothing was erased.", err=True)
        raise typer.Exit(2)
