"""`card-gateway rules new FILE…`: a pack for a partner that has none, made of a recorded message."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.hiding import hide, printable
from gateway.cli.output import complain, console, counted
from gateway.cli.proposal.plan import Planned, has_bookings, plan
from gateway.cli.proposal.proof import Proven, examples_fail, prove
from gateway.cli.proposal.scalars import word
from gateway.cli.proposal.why_not import remarks, why_nothing
from gateway.cli.proposal.written import system_of, written
from gateway.cli.recorded import Recorded, Way
from gateway.cli.rules_found import wrong_use
from gateway.cli.transcript import files_of, read, read_stream

_HELP = """Proposes a pack from a recorded message: what looks like a card, its expiry, code and holder near each other.

FILE is one message's body, a transcript (.http, curl -v, Ruby's Net::HTTP), a HAR, a cassette (VCR, vcrpy, nock), another tool's file (WireMock, Pact, Insomnia, SoapUI), a folder of them, or - for standard input. The YAML goes to standard output, without a value of the message: its example holds test numbers. Before it is printed the recording is put through it; what was seen is told on standard error. Correct what the comments ask about, then: card-gateway rules test.

Exit code 1 where no card is found, with the nearest reason, or where the proposal does not find every one.

Examples: card-gateway rules new charge.http -o rules/my-processor.yaml

card-gateway rules new --system my-channel --as response reservations.json

card-gateway rules new --push notification.xml
"""
_STDIN: Final = Path("-")


def register(app: typer.Typer) -> None:
    """Adds the command to the group."""
    app.command("new", help=_HELP)(new)


def new(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Recordings of one system.", show_default=False),
    ],
    *,
    system: Annotated[str, typer.Option(help="The pack's name. Default: of the host.")] = "",
    push: Annotated[
        bool | None,
        typer.Option(
            "--push/--charge",
            help="A card in a request is pushed to the PMS, or sent to a processor. Default: a guess.",
            show_default=False,
        ),
    ] = None,
    way: Annotated[
        str, typer.Option("--as", help="request or response: what a body alone is.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A new file. Default: standard output.")
    ] = None,
) -> None:
    """The command; what it is for stands in `_HELP`."""
    if way not in {"", "request", "response"}:
        wrong_use(
            "--as says whether it is a message of one way or the other", ["request", "response"]
        )
    if out is not None and out.exists():
        complain(f"{out} is there already.", "Name another file: a pack is not overwritten.")
        raise typer.Exit(2)
    direction: Way | None = (
        "request" if way == "request" else "response" if way == "response" else None
    )
    routes = plan(_recorded(files), push=push, way=direction)
    name = word(system, "new-partner") if system else system_of(routes)
    acting = any(side.acting for route in routes for side in (route.request, route.response))
    refusing = any(side.opaque for route in routes for side in (route.request, route.response))
    if not acting:
        for reason, action in why_nothing(routes):
            complain(printable(hide(reason)), action)
        if refusing:
            _hand_over(written(routes, name), out)
        raise typer.Exit(1)
    text = written(routes, name)
    if examples_fail(text):
        text = written(routes, name, examples=False)
        _tell("Its example did not come out and was left out.")
    proven = prove(text, routes)
    _hand_over(text, out)
    _report(proven, routes, out, name, guessed=push is None)
    if not proven.good:
        raise typer.Exit(1)


def _recorded(files: Sequence[Path]) -> Iterator[Recorded]:
    """All messages, in order; exchanges go on counting. Raises ConfigurationError, OSError."""
    for file in files:
        if file == _STDIN:
            yield from read_stream(io.BytesIO(sys.stdin.buffer.read()), Path("stdin"))
        else:
            for one in files_of([file]):
                yield from read(one)


def _hand_over(text: str, out: Path | None) -> None:
    if out is None:
        typer.echo(text, nl=False)
        return
    with os.fdopen(
        os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8"
    ) as file:
        file.write(text)


def _report(
    proven: Proven, routes: Sequence[Planned], out: Path | None, name: str, *, guessed: bool
) -> None:
    seen = counted(proven.found, "card")
    if proven.good:
        _tell(f"{seen} found and taken out, or put in; nothing else changed.")
    for one in proven.wrong:
        complain(
            printable(hide(one)),
            "Correct the proposal; card-gateway rules explain shows what it reads.",
        )
    for one in proven.outside[:8]:
        _tell(
            f"Left where it is: {printable(one)}. It could pass for a card's number, but nothing near it does."
        )
    for remark, action in remarks(routes):
        complain(printable(hide(remark)), action)
    for one in proven.labels:
        complain(
            f"{one}: its Content-Type is none of its body's format, or not in UTF-8: as it is, it is refused (label_wrong).",
            "Have the PMS send the right one.",
        )
    for one in proven.targets:
        complain(
            f"{one}: its URL can be read in two ways (an empty segment, a semicolon, an encoded sign): as it is, it is refused (target_ambiguous).",
            "Have the PMS send it plain.",
        )
    if guessed and any(route.pushed for route in routes):
        _tell("Its request has bookings: taken for a push to the PMS. If it is a charge: --charge.")
    if guessed and any(
        one.request.acting and not one.pushed for one in routes if has_bookings(one)
    ):
        _tell(
            "Its request has bookings: taken for a charge. If a channel manager sends it to the PMS: --push."
        )
    where = f" It is in {out}." if out is not None else ""
    _tell(
        f"Read its comments, correct it, save it as rules/{name}.yaml; then: card-gateway rules test {name}.{where}"
    )


def _tell(text: str) -> None:
    console(stderr=True).print(text, markup=False)
