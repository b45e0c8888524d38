"""What commands print: colours on a terminal, plain text in a pipe, JSON where a script reads it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gateway.errors import ConfigurationError, GatewayError, VaultClosed, VaultSealed

# In a pipe nothing is wrapped or cut: whoever reads it has columns of their own.
_PIPE_WIDTH = 1000

ConfigFile = Annotated[
    Path,
    typer.Option("--config", "-c", help="gateway.yaml", envvar="CARD_GATEWAY_CONFIG"),
]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts: JSON on standard output.")]
DEFAULT_CONFIG = Path("gateway.yaml")


def console(*, stderr: bool = False) -> Console:
    """A console on today's stdout or stderr (tests and pipes swap them)."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPE_WIDTH
    # `:ab:` in a fingerprint is no emoji.
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=True, emoji=False)


def say(text: str, style: str | None = None) -> None:
    """One line of text as it is: no markup is read in it."""
    console().print(text, style=style, markup=False)


def done(text: str) -> None:
    """One line about what went well."""
    console().print(f"[green]✓[/green] {escape(text)}")


def complain(text: str, action: str = "") -> None:
    """What is wrong and what to do about it, on standard error."""
    out = console(stderr=True)
    out.print(text, style="red", markup=False)
    if action:
        out.print(f"    {action}", markup=False)


def complain_of(error: ConfigurationError | GatewayError) -> None:
    """A refusal or a mistake in the configuration; neither holds what a peer sent."""
    if isinstance(error, VaultClosed):
        complain(error.text, error.why)
        return
    if isinstance(error, GatewayError) and not isinstance(error, VaultSealed):
        complain(error.text, error.action)
        return
    for problem in [error.problem] if isinstance(error, VaultSealed) else error.problems:
        complain(f"{problem.place}: {problem.message}", problem.hint)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Aligned columns; nothing is cut in a pipe."""
    grid = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        grid.add_row(*(escape(cell) for cell in row))
    out = console()
    if out.is_terminal:
        out.print(grid)
        return
    with out.capture() as capture:
        out.print(grid)
    for line in capture.get().splitlines():
        say(line.rstrip())


def counted(number: int, one: str, many: str = "") -> str:
    """`1 card`, `2 cards`; `many` where it is not `one` with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def print_json(value: object) -> None:
    """JSON on standard output, indented, ASCII."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=True, default=str))
