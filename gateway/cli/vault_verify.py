"""`card-gateway vault verify`: does every record open, and is nothing kept past its time?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Final

import typer
from rich.progress import BarColumn, Progress, TextColumn

from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    console,
    done,
    print_json,
)
from gateway.config import read_config
from gateway.vault.configured import open_vault, retention_of
from gateway.vault.verification import Finding, Flaw, Report

_SAID: Final = {
    Flaw.DAMAGED: "do not open: changed, moved, cut off, or under a key that is gone",
    Flaw.EXPIRED: "should have been erased more than an hour ago",
    Flaw.MISCOUNTED: "products have another number of cards than is counted",
    Flaw.UNLINKED: "have no booking, so that no purge finds them",
}
_DO: Final = {
    Flaw.DAMAGED: "Keep the database as it is, and compare it with backups.",
    Flaw.EXPIRED: "Run: card-gateway vault purge. The rest a running gateway erases by itself: is one?",
    Flaw.MISCOUNTED: "Find out who wrote to the database besides the gateway.",
    Flaw.UNLINKED: "Find out who wrote to the database besides the gateway.",
}


def register(parent: typer.Typer) -> None:
    """Adds the command to the group."""
    parent.command("verify")(verify)


def verify(as_json: AsJson = False, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Check that every record opens, that nothing is kept past its time, and that counts agree; exit with 1
    when one does not. Nothing of what is opened is shown. The gateway may run meanwhile.

    Example: card-gateway vault verify
    """
    settings = read_config(config)
    with closing(open_vault(settings)) as vault, watched() as progress:
        now = datetime.now(UTC)
        report = vault.verification.check(retention_of(settings), now, progress)
    if as_json:
        print_json(_public(report))
    else:
        _tell(report)
    raise typer.Exit(1 if report.findings else 0)


@contextmanager
def watched() -> Iterator[Callable[[int, int], None]]:
    """What is told how many of how many records were opened; shown on a terminal."""
    terminal = console(stderr=True)
    columns = (TextColumn("{task.completed} of {task.total} records"), BarColumn())
    with Progress(
        *columns, console=terminal, transient=True, disable=not terminal.is_terminal
    ) as shown:
        task = shown.add_task("", total=None)
        yield lambda count, of: shown.update(task, completed=count, total=of)


def _tell(report: Report) -> None:
    for one in report.findings:
        complain(_sentence(one), _DO[one.flaw])
    if not report.findings:
        done(f"Each of {report.opened} records opens, and nothing is kept past its time.")


def _sentence(one: Finding) -> str:
    first = f" The first: {one.first}." if one.first else ""
    return f"{one.table}: {one.count} {_SAID[one.flaw]}.{first}"


def _public(report: Report) -> dict[str, object]:
    return {
        "opened": report.opened,
        "findings": [
            {"flaw": one.flaw, "table": one.table, "count": one.count, "first": one.first or None}
            for one in report.findings
        ],
    }
