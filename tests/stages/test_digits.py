"""`show: digits` in the formats: what stands in the number's place, and that it is found there again."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from gateway.cards.card import Failure
from gateway.cli.trial import EXAMPLE_NUMBER, try_tokenize
from gateway.errors import MessageForbidden
from gateway.rules.load import load_pack_text
from tests.stages.test_several_places import JSON, PAN, XML, card, into, out, shape

DIGITS = "9900000000011111"
SHOWN = shape(
    'format: xml, booking: //R, card: .//Card, number: ["@number", Number], show: digits, '
    'expiry: { at: "@expires", as: MMYY }, cvc: "@cvc"'
)  # fmt: skip
FORM = shape("format: form, card: $, number: card%5Bnumber%5D, show: digits")
SPACED = "4111 1111 1111 1111"


def xml(number, expires="1230"):
    return f'<a><R><Card number="{number}" expires="{expires}" cvc="123"/></R></a>'


@pytest.mark.parametrize("number", [PAN, SPACED])
def test_in_xml(number):
    trial = out(xml(number), SHOWN)
    assert trial.after.decode() == f'<a><R><Card number="{DIGITS}" expires="1230"/></R></a>'
    assert trial.cards[0].shown == DIGITS


def test_in_both_places_of_one_number():
    before = xml(PAN).replace("/>", f"><Number>{PAN}</Number></Card>")
    after = out(before, SHOWN).after.decode()
    assert after.count(DIGITS) == 2
    assert PAN not in after


def test_in_a_form():
    after = out(f"a=1&card[number]={PAN}&b=2", FORM).after.decode()
    assert parse_qs(after) == {"a": ["1"], "card[number]": [DIGITS], "b": ["2"]}


@pytest.mark.parametrize(
    ("number", "after"),
    [
        (f'"{PAN}"', f'"{DIGITS}"'),
        (PAN, f'"{DIGITS}"'),  # a reader that uses doubles would take another number from it
        ("378282246310005", "990000000010005"),
        ('"378282246310005"', '"990000000010005"'),
    ],
)
def test_in_json(number, after):
    rule = shape("format: json, card: $.card, number: pan, show: digits")
    assert out(f'{{"card": {{"pan": {number}}}}}', rule).after.decode() == (
        f'{{"card": {{"pan": {after}}}}}'
    )


def test_p03_a_card_that_fails_is_masked():
    trial = out(xml(PAN, expires="9999"), SHOWN)
    assert trial.cards[0].failure is Failure.EXPIRY_INVALID
    assert 'number="411111******1111"' in trial.after.decode()


def test_what_came_back_is_left_alone_and_a_code_beside_it_is_not():
    trial = out(xml(DIGITS, expires=""), SHOWN)
    assert [one.left_alone for one in trial.cards] == [True]
    assert trial.after.decode() == f'<a><R><Card number="{DIGITS}" expires=""/></R></a>'


@pytest.mark.parametrize("text", [DIGITS, " 9900 0000 0001 1111 ", "9900-0000-0001-1111"])
def test_it_becomes_the_card_again(text):
    around = " " if text.startswith(" ") else ""  # white space is no part of the number, and stays
    number = f"{around}{EXAMPLE_NUMBER}{around}"
    assert f'CardNumber="{number}"' in into(card(f'CardNumber="{text}"'), XML)
    body = json.dumps({"payment": {"number": text}})
    assert json.loads(into(body, JSON))["payment"]["number"] == number
    form = into("card[number]=" + text.strip().replace(" ", "+"), FORM)
    assert parse_qs(form)["card[number]"] == [EXAMPLE_NUMBER]


@pytest.mark.parametrize("text", ["99000000000", "98" + DIGITS[2:], "990000000001111x"])
def test_another_text_stays(text):
    body = card(f'CardNumber="{text}"')
    assert into(body, XML) == body


@pytest.mark.parametrize("other", [PAN, "tok_1_Example000001", "9900000000021111"])
def test_p07_a_token_of_digits_beside_another_text_refuses_the_message(other):
    body = json.dumps({"payment": {"number": DIGITS, "card": {"pan": other}}})
    with pytest.raises(MessageForbidden):
        into(body, JSON)


def test_beside_its_own_mask_it_is_the_card():
    body = json.dumps({"payment": {"number": DIGITS, "card": {"pan": "411111******1111"}}})
    assert json.loads(into(body, JSON))["payment"]["number"] == EXAMPLE_NUMBER


PACK = """
system: acme
about: One shape, shown in three ways
shapes:
  a: { format: json, card: $.a, number: pan, show: last4 }
  b: { format: json, card: $.b, number: pan, show: alias }
routes:
  - { name: own, to: https://x.example/own, methods: [POST], response: { tokenize: [a, b] } }
  - { name: one, to: https://x.example/one, methods: [POST], response: { tokenize: [a, b], show: digits } }
  - { name: two, to: https://x.example/two, methods: [POST], request: { tokenize: [a, b], show: mask } }
  - { name: same, to: https://x.example/same, methods: [POST], response: { like: one } }
"""


@pytest.mark.parametrize("show", ["alias", "digits"])
def test_what_a_route_shows_is_a_place_for_what_it_hands_out_again(show):
    again = PACK.replace("number: pan, show: last4", "number: pan, booking_id: id, show: last4")
    again += "  - { name: again, to: https://x.example/again, methods: [POST], "
    again += f"response: {{ tokenize: a, show: {show}, carry_forward: true }} }}\n"
    rule = load_pack_text(again, "acme.yaml").routes[-1].response.tokenize
    trial = try_tokenize(b'{"id": "R-1", "a": {"pan": ""}}', rule, "acme")
    shown = json.loads(trial.after)["a"]["pan"]
    assert shown == {"alias": "tok_1_Example000001", "digits": DIGITS}[show]


def test_a_route_says_otherwise_for_all_its_shapes_and_for_no_other_route():
    routes = {one.name: one for one in load_pack_text(PACK, "acme.yaml").routes}
    body = json.dumps({"a": {"pan": PAN}, "b": {"pan": PAN}}).encode()

    def shown(name, way="response"):
        rule = getattr(routes[name], way).tokenize
        return [one.shown for one in try_tokenize(body, rule, "acme").cards]

    assert shown("own") == ["************1111", "tok_2_Example000002"]
    assert shown("one") == shown("same") == [DIGITS, "9900000000021111"]
    assert shown("two", "request") == ["411111******1111"] * 2
