"""`card-gateway rules new`: what is proposed as a comment only, and holds when it is taken over."""

from __future__ import annotations

import json

import pytest

from gateway.cli.trying import try_message
from gateway.rules.load import load_pack_text
from tests.cli.proposals import FOLDER, rules_new

NUMBER = "4111111111111111"
SHOW = "# show: alias   # or, without insert: the token in the number's place"


@pytest.fixture
def new(tmp_path, monkeypatch):
    """`new("text", "--as", "response")` answers what is printed."""
    monkeypatch.chdir(tmp_path)

    def invoke(text, *arguments):
        (tmp_path / "a.txt").write_text(text)
        code, printed, complained = rules_new("a.txt", *arguments)
        assert code == 0, complained
        return printed

    return invoke


def taken_over(out, key):
    """A proposal's pack with the comment that begins with `key` as a line."""
    lines = [line.replace(f"# {key}", key, 1) for line in out.splitlines()]
    return load_pack_text("\n".join(lines) + "\n", "taken over")


# --- the token in the number's place ----------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["json_pull.http", "ota_pull.http", "booking_com.xml", "ota_push.http"]
)
def test_where_cards_are_taken_out_the_alias_in_place_is_proposed_as_a_comment(new, name):
    out = new((FOLDER / name).read_text())
    assert out.count(SHOW) == 1
    pack = taken_over(out.replace("insert:", "# insert:"), "show:")
    route = pack.routes[0]
    way = "response" if route.response.tokenize else "request"
    example = next(one for one in pack.examples if one.direction == way)
    _, trial = try_message(route, way, example.message.encode())
    assert trial.cards
    assert b"tok_1_Example000001" in trial.after
    assert b"******" not in trial.after


@pytest.mark.parametrize("name", ["nmi.txt", "adyen.txt", "amex_dashes.http"])
def test_a_charge_shows_nothing(new, name):
    assert SHOW not in new((FOLDER / name).read_text())


# --- an agency's card -------------------------------------------------------------------------------

MARKS = {
    "a flag": ({"is_virtual": True}, "flag: is_virtual"),
    "a flag that says no": ({"is_virtual": False}, "flag: is_virtual"),
    "a flag as text": ({"vcc": "1"}, "flag: vcc"),
    "a flag in words": ({"virtualCard": "yes"}, "flag: virtualCard"),
    "its days": (
        {"activation_date": "2029-01-31", "valid_until": "2029-03-31"},
        "active_from: activation_date, active_until: valid_until",
    ),
    "all of it": (
        {"virtual": True, "active_from": "2029-01-31", "balance": "67.55", "currency": "EUR"},
        "flag: virtual, active_from: active_from, balance: balance, currency: currency",
    ),
    "a sum alone": ({"balance": "67.55", "currency": "EUR"}, None),
    "a currency alone": ({"is_virtual": True, "currency": "EUR"}, "flag: is_virtual"),
    "a name": ({"is_virtual": "Ida Moe"}, None),
    "another name": ({"virtual_tour": True}, None),
    "a month": ({"valid_until": "2029-03"}, None),
}


@pytest.mark.parametrize("what", MARKS)
def test_what_marks_an_agencys_card_is_proposed_as_a_comment(new, what):
    beside, line = MARKS[what]
    card = {"number": NUMBER, "expires": "08/2029", "cvc": "987", **beside}
    text = json.dumps({"reservations": [{"id": "R1", "hotel_id": "77", "payment": card}]})
    out = new(text)
    assert (f"    # virtual: {{ {line} }}" in out) is (line is not None)
    assert ("virtual: {" in out) is (line is not None)
    if line is not None:
        pack = taken_over(out, "virtual:")
        (trial,) = [try_message(pack.routes[0], "response", text.encode())[1]]
        assert len(trial.cards) == 1
        says_no = what == "a flag that says no"
        assert trial.cards[0].virtual is not says_no


def test_what_marks_the_booking_marks_its_card(new):
    card = {"number": NUMBER, "expires": "08/2029"}
    booking = {"id": "R1", "hotel_id": "77", "virtual_card": True, "guests": [{"payment": card}]}
    out = new(json.dumps({"reservations": [booking, booking]}))
    assert "# virtual: { flag: " in out
    assert taken_over(out, "virtual:").shapes


def test_an_xml_booking_says_it_in_an_attribute(new):
    card = f'<PaymentCard CardNumber="{NUMBER}" ExpireDate="0829" IsVirtual="true" EffectiveDate="2029-01-31"/>'
    text = f'<Res><HotelReservation ResID="1">{card}</HotelReservation></Res>'
    out = new(text, "--as", "response")
    assert '# virtual: { flag: "@IsVirtual", active_from: "@EffectiveDate" }' in out
    pack = taken_over(out, "virtual:")
    _, trial = try_message(pack.routes[0], "response", text.encode())
    assert trial.cards[0].virtual


def test_a_charge_asks_for_no_agency(new):
    card = {"number": NUMBER, "expires": "08/2029", "virtual": True}
    assert "virtual:" not in new(json.dumps({"card": card, "amount": 1}), "--as", "request")
