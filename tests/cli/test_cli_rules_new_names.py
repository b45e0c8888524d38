"""`card-gateway rules new`: a guest's name, an identifier and a number that is a name stand in no proposal."""

from __future__ import annotations

import json

import pytest

from gateway.rules.load import load_pack_text
from tests.cli.proposals import rules_new

NUMBER = "4111111111111111"


@pytest.fixture
def new(tmp_path, monkeypatch):
    """`new("--push", "file")` answers (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    return rules_new


def test_p16_an_identifier_in_a_path_is_a_star(new, tmp_path):
    """It may be a secret; and another exchange has another one."""
    path = "/v1/accounts/sk_live_51Hx/charges/8f14e45fceea167a/4111111111111111/now.json"
    body = f"ccnumber={NUMBER}&ccexp=0926"
    (tmp_path / "a.http").write_text(f"POST https://x.example{path} HTTP/1.1\n\n{body}\n")
    code, out, _ = new("a.http")
    assert code == 0
    assert 'to: "https://x.example/v1/accounts/*/charges/*/*/now.json"' in out


def test_p16_a_guests_name_leads_to_no_card(new, tmp_path):
    """What a text beside says stands in a rule only where it is what a card's field is called."""
    guests = f'<guest name="Ada"><pay><pan>{NUMBER}</pan></pay></guest><guest name="Bob"/>'
    (tmp_path / "a.xml").write_text(f"<r><cvv>123</cvv><exp>0927</exp>{guests}</r>")
    code, out, _ = new("a.xml")
    assert code == 0
    assert "Ada" not in out
    assert "number: guest/pay/pan" in out


GUESTS = ["Zelda Quux", "zelda@quux.example", "R-20391", "card_88231"]


@pytest.mark.parametrize("guest", GUESTS)
@pytest.mark.parametrize("way", ["request", "response"])
def test_p16_a_guests_name_that_leads_to_a_card_is_any_name(new, tmp_path, guest, way):
    card = {"number": NUMBER, "exp": "0829", "cvc": "987"}
    guests = {"guests": {guest: card, f"{guest} 2": card}, "notes": {f"{guest} 3": "late", "x": 1}}
    (tmp_path / "a.json").write_text(json.dumps(guests))
    code, out, err = new("--as", way, "a.json")
    assert code == 0
    assert "2 cards found" in err
    assert 'card: "$.guests.*"\n' in out
    assert guest not in out
    (example,) = load_pack_text(out, "guests").examples
    assert example.expect["cards"] == 2


@pytest.mark.parametrize("name", ["Payment Card", "Card Data", "Reservations"])
def test_a_node_that_is_called_as_a_cards_keeps_its_name(new, tmp_path, name):
    card = {"Card Number": NUMBER, "Expiry Date": "0829", "CVC": "987"}
    (tmp_path / "a.json").write_text(json.dumps({name: card}))
    code, out, _ = new("--as", "request", "a.json")
    assert code == 0
    assert name in out
    assert "number: \"['Card Number']\"" in out


def test_p16_a_number_that_is_a_name_is_shown_nowhere(new, tmp_path):
    wallet = {NUMBER: {"pan": NUMBER, "exp": "09/27", "cvv": "123"}}
    (tmp_path / "a.json").write_text(json.dumps({"wallet": wallet}))
    code, out, err = new("a.json")
    assert code == 1
    assert "411111******1111" in err
    assert NUMBER not in out + err
