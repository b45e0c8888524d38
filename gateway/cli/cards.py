"""`card-gateway cards`: the group; each command has a module of its own."""

from __future__ import annotations

import typer

from gateway.cli import cards_erase, cards_forget

app = typer.Typer(no_args_is_help=True, help="Forget cards, and erase guests, on request.")


def register(parent: typer.Typer) -> None:
    """Adds the group to the command."""
    cards_forget.register(app)
    cards_erase.register(app)
    parent.add_typer(app, name="cards")
