"""Which entries of the audit: the options that say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from gateway.audit import Action, Outcome
from gateway.cards.token import parse_alias
from gateway.cli import duration
from gateway.vault.audits import Selection
from gateway.vault.chain_check import Row

Since = Annotated[str, typer.Option("--from", help="From this day or time on: 2026-03-01, or 7d.")]
Until = Annotated[str, typer.Option("--to", help="Up to this time; a day counts whole.")]
Client = Annotated[str | None, typer.Option(help="Only this client's.")]
Product = Annotated[str | None, typer.Option(help="Only this product's.")]
Did = Annotated[Action | None, typer.Option(help="Only this action: detokenize, reveal …")]
Ended = Annotated[Outcome | None, typer.Option(help="Only this outcome.")]
Token = Annotated[str, typer.Option(help="Only this card's: its alias, or its iduser.")]
Booking = Annotated[str | None, typer.Option(help="Only this booking's.")]


def selection(  # noqa: PLR0917 - as the options come
    since: str,
    until: str,
    client: str | None,
    product: str | None,
    action: Action | None,
    outcome: Outcome | None,
    token: str,
    booking: str | None,
) -> Selection:
    """What the options say. Raises `typer.BadParameter`."""
    return Selection(
        since=_time(since, "--from") if since else None,
        until=_time(until, "--to", whole_day=True) if until else None,
        client=client,
        product=product,
        action=action,
        outcome=outcome,
        iduser=_iduser(token) if token else None,
        booking=booking,
    )


def _time(text: str, option: str, *, whole_day: bool = False) -> datetime:
    """A day or a time in UTC, or how long ago."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at + timedelta(days=1) if whole_day and len(text) == len("2026-03-01") else at
    try:
        return datetime.now(UTC) - duration.parse(text, option)
    except typer.BadParameter:
        pass
    raise typer.BadParameter(
        f"`{text}` is no time; write it like 2026-03-01, 2026-03-01T12:00, 12h or 7d",
        param_hint=option,
    )


def _iduser(text: str) -> int:
    token = parse_alias(text)
    if token is not None:
        return token.iduser
    if text.isascii() and text.isdecimal() and len(text) <= 10:
        return int(text)
    raise typer.BadParameter(
        "not a token; give its alias, or the number in it (iduser)", param_hint="--token"
    )


def expected_row(text: str) -> Row | None:
    """What `--expect` says. Raises `typer.BadParameter`."""
    if not text:
        return None
    id, _, hashed = text.partition(":")
    if not (id.isascii() and id.isdecimal() and hashed):
        raise typer.BadParameter(
            "give it as `audit verify` said it: ID:HASH", param_hint="--expect"
        )
    return Row(int(id), hashed.lower())
