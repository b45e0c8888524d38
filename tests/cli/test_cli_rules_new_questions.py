"""`card-gateway rules new`: what is asked about a number, an expiry and a code."""

from __future__ import annotations

import json

import pytest

from tests.cli.proposals import FOLDER, rules_new

NUMBER = "4111111111111111"


@pytest.fixture
def new(tmp_path, monkeypatch):
    """`new("--push", "file")` answers (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    return rules_new


def test_a_number_that_fails_its_check_is_proposed_with_a_question(new):
    code, out, _ = new(FOLDER / "luhn_fails.http")
    assert code == 0
    assert (
        "number: CardNumber   # this is called as a card's number is, but its check digit does not fit"
        in out
    )


def test_an_expiry_that_can_be_read_in_two_ways_is_asked_about(new, tmp_path):
    (tmp_path / "body.txt").write_text(f"ccnumber={NUMBER}&ccexp=1012")
    _, out, _ = new("body.txt")
    assert "expiry: { at: ccexp, as: MMYY }   # or YYMM? what was recorded fits both" in out


@pytest.mark.parametrize(
    ("beside", "line"),
    [
        ('"security": "737"', "cvc: security   # is it the security code?"),
        ('"cvv": "737"', "cvc: cvv\n"),
        ('"last": "1111"', None),
        ('"currency": "978"', None),
        ('"issue": "001"', None),
        ('"kind": "1111"', None),  # the number's last four
    ],
)
def test_p03_three_digits_by_an_unknown_name_are_asked_about(new, tmp_path, beside, line):
    """Beside a number nothing is a code so surely as to be left in it unseen."""
    (tmp_path / "a.json").write_text(f'{{"card": {{"pan": "{NUMBER}", "exp": "12/29", {beside}}}}}')
    code, out, _ = new("--as", "request", "a.json")
    assert code == 0
    assert (line or "pan") in out
    assert ("cvc:" in out) is (line is not None)


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("01/08/29", True),
        ("10/11/12", True),
        ("11/12", True),
        ("11-12", True),
        ("1112", True),
        ("10/11/2012", True),
        ("0829", False),
        ("08/29", False),
        ("31/08/2029", False),
        ("2012-11", False),
    ],
)
def test_whatever_fits_an_expiry_is_asked_about(new, tmp_path, text, others):
    card = {"number": NUMBER, "expiry": text, "cvc": "987"}
    (tmp_path / "a.json").write_text(json.dumps({"card": card}))
    code, out, _ = new("--as", "request", "a.json")
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("    expiry:")]
    assert ("# or " in line) is others


def test_an_expiry_that_is_a_number_without_its_zero_is_proposed(new, tmp_path):
    card = {"number": NUMBER, "expiry": 829, "cvc": "987"}
    (tmp_path / "a.json").write_text(json.dumps({"card": card}))
    code, out, _ = new("--as", "request", "a.json")
    assert code == 0
    assert "expiry: { at: expiry, as: MMYY, type: number }\n" in out
    assert "no expiry" not in out


def test_a_number_without_an_expiry_is_asked_about(new, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"card": {"number": NUMBER, "cvc": "987"}}))
    code, out, _ = new("--as", "request", "a.json")
    assert code == 0
    assert "number: number   # no expiry was found near it: is there one?" in out


CODES = {
    "a guess is as long as the code": ({"pin": "4321", "sec": "987"}, "cvc: sec   # is it the"),
    "four digits are no guess": ({"pin": "4321"}, None),
    "called a code, said again": ({"cvv": "987", "cvv2": "987"}, "cvc: [cvv, cvv2]\n"),
    "called a code, and another": (
        {"cvv": "987", "cvv2": "654"},
        "cvc: cvv   # cvv2 could be the code, too: instead of it, or both (cvc: [cvv, cvv2])?",
    ),
    "a name, and a guess": (
        {"sec": "654", "cvv": "987"},
        "cvc: cvv   # sec could be the code, too: instead of it, or both (cvc: [cvv, sec])?",
    ),
    "two guesses": (
        {"sec": "987", "tres": "654"},
        "remove the line if not   # tres could be the code, too",
    ),
}


@pytest.mark.parametrize("what", CODES)
def test_p03_what_could_be_the_code_as_well_is_told(new, tmp_path, what):
    fields, line = CODES[what]
    (tmp_path / "a.json").write_text(json.dumps({"card": {"num": NUMBER, "exp": "0829", **fields}}))
    code, out, _ = new("--as", "request", "a.json")
    assert code == 0
    assert (line or "num") in out
    assert ("cvc:" in out) is (line is not None)


def test_p03_an_american_express_card_has_a_code_of_four_digits(new, tmp_path):
    card = {"num": "378282246310005", "exp": "0829", "pin": "432", "sec": "9876"}
    (tmp_path / "a.json").write_text(json.dumps({"card": card}))
    _, out, _ = new("--as", "request", "a.json")
    assert "cvc: sec   # is it the security code?" in out


def test_p03_a_code_further_out_is_told(new, tmp_path):
    card = {"num": NUMBER, "exp": "0829", "cvv": "987"}
    (tmp_path / "a.json").write_text(json.dumps({"card": card, "cvv2": "987"}))
    _, out, _ = new("--as", "request", "a.json")
    assert "cvc: cvv   # ../cvv2 could be the code, too" in out
