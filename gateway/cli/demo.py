"""`card-gateway demo`: the whole story in a terminal, each of its facts checked."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Final, NoReturn

import httpx
import typer

from gateway.cli import (
    demo_bookingsync,
    demo_charges,
    demo_guest,
    demo_inbox,
    demo_octorate,
    demo_operations,
    demo_paycomet,
    demo_pulls,
    demo_pushes,
    demo_rapid,
    demo_refusals,
)
from gateway.cli.demo_gateway import DemoGateway, NotStarted, PacksMissing, VaultTaken
from gateway.cli.demo_pms import Pms
from gateway.cli.demo_scene import NoSequel, Scene
from gateway.cli.output import DEFAULT_CONFIG, AsJson, ConfigFile, complain, console, print_json
from gateway.cli.story import Story
from gateway.config import read_config
from gateway.private_directory import make_private
from gateway.sandbox.server import Sandbox

_PAUSE: Final = 3.0
_DEFAULT_RULES: Final = Path("rules")

_CHAPTERS: Final[tuple[Callable[[Scene], None], ...]] = (
    demo_operations.start,
    demo_pulls.one_booking,
    demo_pulls.many_cards,
    demo_pulls.again,
    demo_pulls.two_hotels,
    demo_pulls.endpoint,
    demo_paycomet.pull,
    demo_paycomet.fault,
    demo_pulls.comment,
    demo_inbox.hang_up,
    demo_pushes.ota,
    demo_pushes.booking,
    demo_charges.form,
    demo_charges.as_json,
    demo_charges.echo,
    demo_bookingsync.held_code,
    demo_rapid.recapture,
    demo_octorate.reservations,
    demo_octorate.by_hand,
    demo_guest.looks,
    demo_guest.types,
    demo_guest.pays,
    demo_refusals.callers,
    demo_refusals.partners,
    demo_refusals.allowed,
    demo_refusals.edited,
    demo_operations.metrics,
    demo_operations.scan_running,
    demo_operations.stop,
    demo_operations.scan_all,
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("demo")(demo)


def demo(  # noqa: PLR0917 - typer's options
    keep: Annotated[
        Path | None,
        typer.Option(help="Leave everything in this directory, which must be new or empty."),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(help="The packs. Default: those of gateway.yaml, or ./rules without one."),
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast/--slow", help="Without, or with, a pause after each chapter.")
    ] = True,
    vault: Annotated[
        str | None,
        typer.Option(
            metavar="postgresql://…",
            help="An empty database for its vault; its password in PGPASSWORD. Default: SQLite.",
        ),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Tell the whole story: a PMS, its partners, the gateway between them, message by message.

    A gateway of its own is started for it, beside simulated partners. Nothing of yours is touched,
    nothing leaves this machine. What was not as told, or a clear card number in anything that the
    gateway wrote, makes the exit code 1.

    With --vault the vault is in PostgreSQL. It must be a new one; the demo leaves it to be looked at, and to be
    dropped.

    For example:

      card-gateway demo --slow --keep demo-files

      card-gateway demo --vault postgresql://gateway@/demo
    """
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        complain(f"{keep} is not an empty directory.", "Name a new one.")
        raise typer.Exit(2)
    story = Story(None if as_json else console(), pause=0.0 if fast else _PAUSE)
    began = time.monotonic()
    try:
        with _signals(), ExitStack() as stack:
            directory = keep or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="card-gateway-demo-"))
            )
            tell(story, directory.resolve(), rules or _rules(config), vault)
    except VaultTaken as taken:
        complain(str(taken), "Name an empty database: createdb demo")
        raise typer.Exit(2) from None
    except PacksMissing as missing:
        complain(str(missing), "Name the directory that holds the packs: --rules DIR")
        raise typer.Exit(2) from None
    except NotStarted as reason:
        complain(f"The gateway did not start: {reason}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        complain("Stopped; the gateway and the sandbox are gone.")
        raise typer.Exit(130) from None
    _conclude(story, time.monotonic() - began, keep, as_json=as_json)


def tell(story: Story, directory: Path, rules: Path, vault: str | None = None) -> None:
    """Plays all chapters in `directory`, which is made where it is missing. `vault`: see `DemoGateway`.

    Raises PacksMissing, VaultTaken, NotStarted, ConfigurationError, KeyboardInterrupt; whatever is raised,
    the gateway's process and the sandbox have ended by then.
    """
    home = directory / "gateway"
    make_private(home)
    with Sandbox(directory / "sandbox") as sandbox, ExitStack() as stack:
        sandbox.siteminder.settings.one_at_a_time = False  # one hotel is asked twice in a row
        gateway = DemoGateway(home, sandbox, rules, vault)
        gateway.require_empty()
        key = gateway.key("front-desk", ["seaside", "hilltop", "lakeside"])
        narrow = gateway.key("seaside-only", ["seaside"])
        scopes = ["cards", "proxy", "detokenize"]
        booking_engine = gateway.key("booking-engine", ["seaside"], scopes)
        scopes = ["reveal", "cards", "charges", "admin"]
        back_office = gateway.key("back-office", ["seaside"], scopes)
        stack.callback(gateway.stop)
        gateway.start()
        pms = Pms(gateway, sandbox, key)
        stack.callback(pms.close)
        scene = Scene(story, gateway, sandbox, pms, narrow, booking_engine, back_office)
        story.open()
        for chapter in _CHAPTERS:
            _play(chapter, scene)


def _play(chapter: Callable[[Scene], None], scene: Scene) -> None:
    """One chapter. What breaks it off is not as told; the chapters after it are told all the same."""
    try:
        chapter(scene)
    except NoSequel as why:
        scene.story.break_off(str(why))
    except (httpx.HTTPError, OSError, subprocess.TimeoutExpired) as error:
        scene.story.break_off(type(error).__name__)  # its text may quote what was sent


def _rules(config: Path) -> Path:
    """The packs of the gateway.yaml that every command takes; without one those in ./rules."""
    return read_config(config).rules if config.exists() else _DEFAULT_RULES


def _conclude(story: Story, seconds: float, keep: Path | None, *, as_json: bool) -> None:
    wrong = story.not_as_told()
    if as_json:
        print_json(
            {
                "as_told": not wrong,
                "not_as_told": wrong,
                "seconds": round(seconds, 1),
                "chapters": [
                    {
                        "number": chapter.number,
                        "title": chapter.title,
                        "facts": [
                            {
                                "told": fact.told,
                                "as_told": fact.as_told,
                                "expected": fact.expected,
                                "got": fact.got,
                            }
                            for fact in chapter.facts
                        ],
                    }
                    for chapter in story.chapters
                ],
            }
        )
    else:
        story.line("")
        if wrong:
            story.line(f"Not as told, {len(wrong)} of {len(story.facts)} facts:", "bold red")
            for one in wrong:
                story.line(f"  {one}", "red")
        else:
            facts, chapters = len(story.facts), len(story.chapters)
            story.line(
                f"All {facts} facts of {chapters} chapters are as told, in {seconds:.0f} seconds. "
                "No clear card number was found in anything the gateway wrote.",
                "bold green",
            )
        if keep is not None:
            story.line(f"Everything is left in {keep}.")
    raise typer.Exit(1 if wrong else 0)


@contextmanager
def _signals() -> Iterator[None]:
    """Being told to go, in any way, is Ctrl-C: what was started is ended first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
