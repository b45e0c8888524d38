"""Which side may not see cards: found by reviewing what a rule may combine, not what the packs do."""

from __future__ import annotations

import json
import shutil

import pytest
import requests

from tests.e2e.process import until
from tests.running import ROOT

PAN = "5555555555554444"

PACK = """
system: odd
about: Routes that no shipped pack has
shapes:
  ota:
    format: xml
    booking: //HotelReservation
    card: .//PaymentCard
    number: "@CardNumber"
    expiry: { at: "@ExpireDate", as: MMYY }
    cvc: "@SeriesCode"
  booking:
    format: json
    booking: $.booking
    card: guarantee
    number: card_number
    expiry: { at: expiration_date, as: MM/YYYY }
    cvc: cvv
routes:
  - name: answers-a-caller
    at: /odd/answer
    forward: "{siteminder}/pmsxchangev2/services/SANDBOX"
    auth: channel-manager
    product: seaside
    methods: [POST]
    response: { tokenize: ota }
  - name: pushed-with-a-key
    at: /odd/push
    forward: "{pms}/channex"
    product: seaside
    methods: [POST]
    request: { tokenize: booking }
"""


@pytest.fixture(scope="module")
def odd(sandbox, tmp_path_factory):
    from tests.running import Running

    directory = tmp_path_factory.mktemp("odd")
    rules = directory / "rules"
    shutil.copytree(ROOT / "rules", rules)
    (rules / "odd.yaml").write_text(PACK, encoding="utf-8")
    gateway = Running(directory / "gateway", sandbox, rules=str(rules))
    yield gateway
    gateway.stop()


def test_p03_an_answer_that_is_tokenised_is_tokenised_whoever_called(odd):
    from gateway.sandbox.pull import read_request

    who = odd.sandbox.siteminder.settings
    with odd.endpoint_session() as session:
        answer = session.post(
            f"{odd.endpoints}/odd/answer",
            data=read_request("CVC", who.username, who.password),
            headers={
                "Content-Type": "text/xml; charset=utf-8",
                "X-Push-Key": odd.secret("push-key"),
            },
            timeout=20,
        )
    assert answer.status_code == 200, answer.text
    assert "4444333322221111" not in answer.text
    assert "SeriesCode" not in answer.text


def test_p03_what_is_tokenised_for_the_upstream_is_guarded_whoever_called(odd):
    content = {
        "booking": {
            "guarantee": {"card_number": PAN, "expiration_date": "12/2030"},
            "notes": f"or {PAN}",
        }
    }
    with odd.endpoint_session(odd.key(products=("seaside",))) as session:
        answer = session.post(
            f"{odd.endpoints}/odd/push?n=4242424242424242",
            data=json.dumps(content),
            headers={"Content-Type": "application/json", "X-Note": "4242424242424242"},
            timeout=20,
        )
    assert answer.status_code == 200, answer.text
    (request,) = odd.sandbox.received.requests("pms")
    assert PAN.encode() not in request.body
    assert "4242424242424242" not in request.query
    assert request.header("X-Note") == "424242******4242"


@pytest.mark.parametrize("id", ["4111111111111111", "4111-1111-1111-1111", "x41111111_11111111"])
def test_p16_an_exchange_is_not_named_like_a_card(gateway, id):
    for key in (None, gateway.key()):
        answer = gateway.pull(
            "10107", session=gateway.session(key), headers={"X-Gateway-Exchange": id}
        )
        assert answer.headers["X-Gateway-Exchange"] != id
        assert id not in answer.text
    assert id not in gateway.logs.getvalue()
    assert gateway.rows(f"select count(*) from audit where exchange = '{id}'") == [(0,)]


def test_p16_a_stranger_names_no_exchange(gateway):
    answer = gateway.pull(
        "10107", session=gateway.session(), headers={"X-Gateway-Exchange": "chosen-by-me"}
    )
    assert answer.status_code == 401
    assert "chosen-by-me" not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/x/4111-1111-1111-1111",
        "/4111/1111/1111/1111",
        "/4111.1111.1111.1111",
        "/a4111b1111c1111d1111",
    ],
)
def test_p16_what_was_refused_is_kept_without_anything_like_a_card(gateway, path):
    requests.get(gateway.endpoints + path, verify=gateway.ca, timeout=10)
    masked = "".join("*" if sign.isdigit() else sign for sign in path)

    def written():
        gateway.worker._upkeep.flush()  # as every two seconds
        return [row.path for row in gateway.worker._vault.refusals.all()]

    assert until(30, lambda: masked in written())
    rows = written()
    assert path not in rows


def test_a_post_without_a_body_passes_where_cards_would_be_put_in(gateway):
    with gateway.session(gateway.key()) as session:
        answer = session.post(
            f"{gateway.sandbox.named_url('stripe')}/v1/payment_intents/pi_nosuch/confirm",
            headers={"Authorization": "Bearer sk_test_sandbox"},
            timeout=10,
        )
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "invalid_request_error"
