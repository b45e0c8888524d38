"""`card-gateway scan PATH…`: clear card numbers in files, logs, databases and archives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from gateway.cards import pan
from gateway.cards.scan import find_cards
from gateway.cli import curl_trace
from gateway.cli.hex_dumps import dumped_in, rows_before
from gateway.cli.output import AsJson, complain, console, done, print_json, say
from gateway.cli.scan_files import files, parts
from gateway.cli.scan_parts import Chunk, Unreadable


@dataclass(frozen=True, slots=True)
class Hit:
    """One number in clear, masked. `line` is 0 where lines mean nothing."""

    place: str
    line: int
    masked: str
    brand: str
    view: str

    def __str__(self) -> str:
        place = f"{self.place}:{self.line}" if self.line else self.place
        how = "" if self.view == "plain" else f", {self.view}"
        return f"{place}: {self.masked} ({self.brand}{how})"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("scan")(scan)


def scan(
    paths: Annotated[list[Path], typer.Argument(help="Files and directories.", show_default=False)],
    as_json: AsJson = False,
    allow_test_numbers: Annotated[
        bool,
        typer.Option(
            "--allow-test-numbers", help="Numbers that schemes published for testing are fine."
        ),
    ] = False,
) -> None:
    """Find clear card numbers in files, logs, SQLite databases and archives.

    A number is shown masked, never whole. Exit code 1 when there is one, 0 when there is none.

    Example: card-gateway scan state/ /var/log/card-gateway
    """
    absent = [path for path in paths if not path.exists()]
    if absent:
        for path in absent:
            complain(f"{path}: there is no such file or directory")
        raise typer.Exit(2)
    hits: list[Hit] = []
    unreadable: list[Unreadable] = []
    for one in _watched(look(paths, allow_test_numbers)):
        if isinstance(one, Unreadable):
            unreadable.append(one)
            complain(f"{one.place}: {one.why}")
            continue
        hits.append(one)
        if not as_json:
            say(str(one))
    if as_json:
        print_json(
            {"found": [asdict(h) for h in hits], "unreadable": [asdict(u) for u in unreadable]}
        )
    elif not hits:
        done("No clear card number was found.")
    raise typer.Exit(1 if hits else 0)


def look(paths: list[Path], allow_test_numbers: bool) -> Iterator[Hit | Unreadable | Path]:
    """Goes through everything; a path among the answers says what is being looked at."""
    for file in files(paths):
        if isinstance(file, Unreadable):
            yield file
            continue
        yield file
        seen: set[tuple[str, int, str, int]] = set()
        for part in parts(file):
            if isinstance(part, Unreadable):
                yield part
                continue
            for position, hit in _hits(part, allow_test_numbers):
                key = (hit.place, hit.line, hit.masked, position if part.line else 0)
                if key not in seen:  # twice in the overlap of two chunks
                    seen.add(key)
                    yield hit


def _hits(chunk: Chunk, allow_test_numbers: bool) -> Iterator[tuple[int, Hit]]:
    """The cards of a chunk. `position` counts from the line's start, for telling two apart."""
    data = _narrow(chunk.data)
    for one in find_cards(data):
        digits = one.digits.reveal()
        if allow_test_numbers and pan.is_test_number(digits):
            continue
        line = chunk.line + data.count(b"\n", 0, one.start) if chunk.line else 0
        position = one.start - (data.rfind(b"\n", 0, one.start) + 1)
        yield position, Hit(chunk.place, line, pan.mask(digits), pan.brand_of(digits), one.view)
    yield from _dumped_hits(chunk, data, allow_test_numbers)
    yield from _broken_hits(chunk, data, allow_test_numbers)


def _dumped_hits(chunk: Chunk, data: bytes, allow_test_numbers: bool) -> Iterator[tuple[int, Hit]]:
    """The cards that a hex dump shows, in the line where each begins."""
    for dump in dumped_in(data):
        for one in find_cards(dump.content):
            digits = one.digits.reveal()
            if not (allow_test_numbers and pan.is_test_number(digits)):
                above = data.count(b"\n", 0, dump.start) + rows_before(one.start)
                line = chunk.line + above if chunk.line else 0
                yield 0, Hit(chunk.place, line, pan.mask(digits), pan.brand_of(digits), "hex dump")


def _broken_hits(chunk: Chunk, data: bytes, allow_test_numbers: bool) -> Iterator[tuple[int, Hit]]:
    """The cards that begin in one row of curl's trace and end in the next."""
    for rows in curl_trace.broken_rows(data):
        for one in find_cards(rows.content):
            digits, row = one.digits.reveal(), curl_trace.rows_before(one.start)
            known = allow_test_numbers and pan.is_test_number(digits)
            if not known and row != curl_trace.rows_before(one.end - 1):
                line = chunk.line + data.count(b"\n", 0, rows.start) + row if chunk.line else 0
                yield 0, Hit(chunk.place, line, pan.mask(digits), pan.brand_of(digits), "trace")


def _narrow(data: bytes) -> bytes:
    """UTF-16 text with its NULs left out, so that spelled digits are seen in it, too."""
    nuls = data.count(b"\0")
    return data.replace(b"\0", b"") if len(data) // 3 < nuls <= len(data) // 2 + 2 else data


def _watched(looked: Iterator[Hit | Unreadable | Path]) -> Iterator[Hit | Unreadable]:
    """Shows on a terminal what is being looked at; passes the rest on."""
    terminal = console(stderr=True)
    if not terminal.is_terminal:
        yield from (one for one in looked if not isinstance(one, Path))
        return
    columns = (SpinnerColumn(), TextColumn("{task.completed} files"), BarColumn(),
               TextColumn("{task.description}", markup=False))  # fmt: skip
    with Progress(*columns, console=terminal, transient=True) as progress:
        task = progress.add_task("", total=None)
        for one in looked:
            if isinstance(one, Path):
                progress.update(task, advance=1, description=one.name)
            else:
                yield one
