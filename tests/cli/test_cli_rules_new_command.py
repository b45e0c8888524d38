"""`card-gateway rules new`: what the command prints, writes and refuses."""

from __future__ import annotations

import json

import pytest

from gateway.cards.scan import find_cards
from gateway.cli.examples import run_examples
from gateway.rules.load import load_pack_text
from tests.cli.proposals import FOLDER, rules_new

NUMBER = "4111111111111111"


@pytest.fixture
def new(tmp_path, monkeypatch):
    """`new("--push", "file")` answers (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    return rules_new


def test_it_prints_the_pack_and_says_what_it_saw(new):
    code, out, err = new(FOLDER / "nmi.txt")
    assert code == 0
    assert load_pack_text(out, "printed").system == "nmi"
    assert "1 card found and taken out, or put in; nothing else changed." in err
    assert NUMBER not in out + err


def test_it_writes_a_new_file_and_overwrites_none(new, tmp_path):
    file = tmp_path / "mine.yaml"
    assert new(FOLDER / "nmi.txt", "-o", file, "--system", "Mine")[:2] == (0, "")
    text = file.read_text()
    assert load_pack_text(text, "written").system == "mine"
    code, out, err = new(FOLDER / "nmi.txt", "-o", file)
    assert (code, out) == (2, "")
    assert "is there already" in err
    assert file.read_text() == text


def test_standard_input(new):
    code, out, _ = new("-", stdin=(FOLDER / "adyen.txt").read_text())
    assert code == 0
    assert "card: $.card" in out


def test_several_recordings_are_one_pack(new):
    code, out, _ = new(FOLDER / "two_exchanges.txt", FOLDER / "adyen.txt", "--system", "both")
    assert code == 0
    assert [route.name for route in load_pack_text(out, "both").routes] == [
        "tokens",
        "charges",
        "authorise",
    ]


@pytest.mark.parametrize(("option", "key"), [("--push", "tokenize"), ("--charge", "detokenize")])
def test_a_request_is_pushed_or_a_charge_as_it_is_said(new, option, key):
    code, out, _ = new(option, FOLDER / "adyen.txt")
    assert code == 0
    route = load_pack_text(out, "said").routes[0]
    assert (route.at is not None) == (option == "--push")
    assert f"{key}:" in out


def test_a_body_alone_is_what_is_said(new, tmp_path):
    (tmp_path / "body.json").write_text(json.dumps({"card": {"number": NUMBER, "expiry": "09/27"}}))
    assert "request: { detokenize: card }" in new("body.json")[1]
    out = new("body.json", "--as", "response")[1]
    assert "tokenize: answer" in out
    assert "the recording does not say where" in out
    assert new("body.json", "--as", "both")[0] == 2


NOTHING = {
    "scrubbed": ("CardNumber=[FILTERED]&ExpiryDate=0926", "CardNumber holds a mask, or a word"),
    "masked": ('{"card": {"number": "x", "pan": "411111******1111"}}', "$.card.pan holds a mask"),
    "an order": (
        f"orderId={NUMBER}&amount=1",
        "orderId could pass for a card's number, but its name",
    ),
    "neutral": (f'{{"thing": "{NUMBER}"}}', "nothing of a card stands near it"),
    "a remark": (f'{{"remark": "my card is {NUMBER}, thanks"}}', "within a longer text: $.remark"),
    "encrypted": (
        '{"card": {"encryptedCardNumber": "adyenjs_0_1_18$abcdefghijklmnop"}}',
        "is encrypted",
    ),
    "no format": (f"(?) {NUMBER} ^0926", "it is no XML, JSON, form or multipart"),
    "nothing": ('{"status": "ok"}', "Nothing in it looks like a card's number"),
}


@pytest.mark.parametrize("what", NOTHING)
def test_p16_where_nothing_is_proposed_the_nearest_reason_is_said(new, tmp_path, what):
    body, reason = NOTHING[what]
    (tmp_path / "body.txt").write_text(f"POST https://x.example/pay HTTP/1.1\n\n{body}\n")
    code, out, err = new("body.txt")
    assert code == 1
    assert reason in err
    assert not find_cards((out + err).encode())
    assert ("opaque:" in out) == (what == "encrypted")


def test_a_card_in_the_url_is_said_to_be_there(new, tmp_path):
    (tmp_path / "get.http").write_text(f"GET https://x.example/pay?card={NUMBER} HTTP/1.1\n\n")
    code, out, err = new("get.http")
    assert (code, out) == (1, "")
    assert "in the URL" in err
    assert NUMBER not in err


def test_a_label_of_another_format_is_told(new, tmp_path):
    head = "POST https://x.example/a HTTP/1.1\nContent-Type: text/namevalue\n\n"
    (tmp_path / "a.http").write_text(head + f"ACCT={NUMBER}&EXPDATE=0926\n")
    code, _, err = new("a.http")
    assert code == 0
    assert "label_wrong" in err


def test_what_is_signed_is_proposed_to_be_refused(new):
    code, out, err = new(FOLDER / "redsys_json.http")
    assert code == 1
    assert "because: signed" in out
    assert "signed" in err


def test_help_has_examples(new):
    code, out, _ = new("--help")
    assert code == 0
    assert "card-gateway rules new charge.http" in out


@pytest.mark.parametrize(
    "name", ["cybersource_soap.txt", "booking_com.xml", "worldpay.txt", "luhn_fails.http"]
)
def test_what_is_proposed_as_a_comment_can_be_taken_over(new, name):
    _, out, _ = new(FOLDER / name)
    taken_over = [
        line.replace("# ", "", 1)
        if line.lstrip().startswith(("# not_cards:", "# mode:", "# response:"))
        else line
        for line in out.splitlines()
    ]
    pack = load_pack_text("\n".join(taken_over) + "\n", "taken over")
    assert [
        one.mistakes for one in run_examples(pack) if one.mistakes and pack.routes[0].mode != "test"
    ] == []


def test_of_a_long_message_the_example_has_one_card(new, tmp_path):
    card = {"card_number": NUMBER, "expires": "12/2030", "guest": "x" * 100}
    bookings = [{"id": f"R{n}", "hotel_id": "10107", "payment": card} for n in range(200)]
    (tmp_path / "day.json").write_text(json.dumps({"reservations": bookings}))
    code, out, err = new("day.json")
    assert code == 0
    assert "200 cards found" in err
    assert "# shortened: only what leads to the card" in out
    (example,) = load_pack_text(out, "long").examples
    assert example.expect["cards"] == 1
    assert len(out) < 2500


def exchange(folder, name, kind, answer):
    head = f"Content-Type: {kind}\r\nContent-Length: "
    text = (
        f"POST /res HTTP/1.1\r\nHost: api.twofold.example\r\n{head}2\r\n\r\n{{}}"
        f"HTTP/1.1 200 OK\r\n{head}{len(answer)}\r\n\r\n{answer}"
    )
    (folder / name).write_bytes(text.encode())


def test_answers_in_xml_and_in_json_are_one_route(new, tmp_path):
    card = {"number": NUMBER, "expires": "12/2030"}
    exchange(tmp_path, "a.http", "application/xml", f"<All><Reservation><Card><Number>{NUMBER}</Number><Expires>12/2030</Expires></Card></Reservation></All>")  # fmt: skip
    exchange(tmp_path, "b.http", "application/json", json.dumps({"reservations": [{"card": card}]}))
    code, out, err = new(tmp_path)
    assert code == 0, err
    assert "2 cards found and taken out" in err
    (route,) = load_pack_text(out, "printed").routes
    assert [one.shapes[0].format for one in route.response.by_format] == ["xml", "json"]
    assert all(one.tokenize.insert and one.tokenize.on_failure for one in route.response.by_format)
