"""A whole gateway tells its client something, gives it up, and sends it once more where it is asked to."""

from __future__ import annotations

import json

import pytest
import requests

from gateway.vault.notices import NewNotice
from tests.e2e.process import until
from tests.e2e.recapture import SECRET, check_signature


@pytest.fixture
def start(own_gateway, sandbox, tmp_path):
    """A gateway whose client is told at this path of the sandbox's PMS."""

    def start(path):
        (tmp_path / "hook-secret").write_text(SECRET + "\n")
        (tmp_path / "hook-secret").chmod(0o600)
        webhook = {
            "url": sandbox.named_url("pms") + path,
            "secret": {"file": str(tmp_path / "hook-secret")},
            "retry_seconds": [1],
        }
        return own_gateway(clients={"pms": {"networks": ["127.0.0.0/8"], "webhook": webhook}})

    return start


def told(gateway, path, count):
    def got():
        every = gateway.sandbox.received.requests("pms")
        return [request for request in every if request.path == path]

    assert until(15, lambda: len(got()) >= count), len(got())
    return got()


def put(gateway, *kinds):
    notices = [NewNotice("pms", kind, "charge-a", {"amount": 12500}) for kind in kinds]
    gateway.loop.call(gateway.worker._vault.notices.put(notices))


def api(gateway, method, path, key):
    url = "http://{}:{}/v1".format(*gateway.addresses.control) + path
    return requests.request(method, url, headers={"X-Api-Key": key}, timeout=30)


def test_what_happens_is_told_in_order_and_signed(start):
    gateway = start("/hooks")
    put(gateway, "charge.created", "charge.succeeded")
    requests_ = told(gateway, "/hooks", 2)
    assert [json.loads(one.body)["type"] for one in requests_] == [
        "charge.created",
        "charge.succeeded",
    ]
    for request in requests_:
        check_signature(request)
    key = gateway.key(scopes=("charges",))
    assert until(30, lambda: api(gateway, "GET", "/notices", key).json()["notices"] == [])
    assert 'card_gateway_notices_total{outcome="delivered"} 2.0' in gateway.metrics()


def test_what_was_given_up_is_sent_once_more_where_the_client_asks_for_it(start):
    gateway = start("/fail/hooks")
    put(gateway, "charge.failed")
    key = gateway.key(scopes=("charges",))

    def given_up():
        return api(gateway, "GET", "/notices?state=given_up", key).json()["notices"]

    assert until(15, given_up)
    (one,) = given_up()
    assert (one["attempts"], one["failure"]) == (2, "status_500")
    assert '"event":"notice_given_up"' in gateway.logs.getvalue().replace(" ", "")
    again = api(gateway, "POST", f"/notices/{one['id']}/redeliver", key)
    assert again.json()["state"] == "waiting"
    sent = told(gateway, "/fail/hooks", 4)
    assert {json.loads(request.body)["id"] for request in sent} == {one["id"]}
