"""A guest's card and an agency's, flat in one object: real sockets, a real vault, both ways."""

from __future__ import annotations

import json
import re

import pytest

from gateway.sandbox.tls import server_context
from tests.e2e.packs import Partner, with_pack

GUEST, AGENCY, REMARK = "5555555555554444", "4000056655665556", "4242424242424242"
PACK = """
system: beside
about: Two cards in one object
shapes:
  guest: { format: json, booking: "$.b[*]", card: ., number: cc_number, expiry: { at: cc_exp, as: MM/YYYY }, cvc: cc_cvc, not_cards: [ref] }
  agency: { format: json, booking: "$.b[*]", card: ., own_card: true, number: vcc_number, expiry: { at: vcc_exp, as: MM/YYYY }, cvc: vcc_cvc }
  paper: { format: xml, booking: //R, card: ., number: Number, cvc: gcode }
routes:
  - name: pull
    to: https://secure-supply-xml.booking.com/beside
    methods: [GET]
    product: seaside
    response:
      tokenize: [guest, agency]
      header: X-Card-Tokens
      insert:
        - { into: ., each: card, for: guest, json: { cc_token: "{alias}" } }
        - { into: ., each: card, for: agency, json: { vcc_token: "{alias}" } }
      on_failure:
        - { into: ., each: card, for: guest, json: { cc_error: "{error}" } }
        - { into: ., each: card, for: agency, json: { vcc_error: "{error}" } }
  - { name: paper, to: https://secure-supply-xml.booking.com/paper, methods: [GET], product: seaside, response: { tokenize: paper } }
  - { name: pay, at: /beside/pay, forward: "{siteminder}/pmsxchangev2/services/SANDBOX", methods: [POST], request: { detokenize: [guest, agency] } }
"""
BOTH = {"cc_number": GUEST, "cc_exp": "12/2030", "cc_cvc": "123", "vcc_number": AGENCY, "vcc_exp": "01/2031", "vcc_cvc": "987", "note": REMARK}  # fmt: skip


@pytest.fixture(scope="module")
def beside(sandbox, tmp_path_factory):
    partner = Partner(server_context(sandbox.directory))
    partner.label = b"application/json"
    with with_pack(tmp_path_factory.mktemp("beside"), sandbox, "beside", PACK, partner) as gateway:
        yield gateway


def pull(gateway, *bookings):
    return answered(gateway, json.dumps({"b": bookings}).encode())


def answered(gateway, body, path="beside"):
    gateway.partner.body = body
    with gateway.session(gateway.key(products=("seaside",))) as session:
        url = f"https://booking.sandbox.test:{gateway.partner.port}/{path}"
        return session.get(url, timeout=20)


def pay(gateway, card):
    with gateway.endpoint_session(gateway.key(products=("seaside",))) as session:
        headers = {"Content-Type": "application/json"}
        body = json.dumps({"b": [card]})
        return session.post(f"{gateway.endpoints}/beside/pay", body, headers=headers, timeout=20)


def test_p03_each_of_two_cards_gets_its_own_token(beside):
    alone = {name: text for name, text in BOTH.items() if not name.startswith("cc_")}
    bad = BOTH | {"cc_exp": "soon"}
    answer = pull(beside, BOTH, alone, bad)
    assert answer.status_code == 200, answer.text
    for clear in (GUEST, AGENCY, REMARK, '"123"', '"987"'):
        assert clear not in answer.text
    first, second, third = answer.json()["b"]
    assert first["cc_token"] != first["vcc_token"]
    assert second["vcc_token"] == third["vcc_token"] == first["vcc_token"]
    assert "cc_token" not in second
    assert (third["cc_error"], third["cc_number"]) == ("expiry_invalid", "555555******4444")
    assert "cc_token" not in third
    told = dict(re.findall(r"(\d\.\d)=(\w+)", answer.headers["X-Card-Tokens"]))
    assert told["1.1"] == first["cc_token"]
    assert told["1.2"] == told["2.1"] == told["3.2"] == first["vcc_token"]
    assert len(told) == 4
    assert beside.rows("select count(*) from card") == [(2,)]
    assert GUEST not in beside.logs.getvalue()


def test_p07_each_token_is_charged_as_its_own_card(beside):
    (told,) = pull(beside, BOTH).json()["b"]
    pay(beside, {"cc_number": told["cc_token"], "cc_exp": "", "vcc_number": told["vcc_token"], "vcc_exp": ""})  # fmt: skip
    (arrived,) = beside.sandbox.received.requests("siteminder")
    (sent,) = json.loads(arrived.body)["b"]
    assert sent == {
        "cc_number": GUEST,
        "cc_exp": "12/2030",
        "vcc_number": AGENCY,
        "vcc_exp": "01/2031",
    }


def test_p13_a_number_that_stands_twice_is_refused(beside):
    twice = json.dumps(BOTH)[:-1] + f', "vcc_number": "{REMARK}"}}'
    answer = answered(beside, b'{"b": [' + twice.encode() + b"]}")
    assert answer.status_code == 502
    assert answer.json()["code"] == "message_forbidden"


@pytest.mark.parametrize("expiry", ["soon", "", "13/2030"])
def test_p03_a_card_that_fails_is_one_where_no_card_should_be_too(beside, expiry):
    card = {"cc_number": GUEST, "cc_exp": expiry, "cc_cvc": "123"}
    answer = pull(beside, card | {"ref": GUEST}, {"ref": REMARK}, {"ref": f"of {GUEST}"})
    assert answer.status_code == 200, answer.text
    assert GUEST not in answer.text
    first, second, third = answer.json()["b"]
    assert first["cc_number"] == first["ref"] == "555555******4444"
    assert (second["ref"], third["ref"]) == (REMARK, "of 555555******4444")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("beside", b'{"b": [{"cc_cvc":"987", "n'),
        ("beside", b'{"b": [{"vcc_cvc": 987'),
        ("paper", b"<a><R>&nbsp;<gcode>987</gcode></R></a>"),
    ],
)
def test_p03_what_can_not_be_read_and_has_a_code_is_refused(beside, path, body):
    answer = answered(beside, body, path)
    assert answer.status_code == 502, answer.text
    assert answer.json()["code"] == "message_malformed"
    assert "987" not in answer.text


@pytest.mark.parametrize("path", ["beside", "paper"])
def test_an_error_page_that_has_no_code_passes(beside, path):
    body = b"<h1>Error code</h1>&nbsp;<p>gcode and cc_cvc are unknown here"
    assert answered(beside, body, path).content == body


@pytest.mark.parametrize("number", [f"Visa {GUEST}", f"{GUEST} 987"])
def test_p03_so_is_one_that_stands_among_other_text(beside, number):
    answer = pull(beside, {"cc_number": number, "cc_exp": "12/2030", "ref": GUEST})
    (booking,) = answer.json()["b"]
    assert (booking["cc_error"], booking["ref"]) == ("number_invalid", "555555******4444")
