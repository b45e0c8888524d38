"""The vault beside the raw driver: the same rows on the same store, in turn, in one process.

`python -m bench.vault DIRECTORY URL CASES` makes two vaults on SQLite, in the directory, and two on
the PostgreSQL server at the URL: one for ours, one for the floor. It measures, prints a line of JSON.
CASES is JSON: how often each number of cards in a message is measured.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import conninfo

from bench.child import Child, python
from bench.vault_floor import Maker, Raw, RawPostgres, RawSqlite, Rows
from gateway.audit import Action, Entry, Outcome
from gateway.cards.card import Booking, Card
from gateway.cards.expiry import Expiry
from gateway.sandbox.cards import generated
from gateway.secret import Secret
from gateway.vault.kek.file import KekFile
from gateway.vault.model import NewCard
from gateway.vault.places import Place
from gateway.vault.postgres.place import PostgresPlace
from gateway.vault.service import Vault

Kind = Literal["new", "known"]
_WARM = 3  # messages of each kind, before the clock starts
_TABLES = ("card", "link", "audit")


@dataclass(frozen=True, slots=True)
class Versus:
    """A message with `count` cards: seconds of wall and of this process's CPU, medians. `ratio`: of
    the walls, the median of what each pair of neighbours gave."""

    store: str
    kind: Kind
    count: int
    floor_wall: float
    floor_cpu: float
    wall: float
    cpu: float
    ratio: float


def measure(directory: Path, url: str, cases: dict[int, int], pinned: set[int]) -> list[Versus]:
    """Each number of cards so many times, on both stores. `url`: of a PostgreSQL server. Raises
    RuntimeError.
    """
    directory.mkdir()
    command = python("bench.vault", str(directory), url, json.dumps(cases))
    child = Child(command, directory / "vault.log", pinned)
    try:
        return [Versus(**one) for one in json.loads(child.line())]
    finally:
        child.close()


class _Messages:
    """Cards that a vault has not seen, each with its booking, and what the audit says of them."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def new(self, count: int) -> list[NewCard]:
        return [self._card(next(self._numbers)) for _ in range(count)]

    def entries(self, count: int) -> list[Entry]:
        """One for all cards of the message, as the stage that keeps them gives it: the vault adds the iduser."""
        one = Entry(
            datetime.now(UTC), os.urandom(16).hex(), Action.TOKENIZE, Outcome.DONE, "pms",
            "cgk_bench", "127.0.0.1", "siteminder", "seaside",
        )  # fmt: skip
        return [one] * count

    def _card(self, number: int) -> NewCard:
        booking = Booking("siteminder", "BENCH", f"BENCH-{number:06}", date(2027, 3, 15))
        card = Card(Secret(generated(number)), Expiry(2030, 12), Secret("Bruce Wayne"))
        return NewCard("seaside", True, card, booking)


@dataclass(slots=True)
class _Pair:
    """A vault and a raw driver on one store, each with a database of its own."""

    store: str
    vault: Vault
    raw: Raw
    maker: Maker

    async def cases(self, cases: dict[int, int]) -> list[Versus]:
        messages = _Messages()
        found: list[Versus] = []
        for count, times in cases.items():
            found += await self._case(messages, count, times)
        return found

    async def _case(self, messages: _Messages, count: int, times: int) -> list[Versus]:
        """New cards, and each time the same ones again."""
        spent: dict[Kind, list[tuple[_Spent, _Spent]]] = {"new": [], "known": []}
        warm = min(_WARM, times)
        for turn in range(warm + times):
            cards, rows = messages.new(count), self.maker.new(count)
            again = self.maker.again(rows)
            for kind, add in (("new", rows), ("known", again)):
                floor = _raw(self.raw.add if kind == "new" else self.raw.look_up, add)
                ours = self._keep(cards, messages.entries(count))
                pair = await _in_turn(floor, ours, swapped=turn % 2 == 1)
                if turn >= warm:
                    spent[kind].append(pair)
        return [_versus(self.store, kind, count, pairs) for kind, pairs in spent.items()]

    def _keep(self, cards: list[NewCard], entries: list[Entry]) -> Callable[[], Awaitable[object]]:
        return lambda: self.vault.keep(cards, entries)


@dataclass(frozen=True, slots=True)
class _Spent:
    wall: float
    cpu: float


def _raw(work: Callable[[Rows], None], rows: Rows) -> Callable[[], Awaitable[object]]:
    async def run() -> None:
        work(rows)

    return run


async def _in_turn(
    floor: Callable[[], Awaitable[object]], ours: Callable[[], Awaitable[object]], *, swapped: bool
) -> tuple[_Spent, _Spent]:
    """What the floor took and what ours took, one right after the other."""
    if swapped:
        second, first = await _timed(ours), await _timed(floor)
        return first, second
    return await _timed(floor), await _timed(ours)


async def _timed(work: Callable[[], Awaitable[object]]) -> _Spent:
    gc.collect(0)
    used, began = time.process_time(), time.perf_counter()
    await work()
    return _Spent(time.perf_counter() - began, time.process_time() - used)


def _versus(store: str, kind: Kind, count: int, pairs: Sequence[tuple[_Spent, _Spent]]) -> Versus:
    floors, ours = zip(*pairs, strict=True)
    return Versus(
        store,
        kind,
        count,
        statistics.median(one.wall for one in floors),
        statistics.median(one.cpu for one in floors),
        statistics.median(one.wall for one in ours),
        statistics.median(one.cpu for one in ours),
        statistics.median(our.wall / floor.wall for floor, our in pairs),
    )


def _open(place: Place, kek: Path) -> Vault:
    return Vault.open(place, KekFile(kek))


async def _sized(place: Place, kek: Path) -> None:
    """Makes a vault with one card, whose rows show how large a card's are."""
    vault, messages = _open(place, kek), _Messages()
    try:
        await vault.keep(messages.new(1), messages.entries(1))
    finally:
        vault.close()


def _databases(url: str) -> Iterator[str]:
    with psycopg.connect(url, autocommit=True) as connection:
        for name in ("bench_ours", "bench_floor"):
            connection.execute(f"CREATE DATABASE {name}")
            yield conninfo.make_conninfo(url, dbname=name)


async def _main(directory: Path, url: str, cases: dict[int, int]) -> None:
    ours, floor = _databases(url)
    stores = (
        ("SQLite", directory / "ours.db", directory / "floor.db", lambda: RawSqlite(directory / "floor.db")),
        ("PostgreSQL", PostgresPlace(ours), PostgresPlace(floor), lambda: RawPostgres(floor)),
    )  # fmt: skip
    found: list[Versus] = []
    for store, place, beside, connect in stores:
        await _sized(beside, directory / f"floor-{store}.kek")
        vault, raw = _open(place, directory / f"ours-{store}.kek"), connect()
        gc.collect()
        gc.freeze()
        gc.disable()  # as a worker does while a message is in hand
        try:
            pair = _Pair(store, vault, raw, Maker(raw.sizes()))
            found += await pair.cases(cases)
        finally:
            gc.enable()
            raw.close()
            vault.close()
    print(json.dumps([asdict(one) for one in found]), flush=True)


if __name__ == "__main__":
    asyncio.run(
        _main(
            Path(sys.argv[1]),
            sys.argv[2],
            {int(count): times for count, times in json.loads(sys.argv[3]).items()},
        )
    )
