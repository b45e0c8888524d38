"""CPU per request: two ways in turn (A B A B), the same client, the same upstream."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

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


ENDPOINT = Case("4 KB, one known card", messages.cards(1), 1)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to an answer: whose CPU it costs, how it is asked for, how many tokens are in it."""

    name: str
    pid: int
    connect: Callable[[], Connection]
    request: bytes
    tokens: int


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU µs of each way per request: the median of the rounds. `ratio`: of the first to the second."""

    case: Case
    micros: dict[str, float]
    ratio: float


def measure(
    proxies: Sequence[Proxy], port: int, key: str, *, rounds: int, requests: int, connections: int
) -> list[Cost]:
    """The gateway and another proxy: `requests` a round and case over one connection;
    `connections` where each is a new one."""
    costs = []
    for case in CASES:
        request = messages.request(case.body, port, key)
        ways = [
            through(proxy, proxy.name, port, request, case.cards * (proxy.name == "gateway"))
            for proxy in proxies
        ]
        count = connections if case.anew else requests
        costs.append(compare(case, ways, rounds, count))
    return costs


def measure_endpoint(
    gateway: Proxy, endpoints: int, port: int, key: str, *, rounds: int, requests: int
) -> Cost:
    """A pull at PAYCOMET's endpoint on `endpoints`, and the same pull through the proxy."""
    connect = partial(Connection, None, endpoints, gateway.context())
    asked = messages.paycomet_request(ENDPOINT.body, port, key)
    pulled = messages.request(ENDPOINT.body, port, key)
    ways = (
        Way("endpoint", gateway.pid, connect, asked, ENDPOINT.cards),
        through(gateway, "proxy", port, pulled, ENDPOINT.cards),
    )
    return compare(ENDPOINT, ways, rounds, requests)


def through(proxy: Proxy, name: str, port: int, request: bytes, tokens: int) -> Way:
    connect = partial(Connection, proxy, port, proxy.context())
    return Way(name, proxy.pid, connect, request, tokens)


def compare(case: Case, ways: Sequence[Way], rounds: int, count: int) -> Cost:
    """`count` requests a round and way."""
    spend = _spend_anew if case.anew else _spend
    for way in ways:
        _check(way, case)
        spend(way, 20 if not case.anew else 5)  # warm
    seen: dict[str, list[float]] = {way.name: [] for way in ways}
    ratios = []
    for _ in range(rounds):
        spent = dict.fromkeys(seen, 0.0)
        for _ in range(_PIECES):
            for way in ways:
                spent[way.name] += spend(way, -(-count // _PIECES))
        for name, seconds in spent.items():
            seen[name].append(seconds / _PIECES * 1e6)
        ratios.append(spent[ways[0].name] / spent[ways[1].name])
    micros = {name: statistics.median(values) for name, values in seen.items()}
    return Cost(case, micros, statistics.median(ratios))


def _spend(way: Way, count: int) -> float:
    """CPU seconds per request, over one connection."""
    with way.connect() as connection:
        connection.ask(way.request)  # opens the upstream connection
        began = cpu.seconds(way.pid)
        for _ in range(count):
            connection.ask(way.request)
        return (cpu.seconds(way.pid) - began) / count


def _spend_anew(way: Way, count: int) -> float:
    """CPU seconds per request, each over a connection of its own."""
    began = cpu.seconds(way.pid)
    for _ in range(count):
        with way.connect() as connection:
            connection.ask(way.request)
    return (cpu.seconds(way.pid) - began) / count


def _check(way: Way, case: Case) -> None:
    """That it really does its job, or nothing: a refusal is cheap."""
    with way.connect() as connection:
        answer = connection.ask(way.request)
    tokens = answer.body.count(b"<PaycometResponse>")
    if answer.status != 200 or tokens != way.tokens:
        raise RuntimeError(f"{way.name}: {case.title}: {answer.status}, {tokens} tokens")
