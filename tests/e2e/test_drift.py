"""A partner that changes its messages is noticed: in the metrics, by the command, through real sockets.

What the partner answers, and what it pushes, the tests make up; the PMS of the sandbox takes anything.
"""

from __future__ import annotations

import getpass
import json
import re
import subprocess
from datetime import UTC, datetime

import pytest
import yaml
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.errors import VaultUnavailable
from gateway.sandbox.tls import server_context
from gateway.vault.configured import open_vault
from gateway.vault.route_hours import RouteHour, hour_of
from tests.drift.makers import add
from tests.e2e.inbox import Once
from tests.e2e.process import until
from tests.promtool import WITHOUT, promtool
from tests.running import ROOT

PAN = "4444333322221111"
PACK = """
system: partner
about: A partner whose answers the test makes up
shapes:
  ota:
    format: xml
    booking: //HotelReservation
    card: .//PaymentCard
    number: "@CardNumber"
    expiry: { at: "@ExpireDate", as: MMYY }
routes:
  - name: pull
    to: https://partner.example/pull
    product: seaside
    methods: [POST]
    response: { tokenize: ota }
  - name: push
    at: /partner/push
    forward: "{pms}/echo"
    product: seaside
    methods: [POST]
    request: { tokenize: ota }
"""
CARD = f'<PaymentCard CardNumber="{PAN}" ExpireDate="1230"/>'
WEEKS = 28 * 24


def message(*cards):
    bookings = "".join(f"<HotelReservation><Res>{card}</Res></HotelReservation>" for card in cards)
    return f"<OTA_ResRetrieveRS>{bookings}</OTA_ResRetrieveRS>"


@pytest.fixture
def gateway(own_gateway, sandbox, tmp_path):
    """One whose partner answers what `gateway.partner.bodies` has, the last first."""
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "partner.yaml").write_text(PACK, encoding="utf-8")
    with Once(server_context(sandbox.directory)) as partner:
        partner.more = b"Connection: close\r\n"  # as it does: nobody is to ask it there again
        stand_in = {
            "stands_for": "partner.example", "address": "127.0.0.1", "ca": str(sandbox.ca_file),
        }  # fmt: skip
        made = own_gateway(
            rules=str(rules),
            test_hosts={f"booking.sandbox.test:{partner.port}": stand_in},
            audit={"file": str(tmp_path / "audit.jsonl")},
        )
        made.partner = partner
        yield made


def pulled(gateway, *messages):
    """The partner's answers, one after the other, as the PMS gets them."""
    gateway.partner.bodies = [one.encode() for one in reversed(messages)]
    with gateway.session(gateway.key(products=("seaside",))) as session:
        url = f"https://booking.sandbox.test:{gateway.partner.port}/pull"
        return [session.post(url, data="<Read/>", timeout=20) for _ in messages]


def pushed(gateway, *messages):
    """The gateway's answers to what the partner pushes."""
    with gateway.endpoint_session(gateway.key(products=("seaside",))) as session:
        return [
            session.post(
                f"{gateway.endpoints}/partner/push",
                data=one,
                headers={"Content-Type": "text/xml"},
                timeout=20,
            )
            for one in messages
        ]


def written(gateway):
    """What stands in the vault, once all that was counted is there."""
    gateway.worker._drift.flush()  # as every minute
    return gateway.worker._vault.route_hours.since(0)


def sums(gateway, route):
    found = [one for one in written(gateway) if one.route == route]
    assert len({one.phase for one in found}) == 1
    return tuple(map(sum, zip(*[one[3:] for one in found], strict=True)))


def counted(gateway, route, messages):
    """The sums once so many messages are over: the client has its answer a moment before."""
    assert until(30, lambda: any(o.route == route for o in written(gateway)))
    assert until(30, lambda: sums(gateway, route)[0] == messages)
    return dict(zip(RouteHour._fields[3:], sums(gateway, route), strict=True))


@pytest.mark.parametrize("route", ["pull", "push"])
def test_bookings_count_with_a_card_and_without(gateway, route):
    masked = '<PaymentCard CardNumber="444433******1111" ExpireDate="1230"/>'
    broken = f'<PaymentCard CardNumber="{PAN}" ExpireDate="9999"/>'
    found = {"pull": pulled, "push": pushed}[route](
        gateway,
        message(CARD, "", CARD + CARD.replace(PAN, "5555555555554444")),
        message(masked),
        message(broken, ""),
        message(""),
        message(f"call {PAN}"),
        "<OTA_ResRetrieveRS/>",
        "<OTA_ResRetrieveRS><PaymentCard>",
    )
    assert [one.status_code for one in found[:-1]] == [200] * 6
    assert found[-1].status_code in {400, 502}
    assert counted(gateway, f"partner/{route}", 7) == {
        "messages": 7, "bookings": 8, "with_card": 3, "cards": 4, "left_alone": 1, "failed": 1,
        "refused": 1, "outside": 1,
    }  # fmt: skip
    phase = {"pull": "response", "push": "request"}[route]
    labels = f'{{phase="{phase}",route="partner/{route}"}}'
    assert f"card_gateway_route_messages_total{labels} 7.0" in gateway.metrics()
    assert f"card_gateway_route_bookings_total{labels} 8.0" in gateway.metrics()


def remember(gateway, hours=WEEKS, ago=1):
    """Weeks of one booking an hour, with a card, up to `ago` hours ago."""
    now = hour_of(datetime.now(UTC))
    past = range(ago, hours + ago)
    rows = [RouteHour("partner/pull", now - n, "response", 1, 1, 1, 1) for n in past]
    add(gateway.worker._vault.route_hours, rows)


def drifts(gateway):
    """What Prometheus is told of."""
    gateway.worker._drift.look()  # as every ten minutes
    found = re.findall(
        r'^card_gateway_drift\{kind="(\w+)",.*\} 1\.0$', gateway.metrics(), re.MULTILINE
    )
    return sorted(found)


def asked(gateway, *more):
    done = CliRunner().invoke(app, ["rules", "drift", *more, "--config", str(gateway.config_file)])
    return done.exit_code, done.stdout, done.stderr


def test_a_partner_that_renames_its_element_is_told_everywhere(gateway, log_of, tmp_path):
    log = log_of(gateway)
    remember(gateway)
    pulled(gateway, message(CARD))
    counted(gateway, "partner/pull", WEEKS + 1)
    assert drifts(gateway) == []
    code, text, _ = asked(gateway)
    assert code == 0
    assert re.search(
        r"^partner/pull +response +2[34] +2[34] +1\.00 +1\.00 +steady", text, re.MULTILINE
    )

    renamed = CARD.replace("PaymentCard", "CreditCard")
    found = pulled(gateway, *[message(renamed)] * 40)
    assert {one.status_code for one in found} == {200}
    assert all(PAN not in one.text for one in found)
    counted(gateway, "partner/pull", WEEKS + 41)
    # The one with a card came in this hour, or in the one before that has just ended.
    kinds = drifts(gateway)
    assert kinds in (["card_outside_shapes", "fewer_cards"], ["card_outside_shapes", "no_cards"])
    code, text, _ = asked(gateway)
    assert code == 1
    assert "card data outside every shape" in text
    assert "card-gateway rules explain --route partner/pull FILE" in text
    assert PAN not in text
    code, text, _ = asked(gateway, "--json")
    (told,) = json.loads(text)
    assert (code, sorted(told["kinds"])) == (1, kinds)
    since = datetime.fromisoformat(told["since"])
    assert hour_of(since) in {hour_of(datetime.now(UTC)) - n for n in (0, 1)}
    assert told["recent"]["outside"] == 40
    lines = [json.loads(line) for line in log(gateway).splitlines()]
    (line,) = [line for line in lines if line["event"] == "drift"]
    assert line["route"] == "partner/pull"

    code, text, _ = asked(gateway, "--accept", "partner/pull")
    assert (code, "begins anew" in text) == (0, True)
    assert asked(gateway)[0] == 0
    assert asked(gateway, "--accept", "partner/nothing")[0] == 2
    who = f"command line: {getpass.getuser()}"
    told = gateway.rows("select route, origin from audit where action = 'drift_accept'")
    assert told == [("partner/pull", who)]
    exported = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert [who] == [
        one["origin"] for one in map(json.loads, exported) if one.get("action") == "drift_accept"
    ]
    assert drifts(gateway) == []


def test_the_alert_is_raised_by_what_prometheus_is_told(gateway, tmp_path):
    """What /metrics has, given to Prometheus' own checker of rules."""
    remember(gateway)
    rows = [RouteHour("partner/pull", hour_of(datetime.now(UTC)), "response", 40, 40, outside=40)]
    add(gateway.worker._vault.route_hours, rows)
    assert drifts(gateway) == ["card_outside_shapes", "no_cards"]
    lines = re.findall(
        r"^(card_gateway_\w+(?:\{[^}]*\})?) ([0-9.e+]+)$", gateway.metrics(), re.MULTILINE
    )
    series = [{"series": name, "values": f"{value}x5"} for name, value in lines]
    expected = ["CardsOutsideShapes", "CardsVanished"]
    wanted = "count by (alertname) (ALERTS{alertstate='firing',alertname=~'Card.*|Route.*'})"
    samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected]
    test = {"expr": wanted, "eval_time": "5m", "exp_samples": samples}
    file = tmp_path / "test.yml"
    tests = [{"interval": "1m", "input_series": series, "promql_expr_test": [test]}]
    rules = [str(ROOT / "deploy" / "alerts.yml")]
    file.write_text(yaml.safe_dump({"rule_files": rules, "tests": tests}), encoding="utf-8")
    if promtool() is None:
        pytest.skip(WITHOUT)
    done = subprocess.run(
        [promtool(), "test", "rules", str(file)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_cards_that_only_fail_are_told(gateway):
    remember(gateway)
    spelt = CARD.replace("1230", "2030/12/31!")
    pulled(gateway, *[message(spelt)] * 12)
    counted(gateway, "partner/pull", WEEKS + 12)
    assert drifts(gateway) == ["more_failures"]
    code, text, _ = asked(gateway, "--since", "12h")
    assert code == 1
    assert "exchanges list --failed" in text


def test_a_restart_keeps_what_was_counted(gateway):
    pulled(gateway, message(CARD, ""))
    assert until(30, lambda: "route_messages_total{" in gateway.metrics())
    gateway.loop.call(gateway.worker.stop(2.0))  # which writes what waits
    vault = open_vault(gateway.config)
    try:
        (hour,) = vault.route_hours.since(0)
    finally:
        vault.close()
    assert hour[3:] == (1, 2, 1, 1, 0, 0, 0, 0)


def test_nothing_is_refused_because_counting_can_not_be_written(gateway, monkeypatch):
    table = gateway.worker._vault.route_hours

    def away(_hours, _flush):
        raise VaultUnavailable

    monkeypatch.setattr(table, "add", away)
    found = pulled(gateway, message(CARD), message(""))
    assert [one.status_code for one in found] == [200, 200]
    with pytest.raises(VaultUnavailable):
        gateway.worker._drift.flush()
    monkeypatch.undo()
    assert counted(gateway, "partner/pull", 2)["bookings"] == 2


@pytest.mark.parametrize("wrong", ["1x", "0h", "85d"])
def test_a_stretch_that_can_not_be_compared_is_wrong_use(gateway, wrong):
    code, _, text = asked(gateway, "--since", wrong)
    assert code == 2
    assert "--since" in text
