"""What is shown of a refused message: its names, and nothing that it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import CardDisguised
from gateway.stages.outline import LONGEST, outline

PAN = "4111111111111111"
BASE64 = "NDExMTExMTExMTExMTExMQ=="


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (
            f'<Card No="{PAN}"><Holder>Ada Example</Holder>',
            '<Card No="0000000000000000"><Holder>xxx xxxxxxx</Holder>',
        ),
        (f"<a:B1 c2='{BASE64}'/>", "<a:B0 c0='xxxxxxxxxxxxxxxxxxxxxx=='/>"),
        (
            f'{{"card_number": "{PAN}", "n": 12, "x',
            '{"card_number": "0000000000000000", "n": 00, "x',
        ),
        (f"card[number]={PAN}&cvc=123&note=a+b", "card[number]=0000000000000000&cvc=000&note=x+x"),
        ("\u0663\u0664 \uff14\uff11 \u0410\u0431", "00 00 xx"),
        (f"<!-- {PAN} -->", "<!-- 0000000000000000 -->"),
        (f"&#52;{PAN}&lt;x&gt;", "&#00;0000000000000000&xx;x&xx;"),
        ("", ""),
    ],
)
def test_p16_names_stay_and_values_do_not(body, shown):
    assert outline(body.encode()) == shown
    assert outline(body.encode("utf-16")) == shown


@pytest.mark.parametrize("body", [f"<{BASE64[:-2]}>", f"<a {BASE64[:-2]}='x'>"])
def test_p16_a_card_in_a_name_is_not_shown(body):
    with pytest.raises(CardDisguised):
        outline(body.encode())


def test_a_long_message_is_shown_from_its_beginning():
    assert len(outline(b"<a>" * LONGEST)) == LONGEST


@given(st.text())
def test_p16_no_digit_but_zero_is_ever_shown(text):
    try:
        shown = outline(text.encode("utf-8", "surrogatepass"))
    except CardDisguised:
        return
    assert {sign for sign in shown if sign.isdigit()} <= {"0"}
