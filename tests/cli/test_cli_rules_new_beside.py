"""`card-gateway rules new`: two cards flat beside each other in one node, told apart by what their fields are called."""

from __future__ import annotations

import json

import pytest

from gateway.cli.trying import try_message
from gateway.rules.load import load_pack_text
from tests.cli.proposals import rules_new

GUEST, AGENCY, OTHER = "4242424242424242", "5105105105105100", "4000000000000002"

# Names of number, expiry and code of each card.
NAMES = {
    "a word of its own each": [
        ("cc_number", "cc_expires", "cc_cvc"),
        ("vcc_number", "vcc_expires", "vcc_cvc"),
    ],
    "one without": [
        ("cardNumber", "cardExpiry", "cvv"),
        ("virtualCardNumber", "virtualCardExpiry", "virtualCardCvv"),
    ],
    "a digit": [("pan1", "exp1", "cvv1"), ("pan2", "exp2", "cvv2")],
    "a digit for the second": [("pan", "exp", "cvv"), ("pan2", "exp2", "cvv2")],
    "a digit that the first does without elsewhere": [
        ("pan1", "exp", "cvv"),
        ("pan2", "exp2", "cvv2"),
    ],
    "behind": [
        ("pan_guest", "expiry_guest", "cvc_guest"),
        ("pan_agency", "expiry_agency", "cvc_agency"),
    ],
    "words that are not divided": [
        ("ccnumber", "ccexpiry", "cccvc"),
        ("vccnumber", "vccexpiry", "vcccvc"),
    ],
    "the order alone": [("guestPan", "expiry", "cvv"), ("agencyPan", "expiryDate", "cvc")],
}
# The order in which the fields stand: of each, or by kind.
ORDERS = {
    "card by card": lambda cards: [pair for card in cards for pair in card],
    "kind by kind": lambda cards: [pair for kind in zip(*cards, strict=True) for pair in kind],
}


@pytest.fixture
def new(tmp_path, monkeypatch):
    """`new(body, "--as", "response")` answers the proposal, whose trial has passed."""
    monkeypatch.chdir(tmp_path)

    def invoke(text, *arguments):
        (tmp_path / "a.txt").write_text(text)
        code, out, err = rules_new("a.txt", *arguments)
        assert code == 0, err
        assert not [one for one in (GUEST, AGENCY, OTHER) if one in out + err]
        return out

    return invoke


def places(field):
    return [one.text for one in (field.at, *field.others)]


def fields(what, order):
    values = [(GUEST, "12/2030", "123"), (AGENCY, "01/2031", "987")]
    cards = [list(zip(*one, strict=True)) for one in zip(NAMES[what], values, strict=True)]
    return ORDERS[order](cards)


@pytest.mark.parametrize("what", NAMES)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("written", ["json", "attributes", "elements"])
def test_p15_each_card_has_its_own_fields(new, what, order, written):
    if (what, order) == ("the order alone", "kind by kind"):
        return  # nobody could tell
    pairs = fields(what, order)
    if written == "json":
        body = json.dumps({"bookings": [{"id": "B1", **dict(pairs)}]})
    elif written == "attributes":
        said = " ".join(f'{name}="{value}"' for name, value in pairs)
        body = f'<Bookings><Booking id="B1"><Pay {said}/></Booking></Bookings>'
    else:
        said = "".join(f"<{name}>{value}</{name}>" for name, value in pairs)
        body = f"<Bookings><Booking><id>B1</id>{said}</Booking></Bookings>"
    out = new(body, "--as", "response")
    pack = load_pack_text(out, "beside")
    first, second = pack.shapes.values()
    assert (first.own_card, second.own_card) == (False, True)
    for shape, (number, expiry, code) in zip((first, second), NAMES[what], strict=True):
        at = "@" if written == "attributes" else ""
        assert places(shape.number) == [at + number]
        assert places(shape.expiry) == [at + expiry]
        assert places(shape.cvc) == [at + code]
    _, trial = try_message(pack.routes[0], "response", body.encode())
    assert len(trial.cards) == 2
    for gone in (GUEST, AGENCY, "123", "987"):
        assert gone.encode() not in trial.after


def test_each_cards_token_has_a_name_of_its_own(new):
    body = json.dumps({"bookings": [{"id": "B1", **dict(fields("a digit", "card by card"))}]})
    out = new(body, "--as", "response")
    assert 'for: answer, json: { card_token: "{alias}" }' in out
    assert 'for: answer-2, json: { card_2_token: "{alias}" }' in out
    _, trial = try_message(load_pack_text(out, "beside").routes[0], "response", body.encode())
    said = json.loads(trial.after)["bookings"][0]
    assert {"card_token", "card_2_token"} <= said.keys()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_p15_a_booking_with_one_of_them_is_read_too(new, order):
    """The second one's alone is no other dialect of the first one's."""
    both = dict(fields("a word of its own each", "card by card"))
    guests = {name: value for name, value in both.items() if name.startswith("cc_")}
    agencys = {name: value for name, value in both.items() if name.startswith("vcc_")}
    rows = [{"id": f"B{n}", **[both, guests, agencys][n]} for n in order]
    out = new(json.dumps({"bookings": rows}), "--as", "response")
    first, second = load_pack_text(out, "beside").shapes.values()
    assert sorted(places(first.number) + places(second.number)) == ["cc_number", "vcc_number"]
    assert first.own_card is not second.own_card


def test_p15_messages_with_one_of_them_each(new, tmp_path):
    both = dict(fields("a word of its own each", "card by card"))
    agencys = {name: value for name, value in both.items() if name.startswith("vcc_")}
    text = ""
    for row in (agencys, both):
        body = json.dumps({"bookings": [{"id": "B1", **row}]})
        text += "GET /b HTTP/1.1\r\nHost: a.example\r\n\r\n"
        text += f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}\r\n"
    shapes = load_pack_text(new(text), "beside").shapes
    said = [place for one in shapes.values() for place in places(one.number)]
    assert sorted(said) == ["cc_number", "vcc_number"]
    assert sum(one.own_card for one in shapes.values()) == 1


def test_three_cards(new):
    names = ["guest", "agency", "corporate"]
    cards = zip(names, (GUEST, AGENCY, OTHER), strict=True)
    row = {f"{who}_{key}": value for who, number in cards
           for key, value in (("pan", number), ("expiry", "12/30"), ("cvc", "123"))}  # fmt: skip
    out = new(json.dumps({"bookings": [{"id": "B1", **row}]}), "--as", "response")
    assert out.count("own_card: true") == 2


def test_a_charge_needs_no_word_of_it(new):
    """Each token stands in its own place."""
    out = new(json.dumps(dict(fields("a digit", "card by card"))), "--as", "request")
    assert "detokenize: [card, card-2]" in out
    assert "own_card" not in out


def test_a_name_that_is_both_cards_holders(new):
    row = {"id": "B1", **dict(fields("a digit", "card by card")), "holder": "Ida Moe"}
    out = new(json.dumps({"bookings": [row]}), "--as", "response")
    assert out.count("holder: holder") >= 1
