"""`card-gateway cards`: the group; each command has a module of its own."""

from __future__ import annotations

import typer

from gateway.cli import cards_erase, cards_forget, cards_import

app = typer.Typer(
    no_args_is_help=True, help="Forget cards, erase guests, and bring cards from another vault."
)


def register(parent: typer.Typer) -> None:
    """Adds the group to the command."""
    cards_forget.register(app)
    cards_erase.register(app)
    cards_import.register(app)
    parent.add_typer(app, name="cards")
