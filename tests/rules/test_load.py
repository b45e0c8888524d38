"""Packs become rules: the design's own examples, what is in force, what the shapes can say."""

from __future__ import annotations

import pytest

from gateway.cards.card import Failure
from gateway.codecs.document import Element, Members
from gateway.errors import ConfigurationError
from gateway.rules.compile import Surroundings
from gateway.rules.json_schema import json_schema
from gateway.rules.load import load_pack_text
from gateway.rules.model_addresses import Forward, HostPattern, PathPattern, Target
from gateway.rules.schema_directions import FailureName
from tests.rules.packs import BOOKINGSYNC, PUSH, SITEMINDER


def shape(fields: str):
    text = f"system: x\nabout: x\nshapes:\n  s: {{ {fields} }}\nroutes:\n"
    text += (
        "  - { name: r, to: https://x.example/p, methods: [POST], request: { detokenize: s } }\n"
    )
    return load_pack_text(text, "x.yaml").shapes["s"]


def test_the_designs_first_example_loads_as_it_stands():
    pack = load_pack_text(SITEMINDER, "siteminder.yaml")
    (route,) = pack.routes
    ota = pack.shapes["ota"]
    assert route.id == "siteminder/pull"
    assert str(route.source) == "siteminder.yaml:19"
    assert route.to == Target(
        "https",
        HostPattern("siteminder.com", any_below=True),
        443,
        PathPattern("/pmsxchangev2/**", 14),
    )
    assert (route.auth, route.mode, route.scope, route.guards_request) == (
        "key", "live", "proxy", False,
    )  # fmt: skip
    assert route.response.tokenize is not None
    assert route.response.tokenize.shapes == (ota,)
    token, b2b = route.response.tokenize.insert
    assert isinstance(token.content, Element)
    assert [child.name for child in token.content.children] == ["iduser", "tokenuser"]
    assert (token.each, token.into.text, b2b.each, b2b.into.steps) == (
        "card", "ResGlobalInfo", "booking", (),
    )  # fmt: skip
    assert ota.expiry is not None
    assert ota.expiry.spelling == "MMYY"
    assert route.request.tokenize is None
    assert not route.request.detokenize


def test_the_designs_second_example_loads_as_it_stands():
    pack = load_pack_text(BOOKINGSYNC, "bookingsync.yaml")
    payment = pack.shapes["payment"]
    assert payment.number.number
    assert payment.cvc is not None
    assert payment.cvc.number
    assert pack.routes[0].request.detokenize == (payment,)
    assert pack.routes[0].scope == "detokenize"


@pytest.mark.parametrize(
    "fields",
    [
        # one line for each row of the table of systems
        'format: xml, booking: //HotelReservation, card: .//PaymentCard, number: "@CardNumber", expiry: { at: "@ExpireDate", as: MMYY }, cvc: "@SeriesCode", brand: "@CardCode", holder: CardHolderName',
        'format: xml, card: //PaymentCard, number: CardNumber/PlainText, cvc: SeriesCode/PlainText, token: { iduser: "CardNumber/@TokenUser", tokenuser: "CardNumber/@Token" }',
        'format: xml, card: //CreditCard, number: "@CardNumber", expiry: { at: "@ExpireDate", as: MM-YY }',
        'format: xml, card: //CreditCardInfo, number: "@CardNumber", expiry: { at: "@ExpirationDate", as: YYYY-MM-DD }',
        'format: xml, booking: //HotelReservation, card: .//PaymentCard, number: "@CardNumber", virtual: { flag: "VirtualCreditCard/@isVCC", active_from: "VirtualCreditCard/@VCCActivationDate", active_until: "VirtualCreditCard/@VCCDeactivationDate", balance: "VirtualCreditCard/@VCCCurrentBalance" }',
        "format: xml, booking: //reservation, card: customer, number: cc_number, cvc: cc_cvc, expiry: { at: cc_expiration_date, as: MM/YYYY }, holder: cc_name, brand: cc_type",
        'format: xml, booking: //HotelReservation, card: .//PaymentCard, number: "@CardNumber", sentinels: ["0000000000000000"], virtual: { active_from: "@EffectiveDate", holders: [Bookingcom Agent] }',
        'format: xml, booking: //Booking, card: RoomStay/PaymentCard, number: "@cardNumber", cvc: "@seriesCode", expiry: { at: "@expireDate", as: MMYY }, brand: "@cardCode", virtual: { active_from: "@cardActivation" }',
        'format: json, booking: "$.data[*].attributes", card: guarantee, number: card_number, cvc: cvv, expiry: { at: expiration_date, as: MM/YYYY }, virtual: { flag: is_virtual, balance: meta.virtual_card_current_balance }',
        "format: json, card: $, number: ccNumber, holder: ccName, cvc: cvc, expiry_month: { at: ccExpirationMonth, as: M }, expiry_year: { at: ccExpirationYear, as: YYYY }",
        'format: form, card: $, number: "payment_method_data[card][number]", expiry_month: { at: "payment_method_data[card][exp_month]", as: MM }, expiry_year: { at: "payment_method_data[card][exp_year]", as: YY }, keep: [expiry_month]',
        "format: json, card: $.paymentMethod, number: number, expiry_month: { at: expiryMonth, as: MM }, expiry_year: { at: expiryYear, as: YYYY }, holder: holderName",
        "format: xml, card: //creditCard, number: cardNumber, expiry: { at: expirationDate, as: YYYY-MM }, cvc: { at: cardCode, required: true }",
        "format: json, card: $, number: pan, cvc: cvc2, expiry_month: { at: expiryMonth, as: MM }, expiry_year: { at: expiryYear, as: YYYY }, token: { iduser: idUser, tokenuser: tokenUser }",
        'format: json, card: "$.payments[*]", number: number, cvc: security_code, expiry_month: { at: expiration_month, as: MM }, expiry_year: { at: expiration_year, as: YYYY }, show: last4, not_cards: [$.itinerary_id]',
        "format: json, card: $.card, number: token, show: alias",
    ],
)  # fmt: skip
def test_the_shapes_of_every_known_system_can_be_said(fields):
    assert shape(fields).number.at.steps


def test_what_a_shape_says_arrives():
    made = shape(
        'format: xml, booking: //B, card: C, number: "@N", cvc: { at: "@V", required: true }, '
        'expiry_month: { at: "@M", as: M }, expiry_year: { at: "@Y", as: YY }, keep: [expiry_year], '
        'token: { iduser: U, tokenuser: T }, virtual: { flag: "@F", holders: [A, B] }, '
        'show: alias, sentinels: ["9999"], not_cards: [//Voucher/@SeriesCode]'
    )
    assert made.cvc_required
    assert made.keep == {"expiry_year"}
    assert made.token is not None
    assert (made.token.iduser.text, made.token.tokenuser.text) == ("U", "T")
    assert made.virtual is not None
    assert made.virtual.holders == ("A", "B")
    assert (made.show, made.sentinels, len(made.not_cards)) == ("alias", {"9999"}, 1)


def test_json_and_form_templates():
    text = """\
system: x
about: x
shapes:
  j: { format: json, card: $.card, number: pan }
  f: { format: form, card: $, number: pan }
routes:
  - name: j
    to: https://x.example/j
    methods: [GET]
    response:
      tokenize: j
      header: X-Tokens
      insert: [{ into: ., of: card, each: card, json: { "{position}": "{alias}" } }]
  - name: f
    to: https://x.example/f
    methods: [GET]
    response:
      tokenize: f
      errors: { vault: "99" }
      insert: [{ into: ., each: card, form: { token: "{alias}" } }]
      on_failure: [{ into: ., each: booking, form: { failed: "{error}" } }]
"""
    one, other = load_pack_text(text, "x.yaml").routes
    assert one.response.tokenize is not None
    assert other.response.tokenize is not None
    assert one.response.tokenize.insert[0].content == Members((("{position}", "{alias}"),))
    assert one.response.tokenize.insert[0].of == "card"
    assert one.response.tokenize.header == "X-Tokens"
    assert other.response.tokenize.errors == {"vault": "99"}


def test_a_push_route():
    around = Surroundings({"pms": "http://10.0.0.9:81/base/"}, {"channel"}, {"seaside"})
    (route,) = load_pack_text(PUSH, "push.yaml", around).routes
    assert route.at == PathPattern("/in/*/x/**", 4)
    assert route.forward == Forward("http", "10.0.0.9", 81, "/base/a/*/**")
    assert (route.auth, route.product, route.guards_request) == ("channel", "seaside", True)


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("https://API.Example.COM./x", "api.example.com"),
        ("https://bücher.example/x", "xn--bcher-kva.example"),
        ("https://[2001:DB8::1]/x", "2001:db8::1"),
        ("HTTPS://x.example:8443/x", "x.example"),
    ],
)
def test_p32_a_rules_host_is_normalised(written, host):
    text = f"system: x\nabout: x\nroutes:\n  - {{ name: r, to: '{written}', methods: [GET] }}\n"
    (route,) = load_pack_text(text, "x.yaml").routes
    assert route.to is not None
    assert route.to.host.host == host


@pytest.mark.parametrize("host", ["*.10.0.0.1", "*.[::1]", "a@b", "[::1", "a b", "0x7f.1", ""])
def test_p32_a_rules_host_that_is_none(host):
    text = (
        f"system: x\nabout: x\nroutes:\n  - {{ name: r, to: 'https://{host}/x', methods: [GET] }}\n"
    )
    with pytest.raises(ConfigurationError, match=r"^x.yaml:4:20: "):
        load_pack_text(text, "x.yaml")


def test_a_pack_has_defaults_for_its_variables():
    text = PUSH.replace("about: a push", 'about: x\nvariables: { pms: "https://own.example" }')
    text = text.replace("    product: seaside\n", "")
    (own,) = load_pack_text(text, "p.yaml", Surroundings({}, {"channel"}, ())).routes
    around = Surroundings({"pms": "https://other.example"}, {"channel"}, ())
    (other,) = load_pack_text(text, "p.yaml", around).routes
    assert own.forward is not None
    assert other.forward is not None
    assert (own.forward.host, other.forward.host) == ("own.example", "other.example")


def test_the_json_schema_names_every_key_of_the_design():
    schema = json_schema()
    shape_keys = set(schema["$defs"]["ShapeEntry"]["properties"])
    assert {"format", "booking", "card", "number", "expiry", "cvc", "holder", "brand"} <= shape_keys
    assert "as" in schema["$defs"]["ExpiryEntry"]["properties"]
    assert schema["additionalProperties"] is False


def test_every_way_to_fail_can_be_named():
    from typing import get_args

    assert set(get_args(FailureName)) == {failure.value for failure in Failure}


def test_the_json_schema_takes_a_path_a_list_of_them_or_more():
    fields = json_schema()["$defs"]["ShapeEntry"]["properties"]
    kinds = {
        name: [way["type"] for way in fields[name]["anyOf"]]
        for name in ("card", "number", "holder", "cvc")
    }
    assert kinds == {
        "card": ["string", "array"],
        "number": ["string", "array", "object"],
        "holder": ["string", "array", "object"],
        "cvc": ["string", "array", "object"],
    }
    (holder,) = [way for way in fields["holder"]["anyOf"] if way["type"] == "object"]
    assert holder["properties"]["join"]["minItems"] == 2
