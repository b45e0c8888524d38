"""Carry-forward: which bookings ask for the token that they had last, and where it goes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gateway.cards.hint import hint_of
from gateway.cli.trial import try_tokenize
from gateway.rules.load import load_pack_text
from gateway.secret import Secret

PACK = """
system: acme
about: Reservations
shapes:
  ota:
    format: xml
    booking: //Res
    card: .//Card
    number: "@Number"
    expiry: { at: "@Expires", as: MMYY }
    cvc: "@Code"
    booking_id: "@ID"
    hotel: "@Hotel"
    sentinels: ["9999", "0000000000000000"]
  plain: { format: json, booking: "$[*]", card: pay, number: pan, cvc: cvv, booking_id: id }
  shown: { format: json, booking: "$[*]", card: pay, number: pan, booking_id: id, show: alias }
  digits: { format: json, booking: "$[*]", card: pay, number: pan, booking_id: id, show: digits }
  row: { format: form, card: $, number: pan, booking_id: id }
routes:
  - name: digits
    at: /digits
    forward: "{pms}/digits"
    methods: [POST]
    request: { tokenize: digits, carry_forward: true }
  - name: xml
    at: /xml
    forward: "{pms}/xml"
    methods: [POST]
    request:
      tokenize: ota
      carry_forward: true
      insert:
        - { into: Info, each: card, xml: "<T last='{last4}' brand='{brand}'>{alias}</T>" }
        - { into: ., each: booking, xml: "<B2B>{b2b}</B2B>" }
        - { into: ., of: card, each: card, xml: "<In>{masked}</In>" }
      on_failure: [{ into: ., each: card, xml: "<E>{error}</E>" }]
  - name: json
    at: /json
    forward: "{pms}/json"
    methods: [POST]
    request:
      tokenize: plain
      carry_forward: true
      insert: [{ into: pay, each: card, json: { token: "{alias}" } }]
  - name: shown
    at: /shown
    forward: "{pms}/shown"
    methods: [POST]
    request: { tokenize: shown, carry_forward: true }
  - name: form
    at: /form
    forward: "{pms}/form"
    methods: [POST]
    request:
      tokenize: row
      carry_forward: true
      insert: [{ into: ., each: card, form: { token: "{alias}" } }]
"""
RULES = {route.name: route.request.tokenize for route in load_pack_text(PACK, "acme.yaml").routes}
ALIAS = "tok_1_Example000001"


def tried(name, body):
    raw = body if isinstance(body, str) else json.dumps(body)
    return try_tokenize(raw.encode(), RULES[name], "acme")


def res(inside, more='ID="R1"'):
    return f"<All><Res {more}><Info/>{inside}</Res></All>"


T = f"<T last='1111' brand='visa'>{ALIAS}</T>"
IN_CARD = "<In>411111******1111</In></Card><B2B>0</B2B>"
GIVEN = res("{}").replace("<Info/>", f"<Info>{T.replace(chr(39), chr(34))}</Info>")


@pytest.mark.parametrize(
    ("card", "after"),
    [
        ("", "<In>411111******1111</In><B2B>0</B2B>"),
        ("<Card/>", "<Card>" + IN_CARD),
        ("<Card Number=''/>", "<Card Number=''>" + IN_CARD),
        (
            "<Card Number='411111XXXXXX1111' Expires='1230'/>",
            "<Card Number='411111XXXXXX1111' Expires='1230'>" + IN_CARD,
        ),
        ("<Card Number='****1111' Code='123'/>", "<Card Number='****1111'>" + IN_CARD),
        ("<Card Number='9999'/>", "<Card Number='9999'>" + IN_CARD),
        ("<Card Number='0000000000000000'/>", "<Card Number='0000000000000000'>" + IN_CARD),
    ],
)
def test_a_booking_without_its_card_gets_what_a_card_would_get(card, after):
    trial = tried("xml", res(card))
    assert trial.after.decode() == GIVEN.format(after)
    assert [one.carried for one in trial.asking] == [1]


@pytest.mark.parametrize(
    "card",
    [
        "<Card Number='****2222'/>",
        "<Card Number='555555XXXXXX1111'/>",
        "<Card Number='****1111' Expires='0131'/>",
        "<Card Number='41**1111**11'/>",
    ],
    ids=["last four", "first six", "expiry", "digits in between"],
)
def test_what_stands_there_of_another_card_gets_nothing(card):
    trial = tried("xml", res(card))
    assert trial.after == trial.before
    assert [one.carried for one in trial.asking] == [0]


@pytest.mark.parametrize(
    ("card", "more"),
    [
        ("", ""),
        ("", 'ID=""'),
        ("<Card Number='0000-0000-0000-0000'/>", 'ID="R1"'),
        ("<Card Number='tok_5_Example000005'/>", 'ID="R1"'),
    ],
    ids=["no number of its own", "an empty one", "zeros", "a token"],
)
def test_who_does_not_ask_is_not_touched(card, more):
    trial = tried("xml", res(card, more))
    assert (trial.after, trial.asking) == (trial.before, ())


def test_a_card_that_fails_is_no_missing_card():
    trial = tried("xml", res("<Card Number='4111111111111111' Expires='1330'/>"))
    assert trial.asking == ()
    assert b"<E>expiry_invalid</E>" in trial.after
    assert ALIAS.encode() not in trial.after


def test_of_several_bookings_those_ask_that_have_none():
    first = '<Res ID="R1"><Info/><Card Number="5555555555554444" Expires="1230"/></Res>'
    trial = tried("xml", f'<All>{first}<Res ID="R2"><Info/></Res><Res><Info/></Res></All>')
    assert [(one.booking_id, one.carried) for one in trial.asking] == [("R2", 1)]
    text = trial.after.decode()
    assert text.index("tok_1_") < text.index('ID="R2"') < text.index("tok_2_")
    assert text.endswith("<Res><Info/></Res></All>")


def test_without_the_rule_nothing_changes():
    rule = replace(RULES["xml"], carry_forward=False)
    trial = try_tokenize(res("").encode(), rule, "acme")
    assert (trial.after, trial.asking) == (trial.before, ())


@pytest.mark.parametrize(
    ("pay", "after"),
    [
        ({"pan": "****1111"}, {"pan": "****1111", "token": ALIAS}),
        ({"cvv": "123"}, {"token": ALIAS}),
        ({}, {"token": ALIAS}),
    ],
)
def test_in_json_the_card_s_object_gets_it(pay, after):
    trial = tried("json", [{"id": 7, "pay": pay}])
    assert json.loads(trial.after) == [{"id": 7, "pay": after}]


@pytest.mark.parametrize("more", [{}, {"pay": None}])
def test_where_the_place_is_missing_the_booking_gets_it(more):
    trial = tried("json", [{"id": 7, **more}])
    assert json.loads(trial.after) == [{"id": 7, **more, "token": ALIAS}]


@pytest.mark.parametrize(
    ("number", "after"),
    [
        ("", ALIAS),
        ("411111******1111", ALIAS),
        ("****1111", ALIAS),
        ("****", "****"),
        ("****2222", "****2222"),
    ],
)
def test_an_alias_takes_the_place_of_nothing_but_this_card_s_mask(number, after):
    trial = tried("shown", [{"id": 7, "pay": {"pan": number}}])
    assert json.loads(trial.after) == [{"id": 7, "pay": {"pan": after}}]


def test_in_a_form_it_stands_behind_the_rest():
    trial = tried("form", "id=R1&a=%20b")
    assert trial.after == f"id=R1&a=%20b&token={ALIAS}".encode()


@pytest.mark.parametrize(
    ("text", "tells", "fits"),
    [
        ("", False, True),
        ("****", False, True),
        ("XXXX-XXXX-XXXX-1111", True, True),
        ("4111 11** **** 1111", True, True),
        ("****11", False, True),
        ("****12", False, False),
        ("…1111", True, True),
        ("1111", True, True),
        ("**1111**", False, False),
        ("4111111111111111", False, False),
    ],
)
def test_what_a_mask_tells(text, tells, fits):
    hint = hint_of(text)
    assert hint.tells is tells
    assert hint.fits(Secret("4111111111111111"), None) is fits


@pytest.mark.parametrize(
    ("number", "after"),
    [
        ("", "9900000000011111"),
        ("411111******1111", "9900000000011111"),
        ("************1111", "9900000000011111"),
        ("************", "************"),
        ("411111******2222", "411111******2222"),
        ("0000000000000000", "0000000000000000"),
        ("9912345678904444", "9912345678904444"),
    ],
)
def test_digits_take_the_place_that_an_alias_would(number, after):
    trial = tried("digits", [{"id": "R1", "pay": {"pan": number}}])
    assert json.loads(trial.after) == [{"id": "R1", "pay": {"pan": after}}]
