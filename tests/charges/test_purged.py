"""A charge of months ago is given back, taken or let go although its card is erased: at the sandbox's processor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gateway.audit import Action, Entry, Outcome
from gateway.sandbox.server import Sandbox
from gateway.vault.terms import Retention, Terms
from tests.charges.test_whole import PRODUCTS, ask, get, said
from tests.processors.orders import keep, set_credentials
from tests.processors.served import Gateway

DAY = timedelta(days=1)


@pytest.fixture
def gateway(tmp_path):
    with Sandbox(tmp_path / "sandbox") as sandbox:
        made = Gateway(tmp_path / "gateway", sandbox, products=PRODUCTS)
        try:
            assert set_credentials(made, "seaside", "sandbox").status_code == 200
            yield made
        finally:
            made.stop(grace=0.5)


def test_without_its_card_a_charge_is_given_back_taken_and_let_go(gateway):
    key = gateway.key(scopes=("charges",), products=("seaside",))
    token = keep(gateway)
    paid, held, other = (
        ask(gateway, key, said=said(token, capture=capture)).json()["id"]
        for capture in ("now", "later", "later")
    )
    vault, later = gateway.worker._vault, datetime.now(UTC) + 100 * DAY
    by = Entry(later, "", Action.PURGE, Outcome.DONE)
    rule = Retention({}, Terms(30 * DAY, 90 * DAY, 540 * DAY, 1095 * DAY))
    assert vault.retention.purge(rule, later, by).cards == 1
    assert vault.count_by_product() == {}
    assert ask(gateway, key, said=said(token)).json()["code"] == "card_erased"
    back = ask(gateway, key, f"/{paid}/refund", {"amount": 300})
    assert (back.status_code, back.json()["state"], back.json()["refunded"]) == (
        200, "refunded", 300,
    )  # fmt: skip
    assert ask(gateway, key, f"/{held}/capture").json()["state"] == "succeeded"
    assert ask(gateway, key, f"/{other}/cancel").json()["state"] == "cancelled"
    looked = ask(gateway, key, f"/{paid}/look")
    assert (looked.status_code, get(gateway, key, paid)["refunded"]) == (200, 300)
    cards = gateway.key(scopes=("cards",), products=("seaside",))
    left = gateway.api("GET", f"/v1/cards/{token.alias}", cards).json()
    assert left["mask"] == "411111******1111"
    assert [one["processor_id"][:4] for one in left["charges"]] == ["pay_"] * 3
