"""`card-gateway rules drift`: whether each route's messages are still as they were, and what to do."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from gateway.cli.duration import parse
from gateway.cli.output import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    complain,
    counted,
    done,
    print_json,
    say,
    table,
)
from gateway.cli.rules_found import load_packs
from gateway.config import read_config
from gateway.drift.judge import LEARNS, WINDOWS, Kind, Sums, Verdict
from gateway.drift.watch import verdicts
from gateway.system_user import command_line
from gateway.vault.configured import open_vault
from gateway.vault.route_hours import KEPT, begins, hour_of

_COLUMNS: Final = (
    "route", "phase", "messages", "bookings", "cards a booking before", "now", "verdict", "since",
)  # fmt: skip
_EXPLAIN: Final = "card-gateway rules explain --route {route} FILE"
_NEXT: Final = {
    Kind.OUTSIDE: "The guard masks card numbers where no shape of the rule looks. Record one message, and see"
    f" which place the shape misses: {_EXPLAIN}",
    Kind.NO_CARDS: f"Record one message, and see why nothing in it is found: {_EXPLAIN}",
    Kind.FEWER_CARDS: f"Record messages with and without a card, and compare them: {_EXPLAIN}",
    Kind.FAILURES: "See which cards fail, and why: card-gateway exchanges list --failed; then try a recorded"
    f" message: {_EXPLAIN}",
    Kind.SILENT: "Nobody calls it any more. Was it refused? card-gateway refused. Else ask the partner, or"
    " whoever runs the PMS.",
}
_ACCEPT: Final = "Where this is as it is to be: card-gateway rules drift --accept {route}"


def register(app: typer.Typer) -> None:
    """Adds the command to the group."""
    app.command("drift")(drift)


def drift(
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            help="Compare so long with all before it: 12h, 3d. Default: a day, three, seven, and fourteen.",
        ),
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept", help="Forget a route's history: what it sends from now on is usual."
        ),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Compare what each route's messages hold with the weeks before. Exit code 1 where one has changed.

    A running gateway writes down what it counted once a minute.
    """
    windows = WINDOWS if since is None else (_hours(since),)
    routes = [route.id for pack in load_packs(config, None).packs for route in pack.routes]
    settings, now = read_config(config), datetime.now(UTC)
    with closing(
        open_vault(settings, sinks=[] if accept is None else settings.audit.files)
    ) as vault:
        if accept is not None:
            _accept(accept, vault.route_hours.forget(accept, now, command_line()))
            return
        hours = vault.route_hours.since(hour_of(now - KEPT))
    ours = [one for one in hours if one.route in routes]
    found = list(verdicts(ours, hour_of(now), windows))
    if as_json:
        print_json([_public(one) for one in found])
    else:
        _print(found, len(set(routes) - {one.route for one in found}))
    raise typer.Exit(1 if any(one.kinds for one in found) else 0)


def _hours(text: str) -> int:
    hours = parse(text, "--since") // timedelta(hours=1)
    if hours > (KEPT // timedelta(hours=1)) - LEARNS:
        raise typer.BadParameter(
            f"`{text}` leaves nothing to compare with: ninety days are kept, and a week is learnt from",
            param_hint="--since",
        )
    return hours


def _accept(route: str, hours: int) -> None:
    if not hours:
        complain(f"There is no history of `{route}`.", "card-gateway rules drift lists the routes.")
        raise typer.Exit(2)
    done(f"{route}: its history begins anew. It is learnt for a week before anything is told.")


def _print(found: list[Verdict], others: int) -> None:
    if found:
        table(_COLUMNS, [_row(one) for one in found])
    if others:
        say(f"{counted(others, 'route')} had no message in ninety days.", style="dim")
    for one in found:
        if not one.kinds:
            continue
        say("")
        say(f"{one.route} ({one.phase}): {one.state}", style="bold red")
        for kind in one.kinds:
            say(f"  {_figures(kind, one)}")
        say(f"  {_NEXT[one.kinds[0]].format(route=one.route)}")
        if Kind.OUTSIDE not in one.kinds:  # nobody is to get used to that
            say(f"  {_ACCEPT.format(route=one.route)}", style="dim")


def _row(one: Verdict) -> list[str]:
    return [
        one.route, one.phase, str(one.recent.messages), str(one.recent.bookings),
        _rate(one.before), _rate(one.recent), one.state,
        "" if one.since is None else _when(one.since),
    ]  # fmt: skip


def _rate(sums: Sums) -> str:
    return "-" if sums.per_booking is None else f"{sums.per_booking:.2f}"


def _when(hour: int) -> str:
    return f"{begins(hour):%Y-%m-%d %H}h UTC"


def _figures(kind: Kind, one: Verdict) -> str:
    """What was counted, in words: of the newest hours, and of those before."""
    recent, before = one.recent, one.before
    if kind is Kind.SILENT:
        return f"no message since {_when(one.last + 1)}; {before.messages + recent.messages} before"
    told = (
        f"{what} {a} of {b} in {one.window} hours, {c} of {d} before"
        for (what, a, b), (_, c, d) in zip(
            _counts(kind, recent), _counts(kind, before), strict=True
        )
    )
    return "; ".join(told)


def _counts(kind: Kind, sums: Sums) -> list[tuple[str, int, int]]:
    """What a kind of drift is told by: words, how many, of how many."""
    match kind:
        case Kind.OUTSIDE:
            return [
                ("messages with card numbers outside of every shape:", sums.outside, sums.messages)
            ]
        case Kind.FAILURES:
            return [
                ("cards that failed:", sums.failed, sums.cards),
                ("messages refused:", sums.refused, sums.messages),
            ]
        case _:
            return [("bookings with a card:", sums.with_card, sums.bookings)]


def _public(one: Verdict) -> dict[str, object]:
    return {
        "route": one.route,
        "phase": one.phase,
        "state": one.state,
        "kinds": [kind.value for kind in one.kinds],
        "since": None if one.since is None else begins(one.since).isoformat(),
        "last": begins(one.last).isoformat(),
        "hours": one.window,
        "cards_per_booking_expected": one.before.per_booking,
        "cards_per_booking_recent": one.recent.per_booking,
        "recent": one.recent._asdict(),
        "before": one.before._asdict(),
        "next": [_NEXT[kind].format(route=one.route) for kind in one.kinds],
    }
