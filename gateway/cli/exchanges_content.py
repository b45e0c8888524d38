"""`card-gateway exchanges answer|outline`: what is in one kept exchange, once the audit has noted who asks."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.audit import Action, Entry, Outcome
from gateway.cli.exchanges_named import Client, Id, row_of, run_here, vault_of
from gateway.cli.output import DEFAULT_CONFIG, ConfigFile, complain, done
from gateway.config import read_config
from gateway.errors import AnswerRefused, ExchangeUnknown
from gateway.stages.outline import LONGEST, outline
from gateway.system_user import command_line
from gateway.vault.answer import AnswerRow, AnswerState


def register(parent: typer.Typer) -> None:
    """Adds the commands to the group."""
    parent.command("answer")(answer)
    parent.command("outline")(show_outline)


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
    with vault_of(read_config(config)) as vault:
        row = row_of(vault, id, client)
        if row.code:
            raise AnswerRefused
        intent = _fetching(row, Outcome.INTENT)
        kept = run_here(vault.answers.fetch(id, client=row.client, intent=intent))
        if kept is None:
            raise ExchangeUnknown
        _write(kept.body, out)
        done_now = _fetching(row, Outcome.DONE)
        if row.is_push:  # nobody else fetches it
            reached = vault.answers.reached(
                id, AnswerState.REPLAYED, client=row.client, entry=done_now
            )
            run_here(reached)
        else:
            run_here(vault.record([done_now]))
    if out is not None:
        done(f"{len(kept.body)} bytes in {out} (status {kept.status}).")


def show_outline(id: Id, client: Client = None, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Show what a refused message looks like: the names in it, every value blanked.

    A digit is shown as 0, a letter of a value as x. Compare it with the rule's shape.

    Example: card-gateway exchanges outline kbgpmhlnokfjcieidgah
    """
    with vault_of(read_config(config)) as vault:
        row = row_of(vault, id, client)
        if row.state is not AnswerState.REFUSED:
            complain(
                f"It is {row.state}, not refused.", "Its message: card-gateway exchanges answer"
            )
            raise typer.Exit(2)
        run_here(vault.record([_fetching(row, Outcome.INTENT, "outline")]))
        refused = run_here(vault.answers.open_refused(id, client=row.client))
        if refused is None:
            raise ExchangeUnknown
        shown = outline(refused.body)
        run_here(vault.record([_fetching(row, Outcome.DONE, "outline")]))
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
