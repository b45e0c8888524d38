"""`card-gateway exchanges list|show`: answers that did not arrive, were refused, or have a card in them that
failed; and pushes that were refused."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from gateway.cli import duration, exchanges_content, exchanges_replay
from gateway.cli.exchanges_named import Client, Id, row_of, run_here, vault_of
from gateway.cli.output import DEFAULT_CONFIG, AsJson, ConfigFile, counted, print_json, say
from gateway.cli.suggestions import quoted
from gateway.config import read_config
from gateway.control.kept_exchange import KeptExchange
from gateway.vault.answer import AnswerRow, AnswerState

# What somebody has to do something about, and, where a card in it failed, what else.
_TROUBLE: Final = (AnswerState.UNDELIVERED, AnswerState.REFUSED)
_ARRIVED: Final = (AnswerState.DELIVERED, AnswerState.REPLAYED)

app = typer.Typer(
    no_args_is_help=True,
    help="Answers that did not arrive, were refused, or have failed cards; pushes that were refused.",
)


def register(parent: typer.Typer) -> None:
    """Adds the group to the command."""
    exchanges_content.register(app)
    exchanges_replay.register(app)
    parent.add_typer(app, name="exchanges")


@app.command("list")
def list_exchanges(  # noqa: PLR0917 - typer's options
    state: Annotated[
        list[AnswerState] | None,
        typer.Option(help="May be repeated. Default: undelivered, refused, and failed cards."),
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only those in which a card got no token.")
    ] = False,
    client: Annotated[str | None, typer.Option(help="Only this client's.")] = None,
    hotel: Annotated[str | None, typer.Option(help="Only with bookings of this hotel.")] = None,
    echo: Annotated[str | None, typer.Option(help="Only the message with this EchoToken.")] = None,
    since: Annotated[str, typer.Option(help="Only the last 12h, 3d, 2w.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """List kept answers, newest first: by default those that did not arrive, were refused, or have a
    card in them that failed and were not acknowledged yet.

    Exit code 1 when there is one of these, 0 when there is none.

    For example:

      card-gateway exchanges list --since 12h

      card-gateway exchanges list --failed --hotel 10107

      card-gateway exchanges list --state delivered --state replayed --hotel 10107
    """
    start = datetime.now(UTC) - duration.parse(since, "--since") if since else None
    with vault_of(read_config(config)) as vault:

        def listed(states: Collection[AnswerState], *, failed: bool) -> list[AnswerRow]:
            search = vault.answers.listed(
                states=states,
                client=client,
                hotel=hotel,
                echo=echo,
                since=start,
                failed=failed or None,
                limit=limit,
            )
            return run_here(search)

        found = listed(state or (tuple(AnswerState) if failed else _TROUBLE), failed=failed)
        if not state and not failed:
            found += listed(_ARRIVED, failed=True)
            found = sorted(found, key=lambda row: row.at, reverse=True)[:limit]
    rows = [KeptExchange.of(row) for row in found]
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
    elif not rows:
        say("There are none.")
    else:
        for row in rows:
            _print(row)
    raise typer.Exit(1 if any(row.state in _TROUBLE or row.failed for row in rows) else 0)


@app.command("show")
def show(
    id: Id, client: Client = None, as_json: AsJson = False, config: ConfigFile = DEFAULT_CONFIG
) -> None:
    """Show what is known of one exchange: when, whose, how far it came, and what to do.

    Example: card-gateway exchanges show kbgpmhlnokfjcieidgah
    """
    with vault_of(read_config(config)) as vault:
        row = KeptExchange.of(row_of(vault, id, client))
    if as_json:
        print_json(row.model_dump(mode="json"))
        return
    _print(row)


def _print(row: KeptExchange) -> None:
    say(f"{row.exchange}  {row.state}", style="bold")
    say(
        f"   {quoted(row.client)}, {quoted(row.route)}, {_minute(row.at)}, until {_minute(row.expires)}"
    )
    hotels = ", ".join(quoted(hotel) for hotel in row.hotels) or "unknown"
    echo = f"; EchoToken {quoted(row.echo)}" if row.echo else ""
    say(f"   hotel {hotels}{echo}; {row.size} bytes")
    if row.code:
        say(f"   {row.code}")
    if row.reason:
        say(f"   {row.reason}", style="red")
        say(f"   {row.what_to_do}")
    for card in row.failed_cards:
        place = f"booking {card.booking}, card {card.card}" if card.booking else f"card {card.card}"
        say(f"   {place}: {card.code}. {card.reason}", style="red")
        say(f"   {card.what_to_do}")
    if row.failed > len(row.failed_cards):
        say(f"   and {counted(row.failed - len(row.failed_cards), 'more card')} that failed")
    say("")


def _minute(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
