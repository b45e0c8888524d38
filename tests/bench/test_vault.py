"""The floor that the vault is measured against: it does what it says, and no more."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import tempfile
from pathlib import Path

import psycopg
import pytest

from bench import postgres, table
from bench.goals import KEPT, STORES, VAULT, judge
from bench.report import Report
from bench.vault import Versus, _sized
from bench.vault_floor import Maker, RawPostgres, RawSqlite
from tests.postgres import forget_databases, place_of

LENGTHS = {
    "card": "length(look_up), length(tokenuser_hash), length(sealed), length(product), test,"
    " length(created)",
    "link": "length(booking_hash), length(sealed), system, hotel, departure, length(seen)",
    "audit": "length(at), length(exchange), action, outcome, client, key, origin, route, product,"
    " detail, length(hash)",
}


@pytest.fixture(params=["sqlite", "postgres"])
def floor(request, tmp_path):
    """A raw driver on a vault's database with one card, and how to ask that from outside."""
    if request.param == "sqlite":
        path = tmp_path / "floor.db"
        asyncio.run(_sized(path, tmp_path / "kek"))
        raw, outside = RawSqlite(path), sqlite3.connect(path)
    else:
        place = place_of(tmp_path)
        asyncio.run(_sized(place, tmp_path / "kek"))
        raw, outside = RawPostgres(place.url), psycopg.connect(place.url, autocommit=True)
    yield raw, outside
    raw.close()
    outside.close()
    if request.param == "postgres":
        forget_databases(tmp_path)


@pytest.mark.parametrize("count", [1, 3])
def test_the_floor_writes_rows_of_the_size_of_the_vaults(floor, count):
    raw, outside = floor
    maker = Maker(raw.sizes())
    before = _counted(outside)
    rows = maker.new(count)
    raw.add(rows)
    assert raw.look_up(maker.again(rows)) == 2 * count
    after = _counted(outside)
    assert {name: after[name] - before[name] for name in after} == {
        "card": count,
        "link": count,
        "audit": 2 * count,
    }
    for name, columns in LENGTHS.items():
        sizes = outside.execute(f"SELECT DISTINCT {columns} FROM {name}").fetchall()
        assert len(sizes) == 1


def test_the_floors_idusers_lie_as_evenly_as_drawn_ones(floor):
    """All of a message's in one corner would fall on a few of an index's pages; the vault's can not."""
    raw, _ = floor
    maker = Maker(raw.sizes())
    idusers = [card[3] for _ in range(4) for card in maker.new(100).card]
    assert len(set(idusers)) == 400
    for message in range(4):
        parts = {iduser >> 29 for iduser in idusers[message * 100 : message * 100 + 100]}
        assert parts == {0, 1, 2, 3}


def _counted(outside):
    return {name: outside.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in LENGTHS}


@pytest.mark.slow
def test_the_server_is_durable_and_ends():
    with postgres.server() as url, psycopg.connect(url) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"SHOW {name}").fetchone() == ("on",)
        where = connection.execute("SHOW data_directory").fetchone()[0]
        assert Path(where).is_relative_to(tempfile.gettempdir())
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_each_store_and_size_has_a_goal():
    within = [_versus(store, kind, count, VAULT[kind]) for store, kind, count in _all()]
    beyond = [_versus(store, kind, count, VAULT[kind] + 0.1) for store, kind, count in _all()]
    for measured, met in ((within, True), (beyond, False), (within[1:], None)):
        goals = [
            goal
            for goal in judge([], None, [], None, measured)
            if goal.title.endswith("against the raw driver")
        ]
        assert len(goals) == len(_all())
        assert [goal.met for goal in goals].count(False) == {True: 0, False: 12, None: 1}[met]


def test_what_a_card_costs_beside_the_floor_is_printed():
    told = "\n".join(table.lines(Report(vault=[_versus("SQLite", "new", 100, 1.5)])))
    assert re.search(r"SQLite, new cards +100 +10 µs +15 µs +8 µs +9 µs +1\.50", told)


def _all():
    return [(store, kind, count) for store in STORES for kind in VAULT for count in KEPT]


def _versus(store, kind, count, ratio):
    return Versus(
        store, kind, count,
        floor_wall=10e-6 * count, floor_cpu=8e-6 * count,
        wall=15e-6 * count, cpu=9e-6 * count, ratio=ratio,
    )  # fmt: skip
