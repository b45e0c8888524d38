"""A real Prometheus scrapes a gateway in its own process: what it takes, and what it alerts of.

All that happens, happens once (`watched`): a partner's messages change, the gateway is started anew and has
traffic of every kind, then it is killed. The tests look at what Prometheus had by then.
"""

from __future__ import annotations

import re
import shutil
import signal
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from gateway.cards.scan import find_cards
from gateway.sandbox.tls import server_context
from gateway.vault.configured import open_vault
from gateway.vault.route_hours import RouteHour, hour_of
from tests.drift.makers import add
from tests.e2e.inbox import Once
from tests.e2e.process import BULK, Site, until
from tests.e2e.scraped import Prometheus, documented, family
from tests.e2e.test_drift import CARD, PACK, PAN, WEEKS, message
from tests.promtool import WITHOUT_SERVER, prometheus
from tests.running import ROOT
from tests.test_alerts import RULES, documented_metrics

HOTEL, BOOKING, REMARK = "10107", "RES-4711-CANARY", "4242424242424242"
SECONDS = 30
# What may have no line: nobody charges here, or is told; no card is overdue. Whether an answer waits is counted
# each ten seconds.
UNSEEN = {
    "card_gateway_answers_oldest_timestamp_seconds", "card_gateway_cards_overdue",
    "card_gateway_charge_sums_differ_total", "card_gateway_charges_in_doubt",
    "card_gateway_charges_in_doubt_oldest_timestamp_seconds", "card_gateway_departures_unbelieved",
    "card_gateway_notices_total", "card_gateway_processor_calls_total",
}  # fmt: skip


@dataclass(frozen=True)
class Watched:
    """What Prometheus had while the gateway ran, and `after` it was killed."""

    target: dict
    series: list
    alerts: dict
    rules: list
    types: dict
    values: dict
    after: dict
    secrets: tuple


@pytest.fixture(scope="module")
def watched(sandbox, tmp_path_factory):
    if prometheus() is None:
        pytest.skip(WITHOUT_SERVER)
    directory = tmp_path_factory.mktemp("prometheus")
    rules = directory / "rules"
    shutil.copytree(ROOT / "rules", rules)
    (rules / "partner.yaml").write_text(PACK, encoding="utf-8")
    with Once(server_context(sandbox.directory)) as partner:
        partner.more = b"Connection: close\r\n"
        stand_in = {"stands_for": "partner.example", "address": "127.0.0.1", "ca": str(sandbox.ca_file)}  # fmt: skip
        site = Site(
            directory / "site", sandbox, rules=str(rules), hotels=BULK,
            test_hosts={f"booking.sandbox.test:{partner.port}": stand_in},
        )  # fmt: skip
        server = Prometheus(directory / "server", site.ports["metrics"])
        try:
            yield _watch(server, site, partner)
        finally:
            site.close()
            server.close()


def _watch(server, site, partner):
    key = site.key()
    _remember(site)
    changed = message(
        CARD.replace("PaymentCard", "CreditCard").replace("/>", f' Res="{BOOKING}"/>')
    )
    process = site.start()
    _pull(process, partner, key, [changed] * 40)
    process.signal(signal.SIGTERM)  # writes what it counted
    assert process.wait() == 0
    process = site.start()  # judges what was counted before
    failed = message(CARD, CARD.replace("1230", "9999"), f"call {REMARK}")
    _pull(process, partner, key, [failed])
    with process.session(key) as session:
        assert process.pull(session, HOTEL).status_code == 200
    with process.session("cgk_wrong" + "x" * 40) as session:
        assert process.pull(session, HOTEL).status_code == 401
    assert until(SECONDS, lambda: server.value('card_gateway_refused_total{reason="key_invalid"}'))
    assert until(SECONDS, lambda: "CardsFail" in server.alerts()), server.alerts()
    # It is counted each two seconds.
    assert until(SECONDS, lambda: server.value("sum(card_gateway_vault_cards)"))
    values = {query: server.value(query) for query in ASKED}
    found = Watched(
        server.target(), server.series(), server.alerts(),
        [rule for group in server.asked("rules")["groups"] for rule in group["rules"]],
        server.asked("metadata"), values, {}, (PAN, REMARK, BOOKING, HOTEL, key),
    )  # fmt: skip
    process.kill()
    assert until(SECONDS, lambda: "GatewayDown" in server.alerts())
    found.after.update(up=server.value("up"), alerts=server.alerts())
    return found


def _remember(site):
    """Weeks of the partner's messages, in each hour a booking with a card."""
    now = hour_of(datetime.now(UTC))
    vault = open_vault(site.config)
    try:
        past = range(1, WEEKS)
        rows = [RouteHour("partner/pull", now - n, "response", 1, 1, 1, 1) for n in past]
        add(vault.route_hours, rows)
    finally:
        vault.close()


def _pull(process, partner, key, messages):
    """What the partner has for the PMS."""
    partner.bodies = [one.encode() for one in reversed(messages)]
    with process.session(key) as session:
        for _ in messages:
            answer = session.post(
                f"https://booking.sandbox.test:{partner.port}/pull", data="<Read/>", timeout=20
            )
            assert answer.status_code == 200, answer.text


CARDS = 'card_gateway_cards_total{action="tokenize",route="%s",outcome="%s"}'
DRIFT = 'card_gateway_drift{route="partner/pull",phase="response",kind="%s"}'
# What a query finds once all of it has happened.
ASKED = {
    'up{job="card-gateway"}': 1,
    CARDS % ("partner/pull", "done"): 1,
    CARDS % ("partner/pull", "expiry_invalid"): 1,
    CARDS % ("siteminder/pull", "done"): 1,
    'card_gateway_exchanges_total{route="partner/pull",outcome="done"}': 1,
    'card_gateway_exchanges_total{route="siteminder/pull",outcome="done"}': 1,
    'card_gateway_guard_findings_total{route="partner/pull",action="masked"}': 1,
    'card_gateway_refused_total{reason="key_invalid"}': 1,
    'card_gateway_route_messages_total{route="partner/pull",phase="response"}': 1,
    'card_gateway_route_bookings_total{route="partner/pull",phase="response"}': 3,
    'card_gateway_exchange_seconds_count{route="partner/pull",part="gateway"}': 1,
    'card_gateway_cards_per_booking_expected{route="partner/pull",phase="response"}': 1,
    DRIFT % "card_outside_shapes": 1,
    DRIFT % "no_cards": 1,
    DRIFT % "silent": 0,
    "card_gateway_vault_sealed": 0,
    "card_gateway_audit_unwritable": 0,
    "sum(card_gateway_build_info)": 1,
    "sum(card_gateway_vault_cards)": 1,  # both pulls bring the same one
}


def test_prometheus_takes_all_that_a_gateway_tells(watched):
    assert watched.target["health"] == "up"
    assert watched.target["lastError"] == ""
    assert watched.target["labels"]["job"] == documented()["scrape_configs"][0]["job_name"]
    assert watched.after["up"] == 0


def test_what_happened_is_what_a_query_finds(watched):
    assert watched.values == ASKED


def test_it_has_the_metrics_that_are_documented_with_their_labels(watched):
    found = {}
    for series in watched.series:
        labels = set(series) - {"__name__", "le"}
        assert found.setdefault(family(series["__name__"]), labels) == labels, series
    wanted = documented_metrics()
    assert found == {name: wanted[name] for name in found}
    assert wanted.keys() - found.keys() <= UNSEEN


def test_it_knows_what_each_of_them_is(watched):
    for name in documented_metrics():
        ((told,),) = (watched.types[one] for one in (name,) if one in watched.types)
        kind = {"_total": "counter", "exchange_seconds": "histogram", "vault_seconds": "histogram"}
        wanted = next((kind[end] for end in kind if name.endswith(end)), "gauge")
        assert (told["type"], bool(told["help"])) == (wanted, True), name


def test_it_judges_every_alert_and_raises_those_that_should_be(watched):
    assert {rule["name"]: rule["health"] for rule in watched.rules} == dict.fromkeys(RULES, "ok")
    assert {rule["lastError"] for rule in watched.rules if "lastError" in rule} == set()
    assert watched.alerts == {
        "CardsFail": {"firing"},
        "CardsOutsideShapes": {"firing"},
        "CardsVanished": {"firing"},
        "CardsNotPurged": {"pending"},  # it does so ten minutes after its start, and not fifteen
    }
    assert watched.after["alerts"]["GatewayDown"] == {"pending"}  # `firing` after a minute


def test_p39_no_label_says_what_a_message_said(watched):
    values = {value for series in watched.series for value in series.values()}
    for rule in watched.rules:
        for alert in rule["alerts"]:
            values |= set(alert["labels"].values()) | set(alert["annotations"].values())
    text = "\n".join(sorted(values))
    assert "partner/pull" in text
    assert find_cards(text.encode()) == []
    for secret in watched.secrets:
        assert secret not in text
        assert not re.search(rf"\b{re.escape(secret[-4:])}\b", text)
