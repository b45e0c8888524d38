"""`rules explain` and `rules rehearse` where a route shows cards by tokens of digits."""

from __future__ import annotations

import json

from tests.cli.rules_command import NUMBER, PACK
from tests.cli.test_cli_rules_rehearse import HOST, day, entry, told  # noqa: F401  # a fixture

SHOWN = PACK.replace("draft: true\n", "").replace(
    "      tokenize: out\n", "      tokenize: out\n      show: digits\n"
)
DIGITS = "9912345678904444"
BACK = f'{{"cards": [{{"pan": "{NUMBER}", "exp": "12/30", "cvc": "737"}}, {{"pan": "{DIGITS}"}}]}}'


def test_explain_says_what_becomes_digits_and_what_is_left(rules, tmp_path):
    (tmp_path / "rules" / "acme.yaml").write_text(SHOWN)
    (tmp_path / "message.json").write_text(BACK)
    code, out, err = rules("explain", "--route", "acme/both", "--as", "response", "message.json")
    assert (code, err) == (0, "")
    assert "becomes 9900000000011111 and gets a token" in out
    said = "holds what has the form of a token of digits (one that is none of ours is a card): left alone"
    assert said in out
    assert NUMBER not in out


def test_a_day_in_which_they_come_back_and_are_charged(day, tmp_path):  # noqa: F811
    (tmp_path / "rules" / "acme.yaml").write_text(SHOWN)
    charge = json.dumps({"payment": {"pan": DIGITS, "name": "Ada"}})
    code, said = told(
        day, entry(answer=BACK), entry(url=f"{HOST}/x", method="POST", text=charge, answer="{}")
    )
    assert (code, said["fine"]) == (0, True)
    route = said["routes"]["acme/both"]
    assert (route["changed"], route["found"], route["left_alone"], route["failed"]) == (2, 2, 1, 0)


def test_p15_what_has_their_form_is_a_card_where_no_route_draws_any(day, tmp_path):  # noqa: F811
    """As in the gateway, whose vault knows none: `9999999999999999` is what somebody mistyped."""
    (tmp_path / "rules" / "acme.yaml").write_text(PACK.replace("draft: true\n", ""))
    nines = f'{{"cards": [{{"pan": "{"9" * 16}", "exp": "12/30", "cvc": "737"}}]}}'
    _, said = told(day, entry(answer=nines))
    route = said["routes"]["acme/both"]
    assert (route["found"], route["left_alone"]) == (1, 0)
