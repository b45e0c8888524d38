"""CPU per request: the proxies in turn (A B A B), the same client, the same upstream."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench import cpu, messages
from bench.load import Connection, Proxy

_PIECES = 3  # of a round: what is measured is short, so that what else runs meets both


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request. `cards` are in the answer, and known to the gateway."""

    title: str
    body: str
    cards: int = 0
    anew: bool = False  # a connection for each


CASES = (
    Case("2 KB, no card", "small"),
    Case("4 KB, one known card", messages.cards(1), 1),
    Case("50 KB, 14 known cards", messages.cards(14), 14),
    Case("2 KB, new connection each", "small", anew=True),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU µs of each proxy per request: the median of the rounds. `ratio`: gateway to stock."""

    case: Case
    micros: dict[str, float]
    ratio: float


def measure(
    proxies: Sequence[Proxy], port: int, key: str, *, rounds: int, requests: int, connections: int
) -> list[Cost]:
    """`requests` a round and case over one connection; `connections` where each is a new one."""
    costs = []
    for case in CASES:
        request = messages.request(case.body, port, key)
        for proxy in proxies:
            _check(proxy, port, case, request)
            _spend(proxy, port, case, request, 20 if not case.anew else 5)  # warm
        count = connections if case.anew else requests
        seen: dict[str, list[float]] = {proxy.name: [] for proxy in proxies}
        ratios = []
        for _ in range(rounds):
            spent = dict.fromkeys(seen, 0.0)
            for _ in range(_PIECES):
                for proxy in proxies:
                    spent[proxy.name] += _spend(proxy, port, case, request, -(-count // _PIECES))
            for name, seconds in spent.items():
                seen[name].append(seconds / _PIECES * 1e6)
            ratios.append(spent[proxies[0].name] / spent[proxies[1].name])
        micros = {name: statistics.median(values) for name, values in seen.items()}
        costs.append(Cost(case, micros, statistics.median(ratios)))
    return costs


def _spend(proxy: Proxy, port: int, case: Case, request: bytes, count: int) -> float:
    """CPU seconds per request."""
    context = proxy.context()
    if case.anew:
        began = cpu.seconds(proxy.pid)
        for _ in range(count):
            with Connection(proxy, port, context) as connection:
                connection.ask(request)
        return (cpu.seconds(proxy.pid) - began) / count
    with Connection(proxy, port, context) as connection:
        connection.ask(request)  # opens the upstream connection
        began = cpu.seconds(proxy.pid)
        for _ in range(count):
            connection.ask(request)
        return (cpu.seconds(proxy.pid) - began) / count


def _check(proxy: Proxy, port: int, case: Case, request: bytes) -> None:
    """That it really does its job, or nothing: a refusal is cheap."""
    with Connection(proxy, port, proxy.context()) as connection:
        answer = connection.ask(request)
    tokens = answer.body.count(b"<PaycometResponse>")
    wanted = case.cards if proxy.name == "gateway" else 0
    if answer.status != 200 or tokens != wanted:
        raise RuntimeError(f"{proxy.name}: {case.title}: {answer.status}, {tokens} tokens")
