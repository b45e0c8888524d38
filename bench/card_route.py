"""What a rule costs where there is no card: the same answer on a card route and on one without a rule."""

from __future__ import annotations

from dataclasses import dataclass

from bench import messages
from bench.exchanges import Case, Cost, compare, through
from bench.load import Proxy

_PATH = "/bench/{}/"


@dataclass(frozen=True, slots=True)
class Idle:
    """An answer without a card, in the format of a route of `bench.yaml`."""

    format: str
    title: str
    body: str


CASES = (
    Idle("xml", "XML, 2 KB", "small"),
    Idle("xml", "XML, 50 KB", messages.bookings(14)),
    Idle("json", "JSON, 1 KB", "json-1"),
    Idle("json", "JSON, 20 KB", "json-18"),
    Idle("form", "form, 1 KB", "form-8"),
)


def measure(gateway: Proxy, port: int, key: str, *, rounds: int, requests: int) -> list[Cost]:
    """Each answer with the rule and without, in turn."""
    costs = []
    for case in CASES:
        ways = [
            through(gateway, name, port, messages.request(case.body, port, key, path), 0)
            for name, path in (
                ("rule", _PATH.format(case.format)),
                ("none", _PATH.format("none")),
            )
        ]
        costs.append(compare(Case(case.title, case.body), ways, rounds, requests))
    return costs
