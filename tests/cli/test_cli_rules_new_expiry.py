"""`card-gateway rules new`: an expiry by a name that nobody knows, or with a text that says none."""

from __future__ import annotations

import json

import pytest

from gateway.rules.load import load_pack_text
from tests.cli.proposals import rules_new

NUMBER = "4111111111111111"
ASKED = "# is it the expiry? its name does not say so; remove the line if not"


@pytest.fixture
def new(tmp_path, monkeypatch):
    """`new("text")` answers (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def invoke(text, name="a.http"):
        (tmp_path / name).write_text(text)
        code, printed, complained = rules_new(name)
        return code, printed, " ".join(complained.split())

    return invoke


def post(body):
    text = body if isinstance(body, str) else json.dumps(body)
    return f"POST https://pay.payvale.example/pay HTTP/1.1\n\n{text}\n"


@pytest.mark.parametrize(
    ("beside", "line"),
    [
        ({"accessory": "0829"}, "expiry: { at: accessory, as: MMYY }"),
        ({"till": "08/29"}, "expiry: { at: till, as: MM/YY }"),
        ({"till": "2029-08"}, "expiry: { at: till, as: YYYY-MM }"),
        ({"till": "0829", "pin": "4321"}, "expiry: { at: till, as: MMYY }"),
        ({"till": "0829", "other": "0930"}, None),  # two of them
        ({"pin": "1311"}, None),  # no month
        ({"pin": "0199"}, None),  # no year that a card has
        ({"terminal": "0829"}, None),
        ({"currency": "0829"}, None),
        ({"last": "1111"}, None),
        ({"first": "0829"}, None),
        ({"day": "2029-08-31"}, None),
        ({"inner": {"till": "0829"}}, None),  # not beside the number
    ],
)
def test_what_is_spelled_as_an_expiry_beside_the_number_is_asked_about(new, beside, line):
    code, out, _ = new(post({"card": {"number": NUMBER, "cvc": "987", **beside}}))
    assert code == 0
    assert (ASKED in out) is (line is not None)
    assert (line or "no expiry was found near it") in out


def test_what_is_called_an_expiry_is_it_and_nothing_is_guessed(new):
    _, out, _ = new(post({"card": {"number": NUMBER, "till": "0928", "expires": "0829"}}))
    assert "expiry: { at: expires, as: MMYY }" in out
    assert ASKED not in out


@pytest.mark.parametrize(
    ("form", "guessed"),
    [
        ("accountNumber={}&accessory=0829&csc=987", True),
        ("accountNumber={}&a=1&accessory=0829", True),
        ("accessory=0829&a=1&accountNumber={}", True),
        ("accountNumber={}&a=1&b=2&accessory=0829", False),  # too far: a form has everything
        ("accountNumber={}&ref=0829", False),
    ],
)
def test_in_a_form_it_stands_next_to_the_number(new, form, guessed):
    _, out, _ = new(post(form.format(NUMBER)))
    assert ("expiry: { at: accessory, as: MMYY }" in out) is guessed


@pytest.mark.parametrize("text", ["9900", "soon", "08-29-x", "0000"])
def test_an_expiry_that_says_none_is_proposed_as_a_comment(new, text):
    card = {"number": NUMBER, "expiryDate": text, "cvc": "987"}
    code, out, _ = new(post({"card": card}))
    assert code == 0
    (line,) = [one for one in out.splitlines() if "called so" in one]
    assert line.startswith("    # expiry: { at: expiryDate, as: MMYY }")
    assert "no expiry was found" not in out
    if text != "0000":
        assert text not in out.partition("examples:")[0]
    taken_over = out.replace("    # expiry:", "    expiry:")
    assert load_pack_text(taken_over, "taken over").shapes


# --- what is called a number, and is none -----------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ("amount=1&cardnum=12345", "cardnum"),
        ({"Auth": {"cardNumber": "Py2ARW2LJpbd5439"}}, "$.Auth.cardNumber"),
        ("<r><Pan>Token</Pan></r>", "/r/Pan"),
        ({"accountNumber": "440023000000"}, "$.accountNumber"),
    ],
)
def test_p16_what_is_called_a_number_and_holds_none_is_told(new, body, path):
    code, out, err = new(post(body))
    assert (code, out) == (1, "")
    assert f"(request): {path} is called as a card's number is, but holds none" in err
    assert "Is it a token?" in err
    assert "nor is anything called so" not in err
    for value in ("Py2ARW2LJpbd5439", "12345", "440023000000"):
        assert value not in err


@pytest.mark.parametrize(
    "body",
    [
        {"maskedCardNumber": "5439"},
        {"cardLastFour": "5439"},
        {"bankAccountNumber": "440023000000"},
        {"cardNumber": ""},
        {"orderNumber": "12345"},
    ],
)
def test_another_is_not_told(new, body):
    _, _, err = new(post(body))
    assert "but holds none" not in err


def test_a_mask_is_told_as_a_mask(new):
    _, _, err = new(post({"cardNumber": "411111******1111", "card_num": "x1"}))
    assert "$.cardNumber holds a mask" in err
    assert "but holds none" not in err
