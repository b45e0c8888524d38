"""What an exchange adds to its route's history, and that nobody waits for it to be written."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from ipaddress import ip_address

import pytest
from prometheus_client import generate_latest

from gateway.drift import tally as module
from gateway.drift import watch
from gateway.drift.tally import Tally
from gateway.drift.unread import bookings_unread
from gateway.drift.watch import DriftWatch
from gateway.errors import (
    CardDisguised,
    MessageMalformed,
    TokenUnknown,
    UpstreamTimeout,
    VaultUnavailable,
)
from gateway.exchange import Exchange, Peer, Request, Response, Seen
from gateway.headers import Headers
from gateway.metrics import Metrics
from gateway.rules.load import load_pack_text
from gateway.vault.route_hours import Flush, RouteHour, hour_of
from tests.drift.makers import add
from tests.vault.makers import NOON, Clock, opened

PACK = """
system: acme
about: ACME
shapes:
  ota: { format: xml, booking: //Res, card: .//Card, number: "@N" }
  paid: { format: json, card: $, number: pan }
  listed: { format: json, booking: "$.all[*]", card: card, number: pan }
  single: { format: json, booking: "$.data.booking", card: card, number: pan }
routes:
  - { name: single, at: /acme/single, forward: "https://pms.example/", auth: acme, methods: [POST], request: { tokenize: single } }
  - { name: pull, to: https://acme.example/pull, methods: [POST], response: { tokenize: ota } }
  - { name: push, at: /acme/push, forward: "https://pms.example/", auth: acme, methods: [POST], request: { tokenize: listed } }
  - { name: pay, to: https://acme.example/pay, methods: [POST], request: { detokenize: paid }, response: { tokenize: paid } }
  - { name: charge, to: https://acme.example/charge, methods: [POST], request: { detokenize: paid } }
  - { name: passes, to: https://acme.example/passes, methods: [GET] }
"""
ROUTES = {route.name: route for route in load_pack_text(PACK, "acme.yaml").routes}
PEER = Peer(ip_address("10.0.0.5"), "proxy", tls=False)
NOW = hour_of(NOON)


class Table:
    """What was written; away while `away`."""

    def __init__(self):
        self.rows, self.away = [], False

    def add(self, hours, _flush):
        if self.away:
            raise VaultUnavailable
        self.rows += hours


@pytest.fixture
def tally():
    made = Tally(Table(), Metrics(), Clock(), "w")
    made.table = made._table
    return made


def exchange(route, *, request=b"", answer=None, status=200, coded=False):
    made = Exchange(PEER, Request("POST", None, "/", Headers(), request))
    made.route = ROUTES[route]
    if answer is not None:
        headers = Headers([(b"Content-Encoding", b"gzip")] if coded else [])
        made.response = Response(status, "OK", headers, answer)
    return made


def noted(tally, one, error=None):
    tally.note(one, error)
    tally.flush()
    rows, tally.table.rows = tally.table.rows, []
    return [
        (row.route.partition("/")[2], row.phase, {k: v for k, v in row._asdict().items() if v and k in
         {"messages", "bookings", "with_card", "cards", "left_alone", "failed", "refused", "outside"}})
        for row in rows
    ]  # fmt: skip


def test_an_answer_is_counted_as_it_was_read(tally):
    one = exchange("pull", request=b"<Read/>", answer=b"<a/>")
    one.seen["response"] = Seen(bookings=4, with_card=2, cards=3, left_alone=1, failed=1)
    one.counts.guarded = 2
    assert noted(tally, one) == [
        ("pull", "response", {"messages": 1, "bookings": 4, "with_card": 2, "cards": 3,
                              "left_alone": 1, "failed": 1, "outside": 1}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "bookings"),
    [
        (b"<a><Res/><Res x='1'><b/></Res><Res></Res></a>", 2),  # one that is empty holds nothing
        (b"<o:a xmlns:o='u'><o:Res></o:Res><o:Res></o:Res><o:Resort></o:Resort></o:a>", 2),
        (b"<a>Res</a>", 0),
    ],
)
def test_bookings_of_an_answer_that_was_not_read_count_too(tally, body, bookings):
    (told,) = noted(tally, exchange("pull", answer=body))
    assert told[2] == {"messages": 1} | ({"bookings": bookings} if bookings else {})


def test_what_can_not_be_counted_in_the_bytes_counts_as_no_booking(tally):
    body = b"<a><Res></Res></a>"
    shape = ROUTES["pull"].response.tokenize.shapes[0]
    assert bookings_unread(body, [shape]) == 1
    assert bookings_unread(body + b" " * (1 << 20), [shape]) == 0  # the loop has others to serve
    (coded,) = noted(tally, exchange("pull", answer=body, coded=True))
    assert coded[2] == {"messages": 1}
    listed = ROUTES["push"].request.tokenize.shapes
    assert bookings_unread(b'{"all": [{}, {}]}', listed) == 0
    one = ROUTES["single"].request.tokenize.shapes
    assert bookings_unread(b'{"data": {"booking": {}}}', one) == 1
    assert bookings_unread(b'{"data": {"room": {}}}', one) == 0
    assert bookings_unread(b'{"n": 1}', ROUTES["charge"].request.detokenize) == 1


def test_a_charge_is_one_booking_with_a_card_where_a_token_was_in_it(tally):
    one = exchange("charge", request=b"{}", answer=b"{}")
    one.counts.detokenized = 1
    assert noted(tally, one) == [
        ("charge", "request", {"messages": 1, "bookings": 1, "with_card": 1, "cards": 1})
    ]
    bare = exchange("charge", request=b"{}", answer=b"{}")
    assert noted(tally, bare) == [("charge", "request", {"messages": 1, "bookings": 1})]
    assert noted(tally, exchange("charge", answer=b"{}")) == []  # a POST without a body


def test_both_directions_count_each_for_itself(tally):
    one = exchange("pay", request=b"{}", answer=b"{}")
    one.counts.detokenized, one.counts.guarded = 1, 1
    one.seen["response"] = Seen(bookings=1)
    assert noted(tally, one) == [
        ("pay", "request", {"messages": 1, "bookings": 1, "with_card": 1, "cards": 1}),
        ("pay", "response", {"messages": 1, "bookings": 1, "outside": 1}),
    ]


def test_of_a_route_that_is_only_guarded_the_answer_counts(tally):
    one = exchange("passes", answer=b"x")
    one.counts.guarded = 1
    assert noted(tally, one) == [("passes", "response", {"messages": 1, "outside": 1})]


@pytest.mark.parametrize(
    ("error", "numbers"),
    [
        (MessageMalformed(), {"messages": 1, "refused": 1}),
        (CardDisguised(), {"messages": 1, "refused": 1, "outside": 1}),
    ],
)
def test_what_is_refused_for_its_content_is_a_failure(tally, error, numbers):
    assert noted(tally, exchange("pull", answer=b"<"), error) == [("pull", "response", numbers)]
    assert noted(tally, exchange("push", request=b"<"), error) == [("push", "request", numbers)]


@pytest.mark.parametrize("error", [VaultUnavailable(), UpstreamTimeout(), TokenUnknown()])
def test_what_failed_for_another_reason_says_nothing_of_the_partner(tally, error):
    """Least of all that there were no cards: they were never counted."""
    one = exchange("pull", answer=b"<a/>")
    one.seen["response"] = Seen(bookings=4)
    assert noted(tally, one, error) == []


def test_what_is_no_message_of_the_route_is_not_counted(tally):
    assert noted(tally, exchange("pull", answer=b"<a/>", status=503)) == []
    assert noted(tally, exchange("pull", answer=b"")) == []
    again = exchange("pull", answer=b"<a/>")
    again.again = "an exchange"
    assert noted(tally, again) == []
    nowhere = exchange("pull", answer=b"<a/>")
    nowhere.route = None
    assert noted(tally, nowhere) == []


def test_an_hour_is_one_row_whatever_happens_in_it(tally):
    for minute in (0, 59, 60):
        tally._clock.now = NOON + timedelta(minutes=minute)
        tally.note(exchange("passes", answer=b"x"), None)
    tally.flush()
    assert tally.table.rows == [
        RouteHour("acme/passes", NOW, "response", messages=2),
        RouteHour("acme/passes", NOW + 1, "response", messages=1),
    ]
    tally.flush()
    assert len(tally.table.rows) == 2


def test_the_counters_go_with_it(tally):
    one = exchange("pull", answer=b"<a/>")
    one.seen["response"] = Seen(bookings=3)
    tally.note(one, None)
    text = generate_latest(tally._metrics.registry).decode()
    labels = '{phase="response",route="acme/pull"}'
    assert f"card_gateway_route_messages_total{labels} 1.0" in text
    assert f"card_gateway_route_bookings_total{labels} 3.0" in text


def test_while_the_database_is_away_it_waits_and_no_exchange_does(tally, monkeypatch):
    tally.table.away = True
    for _ in range(3):
        tally.note(exchange("passes", answer=b"x"), None)
        with pytest.raises(VaultUnavailable):
            tally.flush()
    tally.table.away = False
    tally.flush()
    assert sum(row.messages for row in tally.table.rows) == 3


def test_what_may_be_written_is_written_again_as_it_was_under_its_number(tally):
    asked = []

    def add(hours, flush):
        asked.append((flush, [row.messages for row in hours]))
        if tally.table.away:
            raise VaultUnavailable

    tally._table.add = add
    tally.table.away = True
    for _ in range(2):
        tally.note(exchange("passes", answer=b"x"), None)
        with pytest.raises(VaultUnavailable):
            tally.flush()
    tally.table.away = False
    tally.flush()
    tally.flush()
    assert asked == [
        (Flush("w", 1), [1]), (Flush("w", 1), [1]), (Flush("w", 1), [1]), (Flush("w", 2), [1]),
    ]  # fmt: skip


def test_what_waits_is_bounded(tally, monkeypatch):
    monkeypatch.setattr(module, "_WAITING_MAX", 2)
    for hours in (0, 1, 2, 0):
        tally._clock.now = NOON + timedelta(hours=hours)
        tally.note(exchange("passes", answer=b"x"), None)
    tally.flush()
    assert [(row.hour - NOW, row.messages) for row in tally.table.rows] == [(0, 2), (1, 1)]


# --- what is told of it ---------------------------------------------------------------------------


class Rules:
    """The rules in force."""

    def __init__(self):
        self.current = load_pack_text(PACK, "acme.yaml")


@pytest.fixture
def watching(tmp_path):
    metrics, clock = Metrics(), Clock()
    with opened(tmp_path, clock=clock) as vault:
        tally = Tally(vault.route_hours, metrics, clock, "w")
        yield DriftWatch(
            rules=Rules(), tally=tally, table=vault.route_hours, metrics=metrics, clock=clock
        )


def told(watching):
    """The lines of routes that a scrape has."""
    text = generate_latest(watching._metrics.registry).decode()
    wanted = ("card_gateway_drift{", "card_gateway_cards_per_booking_")
    lines = [line for line in text.splitlines() if line.startswith(wanted)]
    return {
        name.removeprefix("card_gateway_"): float(value)
        for name, value in (line.split(" ") for line in lines)
    }


def history(route="acme/pull", weeks=4, until=NOW, cards=1):
    return [
        RouteHour(route, until - n, "response", 1, 2, 2 * cards, 2 * cards)
        for n in range(weeks * 7 * 24)
    ]


LABELS = 'phase="response",route="acme/pull"'


def test_prometheus_is_told_of_what_changed_and_that_it_is_over(watching, caplog):
    caplog.set_level(logging.INFO)
    add(watching._table, history(until=NOW - 24))
    add(watching._table, history(cards=0)[:24])
    watching.look()
    said = told(watching)
    assert said[f'drift{{kind="no_cards",{LABELS}}}'] == 1
    assert sum(said[name] for name in said if name.startswith("drift")) == 1
    assert said[f"cards_per_booking_expected{{{LABELS}}}"] == 1
    assert said[f"cards_per_booking_recent{{{LABELS}}}"] == 0
    watching.look()
    assert [record.getMessage() for record in caplog.records] == ["drift"]
    assert caplog.records[0].fields["since"] == "2026-02-28T13:00:00+00:00"
    watching._clock.now += timedelta(days=1)
    add(watching._table, history(until=NOW + 24)[:24])
    watching.look()
    assert sum(value for name, value in told(watching).items() if name.startswith("drift")) == 0
    assert [record.getMessage() for record in caplog.records] == ["drift", "drift_over"]


def test_p39_a_route_that_no_rule_has_any_more_has_no_line(watching):
    add(watching._table, history("gone/pull"))
    add(watching._table, history())
    watching.look()
    assert {name.partition("route=")[2] for name in told(watching)} == {'"acme/pull"}'}
    watching._rules.current = load_pack_text(PACK.replace("system: acme", "system: b"), "b.yaml")
    watching.look()
    assert told(watching) == {}


def test_hours_that_a_wrong_clock_wrote_are_left_out(watching):
    add(watching._table, history(until=NOW + 24 * 300, cards=0))
    add(watching._table, history())
    watching.look()
    said = told(watching)
    assert sum(value for name, value in said.items() if name.startswith("drift")) == 0
    assert said[f"cards_per_booking_recent{{{LABELS}}}"] == 1


def test_it_goes_on_while_the_database_is_away(watching, monkeypatch, caplog):
    monkeypatch.setattr(watch, "_FLUSH_SECONDS", 0.01)
    tries, thrice, loop = [], asyncio.Event(), None

    def away(_hours, _flush):
        tries.append(1)
        if len(tries) == 3:
            loop.call_soon_threadsafe(thrice.set)
        raise VaultUnavailable

    monkeypatch.setattr(watching._table, "add", away)
    watching._tally.note(exchange("passes", answer=b"x"), None)

    async def for_a_while():
        nonlocal loop
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(watching.run())
        await thrice.wait()
        assert not task.done()
        task.cancel()

    asyncio.run(asyncio.wait_for(for_a_while(), 30))
    assert {record.getMessage() for record in caplog.records} == {"drift_not_counted"}
