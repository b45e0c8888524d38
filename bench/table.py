"""The report as text, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bench.bulk import Bulk
from bench.exchanges import Cost
from bench.report import Report


def lines(report: Report) -> Iterator[str]:
    """The whole report."""
    versions = ", ".join(f"{name} {text}" for name, text in report.versions.items())
    yield f"{versions}. Only ratios within one run mean anything; the machine is part of the rest."
    yield from _exchanges(report)
    yield from _codecs(report)
    yield from _bulks(report)
    yield from _vault(report)
    yield from _windows(report)
    yield from _loop(report)
    yield from _memory(report)
    yield from _goals(report)
    yield f"took {report.seconds:.0f} s"


def _exchanges(report: Report) -> Iterator[str]:
    yield "\nCPU per request: the gateway doing its whole job, stock mitmdump doing nothing"
    yield from _costs(report.costs)
    if report.endpoint is not None:
        yield "\nCPU per pull at PAYCOMET's endpoint, and through the proxy"
        yield from _costs([report.endpoint])
    if report.card_route:
        yield "\nCPU per exchange without a card: on a card route, and on a route without a rule"
        yield from _costs(report.card_route)


def _codecs(report: Report) -> Iterator[str]:
    yield "\nCPU per known card in its codec: parse, find, read, decide, splice; no HTTP, guard or vault"
    rows = [
        (
            one.kind.title,
            f"{one.bytes / one.kind.count:,.0f} B",
            f"{one.micros:,.0f} µs",
            f"{one.parsing:,.0f} µs",
        )
        for one in report.codecs
    ]
    yield from _aligned(("", "a card", "CPU", "of it parsing"), rows)


def _costs(costs: Sequence[Cost]) -> Iterator[str]:
    rows = [
        (
            one.case.title,
            *(f"{micros:,.0f} µs" for micros in one.micros.values()),
            f"{one.ratio:.2f}",
        )
        for one in costs
    ]
    names = list(costs[0].micros) if costs else []
    yield from _aligned(("", *names, "ratio"), rows)


def _bulks(report: Report) -> Iterator[str]:
    yield "\nOne message with many bookings of 3.6 KB (wall and CPU per booking)"
    rows = []
    for one in report.bulks:
        floor = report.floor.get(one.count) if one.kind == "new" else None
        rows.append((
            {"new": "new cards", "known": "known cards", "none": "no card"}[one.kind],
            f"{one.count:,}",
            _micros(one.wall, one),
            _micros(one.cpu, one),
            "" if one.cpu is None or not one.bytes else f"{one.cpu / one.bytes * 1e9:.1f} ns",
            f"{floor['cpu'] / one.count * 1e6:,.0f} µs" if floor else "",
            f"{one.cpu / floor['cpu']:.1f}" if floor and one.cpu else "",
            f"{one.wall / floor['wall']:.1f}" if floor and one.wall else "",
        ))  # fmt: skip
    names = ("", "bookings", "wall", "CPU", "per byte", "CPU floor", "CPU/floor", "wall/floor")
    yield from _aligned(names, rows)
    yield "floor: lxml, sealing, SQLite with synchronous FULL, and nothing of ours in between"


def _vault(report: Report) -> Iterator[str]:
    yield "\nThe vault keeping one message's cards, and the raw driver writing the same rows (per card)"
    rows = [
        (
            f"{one.store}, {one.kind} card{'' if one.count == 1 else 's'}",
            f"{one.count:,}",
            *(
                f"{seconds / one.count * 1e6:,.0f} µs"
                for seconds in (one.floor_wall, one.wall, one.floor_cpu, one.cpu)
            ),
            f"{one.ratio:.2f}",
        )
        for one in report.vault
    ]
    names = ("", "cards", "floor wall", "wall", "floor CPU", "CPU", "wall/floor")
    yield from _aligned(names, rows)
    yield "floor: same tables, indexes and sizes, one durable commit; nothing sealed, hashed or checked"


def _windows(report: Report) -> Iterator[str]:
    yield "\nThe window before the commit: from the partner's last byte until the answer is durable"
    rows = [
        (
            f"{one.count:,} new card{'' if one.count == 1 else 's'}",
            *(
                ("", "not in time", "", "")
                if one.window is None
                else (
                    f"{one.bytes / 1000:,.0f} KB",
                    f"{one.window * 1000:,.1f} ms",
                    f"{one.wall * 1000:,.1f} ms",
                    f"{one.share:.0%}",
                )
            ),
        )
        for one in report.windows
    ]
    yield from _aligned(("", "answer", "window", "wall", "share"), rows)


def _micros(seconds: float | None, bulk: Bulk) -> str:
    return "not in time" if seconds is None else f"{seconds / bulk.count * 1e6:,.0f} µs"


def _loop(report: Report) -> Iterator[str]:
    if report.loop is None:
        return
    loop, idle = report.loop, report.idle or {}
    yield "\nThe event loop during the largest message (new cards, and again when they are known)"
    if not loop["finished"]:
        yield "not done in time; until then:"
    yield (
        f"longest block {loop['worst_ms']:.0f} ms, of which the loop itself worked"
        f" {loop['worst_own_ms']:.0f} ms; {loop['over']} over 20 ms, together {loop['over_ms']:.0f} ms"
        f"\nthe machine's part: a process that only sleeps woke up to {loop['bystander_ms']:.0f} ms late"
        f" meanwhile; the loop with nothing to do, up to {idle.get('worst_ms', 0):.0f} ms"
    )
    yield (
        f"garbage collections over 20 ms: {loop['collections_over']},"
        f" the longest {loop['collection_worst_ms']:.0f} ms"
    )
    for place, seconds in loop["places"]:
        yield f"  {seconds * 1000:5.0f} ms {place}"


def _memory(report: Report) -> Iterator[str]:
    yield "\nMemory of the gateway"
    rows = [
        (when, f"{now:.0f} MB", f"{most:.0f} MB") for when, (now, most) in report.memory.items()
    ]
    yield from _aligned(("", "now", "at most"), rows)


def _goals(report: Report) -> Iterator[str]:
    yield "\nGoals"
    for goal in report.goals:
        got = "not measured, or not in time" if goal.got is None else f"{goal.got:.2f} {goal.unit}"
        mark = "pass" if goal.met else "FAIL"
        yield f"  {mark}  {goal.title}: {got} (at most {goal.at_most:g} {goal.unit})"


def _aligned(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    table = [tuple(names), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(names))]
    for row in table:
        first, *rest = (
            text.ljust(width) if column == 0 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(("  " + first, *rest)).rstrip()
