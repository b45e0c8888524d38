"""What is seen from outside: metrics, logs, health, headers; and what is not: cards (P16, P39)."""

from __future__ import annotations

import base64
import json
import re
import time

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.test_charge import intent, keep, stripe

CANARY = "4539578763621486"  # passes Luhn, used nowhere else


def families(gateway):
    return {family.name: family for family in text_string_to_metric_families(gateway.metrics())}


def test_the_metrics_that_the_design_names(gateway):
    gateway.pull("CARDS")
    found = families(gateway)
    prefix = "card_gateway_"
    for name in (
        "exchanges", "cards", "exchange_seconds", "refused", "guard_findings", "vault_seconds",
        "vault_cards", "rules_loaded_timestamp_seconds", "rules_reload_failures",
        "not_after_timestamp_seconds", "connections", "build_info",
    ):  # fmt: skip
        assert prefix + name in found, name
    labels = {
        "exchanges": {"route", "phase", "outcome"},
        "cards": {"route", "action", "outcome"},
        "exchange_seconds": {"route", "part"},
        "vault_seconds": {"operation"},
        "not_after_timestamp_seconds": {"what"},
    }
    for name, wanted in labels.items():
        for sample in found[prefix + name].samples:
            assert wanted == set(sample.labels) - {"le"}, sample


def test_the_counts_are_right(gateway):
    def tokenized():
        return sum(
            sample.value
            for sample in families(gateway)["card_gateway_cards"].samples
            if sample.name.endswith("_total")
            and sample.labels
            == {"route": "siteminder/pull", "action": "tokenize", "outcome": "done"}
        )

    before = tokenized()
    gateway.pull("10107")
    assert tokenized() == before + 1


def test_p39_labels_come_from_rule_names_only(gateway):
    with gateway.session(gateway.key()) as session:
        for n in range(30):
            session.post(
                f"{gateway.sandbox.named_url('siteminder')}/odd-{n}/{CANARY}", data="x", timeout=10
            )
    text = gateway.metrics()
    assert "odd-" not in text
    assert CANARY not in text
    routes = set(re.findall(r'route="([^"]*)"', text))
    known = {route.id for route in gateway.worker._rules.current.routes} | {"none"}
    assert "none" in routes
    assert routes <= known


def test_healthy_and_ready(gateway):
    assert gateway.control("/healthz").json() == {"status": "ok"}
    ready = gateway.control("/readyz")
    assert ready.status_code == 200
    assert set(ready.json()["checks"].values()) == {"ok"}


def test_a_client_may_name_the_exchange(gateway):
    answer = gateway.pull("10107", headers={"X-Gateway-Exchange": "my-exchange-0001"})
    assert answer.headers["X-Gateway-Exchange"] == "my-exchange-0001"
    answer = gateway.pull("10107", headers={"X-Gateway-Exchange": "no good!"})
    assert answer.headers["X-Gateway-Exchange"] != "no good!"


def forms(pan):
    """A number in the forms in which it could lie about."""
    yield pan.encode()
    yield base64.b64encode(pan.encode()).rstrip(b"=")[:-2]
    yield pan.encode().hex().encode()
    yield pan.encode("utf-16-le")
    yield " ".join(pan[i : i + 4] for i in range(0, 16, 4)).encode()


def test_p16_a_canary_is_in_nothing_that_was_written(own_gateway):
    """Through every part of the gateway, refused and not: then every byte it wrote is searched."""
    gateway = own_gateway()
    token = keep(gateway, CANARY)
    stripe(gateway, "/v1/payment_intents", intent(token.alias, description="echo"))
    stripe(gateway, "/v1/payment_intents", intent(CANARY))
    stripe(gateway, f"/v1/payment_intents/{CANARY}?n={CANARY}", intent(CANARY))
    with gateway.session(gateway.key()) as session:
        base = gateway.sandbox.named_url("siteminder")
        session.post(
            f"{base}/{CANARY}?{CANARY}", data=CANARY, headers={"X-Note": CANARY}, timeout=10
        )
        session.request(f"M{CANARY}", f"{base}/pmsxchangev2/services/{CANARY}", timeout=10)
    with gateway.endpoint_session() as session:
        session.headers["X-Push-Key"] = gateway.secret("push-key")
        session.headers["Content-Type"] = "application/json"
        for body in (
            f'{{"booking": {{"hotel_code": "10107", "guarantee": {{"card_number": "{CANARY}", "expiration_date": "12/2030", "cvv": "907"}}}}}}',
            f'{{"booking": {{"guarantee": {{"card_number": "{CANARY}"',
            f'{{"booking": {{"guarantee": {{"card_number": "{CANARY}", "card_number": "{CANARY}"}}}}}}',
            f'{{"{CANARY}": 1}}',
        ):
            session.post(f"{gateway.endpoints}/push/channex", data=body, timeout=10)
    gateway.control(f"/{CANARY}")
    gateway.worker._upkeep.flush()
    written = dict(gateway.everything_written())
    assert any(name.endswith("vault.db") for name in written)
    for name, content in written.items():
        for form in forms(CANARY):
            assert form not in content, name
    assert CANARY not in gateway.metrics()


def test_each_exchange_has_one_line(gateway):
    answer = gateway.pull("10107", headers={"X-Gateway-Exchange": "one-line-0001"})
    assert answer.status_code == 200
    for _ in range(50):  # it is written once the answer has left
        lines = [json.loads(line) for line in gateway.logs.getvalue().splitlines()]
        found = [one for one in lines if one.get("exchange") == "one-line-0001"]
        if found:
            break
        time.sleep(0.05)
    (line,) = found
    assert line["route"] == "siteminder/pull"
    assert line["outcome"] == "done"
    assert line["tokenized"] == 1
