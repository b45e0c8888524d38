"""Recordings in many dialects, each with the shapes that are to be proposed: tests/corpus/transcripts."""

from __future__ import annotations

from pathlib import Path

import typer
from typer.testing import CliRunner

from gateway.cli import rules as command
from gateway.cli.proposal.plan import Planned, drafts_of, plan
from gateway.cli.proposal.shapes import Draft
from gateway.cli.transcript import read

FOLDER = Path(__file__).parent.parent / "corpus" / "transcripts"
TABLE = FOLDER / "expected.tsv"
FILES = sorted(path.name for path in FOLDER.iterdir() if path != TABLE)


def expected() -> dict[str, list[str]]:
    """File → its shapes, as `told` says them."""
    rows: dict[str, list[str]] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        name, shape = line.split("\t")
        rows.setdefault(name, []).append(shape)
    return rows


def routes_of(name: str) -> list[Planned]:
    """What is planned for a recording."""
    return plan(read(FOLDER / name), push=None, way=None)


def told(routes: list[Planned]) -> list[str]:
    """A line for each shape; one that says so where none is proposed."""
    return [_line(name, draft) for name, draft in drafts_of(routes)] or ["nothing"]


def _line(name: str, draft: Draft) -> str:
    way = "".join(f"{one.format}:{one.at}:{one.coding} > " for one in draft.layers)
    words = [
        f"{name}: {way}{draft.format}",
        *([draft.booking] if draft.booking else []),
        draft.card,
    ]
    for key, place in draft.fields.items():
        spelled = f":{','.join(place.spellings)}" if place.spellings else ""
        words.append(f"{key}={','.join(place.at)}{spelled}{'#' if place.number else ''}")
    words += [f"holder={'+'.join(draft.join)}"] if draft.join else []
    words += [f"{key}={path}" for key, path in draft.around.items()]
    return " ".join(words)


def rules_new(*arguments: object, stdin: str | None = None) -> tuple[int, str, str]:
    """What `rules new` answers: exit code, stdout, stderr."""
    app = typer.Typer()
    command.register(app)
    result = CliRunner().invoke(app, ["rules", "new", *map(str, arguments)], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr
