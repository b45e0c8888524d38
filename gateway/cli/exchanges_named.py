"""What commands about kept exchanges have in common: how one is named, and the vault that has it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import closing, contextmanager
from typing import Annotated, TypeVar

import typer

from gateway.cli.output import complain
from gateway.config import Config
from gateway.errors import ExchangeUnknown
from gateway.vault.answer import AnswerRow
from gateway.vault.configured import open_vault
from gateway.vault.service import Vault

T = TypeVar("T")
Id = Annotated[str, typer.Argument(metavar="ID", help="The exchange's id, from `exchanges list`.")]
Client = Annotated[
    str | None, typer.Option(help="Whose it is; needed where several have one of this id.")
]


@contextmanager
def vault_of(config: Config) -> Iterator[Vault]:
    """The vault that gateway.yaml names, open. Raises VaultUnavailable."""
    with closing(open_vault(config, sinks=config.audit.files)) as vault:
        yield vault


def run_here(work: Awaitable[T]) -> T:
    """What comes of it; there is no loop here that it could wait in."""

    async def awaited() -> T:
        return await work

    return asyncio.run(awaited())


def row_of(vault: Vault, id: str, client: str | None) -> AnswerRow:
    """The one exchange of this id. Raises ExchangeUnknown; ends with 2 where it is not clear which."""
    rows = run_here(vault.answers.listed(exchange=id, client=client))
    if not rows:
        raise ExchangeUnknown
    if len(rows) > 1:
        names = ", ".join(sorted(row.client for row in rows))
        complain("Several clients have an exchange of this id.", f"Name one with --client: {names}")
        raise typer.Exit(2)
    return rows[0]
