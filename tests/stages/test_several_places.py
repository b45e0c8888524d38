"""One field that has several places: which is read, which is written, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cards.card import Failure
from gateway.cli.trial import EXAMPLE_NUMBER, Trial, example_token, try_detokenize, try_tokenize
from gateway.codecs import open_document
from gateway.codecs.edits import apply_edits
from gateway.errors import GatewayError, MessageForbidden
from gateway.rules.load import load_pack_text
from gateway.rules.model_directions import Tokenize
from gateway.rules.model_shapes import Shape
from gateway.stages.select import bookings_of, cards_of, only
from gateway.stages.without_codes import without_codes

PAN, OTHER = "4111111111111111", "5555555555554444"
ALIAS, ALIAS_2 = example_token(1).alias, example_token(2).alias

OTA = """
format: xml, booking: //R, card: [.//PaymentCard, .//CreditCard],
number: ["@CardNumber", CardNumber/PlainText],
expiry: { at: ["@ExpireDate", Expiry], as: MMYY },
cvc: ["@SeriesCode", SeriesCode/PlainText], holder: [CardHolderName, "@Holder"]
"""


def shape(fields: str) -> Shape:
    text = f"system: x\nabout: x\nshapes:\n  s: {{ {' '.join(fields.split())} }}\nroutes:\n"
    text += (
        "  - { name: r, to: https://x.example/p, methods: [POST], request: { detokenize: s } }\n"
    )
    return load_pack_text(text, "x.yaml").shapes["s"]


XML = shape(OTA)
JSON = shape(
    "format: json, card: $.payment, number: [number, card.pan], cvc: [cvc, code], "
    "expiry_month: { at: [month, exp_month], as: MM }, expiry_year: { at: [year, exp_year], as: YYYY }"
)


def out(body: str, rule: Shape = XML) -> Trial:
    return try_tokenize(body.encode(), Tokenize((rule,)), "test")


def into(body: str, rule: Shape = XML) -> str:
    return try_detokenize(body.encode(), [rule]).after.decode()


def card(attributes: str = "", inside: str = "", name: str = "PaymentCard") -> str:
    return f"<a><R><b><{name} {attributes}>{inside}</{name}></b></R></a>"


PLAIN = f"<CardNumber><PlainText>{PAN}</PlainText></CardNumber>"


@pytest.mark.parametrize(
    "body",
    [
        card(f'CardNumber="{PAN}" ExpireDate="1230" SeriesCode="737"'),
        card('ExpireDate="1230" SeriesCode="737"', PLAIN),
        card('CardNumber="" ExpireDate="1230" SeriesCode="737"', PLAIN),
        card('CardNumber="****1111" ExpireDate="1230" SeriesCode="737"', PLAIN),
        card('ExpireDate=""', PLAIN + "<Expiry>1230</Expiry><SeriesCode><PlainText>737</PlainText></SeriesCode>"),
        card('ExpireDate="1230" SeriesCode="***"', PLAIN + "<SeriesCode><PlainText>737</PlainText></SeriesCode>"),
        card(f'CardNumber="{PAN}" ExpireDate="1230" SeriesCode="737"', name="CreditCard"),
        card('ExpireDate="1230" SeriesCode=" 737 "', PLAIN + "<SeriesCode><PlainText>737</PlainText></SeriesCode>"),
    ],
)  # fmt: skip
def test_the_first_place_that_holds_a_clear_number_is_read(body):
    trial = out(body)
    ((found,),) = [trial.cards]
    assert found.failure is None
    assert not found.left_alone
    after = trial.after.decode()
    assert PAN not in after
    assert "737" not in after
    assert "411111******1111" in after


def test_p03_the_same_number_in_both_places_is_masked_in_both():
    body = card('CardNumber="4111 1111 1111 1111" ExpireDate="1230"', PLAIN)
    trial = out(body)
    assert [found.failure for found in trial.cards] == [None]
    assert trial.after.decode().count("411111******1111") == 2
    assert trial.after.decode() == body.replace("4111 1111 1111 1111", "411111******1111").replace(
        PAN, "411111******1111"
    )


@pytest.mark.parametrize(
    "body",
    [
        card(f'CardNumber="{OTHER}" ExpireDate="1230"', PLAIN),
        card('CardNumber="4111111111111111 123" ExpireDate="1230"', PLAIN),
        card(
            'ExpireDate="1230" SeriesCode="111"',
            PLAIN + "<SeriesCode><PlainText>737</PlainText></SeriesCode>",
        ),
        card('CardNumber="****1111" SeriesCode="111"', "<SeriesCode><PlainText>737</PlainText></SeriesCode>"),
    ],
)  # fmt: skip
def test_p03_two_clear_values_that_differ_refuse_the_message(body):
    with pytest.raises(MessageForbidden):
        out(body)


def test_two_expiries_that_differ_fail_their_card_and_mask_it():
    trial = out(card('ExpireDate="1230"', PLAIN + "<Expiry>0131</Expiry>"))
    assert [found.failure for found in trial.cards] == [Failure.EXPIRY_INVALID]
    assert PAN not in trial.after.decode()


def test_of_two_expiries_one_that_can_not_be_read_is_none():
    assert out(card('ExpireDate="9999"', PLAIN + "<Expiry>0131</Expiry>")).cards[0].failure is None


def test_cards_under_two_names_are_cards_of_one_booking():
    both = f'<PaymentCard CardNumber="{PAN}" ExpireDate="1230"/><CreditCard CardNumber="{OTHER}" ExpireDate="1230"/>'
    trial = out(f"<a><R>{both}</R></a>")
    assert [(found.booking, found.position) for found in trial.cards] == [(1, 1), (1, 2)]
    assert PAN not in trial.after.decode()
    assert OTHER not in trial.after.decode()


def test_p03_a_card_under_the_second_name_outside_of_every_booking_is_masked():
    trial = out(f'<a><CreditCard CardNumber="{PAN}" ExpireDate="1230" SeriesCode="737"/></a>')
    assert [found.failure for found in trial.cards] == [Failure.OUTSIDE_BOOKING]
    assert PAN not in trial.after.decode()
    assert "737" not in trial.after.decode()


def test_a_wrapper_that_held_a_code_stays_with_what_else_it_says():
    """`SeriesCode/PlainText` names the inner element; its parent may carry a partner's own token."""
    body = card(
        'ExpireDate="1230"',
        PLAIN + '<SeriesCode Token="t"><PlainText>737</PlainText></SeriesCode>',
    )
    assert '<SeriesCode Token="t"></SeriesCode>' in out(body).after.decode()


# --- cards in -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            card(f'CardNumber="{ALIAS}" ExpireDate=""'),
            card(f'CardNumber="{EXAMPLE_NUMBER}" Holder="Jane Doe" ExpireDate="1230"'),
        ),
        (
            card(f'CardNumber="{ALIAS}" ExpireDate="" Holder=""'),
            card(f'CardNumber="{EXAMPLE_NUMBER}" ExpireDate="1230" Holder="Jane Doe"'),
        ),
        (
            card('Holder="x"', f"<CardNumber><PlainText>{ALIAS}</PlainText></CardNumber><Expiry/>"),
            card('Holder="Jane Doe"', f"<CardNumber><PlainText>{EXAMPLE_NUMBER}</PlainText></CardNumber><Expiry>1230</Expiry>"),
        ),
        (  # the same token twice: both are its places; a mask is none
            card(f'CardNumber="{ALIAS}" ExpireDate="" Holder="x"', f"<CardNumber><PlainText>{ALIAS}</PlainText></CardNumber>"),
            card(f'CardNumber="{EXAMPLE_NUMBER}" ExpireDate="1230" Holder="Jane Doe"', f"<CardNumber><PlainText>{EXAMPLE_NUMBER}</PlainText></CardNumber>"),
        ),
        (
            card('CardNumber="****1111" ExpireDate="" Holder="x"', f"<CardNumber><PlainText>{ALIAS}</PlainText></CardNumber>"),
            card('CardNumber="****1111" ExpireDate="1230" Holder="Jane Doe"', f"<CardNumber><PlainText>{EXAMPLE_NUMBER}</PlainText></CardNumber>"),
        ),
        (  # what stands in a second place is not left there for a reader that looks there
            card(f'CardNumber="{ALIAS}" ExpireDate="0131" Holder="x"', "<Expiry>0131</Expiry>"),
            card(f'CardNumber="{EXAMPLE_NUMBER}" ExpireDate="1230" Holder="Jane Doe"', "<Expiry>1230</Expiry>"),
        ),
    ],
)  # fmt: skip
def test_a_card_is_written_where_its_fields_stand(body, expected):
    if "CardHolderName" not in expected and "Holder=" not in body:
        expected = expected.replace(' Holder="Jane Doe"', "").replace(
            "</PaymentCard>", "<CardHolderName>Jane Doe</CardHolderName></PaymentCard>"
        )
    assert into(body) == expected


@pytest.mark.parametrize("beside", [ALIAS_2, OTHER, "pm_1Nv0FGQ9RKHgCVdK"])
def test_p07_a_token_beside_another_text_refuses_the_message(beside):
    """The card would reach the processor together with another one's number."""
    body = card(
        f'CardNumber="{beside}"', f"<CardNumber><PlainText>{ALIAS}</PlainText></CardNumber>"
    )
    with pytest.raises(MessageForbidden):
        into(body)


def test_what_is_nobodys_token_passes_in_both_places():
    body = card(f'CardNumber="{OTHER}"', "<CardNumber><PlainText>pm_x</PlainText></CardNumber>")
    assert into(body) == body


def test_json_both_ways():
    said = {
        "payment": {
            "number": "",
            "card": {"pan": PAN},
            "code": "737",
            "exp_month": "12",
            "exp_year": "2030",
        }
    }
    trial = out(json.dumps(said), JSON)
    assert trial.cards[0].failure is None
    said["payment"]["card"]["pan"] = "411111******1111"
    del said["payment"]["code"]
    assert json.loads(trial.after) == said
    said["payment"]["card"]["pan"] = ALIAS
    written = json.loads(into(json.dumps(said), JSON))
    assert written["payment"]["card"]["pan"] == EXAMPLE_NUMBER
    assert (written["payment"]["exp_month"], written["payment"]["exp_year"]) == ("12", "2030")


def test_p21_codes_are_taken_out_of_all_their_places():
    body = card('ExpireDate="1230" SeriesCode="737"', PLAIN + "<SeriesCode><PlainText>737</PlainText></SeriesCode>")  # fmt: skip
    kept = without_codes(body.encode(), [XML])
    assert kept is not None
    assert b"737" not in kept


TEXTS = st.sampled_from(
    ["", PAN, "4111-1111-1111-1111", "****1111", "0000000000000000", "n/a", OTHER]
)
CODES = st.sampled_from(["", "737", "***", "123"])


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS, CODES, CODES, st.sampled_from(["1230", "12/30", "", "0130"]))
def test_p15_only_the_named_fields_change(first, second, code, inner, expires):
    body = card(
        f'A="{PAN[:4]}" CardNumber="{first}" ExpireDate="{expires}" SeriesCode="{code}"',
        f"<CardNumber T='1'><PlainText>{second}</PlainText></CardNumber>"
        f"<SeriesCode><PlainText>{inner}</PlainText></SeriesCode><Note>&#65;<!-- x --></Note>",
    ).encode()
    try:
        trial = try_tokenize(body, Tokenize((XML,)), "test")
    except MessageForbidden:
        assert first != second or code != inner
        return
    assert apply_edits(body, trial.edits).body == trial.after
    for digits in (PAN, OTHER, "4111-1111-1111-1111"):
        assert digits.encode() not in trial.after
    before, after = open_document("xml", body), open_document("xml", trial.after)
    ((old,), (new,)) = [
        [one for top in bookings_of(doc, XML) for one in cards_of(doc, XML, top)]
        for doc in (before, after)
    ]
    for path in (XML.expiry.places[0], *XML.holder.places):  # what no rule hides stays
        pair = [only(doc, path, node) for doc, node in ((before, old), (after, new))]
        assert [node is None for node in pair] in ([True, True], [False, False])
    left = [edit for edit in trial.edits if edit.new]
    assert {body[edit.start : edit.end].decode() for edit in left} <= {first, second}


VALUES = shape(
    "format: xml, booking: //R, card: c, number: [num/string, num], cvc: [v/string, v], expiry: { at: [e/i, e], as: MMYY }"
)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (f"<num>{PAN}</num>", "<v>737</v>"),
        (f"<num><string>{PAN}</string></num>", "<v> <string>737</string> </v>"),
        (f"<num>\n<string>{PAN}</string>\n</num>", "<v>737</v>"),
    ],
)
def test_p03_a_place_that_holds_another_place_is_only_the_way_to_it(number, code):
    trial = out(f"<R><c>{number}{code}<e>1230</e></c></R>", VALUES)
    assert [one.failure for one in trial.cards] == [None]
    assert b"411111******1111" in trial.after
    assert b"737" not in trial.after


@pytest.mark.parametrize(
    "number",
    [
        f"<num>{OTHER}<string>{PAN}</string></num>",
        f"<num><string>{PAN}</string>{OTHER}</num>",
        f"<num><i4>{PAN}</i4></num>",
    ],
)
def test_p12_a_place_that_holds_more_than_the_other_is_refused(number):
    with pytest.raises(MessageForbidden):
        out(f"<R><c>{number}<e>1230</e></c></R>", VALUES)


def test_p15_the_white_space_around_a_number_stays():
    body = f"<R><c><num>\n  {PAN}\t</num><e>1230</e></c></R>"
    assert out(body, VALUES).after.decode() == body.replace(PAN, "411111******1111")
    body = "<R><c><num>\n 5555 5555\t</num><e>1230</e></c></R>"  # it fails
    assert out(body, VALUES).after.decode() == body.replace("5", "*")
    body = f"<R><c><num>\n  {ALIAS}\t</num><e/></c></R>"
    assert f"<num>\n  {EXAMPLE_NUMBER}\t</num>" in into(body, VALUES)


def test_p15_a_month_that_came_as_a_json_number_stays_one():
    body = f'{{"payment": {{"number": "{ALIAS}", "month": 1, "year": "26"}}}}'
    assert into(body, JSON) == body.replace(ALIAS, EXAMPLE_NUMBER).replace("1,", "12,").replace(
        '"26"', '"2030"'
    )


FORM = shape(
    "format: form, card: $, number: pan, expiry_month: { at: m, as: M }, "
    "expiry_year: { at: year, as: YYYY }, holder: name"
)


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        (FORM, f"m=%312&name=Jane%20D%6fe&pan={ALIAS}&year=2030&z=a%20b"),
        (JSON, f'{{"payment": {{"number": "{ALIAS}", "month": "1\\u0032", "year": "2\\u003030"}}}}'),
        (XML, card(f'CardNumber="{ALIAS}" ExpireDate="1&#50;30" Holder = "Jane&#x20;Doe"')),
        (XML, card(f'CardNumber="{ALIAS}"', "<Expiry><![CDATA[1230]]></Expiry><CardHolderName>J&#97;ne Doe</CardHolderName>")),
    ],
)  # fmt: skip
def test_p15_what_says_the_same_already_stays_as_its_caller_spells_it(rule, body):
    """Node's stripe writes `Jane%20Doe`: no reader, and no signature over the other fields, sees another byte."""
    assert into(body, rule) == body.replace(ALIAS, EXAMPLE_NUMBER)


def test_p15_what_says_the_same_in_another_type_becomes_the_rules():
    rule = shape(
        "format: json, card: $, number: pan, expiry_month: { at: m, as: M, type: number }, "
        "expiry_year: { at: year, as: YYYY, type: number }"
    )
    body = f'{{"pan": "{ALIAS}", "m": "12", "year": 2030}}'
    assert into(body, rule) == f'{{"pan": "{EXAMPLE_NUMBER}", "m": 12, "year": 2030}}'


@pytest.mark.parametrize("split", ["Jane<!-- x --> Doe", "Jane <?x y?>Doe", "Jane <b/>Doe"])
def test_p12_what_says_the_same_in_pieces_is_refused(split):
    with pytest.raises(GatewayError):
        into(card(f'CardNumber="{ALIAS}"', f"<CardHolderName>{split}</CardHolderName>"))


@pytest.mark.parametrize(("said", "failure"), [("131", None), ('"131"', Failure.EXPIRY_INVALID)])
def test_a_json_number_lacks_the_zero_of_its_month_and_a_text_was_cut(said, failure):
    rule = shape("format: json, card: $, number: pan, expiry: { at: exp, as: MMYY }")
    (place,) = out(f'{{"pan": "{PAN}", "exp": {said}}}', rule).cards
    assert place.failure is failure
