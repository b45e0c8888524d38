"""A pack's `examples:` — run, and what is wrong told as wanted and found, line by line."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.cli.hiding import hide
from gateway.cli.trial import Trial, TriedCard
from gateway.cli.trying import try_message
from gateway.errors import GatewayError
from gateway.headers import Headers
from gateway.refusing.forms import refuse
from gateway.refusing.told import Told
from gateway.rules.model import Example, Pack, Route


@dataclass(frozen=True, slots=True)
class Outcome:
    """One example and what is wrong with it; no mistakes: it came out as expected."""

    system: str
    example: Example
    mistakes: tuple[str, ...]


def run_examples(pack: Pack) -> list[Outcome]:
    """Runs all examples of a pack."""
    return [Outcome(pack.system, one, tuple(_run(pack, one))) for one in pack.examples]


def _run(pack: Pack, example: Example) -> Iterator[str]:
    expect = example.expect
    route = next(route for route in pack.routes if route.name == example.route)
    body = example.message.encode()
    wanted_refusal = expect.get("refused")
    try:
        _, trial = try_message(route, example.direction, body)
    except GatewayError as error:
        if wanted_refusal != error.code:
            yield from _unequal("refused", wanted_refusal or "no refusal", error.code)
        else:
            yield from _told(route, example, error)
        return
    if wanted_refusal is not None:
        yield from _unequal("refused", wanted_refusal, "no refusal")
        return
    for key, found in _measures(trial).items():
        if key in expect:
            yield from _unequal(key, _plain(expect[key]), found)
    yield from _texts(trial, expect)


def _told(route: Route, example: Example, error: GatewayError) -> Iterator[str]:
    """What `contains:` asks of a refusal, as its caller is told it. Of an answer nobody knows the request."""
    phase = example.direction
    told = Told(error, phase, let_in=True, route=route.id)
    request = example.message.encode() if phase == "request" else b""
    text = refuse(told, route.refusals, Headers(), request)[2].decode()
    for wanted in _strings(example.expect.get("contains")):
        if wanted not in text:
            yield f"contains: `{wanted}` is not in the refusal:\n    {hide(text)}"


def _measures(trial: Trial) -> dict[str, object]:
    """What an `expect:` may name, as it came out."""
    clear = [card for card in trial.cards if not card.left_alone]
    return {
        "cards": len(clear),
        "left_alone": len(trial.cards) - len(clear),
        "ask_again": sum(card.asks_again for card in trial.cards),
        "carried": sum(one.carried for one in trial.asking),
        "virtual": sum(card.virtual for card in trial.cards),
        "bookings": trial.bookings,
        "hotels": _hotels(trial.cards),
        "numbers": [card.shown for card in trial.cards],
        "failed": {n: card.failure.value for n, card in enumerate(trial.cards, 1) if card.failure},
        "unchanged": trial.after == trial.before,
    }


def _hotels(cards: tuple[TriedCard, ...]) -> list[str]:
    return list(dict.fromkeys(card.hotel for card in cards if card.hotel))


def _texts(trial: Trial, expect: Mapping[str, object]) -> Iterator[str]:
    before, after = trial.texts()
    for text in _strings(expect.get("contains")):
        if text not in after:
            yield f"contains: `{text}` is not in the outcome:\n{changed_lines(before, after)}"
    for text in _strings(expect.get("issues")):
        if not any(text in sent for sent in trial.issues):
            sent = "; ".join(hide(one) for one in trial.issues) or "nothing"
            yield f"issues: `{hide(text)}` is not in what the issuer is sent: {sent}"
    for text in _strings(expect.get("removed")):
        if text not in before:
            yield f"removed: `{text}` is not in the message to begin with"
        elif text in after:
            yield f"removed: `{text}` is still in the outcome:\n{changed_lines(before, after)}"


def changed_lines(before: str, after: str) -> str:
    """The lines that differ, `-` before and `+` after, card numbers masked."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    kept = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    return "\n".join(f"    {line[0]} {hide(line[1:])}" for line in kept) or "    (nothing changed)"


def _unequal(key: str, wanted: object, found: object) -> Iterator[str]:
    if wanted != found:
        yield f"{key}: expected {_show(wanted)}\n{'':{len(key)}}     found {_show(found)}"


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _strings(value: object) -> list[str]:
    return [str(text) for text in value] if isinstance(value, (list, tuple)) else []


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(str(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {item}" for key, item in value.items()) + "}"
    return str(value)
