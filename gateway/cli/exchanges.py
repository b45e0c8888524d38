"""`card-gateway exchanges list|show|outline|answer|replay`: answers that did not arrive, were refused, or
have a card in them that failed; and pushes that were refused."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, TypeVar, cast

import typer

from gateway.audit import Action, Entry, Outcome
from gateway.cli import duration
from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    counted,
    done,
    print_json,
    say,
)
from gateway.cli.suggestions import quoted
from gateway.config import Config, read_config
from gateway.control.kept_exchange import KeptExchange
from gateway.errors import AnswerRefused, ExchangeUnknown, GatewayError, VaultUnavailable
from gateway.stages.outline import LONGEST, outline
from gateway.system_user import command_line
from gateway.vault.answer import AnswerRow, AnswerState
from gateway.vault.configured import open_vault
from gateway.vault.service import Vault

# What somebody has to do something about, and, where a card in it failed, what else.
_TROUBLE: Final = (AnswerState.UNDELIVERED, AnswerState.REFUSED)
_ARRIVED: Final = (AnswerState.DELIVERED, AnswerState.REPLAYED)

_T = TypeVar("_T")
Replay = Callable[
    [Config, str, str], Awaitable[str]
]  # client, exchange → the id it has from then on
Id = Annotated[str, typer.Argument(metavar="ID", help="The exchange's id, from `exchanges list`.")]
Client = Annotated[
    str | None, typer.Option(help="Whose it is; needed where several have one of this id.")
]

app = typer.Typer(
    no_args_is_help=True,
    help="Answers that did not arrive, were refused, or have failed cards; pushes that were refused.",
)


def register(parent: typer.Typer) -> None:
    """Adds the group to the command."""
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
    with _vault(read_config(config)) as vault:

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
            return _run(search)

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
    with _vault(read_config(config)) as vault:
        row = KeptExchange.of(_row(vault, id, client))
    if as_json:
        print_json(row.model_dump(mode="json"))
        return
    _print(row)


@app.command("answer")
def answer(
    id: Id,
    out: Annotated[
        Path | None, typer.Option(help="A new file, for your eyes only. Default: a pipe.")
    ] = None,
    client: Client = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Write the body of a kept answer: with tokens for cards, but with its guests' names.

    How far the exchange came stays as it is: its client fetches it over the control API. A push that was
    replayed is handed over by this. What was refused is not given out, because cards may be in it.

    For example:

      card-gateway exchanges answer kbgpmhlnokfjcieidgah --out answer.xml

      card-gateway exchanges answer kbgpmhlnokfjcieidgah | xmllint --format -
    """
    if out is None and sys.stdout.isatty():
        complain("The answer holds guests' data.", "Name a file (--out FILE), or use a pipe.")
        raise typer.Exit(2)
    with _vault(read_config(config)) as vault:
        row = _row(vault, id, client)
        if row.code:
            raise AnswerRefused
        intent = _fetching(row, Outcome.INTENT)
        kept = _run(vault.answers.fetch(id, client=row.client, intent=intent))
        if kept is None:
            raise ExchangeUnknown
        _write(kept.body, out)
        done_now = _fetching(row, Outcome.DONE)
        if row.is_push:  # nobody else fetches it
            reached = vault.answers.reached(
                id, AnswerState.REPLAYED, client=row.client, entry=done_now
            )
            _run(reached)
        else:
            _run(vault.record([done_now]))
    if out is not None:
        done(f"{len(kept.body)} bytes in {out} (status {kept.status}).")


@app.command("outline")
def show_outline(id: Id, client: Client = None, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Show what a refused message looks like: the names in it, every value blanked.

    A digit is shown as 0, a letter of a value as x. Compare it with the rule's shape.

    Example: card-gateway exchanges outline kbgpmhlnokfjcieidgah
    """
    with _vault(read_config(config)) as vault:
        row = _row(vault, id, client)
        if row.state is not AnswerState.REFUSED:
            complain(
                f"It is {row.state}, not refused.", "Its message: card-gateway exchanges answer"
            )
            raise typer.Exit(2)
        _run(vault.record([_fetching(row, Outcome.INTENT, "outline")]))
        refused = _run(vault.answers.open_refused(id, client=row.client))
        if refused is None:
            raise ExchangeUnknown
        shown = outline(refused.body)
        _run(vault.record([_fetching(row, Outcome.DONE, "outline")]))
    sys.stdout.write(shown if shown.endswith("\n") else f"{shown}\n")
    if len(refused.body) > LONGEST:
        complain(f"That was the beginning: {LONGEST} of {len(refused.body)} bytes.")


def _write(body: bytes, out: Path | None) -> None:
    if out is None:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(body)


def _fetching(row: AnswerRow, outcome: Outcome, detail: str = "") -> Entry:
    """The audit's entry: whoever may read the vault's files has no key to name."""
    return Entry(
        at=datetime.now(UTC),
        exchange=row.exchange,
        action=Action.FETCH,
        outcome=outcome,
        origin=command_line(),
        route=row.route,
        product=row.product,
        detail=detail,
    )


@app.command("replay")
def replay(
    id: Id, client: Client = None, as_json: AsJson = False, config: ConfigFile = DEFAULT_CONFIG
) -> None:
    """Let a refused answer, or push, through today's rules; its client can fetch it then, a push you.

    Mend the cause first: `exchanges show ID` names it. Exit code 1 when it is still refused.

    Example: card-gateway exchanges replay kbgpmhlnokfjcieidgah
    """
    settings = read_config(config)
    with _vault(settings) as vault:
        row = _row(vault, id, client)
    if row.state is not AnswerState.REFUSED:
        complain(f"It is {row.state}, not refused: there is nothing to replay.")
        raise typer.Exit(2)
    try:
        kept = _run(load_replay()(settings, row.client, id))
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


@contextmanager
def _vault(config: Config) -> Iterator[Vault]:
    vault = open_vault(config, sinks=config.audit.files)
    try:
        yield vault
    finally:
        vault.close()


def _run(work: Awaitable[_T]) -> _T:
    async def awaited() -> _T:
        return await work

    return asyncio.run(awaited())


def _row(vault: Vault, id: str, client: str | None) -> AnswerRow:
    """The one exchange of this id. Raises ExchangeUnknown; ends with 2 where it is not clear which."""
    rows = _run(vault.answers.listed(exchange=id, client=client))
    if not rows:
        raise ExchangeUnknown
    if len(rows) > 1:
        names = ", ".join(sorted(row.client for row in rows))
        complain("Several clients have an exchange of this id.", f"Name one with --client: {names}")
        raise typer.Exit(2)
    return rows[0]


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
