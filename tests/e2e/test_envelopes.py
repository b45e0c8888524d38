"""Cards in documents that stand in other documents, through a whole gateway, both ways."""

from __future__ import annotations

import base64
import io
import json
from urllib.parse import parse_qs

import pytest
import requests
from multipart import MultipartParser

from gateway.sandbox.tls import server_context
from tests.e2e.inbox import Once
from tests.e2e.packs import with_pack
from tests.e2e.test_charge import keep

PAN, REMARK = "5555555555554444", "4242424242424242"

PACK = """
system: wrapped
about: Messages that stand in others
shapes:
  in-form:
    envelope: { format: form, at: xml }
    format: xml
    booking: //Booking
    card: Card
    number: "@number"
    expiry: { at: "@expires", as: MM/YY }
    cvc: "@cvc"
  in-json:
    envelope: { format: json, at: $.data, as: base64 }
    format: json
    booking: "$.bookings[*]"
    card: card
    number: pan
    expiry: { at: expires, as: MMYY }
    cvc: cvv
  in-xml:
    envelope: [{ format: xml, at: //Payload }, { format: form, at: request }]
    format: json
    card: $.card
    number: pan
    expiry: { at: expires, as: MMYY }
  in-part:
    format: multipart
    card: $
    number: card[number]
    expiry: { at: "card[expires]", as: MM/YYYY }
    cvc: card[cvc]
routes:
  - name: upload
    at: /wrapped/upload
    forward: "{pms}/channex"
    product: seaside
    methods: [POST]
    request:
      tokenize: in-part
      insert: [{ into: ., each: card, form: { token: "{alias}" } }]
  - name: push
    at: /wrapped/push
    forward: "{pms}/channex"
    product: seaside
    methods: [POST]
    request:
      tokenize: in-form
      insert: [{ into: Card, each: card, xml: "<token>{alias}</token>" }]
  - name: pull
    to: https://secure-supply-xml.booking.com/wrapped/pull
    product: seaside
    methods: [POST]
    response:
      tokenize: in-json
      insert: [{ into: card, each: card, json: { token: "{alias}" } }]
  - name: charge
    at: /wrapped/charge
    forward: "{siteminder}/pmsxchangev2/services/SANDBOX"
    methods: [POST]
    request: { detokenize: in-xml }
"""


@pytest.fixture(scope="module")
def wrapped(sandbox, tmp_path_factory):
    partner = Once(server_context(sandbox.directory))
    partner.bodies = []
    with with_pack(
        tmp_path_factory.mktemp("wrapped"), sandbox, "wrapped", PACK, partner
    ) as gateway:
        yield gateway, partner


def pull(wrapped, answer):
    gateway, partner = wrapped
    partner.bodies.append(answer)
    with gateway.session(gateway.key(products=("seaside",))) as session:
        return session.post(
            f"https://booking.sandbox.test:{partner.port}/wrapped/pull",
            data="{}", headers={"Content-Type": "application/json"}, timeout=20,
        )  # fmt: skip


def post(wrapped, path, body, content_type):
    gateway, _ = wrapped
    with gateway.endpoint_session(gateway.key(products=("seaside",))) as session:
        return session.post(
            f"{gateway.endpoints}/wrapped/{path}",
            data=body,
            headers={"Content-Type": content_type},
            timeout=20,
        )


def test_p03_a_card_in_xml_in_a_form_becomes_a_token(wrapped):
    gateway, _ = wrapped
    before = (
        b"a=%3c+&xml=%3cBookings%3e%3cBooking%3e%3cCard+number%3d%22" + PAN.encode()
        + b"%22%20expires=%2212%2f30%22 cvc='123'/%3e%3cNote%3e" + REMARK.encode()
        + b" please%3c/Note%3e%3c/Booking%3e%3c/Bookings%3e&z=%7e"
    )  # fmt: skip
    post(wrapped, "push", before, "application/x-www-form-urlencoded")  # the PMS takes no forms
    (request,) = gateway.sandbox.received.requests("pms")
    body = request.body
    assert PAN.encode() not in body
    assert REMARK.encode() not in body
    assert body.startswith(b"a=%3c+&xml=%3cBookings%3e%3cBooking%3e%3cCard+number%3d%22555555")
    assert body.endswith(b"424242******4242 please%3c/Note%3e%3c/Booking%3e%3c/Bookings%3e&z=%7e")
    inner = parse_qs(body.decode())["xml"][0]
    assert 'number="555555******4444" expires="12/30"><token>tok_' in inner
    assert "cvc" not in inner


def test_p03_a_card_in_base64_becomes_a_token_and_a_remark_a_mask(wrapped):
    gateway, _ = wrapped
    inner = {
        "bookings": [
            {"card": {"pan": PAN, "expires": "1230", "cvv": "123"}, "note": f"or {REMARK}"},
            {"card": None},
        ]
    }
    data = base64.encodebytes(json.dumps(inner).encode()).decode()
    answer = pull(wrapped, json.dumps({"ok": True, "data": data}).encode())
    assert answer.status_code == 200, answer.text
    after = json.loads(answer.content)
    assert after["ok"] is True
    assert max(map(len, after["data"].splitlines())) == 76  # in lines, as it came
    card = json.loads(base64.b64decode(after["data"]))["bookings"][0]
    assert card["card"]["pan"] == "555555******4444"
    assert card["card"]["token"].startswith("tok_")
    assert "cvv" not in card["card"]
    assert card["note"] == "or 424242******4242"
    assert answer.headers["X-Gateway-Cards"].startswith("found=1 tokenized=1 failed=0")
    assert PAN not in gateway.logs.getvalue()


@pytest.mark.parametrize(
    "data", ["eyJh*", "eyJhIjogMX", base64.b64encode(b'{"card": ').decode(), {"a": 1}, 5]
)
def test_p10_what_can_not_be_looked_into_is_refused(wrapped, data):
    answer = pull(wrapped, json.dumps({"data": data}).encode())
    assert answer.status_code == 502
    assert answer.json()["code"] in {"message_malformed", "message_forbidden"}


@pytest.mark.parametrize("body", [b"<h1>Down for maintenance</h1", b'{"data": ""}', b"{}"])
def test_what_holds_nothing_passes_as_it_is(wrapped, body):
    answer = pull(wrapped, body)
    assert (answer.status_code, answer.content) == (200, body)


def test_p03_a_token_two_envelopes_deep_becomes_the_card(wrapped):
    gateway, _ = wrapped
    token = keep(gateway, PAN)
    alias = token.alias
    inner = f'{{"card": {{"pan": "{alias}"}}, "amount": 1.50}}'
    form = "v=1&request=" + inner.replace('"', "%22")
    body = f"<Call><Payload><![CDATA[{form}]]></Payload><x/></Call>".encode()
    answer = post(wrapped, "charge", body, "text/xml")
    assert answer.status_code == 500, answer.text  # SiteMinder knows no such message
    (request,) = gateway.sandbox.received.requests("siteminder")
    wanted = body.replace(alias.encode(), PAN.encode())
    at = wanted.index(PAN.encode()) + len(PAN) + len("%22")
    assert request.body == wanted[:at] + b"%2C+%22expires%22%3A+%221230%22" + wanted[at:]
    intents = "select count(*) from audit where route = 'wrapped/charge' and outcome = 'intent'"
    assert gateway.rows(intents) == [(1,)]  # what came of it is written once the answer is out


def multipart(**more):
    fields = {"card[number]": PAN, "card[expires]": "12/2030", "card[cvc]": "123"} | more
    return requests.Request("POST", "https://x", files={n: (None, v) for n, v in fields.items()})


def test_p03_a_card_in_a_multipart_form_becomes_a_token(wrapped):
    gateway, _ = wrapped
    sent = multipart(note=f"or {REMARK}").prepare()
    post(wrapped, "upload", sent.body, sent.headers["Content-Type"])
    (request,) = gateway.sandbox.received.requests("pms")
    assert request.header("Content-Type") == sent.headers["Content-Type"]
    boundary = sent.headers["Content-Type"].partition("boundary=")[2]
    parts = {
        part.name: part.value
        for part in MultipartParser(io.BytesIO(request.body), boundary, content_length=-1)
    }
    assert parts.pop("token").startswith("tok_")
    assert parts == {
        "card[number]": "555555******4444",
        "card[expires]": "12/2030",
        "note": "or 424242******4242",
    }


def test_p09_a_multipart_form_whose_label_names_another_boundary_is_refused(wrapped):
    gateway, _ = wrapped
    answer = post(wrapped, "upload", multipart().prepare().body, "multipart/form-data; boundary=x")
    assert (answer.status_code, answer.json()["code"]) == (415, "label_wrong")
    assert not gateway.sandbox.received.requests("pms")


def test_p03_a_file_that_can_not_be_looked_into_is_refused(wrapped):
    gateway, _ = wrapped
    sent = multipart(scan=b"%PDF\x00\x01\x02").prepare()
    answer = post(wrapped, "upload", sent.body, sent.headers["Content-Type"])
    assert answer.json()["code"] == "message_forbidden"
    assert not gateway.sandbox.received.requests("pms")
