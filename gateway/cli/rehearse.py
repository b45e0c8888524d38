"""`card-gateway rules rehearse day.har`: a day of recorded traffic, as it would go through the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    complain_of,
    console,
    print_json,
)
from gateway.cli.recorded import Recorded
from gateway.cli.rehearsal import Rehearsal
from gateway.cli.rehearsed import Day, Exchanged
from gateway.cli.rehearsed_shown import public, tell, tell_one
from gateway.cli.routing import Routes
from gateway.cli.rules_found import Directory, in_force, load_packs, rules_directory
from gateway.cli.transcript import files_of, read
from gateway.errors import ConfigurationError, RouteUnknown
from gateway.rules.load import load_every_pack
from gateway.rules.watch import Rules

_HELP = """Put a day of recorded traffic through the rules, on this machine: nothing is sent.

Says per route what would change, what would be refused and why, which cards would fail, and prints the YAML for what no route takes. The pipeline is the real one, with invented tokens; keys, networks, the map of hotels and products are not rehearsed, for no recording has them.

FILE is a HAR, a transcript (.http, curl -v), or a folder with such files. Exit code 0 only if nothing would be refused, no card would fail, and every message that the gateway would look into was recorded whole.

Examples: card-gateway rules rehearse day.har

card-gateway rules rehearse --each --config gateway.yaml recordings/

card-gateway rules rehearse --json day.har
"""


def register(app: typer.Typer) -> None:
    """Adds the command to the group."""
    app.command("rehearse", help=_HELP)(rehearse)


def rehearse(
    files: Annotated[
        list[Path], typer.Argument(help="Recordings, or folders.", show_default=False)
    ],
    *,
    each: Annotated[bool, typer.Option("--each", help="A line for each exchange.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    directory: Directory = None,
    as_json: AsJson = False,
) -> None:
    """The command; what it is for stands in `_HELP`."""
    packs = load_packs(config, directory).packs
    force = in_force(config)
    live = Routes(tuple(pack for pack in packs if force.has(pack)))
    every = Routes(packs)
    rehearsal = Rehearsal(Rules(directory or rules_directory(config), load_every_pack))
    day = Day(packs)
    broken = False
    for file in files_of(files):
        try:
            for asked, answer in _exchanges(file):
                one = _play(live, every, rehearsal, asked, answer)
                day.add(one)
                if each and not as_json:
                    tell_one(one)
        except (ConfigurationError, OSError) as error:  # the others are still worth knowing
            _complain(file, error)
            broken = True
    if as_json:
        print_json(public(day, complete=not broken))
    else:
        tell(day)
    if broken:
        raise typer.Exit(2)
    if not day.fine:
        raise typer.Exit(1)


def _play(
    live: Routes,
    every: Routes,
    rehearsal: Rehearsal,
    asked: Recorded | None,
    answer: Recorded | None,
) -> Exchanged:
    """One exchange on its route. Of an answer whose request is not there nobody knows the route."""
    head = asked if asked is not None else answer
    if head is None:
        raise ValueError("an exchange without messages")
    if not head.method:
        return Exchanged(
            head, answer, None, refused=RouteUnknown(), why=("its request was not recorded",)
        )
    taken = live.take(head)
    if taken.route is not None:
        return Exchanged(head, answer, rehearsal.play(taken.route, asked, answer))
    asleep = every.take(head).route
    why = tuple(live.why_not(head)) if isinstance(taken.refused, RouteUnknown) else ()
    return Exchanged(head, answer, None, taken.refused, why, asleep)


def _exchanges(file: Path) -> Iterator[tuple[Recorded | None, Recorded | None]]:
    """Request and answer of each exchange; a body alone is none. Raises ConfigurationError, OSError."""
    asked: Recorded | None = None
    for message in _watched(file):
        if message.way == "response":
            fits = asked is not None and asked.exchange == message.exchange
            yield (asked if fits else None), message
            asked = None
            continue
        if asked is not None:
            yield asked, None
        asked = message if message.way == "request" else None
        if message.way is None:
            complain(
                f"{file}: a body alone, left out", "card-gateway rules explain --route takes it."
            )
    if asked is not None:
        yield asked, None


def _watched(file: Path) -> Iterator[Recorded]:
    """The file's messages; on a terminal with how far it is read."""
    terminal = console(stderr=True)
    if not terminal.is_terminal:
        yield from read(file)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
    with Progress(*columns, console=terminal, transient=True) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size)
        yield from read(file, lambda count: progress.advance(task, count))


def _complain(file: Path, error: ConfigurationError | OSError) -> None:
    if isinstance(error, ConfigurationError):
        complain_of(error)
    else:
        complain(f"{file}: {error.strerror or 'can not be read'}")
