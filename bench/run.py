"""One run: starts what is measured, measures, ends what it started."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import (
    bulk,
    card_route,
    codec,
    cpu,
    exchanges,
    floor,
    gateway_process,
    heartbeat,
    messages,
    postgres,
    stock,
    upstream,
    vault,
    window,
)
from bench.bulk import Bulks
from bench.bystander import Bystander
from bench.load import Connection, Proxy
from bench.report import Report
from bench.upstream import Upstream
from bench.vault import Versus


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is done. `bulks`: how often each number of bookings is sent; the largest is what the
    event loop is watched with. `vault`: how often each number of cards is kept beside the raw driver.
    `limit` seconds is the longest that one message may take."""

    rounds: int
    requests: int
    connections: int
    bulks: dict[int, int]
    vault: dict[int, int]
    limit: float
    seconds: int  # a run that takes longer ends itself


FULL = Counts(
    rounds=5,
    requests=210,
    connections=30,
    bulks={1: 25, 100: 5, 1_000: 2, 10_000: 1},
    vault={1: 300, 100: 40, 10_000: 5},
    limit=30.0,
    seconds=330,
)
QUICK = Counts(
    rounds=3,
    requests=60,
    connections=9,
    bulks={1: 5, 100: 3, 10_000: 1},
    vault={1: 60, 100: 10, 10_000: 1},
    limit=8.0,
    seconds=200,
)


def run(counts: Counts, directory: Path, report: Report, say: Callable[[str], None]) -> None:
    """Measures everything into `report`; `say` is told what is being done.

    Raises RuntimeError, OSError; what was measured until then is in the report.
    """
    proxy_core, load_cores = cpu.cores()
    with ExitStack() as stack:
        stack.callback(cpu.pin, 0, proxy_core | load_cores)
        cpu.pin(0, load_cores)
        (directory / "upstream").mkdir()
        server = upstream.start(directory / "upstream", load_cores)
        stack.callback(server.child.close)
        config_file, key = gateway_process.prepare(
            directory / "gateway", server.port, server.authority
        )
        with ExitStack() as inner:
            child, gateway, endpoints = gateway_process.start(config_file, proxy_core)
            inner.callback(child.close)
            with ExitStack() as beside:
                other, mitmdump = stock.start(directory / "stock", server.authority, proxy_core)
                beside.callback(other.close)
                report.memory["idle"] = cpu.memory(gateway.pid)
                say("CPU per request, gateway and stock mitmdump in turn")
                report.costs = exchanges.measure(
                    (gateway, mitmdump),
                    server.port,
                    key,
                    rounds=counts.rounds,
                    requests=counts.requests,
                    connections=counts.connections,
                )
            say("PAYCOMET's endpoint and the proxy in turn")
            report.endpoint = exchanges.measure_endpoint(
                gateway,
                endpoints,
                server.port,
                key,
                rounds=counts.rounds,
                requests=counts.requests,
            )
            say("card routes without a card")
            report.card_route = card_route.measure(
                gateway, server.port, key, rounds=counts.rounds, requests=counts.requests
            )
            report.memory["after small messages"] = cpu.memory(gateway.pid)
            say("the floor of a card")
            report.floor = floor.measure(directory / "floor", tuple(counts.bulks), proxy_core)
            say("messages with many cards")
            for one in Bulks(gateway, server, key, counts.limit).measure(counts.bulks):
                report.bulks.append(one)
            report.memory["after the largest messages"] = cpu.memory(gateway.pid)
        say("cards in their codecs")
        report.codecs = codec.measure(repeats=counts.rounds * 20)
        say("the vault beside the raw drivers")
        report.vault = _vault(directory, counts, proxy_core)
        say("the window before the commit")
        smallest, largest = min(counts.bulks), max(counts.bulks)
        report.windows = window.measure(
            config_file,
            server,
            key,
            {count: counts.bulks[count] for count in (smallest, largest)},
            limit=counts.limit,
            pinned=proxy_core,
        )
        say("the event loop")
        both = proxy_core | load_cores  # threads of the gateway shall not fight for one core
        report.idle, report.loop = _watch(config_file, server, key, counts, both)


def _vault(directory: Path, counts: Counts, pinned: set[int]) -> list[Versus]:
    with postgres.server() as url:
        return vault.measure(directory / "vault", url, counts.vault, pinned)


def _watch(
    config_file: Path, server: Upstream, key: str, counts: Counts, pinned: set[int]
) -> tuple[dict, dict]:
    """The event loop's report when idle, and around the largest message: new cards, then known."""
    largest = max(counts.bulks)
    name = messages.cards(largest, bulk.WATCHED)
    request = messages.request(name, server.port, key)
    server.prepare(request)
    child, proxy = heartbeat.start(config_file, pinned)
    try:
        child.ask("begin")
        _send(proxy, server, messages.request("small", server.port, key), counts.limit)
        time.sleep(0.5)
        idle = child.ask("end")
        child.ask("begin")
        finished = True
        with Bystander() as bystander:
            try:
                for _ in range(2):
                    _send(proxy, server, request, counts.limit)
            except TimeoutError:
                finished = False
            busy = child.ask("end")
        return idle, busy | {"finished": finished, "bystander_ms": bystander.worst * 1000}
    finally:
        child.close()


def _send(proxy: Proxy, server: Upstream, request: bytes, limit: float) -> None:
    with Connection(proxy, server.port, proxy.context(), limit) as connection:
        answer = connection.ask(request)
    if answer.status != 200:
        raise RuntimeError(f"the gateway answers {answer.status}")
