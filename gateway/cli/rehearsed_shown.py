"""A rehearsed day, as `card-gateway rules rehearse` shows it: text and JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gateway.cards.failures import advice
from gateway.cli.hiding import printable
from gateway.cli.output import done, say, table
from gateway.cli.rehearsed import Day, Exchanged, Kind

_COLUMNS = (
    "route", "exchanges", "changed", "cards", "failed", "left alone", "guarded", "refused",
    "not recorded",
)  # fmt: skip


def tell_one(one: Exchanged) -> None:
    """An exchange in a line."""
    say(printable(f"{one.head.place} {one.head.target}: {verdict(one)}"))


def verdict(one: Exchanged) -> str:
    """What would become of an exchange, in a few words."""
    outcome = one.outcome
    if outcome is None:
        if one.asleep is not None:
            return f"refused: the pack of {one.asleep.id} is not in force"
        return f"refused ({one.refused.code if one.refused else 'route_unknown'})"
    said = f"{outcome.route.id}: "
    if outcome.refused is not None:
        return f"{said}its {outcome.phase} is refused ({outcome.refused.code})"
    parts = []
    if outcome.counts.tokenized:
        parts.append(_many(outcome.counts.tokenized, "card gets a token", "cards get tokens"))
    if asking := outcome.counts.carried + outcome.counts.not_carried:
        parts.append(_many(asking, "booking asks", "bookings ask") + " for the card it had last")
    if outcome.counts.detokenized or outcome.counts.exchanged:
        count = outcome.counts.detokenized + outcome.counts.exchanged
        parts.append(_many(count, "token is replaced", "tokens are replaced"))
    if outcome.failures:
        codes = ", ".join(sorted({failure.value for failure in outcome.failures}))
        parts.append(f"{_many(len(outcome.failures), 'card fails', 'cards fail')} ({codes})")
    if outcome.counts.guarded:
        parts.append(_many(outcome.counts.guarded, "number is masked", "numbers are masked"))
    parts += [f"its {phase} was not recorded" for phase in outcome.unseen]
    return said + ("; ".join(parts) or "passes as it is")


def tell(day: Day) -> None:
    """The table, and below it what somebody has to look at."""
    if not day.exchanges:
        say("There is no exchange in it.")
        return
    table(_COLUMNS, _rows(day))
    _tell_refusals(day)
    _tell_cards(day)
    _tell_clear(day)
    _tell_unseen(day)
    _tell_missing(day)
    say("")
    if day.fine:
        done(f"{_many(day.exchanges, 'exchange', 'exchanges')}: nothing would be refused.")


def _rows(day: Day) -> list[list[str]]:
    rows = []
    for route, sums in sorted(day.routes.items()):
        counts = asdict(sums)
        rows.append([route, *(str(counts[name]) for name in counts)])
    asleep = sum(kind.count for kind in day.asleep.values())
    missed = sum(kind.count for kind in day.whys.values())
    for name, count in (("(pack not in force)", asleep), ("(no route)", missed)):
        if count:
            rows.append([name, str(count), "", "", "", "", "", str(count), ""])
    return rows


def _tell_refusals(day: Day) -> None:
    for refusal, kind in day.refusals.items():
        say(f"\n{kind.count} x {refusal.route}, its {refusal.phase}: refused ({refusal.error.code})",
            style="bold")  # fmt: skip
        say(f"   {refusal.error.text}")
        if refusal.error.action:
            say(f"   {refusal.error.action}")
        _places(kind)


def _tell_cards(day: Day) -> None:
    for (route, failure), kind in day.failures.items():
        said = advice(failure)
        say(
            f"\n{route}: {_many(kind.cards, 'card fails', 'cards fail')} ({failure.value})",
            style="bold",
        )
        say(f"   {said.reason}. {said.action}")
        _places(kind)
    for route, kind in day.guarded.items():
        many = _many(
            kind.cards, "number outside of every shape is", "numbers outside of every shape are"
        )
        say(f"\n{route}: {many} masked by the guard", style="bold")
        say("   See where: card-gateway rules explain FILE")
        _places(kind)


def _tell_clear(day: Day) -> None:
    for route, kind in day.clear.items():
        say(f"\n{kind.count} x {route}: a card in clear, where a token will stand", style="bold")
        say(
            "   As recorded it passes. Once the PMS has tokens, it sends one in the number's place."
        )
        _places(kind)


def _tell_unseen(day: Day) -> None:
    for (route, phase), kind in day.unseen.items():
        say(f"\n{kind.count} x {route}: the body of its {phase} was not recorded", style="bold")
        say("   What would become of it nobody knows. Export the HAR with contents.")
        _places(kind)


def _tell_missing(day: Day) -> None:
    for system, kind in day.asleep.items():
        say(f"\n{kind.count} x a pack that is not in force: {system}", style="bold")
        _places(kind)
        say("# gateway.yaml", style="dim")
        say(f"drafts: [{system}]      # or packs:, where it is no draft", style="green")
    for why, kind in day.whys.items():
        say(f"\n{kind.count} x refused: {printable(why)}", style="bold")
        _places(kind)
    for suggestion, count, cards in day.missing():
        if not suggestion.yaml:
            continue
        say(f"\n# {suggestion.file}: for {_many(count, 'exchange', 'exchanges')}", style="dim")
        if suggestion.why:
            say(f"# {suggestion.why}", style="dim")
        if cards:
            many = _many(cards, "number like a card's stands", "numbers like a card's stand")
            say(f"# {many} in them: with these lines alone they would be masked.", style="yellow")
            say("# For tokens, add a shape (docs/rules.md).", style="yellow")
        say(suggestion.yaml, style="green")
    if day.beyond:
        say(
            f"\nAnd {_many(day.beyond, 'exchange', 'exchanges')} to other targets that no route takes."
        )


def _places(kind: Kind) -> None:
    for place in kind.places:
        say(printable(f"   {place}"))
    if kind.count > len(kind.places):
        say(f"   and {kind.count - len(kind.places)} more: --each shows all")


def public(day: Day, *, complete: bool) -> dict[str, Any]:
    """For scripts. `complete`: every file could be read."""
    return {
        "exchanges": day.exchanges,
        "fine": day.fine and complete,
        "complete": complete,
        "routes": {route: asdict(sums) for route, sums in sorted(day.routes.items())},
        "refused": [
            {"route": one.route, "phase": one.phase, "code": one.error.code, **_kind(kind)}
            for one, kind in day.refusals.items()
        ],
        "failed": [
            {"route": route, "failure": failure.value, "cards": kind.cards, **_kind(kind)}
            for (route, failure), kind in day.failures.items()
        ],
        "guarded": [
            {"route": route, "cards": kind.cards, **_kind(kind)}
            for route, kind in day.guarded.items()
        ],
        "clear": [{"route": route, **_kind(kind)} for route, kind in day.clear.items()],
        "not_recorded": [
            {"route": route, "phase": phase, **_kind(kind)}
            for (route, phase), kind in day.unseen.items()
        ],
        "not_in_force": [{"system": name, **_kind(kind)} for name, kind in day.asleep.items()],
        "no_route": [{"why": why, **_kind(kind)} for why, kind in day.whys.items()],
        "missing": [
            {"file": one.file, "yaml": one.yaml, "why": one.why, "count": count, "cards": cards}
            for one, count, cards in day.missing()
        ],
    }


def _kind(kind: Kind) -> dict[str, Any]:
    return {"count": kind.count, "places": kind.places}


def _many(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"
