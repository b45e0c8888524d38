"""What `card-gateway vault migrate` tells while a vault moves, and once it is elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from gateway.cli.output import complain, console, counted, done, say
from gateway.vault.copying import Changes
from gateway.vault.moving import Moved, Phase
from gateway.vault.places import Place

_SAID: Final = {
    Phase.COPY: "Copying, while it is in use",
    Phase.CHECK: "Checking its audit, while it is in use",
    Phase.NOTICE: "Nothing new begins: what has begun may end",
    Phase.CLOSE: "Closed to writes: waiting for those that have begun",
    Phase.LAST: "Closed to writes: copying what is left",
    Phase.VERIFY: "Closed to writes: comparing both",
    Phase.OPEN: "Opening it in its new place",
}
_WORTH_TELLING: Final = 1.0  # seconds


class Told:
    """Bars on a terminal, a line for each pass in a pipe."""

    def __init__(self, progress: Progress, *, quiet: bool) -> None:
        self._progress, self._quiet = progress, quiet
        self._tasks: dict[str, TaskID] = {}
        self._passes = 0

    def begins(self, phase: Phase, rows: Mapping[str, int]) -> None:
        """What is done now, and of how many rows."""
        for task in self._tasks.values():
            self._progress.remove_task(task)
        self._tasks = {
            table: self._progress.add_task(table, total=count)
            for table, count in rows.items()
            if count
        }
        self._line(f"{_SAID[phase]} …")

    def read(self, table: str, rows: int) -> None:
        """So many more rows of a table."""
        if table not in self._tasks:  # it had none when it was counted
            self._tasks[table] = self._progress.add_task(table, total=None)
        self._progress.advance(self._tasks[table], rows)

    def ended(self, phase: Phase, changes: Changes, seconds: float) -> None:
        """How it went."""
        if phase in {Phase.COPY, Phase.LAST}:
            self._line(
                f"  {counted(changes.added, 'row')} came, {changes.changed} changed, {changes.removed} went:"
                f" {seconds:.1f} s"
            )
        elif seconds >= _WORTH_TELLING:
            self._line(f"  {seconds:.1f} s")

    def left_closed(self) -> None:
        """What to do is said at the end, once."""

    def _line(self, text: str) -> None:
        if not self._quiet:
            self._progress.console.print(text, markup=False)


@contextmanager
def watched(*, quiet: bool) -> Iterator[Told]:
    """Who tells how far it is, on standard error; nothing when `quiet`."""
    terminal = console(stderr=True)
    columns = (
        TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(
        *columns, console=terminal, transient=True, disable=not terminal.is_terminal
    ) as progress:
        yield Told(progress, quiet=quiet)


def tell(moved: Moved, here: Place, there: Place) -> None:
    """How it went, and what to do next."""
    proof = moved.proof
    if moved.before:
        done(f"The vault is at {there}, since an earlier run.")
        return
    for table, rows in proof.differing.items():
        complain(
            f"{table}: {counted(rows, 'row')} in the target, which are not the {proof.tables[table].rows} here."
        )
    if not proof.counted:
        complain("The target counts another number of cards than it has.")
    if not proof.chained:
        complain("The target's audit does not hold.")
    if not proof.holds:
        complain(
            f"Both are not the same, so {here} is in use as before.",
            "Find out who else writes to the target, and run this again.",
        )
        return
    done(f"{proof.rows} rows in {len(proof.tables)} tables are the same, counted and summed.")
    done(f"The vault is at {there}. Exchanges with cards were refused for {moved.closed:.1f} s.")
    if not proof.audit_holds:
        complain("Its audit had a fault before.", "Run: card-gateway audit verify")
    if isinstance(there, Path):
        say(
            "In gateway.yaml, remove `url:` under `vault:`; the file has to be vault.db in `state:`."
        )
    else:
        say(
            "In gateway.yaml, write this database's `url:` under `vault:`, with the gateways' own role."
        )
    say("Then restart every gateway: until then each refuses what has a card, with `vault_closed`.")
    say(f"When all is well, erase {here} and keep its backups as long as your policy says.")


def public(moved: Moved) -> dict[str, object]:
    """The same for scripts."""
    proof = moved.proof
    return {
        "moved": proof.holds,
        "seconds_closed": round(moved.closed, 3),
        "passes": moved.passes,
        "rows": {name: one.rows for name, one in proof.tables.items()},
        "sha256": {name: one.sha256 for name, one in proof.tables.items()},
        "differing": list(proof.differing),
        "counted": proof.counted,
        "chained": proof.chained,
        "audit_held_before": proof.audit_holds,
    }
