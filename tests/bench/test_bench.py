"""The bench measures and prints. What it measures is the machine's business, so no time is judged."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import card_route, codec, messages, table
from bench.bulk import Bulk
from bench.goals import judge
from bench.report import Report
from bench.run import Counts
from bench.window import Window
from gateway.cards.scan import find_cards
from gateway.codecs.document import Known
from gateway.rules.load import load_pack_text
from gateway.stages.gate import holds_nothing

ROOT = Path(__file__).parent.parent.parent
TINY = Counts(
    rounds=1,
    requests=3,
    connections=3,
    bulks={1: 1, 2: 1},
    vault={1: 2, 20: 1},
    limit=20.0,
    seconds=120,
)


@pytest.mark.slow
def test_a_run_measures_everything_and_prints_json(capfd):
    from bench.__main__ import measure

    code = measure(TINY, as_json=True)
    told = capfd.readouterr()
    report = json.loads(told.out)
    assert [one["case"] for one in report["exchanges"]] == [
        "2 KB, no card",
        "4 KB, one known card",
        "50 KB, 14 known cards",
        "2 KB, new connection each",
    ]
    assert all(one["ratio"] > 0 and min(one["cpu_us"].values()) > 0 for one in report["exchanges"])
    assert report["endpoint"]["ratio"] > 0
    assert set(report["endpoint"]["cpu_us"]) == {"endpoint", "proxy"}
    assert [one["case"] for one in report["card_route"]] == [
        case.title for case in card_route.CASES
    ]
    assert all(set(one["cpu_us"]) == {"rule", "none"} for one in report["card_route"])
    assert [one["kind"] for one in report["codec"]] == [kind.title for kind in codec.KINDS]
    assert all(0 < one["parsing_us"] < one["cpu_us"] for one in report["codec"])
    assert {(one["kind"], one["bookings"]) for one in report["bulk"]} == {
        (kind, count) for kind in ("new", "known", "none") for count in (1, 2)
    }
    assert all(one["wall_s"] > 0 and one["cpu_s"] > 0 for one in report["bulk"])
    assert set(report["floor"]) == {"1", "2"}
    assert [one["cards"] for one in report["window"]] == [1, 2]
    for one in report["window"]:  # a part of what the client waits for, whatever that is
        assert 0 < one["window_s"] < one["wall_s"]
        assert 0 < one["share"] < 1
    assert {(one["store"], one["kind"], one["cards"]) for one in report["vault"]} == {
        (store, kind, count)
        for store in ("SQLite", "PostgreSQL")
        for kind in ("new", "known")
        for count in (1, 20)
    }
    for one in report["vault"]:
        assert min(one["ratio"], one["wall_s"], one["cpu_s"]) > 0
        assert min(one["floor_wall_s"], one["floor_cpu_s"]) > 0
    assert report["loop"]["busy"]["beats"] > 0
    assert report["loop"]["busy"]["finished"]
    assert report["memory_mb"]["idle"][0] > 1
    assert code == 1  # no message of 10,000 cards was sent: that goal is missed
    assert "failed" not in told.err


@pytest.mark.slow
def test_an_interrupted_run_ends_what_it_started():
    command = [sys.executable, "-m", "bench", "--quick"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as bench:
        bench.stderr.readline()  # it measures: everything is started
        children = _children(bench.pid)
        bench.send_signal(signal.SIGTERM)
        assert bench.wait(30) == 130
    assert len(children) >= 3
    deadline = time.monotonic() + 30
    while any(map(_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(_alive, children))


def test_goals_are_missed_where_nothing_was_measured():
    assert not any(goal.met for goal in judge([], None, [], None, []))


def test_the_window_before_the_commit_is_printed():
    windows = [Window(1, 4_184, 0.0182, 0.028, 0.65), Window(10_000, 0, None, None, None)]
    told = "\n".join(table.lines(Report(windows=windows)))
    assert re.search(r"1 new card +4 KB +18\.2 ms +28\.0 ms +65%", told)
    assert re.search(r"10,000 new cards +not in time", told)


def test_linear_is_cost_a_byte():
    bulks = [Bulk("new", 100, 100_000, 0.1, 0.1), Bulk("new", 10_000, 10_000_000, 1.0, 14.0)]
    met = {goal.title: goal for goal in judge([], None, bulks, None, [])}
    assert met["CPU per new card, 10,000 against 100"].got == pytest.approx(1.4)
    assert met["10,000 new cards in one message"].met


@pytest.mark.parametrize(
    ("name", "cards", "least", "most"),
    [
        ("small", 0, 1_900, 2_300),
        (messages.cards(1), 1, 3_800, 4_400),
        (messages.cards(14, 3), 14, 48_000, 55_000),
        (messages.bookings(2), 0, 6_000, 8_000),
        ("json-1", 0, 700, 1_300),
        ("json-18", 0, 15_000, 22_000),
        ("jsoncards-2", 2, 1_500, 3_000),
        ("form-8", 0, 500, 1_200),
        ("formcards-1", 1, 200, 500),
    ],
)
def test_bodies_are_as_they_are_called(name, cards, least, most):
    body = messages.body(name)
    assert body.count(b"<PaymentCard ") + body.count(b"card_number") == cards
    assert least <= len(body) <= most


@pytest.mark.parametrize("case", card_route.CASES)
def test_the_gate_knows_the_routes_that_are_measured_without_a_card(case):
    pack = load_pack_text(codec.PACK.read_text("utf-8"), codec.PACK.name)
    rule = next(route.response for route in pack.routes if route.name == case.format)
    assert holds_nothing(rule, messages.body(case.body), Known())


@pytest.mark.parametrize("kind", codec.KINDS)
def test_each_card_that_is_measured_gets_a_token(kind):
    pack = load_pack_text(codec.PACK.read_text("utf-8"), codec.PACK.name)
    rule = next(route.response.tokenize for route in pack.routes if route.name == kind.format)
    body = codec.swapped(messages.body(kind.body), rule)
    assert body.count(b"tokenuserABCDEFGHIJ") == kind.count
    assert find_cards(body) == []


def test_series_share_no_number():
    first, second = (set(_numbers(messages.body(messages.cards(9, series)))) for series in (0, 1))
    assert len(first) == len(second) == 9
    assert first.isdisjoint(second)


def _numbers(body):
    return [piece[:16] for piece in body.split(b'CardNumber="')[1:]]


def _children(pid):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        if int(text.rpartition(")")[2].split()[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
