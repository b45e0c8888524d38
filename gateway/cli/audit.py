"""`card-gateway audit verify|export|tail|purge`: who did what, and whether that is all of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, Progress, TextColumn

from gateway.audit import Action, Entry, Outcome
from gateway.cli import duration
from gateway.cli.audit_formats import Format, header, written
from gateway.cli.audit_options import (
    Booking,
    Client,
    Did,
    Ended,
    Product,
    Since,
    Token,
    Until,
    expected_row,
    selection,
)
from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    console,
    done,
    print_json,
    say,
)
from gateway.config import read_config
from gateway.system_user import command_line
from gateway.vault.audit_line import Line
from gateway.vault.audits import KEPT, Selection
from gateway.vault.chain_check import Fault, Finding, Report, Row
from gateway.vault.configured import open_vault
from gateway.vault.service import Vault

_PAGE: Final = 1000
_POLL_SECONDS: Final = 0.5
_SAID: Final = {
    Fault.CHANGED: "was changed, or moved here",
    Fault.MISSING: "is missing",
    Fault.UNCHECKED: "can not be checked: the entry before it in its chain is missing",
    Fault.UNCHAINED: "stands in no chain: an older gateway wrote it, or no gateway",
    Fault.ANCHOR_CHANGED: "was changed",
    Fault.ANCHOR_MISSING: "is missing",
}
_ANCHORS: Final = {Fault.ANCHOR_CHANGED, Fault.ANCHOR_MISSING}

app = typer.Typer(no_args_is_help=True, help="Check, export and follow the audit.")


def register(parent: typer.Typer) -> None:
    """Adds the group to the command."""
    parent.add_typer(app, name="audit")


@app.command("verify")
def verify(
    expect: Annotated[
        str, typer.Option(metavar="ID:HASH", help="An entry that was noted down earlier.")
    ] = "",
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Check that every entry is as it was written; exit with 1 when one is not.

    Note down what it says of the newest entry, elsewhere: entries that were cut off at the very end are
    missed by nobody else.

    For example:

      card-gateway audit verify

      card-gateway audit verify --expect 1234:00000012ab34…
    """
    expected = expected_row(expect)
    with _vault(config) as vault, watched() as progress:
        report = vault.audit.check(expected=expected, progress=progress)
    if as_json:
        print_json(public(report))
    else:
        _tell(report, expected)
    raise typer.Exit(1 if report.findings or report.expected is False else 0)


@app.command("export")
def export(  # noqa: PLR0917 - typer's options
    form: Annotated[Format, typer.Option("--format", help="csv, or a JSON object each line.")] = (
        Format.JSONL
    ),
    since: Since = "",
    until: Until = "",
    client: Client = None,
    product: Product = None,
    action: Did = None,
    outcome: Ended = None,
    token: Token = "",
    booking: Booking = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Write entries to standard output, oldest first, for an assessor. No card data is in them.

    In CSV a text that a spreadsheet would take for a formula has an apostrophe before it.

    For example:

      card-gateway audit export --from 2026-01-01 --to 2026-03-31 --format csv

      card-gateway audit export --action reveal --product seaside

      card-gateway audit export --token 1996496921
    """
    which = selection(since, until, client, product, action, outcome, token, booking)
    typer.echo(header(form), nl=False)
    with _vault(config) as vault, watched() as progress:
        count = 0
        for page in _pages(vault, which, 0):
            typer.echo("".join(written(form, line) for line in page), nl=False)
            count += len(page)
            progress(count, 0)


@app.command("tail")
def tail(  # noqa: PLR0917 - typer's options
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as entries come.")] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, help="How many to begin with.")
    ] = 10,
    client: Client = None,
    product: Product = None,
    action: Did = None,
    outcome: Ended = None,
    token: Token = "",
    booking: Booking = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Show the newest entries.

    For example:

      card-gateway audit tail -f

      card-gateway audit tail -n 50 --client pms --outcome refused
    """
    which = selection("", "", client, product, action, outcome, token, booking)
    form = Format.JSONL if as_json else Format.TEXT
    with _vault(config) as vault:
        # Read before the newest are: what comes in between is shown, once.
        newest = vault.audit.newest(Selection(), 1)
        shown = vault.audit.newest(which, lines)
        after = max((line.id for line in (*newest, *shown)), default=0)
        _print(form, shown)
        while follow:
            try:
                for page in _pages(vault, which, after):
                    _print(form, page)
                    after = page[-1].id
                time.sleep(_POLL_SECONDS)
            except KeyboardInterrupt:
                return


@app.command("purge")
def purge(
    older_than: Annotated[str, typer.Option(help="366d at least: PCI DSS asks for twelve months.")],
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Erase the oldest entries, for good; the purge is an entry itself. Export them before.

    Example: card-gateway audit purge --older-than 400d
    """
    age = duration.parse(older_than, "--older-than")
    if age < KEPT:
        raise typer.BadParameter(
            f"entries are kept for twelve months; give {KEPT.days}d or more",
            param_hint="--older-than",
        )
    now = datetime.now(UTC)
    by = Entry(now, "", Action.AUDIT_PURGE, Outcome.DONE, origin=command_line())
    count = 0
    with _vault(config, writes=True) as vault, watched() as progress:
        while gone := vault.audit.purge(now - age, by):
            count += gone
            progress(count, 0)
    done(f"Erased: {count}.")


@contextmanager
def _vault(config: Path, *, writes: bool = False) -> Iterator[Vault]:
    """Whoever only reads needs nobody to read the audit's pipe."""
    settings = read_config(config)
    sinks = settings.audit.files if writes else []
    with closing(open_vault(settings, sinks=sinks)) as vault:
        yield vault


def _pages(vault: Vault, which: Selection, after: int) -> Iterator[list[Line]]:
    """All that there are now, oldest first."""
    while page := vault.audit.lines(which, after=after, limit=_PAGE):
        yield page
        after = page[-1].id


def _print(form: Format, lines: list[Line]) -> None:
    if lines:
        typer.echo("".join(written(form, line) for line in lines), nl=False)


class _Watcher:
    """Tells on a terminal how far it came."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._task = progress, progress.add_task("", total=None)

    def __call__(self, done: int, of: int) -> None:
        self._progress.update(self._task, completed=done, total=of or None)


@contextmanager
def watched() -> Iterator[_Watcher]:
    """What is told how many entries are done, of how many; shown on a terminal."""
    terminal = console(stderr=True)
    columns = (TextColumn("{task.completed} entries"), BarColumn())
    with Progress(
        *columns, console=terminal, transient=True, disable=not terminal.is_terminal
    ) as progress:
        yield _Watcher(progress)


# --- what was found -------------------------------------------------------------------------------


def _tell(report: Report, expected: Row | None) -> None:
    for finding in report.findings:
        complain(_sentence(finding))
    if report.expected is False and expected is not None:
        complain(f"Entry {expected.id} is not the one that was noted down, or is gone.")
    if report.findings or report.expected is False:
        complain(
            "The audit is not as it was written.",
            "Keep the database as it is, compare it with exports and backups, and find out who could write it.",
        )
    else:
        done(f"As they were written: {report.entries - report.before}.")
    if report.before:
        say(f"From before there was a chain, so that nobody can tell: {report.before}.")
    if report.purged:
        say(f"Purged: up to {report.purged}.")
    if report.newest is not None:
        say(f"The newest is {report.newest.id}:{report.newest.hash}")


def _sentence(finding: Finding) -> str:
    what = "Anchor" if finding.fault in _ANCHORS else "Entry"
    if finding.first == finding.last:
        return f"{what} {finding.first} {_SAID[finding.fault]}."
    return f"{what} {finding.first} to {finding.last}, each: {_SAID[finding.fault]}."


def public(report: Report) -> dict[str, object]:
    """What was found, as JSON has it."""
    newest = report.newest
    return {
        "entries": report.entries,
        "before_chain": report.before,
        "purged_to": report.purged,
        "newest": None if newest is None else f"{newest.id}:{newest.hash}",
        "expected": report.expected,
        "findings": [
            {"fault": one.fault, "first": one.first, "last": one.last} for one in report.findings
        ],
    }
