"""One URL that takes and answers XML or JSON: real sockets, a real vault, both ways."""

from __future__ import annotations

import json
import re

import pytest

from gateway.sandbox.tls import server_context
from tests.e2e.packs import Partner, with_pack
from tests.e2e.test_charge import keep

PAN, REMARK = "5555555555554444", "4242424242424242"
PACK = """
system: twofold
about: A partner that speaks XML and JSON at the same URL
shapes:
  xml:
    format: xml
    booking: //Reservation
    booking_id: "@Id"
    card: Card
    number: Number
    expiry: { at: Expires, as: MM/YYYY }
    cvc: Code
  json:
    format: json
    booking: "$.reservations[*]"
    booking_id: id
    card: card
    number: pan
    expiry: { at: expires, as: MM/YYYY }
    cvc: pin
  form: { format: form, card: $, number: card_number, expiry: { at: card_expires, as: MM/YYYY }, cvc: pin }
routes:
  - name: pull
    to: https://secure-supply-xml.booking.com/twofold/pull
    methods: [GET]
    product: seaside
    inbox: { again: body }
    response:
      tokenize: [xml, json]
      insert:
        - { into: ., each: card, xml: "<Token>{alias}</Token>" }
        - { into: ., each: card, json: { token: "{alias}" } }
      on_failure:
        - { into: ., each: card, xml: "<Error>{error}</Error>" }
        - { into: ., each: card, json: { error: "{error}" } }
  - { name: push, at: /twofold/push, forward: "{pms}/twofold", product: seaside, methods: [POST], request: { tokenize: [xml, json, form], show: alias } }
  - { name: pay, at: /twofold/pay, forward: "{siteminder}/pmsxchangev2/services/SANDBOX", methods: [POST], request: { detokenize: [xml, json, form] } }
"""
XML = f'<?xml version="1.0"?>\n<All><Reservation Id="1"><Card><Number>{PAN}</Number><Expires>12/2030</Expires><Code>987</Code></Card><Note>{REMARK}</Note></Reservation><Reservation Id="2"><Card><Number>{REMARK}</Number><Expires>soon</Expires></Card></Reservation></All>'
JSON = json.dumps({"reservations": [
    {"id": 1, "card": {"pan": PAN, "expires": "12/2030", "pin": "987"}, "note": REMARK},
    {"id": 2, "card": {"pan": REMARK, "expires": "soon"}},
]})  # fmt: skip
FORM = f"id=1&card_number={PAN}&card_expires=12%2F2030&pin=987&note={REMARK}"


@pytest.fixture(scope="module")
def twofold(sandbox, tmp_path_factory):
    partner = Partner(server_context(sandbox.directory))
    with with_pack(
        tmp_path_factory.mktemp("twofold"), sandbox, "twofold", PACK, partner
    ) as gateway:
        yield gateway


def pull(gateway, body, label="text/html"):
    gateway.partner.body, gateway.partner.label = body, label.encode()
    with gateway.session(gateway.key(products=("seaside",))) as session:
        url = f"https://booking.sandbox.test:{gateway.partner.port}/twofold/pull"
        return session.get(url, timeout=20)


def post(gateway, path, body, label):
    headers = {} if label is None else {"Content-Type": label}
    with gateway.endpoint_session(gateway.key(products=("seaside",))) as session:
        return session.post(
            f"{gateway.endpoints}/twofold/{path}", data=body, headers=headers, timeout=20
        )


@pytest.mark.parametrize("label", ["application/xml", "application/json", "text/html"])
def test_p03_p15_a_pull_is_tokenised_in_the_format_that_it_has(twofold, label):
    answer = pull(twofold, XML.encode(), label)
    assert answer.status_code == 200, answer.text
    (alias,) = re.findall(r"<Token>(tok_\w+)</Token>", answer.text)
    expected = XML.replace(
        f"<Number>{PAN}</Number><Expires>12/2030</Expires><Code>987</Code></Card>",
        "<Number>555555******4444</Number><Expires>12/2030</Expires></Card>",
    ).replace(REMARK, "424242******4242")
    expected = expected.replace("</Note></Reservation>", f"</Note><Token>{alias}</Token></Reservation>")  # fmt: skip
    expected = expected.replace("soon</Expires></Card>", "soon</Expires></Card><Error>expiry_invalid</Error>")  # fmt: skip
    assert answer.text == expected

    answer = pull(twofold, b"\xef\xbb\xbf" + JSON.encode(), label)
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"\xef\xbb\xbf{")
    first, second = json.loads(answer.content.decode("utf-8-sig"))["reservations"]
    assert first["card"] == {"pan": "555555******4444", "expires": "12/2030"}
    assert (first["token"], first["note"]) == (alias, "424242******4242")
    assert second["card"]["pan"] == "424242******4242"
    assert second["error"] == "expiry_invalid"
    assert PAN not in twofold.logs.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" * 2 + JSON.encode(),  # some readers take two marks away
        b")]}',\n" + JSON.encode(),
        b"found(" + JSON.encode() + b")",
        JSON.encode("utf-16"),
        JSON.encode("utf-16-le"),
        b"<!-- -->" + JSON.encode(),
        b"\x0b" + XML.encode(),
        b"OK " + XML.encode(),
        b'{"pin": "987", ' + XML.encode(),
        XML.encode() + JSON.encode(),
        b'"' + XML.encode() + b'"',
    ],
)
def test_p10_p13_what_is_neither_of_both_is_refused(twofold, body):
    for label in ("application/json", "application/xml"):
        answer = pull(twofold, body, label)
        assert answer.status_code == 502, answer.text
        assert "987" not in answer.text
        refused = post(twofold, "push", body, label)
        assert refused.status_code in {400, 415, 422}, refused.text
    assert not twofold.sandbox.received.requests("pms")


def test_p10_an_error_page_without_anything_like_a_card_passes(twofold):
    for body in (b"Service unavailable", b"", b"<h1>Sorry"):
        assert pull(twofold, body).content == body


@pytest.mark.parametrize(
    ("body", "label", "left"),
    [
        (XML, "text/xml", b"<Number>tok_"),
        (JSON, "application/json; charset=utf-8", b'"pan": "tok_'),
        (FORM, "application/x-www-form-urlencoded", b"card_number=tok_"),
    ],
)
def test_p03_a_push_is_tokenised_by_its_label(twofold, body, label, left):
    post(twofold, "push", body.encode(), label)
    (arrived,) = twofold.sandbox.received.requests("pms")
    assert left in arrived.body
    assert b"424242******4242" in arrived.body
    assert PAN.encode() not in arrived.body
    # A token's number is drawn, and has these digits now and then.
    assert b"987" not in re.sub(rb"tok_test_\w+", b"", arrived.body)


@pytest.mark.parametrize(
    ("body", "label"),
    [
        (f'{{"a": "&card_number={PAN}&pin=987&"}}', "application/x-www-form-urlencoded"),
        (f"<!--&card_number={PAN}&pin=987&--><a/>", "application/x-www-form-urlencoded"),
        (JSON, "application/x-www-form-urlencoded"),
        (XML, "application/json"),
        (FORM, "application/json"),
        (FORM, None),
        (JSON, "text/plain"),
    ],
)
def test_p09_p13_a_push_that_another_reader_takes_for_another_format_is_refused(
    twofold, body, label
):
    answer = post(twofold, "push", body.encode(), label)
    assert answer.json()["code"] == "label_wrong"
    assert not twofold.sandbox.received.requests("pms")


@pytest.mark.parametrize(
    ("body", "label", "sent"),
    [
        (
            '<a><Reservation Id="1"><Card><Number>{}</Number><Expires/></Card></Reservation></a>',
            "application/xml",
            f'<a><Reservation Id="1"><Card><Number>{PAN}</Number><Expires>12/2030</Expires></Card></Reservation></a>',
        ),
        (
            '{{"reservations": [{{"card": {{"pan": "{}", "expires": ""}}}}]}}',
            "application/json",
            f'{{"reservations": [{{"card": {{"pan": "{PAN}", "expires": "12/2030"}}}}]}}',
        ),
        (
            "card_number={}&card_expires=",
            "application/x-www-form-urlencoded",
            f"card_number={PAN}&card_expires=12%2F2030",
        ),
    ],
)
def test_p07_p09_a_charge_is_put_in_as_its_label_says(twofold, body, label, sent):
    alias = keep(twofold, PAN).alias
    post(twofold, "pay", body.format(alias), label)
    (arrived,) = twofold.sandbox.received.requests("siteminder")
    assert arrived.body.decode() == sent
    for wrong in ("text/html", "multipart/form-data; boundary=b", f"{label}, {label}"):
        refused = post(twofold, "pay", body.format(alias), wrong)
        assert refused.json()["code"] == "label_wrong"
    assert len(twofold.sandbox.received.requests("siteminder")) == 1


def test_p03_a_form_that_says_it_is_json_gets_no_card(twofold):
    alias = keep(twofold, PAN).alias
    answer = post(twofold, "pay", f"card_number={alias}", "application/json")
    assert answer.json()["code"] == "message_malformed"
    assert not twofold.sandbox.received.requests("siteminder")


def test_p10_p13_what_has_a_cards_name_in_either_format_is_refused(twofold):
    """Nobody can read it, and no digits in it could be a card's: but a name of one stands there."""
    for body in (b"see pan: 41 11, 987", b"see Number: 41 11, 987"):
        assert pull(twofold, body).status_code == 502
    assert pull(twofold, b"see you, 987").content == b"see you, 987"
