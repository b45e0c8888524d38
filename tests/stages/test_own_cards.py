"""Two cards flat beside each other in one node (`own_card`): each its own, in every format, both ways."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cards.card import Failure
from gateway.cli.trial import EXAMPLE_NUMBER, example_token, try_detokenize, try_tokenize
from gateway.codecs import open_document
from gateway.codecs.document import Known
from gateway.codecs.envelope import open_layout
from gateway.codecs.paths import parse_path
from gateway.errors import GatewayError, MessageForbidden
from gateway.rules.load import load_pack_text
from gateway.rules.model_shapes import Field
from gateway.secret import Secret
from gateway.stages.beside import refuse_mixed
from gateway.stages.card_place import CardPlace
from gateway.stages.reading import read_bookings
from gateway.stages.without_codes import without_codes

FIRST, SECOND = "4111111111111111", "5555555555554444"
ONE, TWO = example_token(1).alias, example_token(2).alias

# Of each format: the shapes, without `own_card`, and a message with its places in braces.
FORMATS = {
    "json": (
        'card: ., booking: "$.b[*]", number: {0}_number, expiry: {{ at: {0}_exp, as: MM/YYYY }}, cvc: {0}_cvc, holder: name',
        '{"b": [{"id": 1, "cc_number": "%s", "cc_exp": "%s", "cc_cvc": "%s", "name": "Ada", "vcc_number": "%s", "vcc_exp": "%s", "vcc_cvc": "%s"}]}',
    ),
    "xml": (
        'card: //Guarantee, number: "@{0}", expiry: {{ at: "@{0}Exp", as: MM/YYYY }}, cvc: {0}Code',
        '<a><Guarantee cc="%s" ccExp="%s" x="1"><ccCode>%s</ccCode><vccCode>%%s</vccCode></Guarantee></a>',
    ),
    "form": (
        "card: $, number: {0}_number, expiry: {{ at: {0}_exp, as: MM/YYYY }}, cvc: {0}_cvc",
        "cc_number=%s&cc_exp=%s&cc_cvc=%s&name=Ada&vcc_number=%s&vcc_exp=%s&vcc_cvc=%s",
    ),
    "text": (
        'card: $, number: "My {0} number: {{}}", expiry: {{ at: "My {0} expires: {{}}", as: MM/YYYY }}, cvc: "My {0} code: {{}}"',
        "\nMy cc number: %s\nMy cc expires: %s\nMy cc code: %s\nMy vcc number: %s\nMy vcc expires: %s\nMy vcc code: %s\n",
    ),
}
FORMATS["xml"] = (
    FORMATS["xml"][0],
    '<a><Guarantee cc="%s" ccExp="%s" x="1" vcc="%s" vccExp="%s"><ccCode>%s</ccCode><vccCode>%s</vccCode></Guarantee></a>',
)


def rule(format, more="", own=True):
    said = FORMATS[format][0]
    return pack(
        f"cc: {{ format: {format}, {said.format('cc')} }}",
        f"vcc: {{ format: {format}, {'own_card: true, ' if own else ''}{said.format('vcc')} }}",
        more=more,
    )


def pack(*shapes, more=""):
    text = "system: test\nabout: test\nshapes:\n"
    text += "".join(f"  {one}\n" for one in shapes)
    names = ", ".join(one.partition(":")[0] for one in shapes)
    text += f"routes: [{{ name: one, to: 'https://x.example/p', methods: [POST], request: {{ tokenize: [{names}]{more} }} }}]\n"
    return load_pack_text(text, "x.yaml").routes[0].request.tokenize


def message(format, one, two):
    if format == "xml":
        return FORMATS[format][1] % (*one[:2], *two[:2], one[2], two[2])
    return FORMATS[format][1] % (*one, *two)


def places(rule, body):
    document = open_layout(rule.shapes[0].layout, body.encode(), Known())
    found = read_bookings(document, rule.shapes, "test")
    return [card for booking in found for card in booking.cards]


@pytest.mark.parametrize("format", FORMATS)
def test_p03_both_cards_are_found_each_with_its_own_expiry_and_code(format):
    body = message(format, (FIRST, "12/2030", "123"), (SECOND, "01/2031", "987"))
    one, two = places(rule(format), body)
    assert [place.position for place in (one, two)] == [1, 2]
    for place, number, expiry, code in (
        (one, FIRST, "2030-12", "123"),
        (two, SECOND, "2031-01", "987"),
    ):
        assert place.card.pan.reveal() == number
        assert str(place.card.expiry) == expiry
        assert place.card.cvc.reveal() == code
    after = try_tokenize(body.encode(), rule(format, ", show: alias"), "test").after.decode()
    for gone in (FIRST, SECOND, "123", "987"):
        assert gone not in after
    assert after.index(ONE) < after.index(TWO)
    assert "12/2030" in after
    assert "01/2031" in after


@pytest.mark.parametrize("format", FORMATS)
def test_p03_one_that_fails_costs_the_other_nothing(format):
    for expiries, failed in (("soon", "01/2031"), 1), (("12/2030", "soon"), 2):
        body = message(format, (FIRST, expiries[0], "123"), (SECOND, expiries[1], "987"))
        trial = try_tokenize(body.encode(), rule(format, ", show: alias"), "test")
        assert [card.failure for card in trial.cards] == [
            Failure.EXPIRY_INVALID if n == failed else None for n in (1, 2)
        ]
        after = trial.after.decode().replace("%2A", "*")
        assert {"411111******1111" in after, "555555******4444" in after} == {True, False}
        assert not any(text in after for text in (FIRST, SECOND, "123", "987"))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("there", [0, 1])
def test_p03_one_alone_is_found_whichever_it_is(format, there):
    empty, card = ("", "", ""), (SECOND, "01/2031", "987")
    body = message(format, card if there == 0 else empty, card if there == 1 else empty)
    (place,) = [one for one in places(rule(format), body) if not one.left_alone]
    assert place.shape.name == ("cc", "vcc")[there]
    assert place.card.cvc.reveal() == "987"
    after = try_tokenize(body.encode(), rule(format), "test").after.decode()
    assert SECOND not in after
    assert "987" not in after


@pytest.mark.parametrize("format", FORMATS)
def test_p03_a_code_without_its_number_goes_and_is_nobody_elses(format):
    body = message(format, (FIRST, "12/2030", ""), ("", "", "987"))
    trial = try_tokenize(body.encode(), rule(format), "test")
    assert b"987" not in trial.after
    (clear,) = [one for one in places(rule(format), body) if not one.left_alone]
    assert clear.card.cvc is None
    body = message(format, ("411111******1111", "12/2030", "123"), (SECOND, "01/2031", "987"))
    after = try_tokenize(body.encode(), rule(format), "test").after
    assert b"987" not in after
    assert b"123" not in after


@pytest.mark.parametrize("format", FORMATS)
def test_two_clear_cards_are_refused_where_no_shape_says_that_they_are_two(format):
    body = message(format, (FIRST, "12/2030", "123"), (SECOND, "01/2031", "987"))
    with pytest.raises(GatewayError) as caught:
        places(rule(format, own=False), body)
    assert caught.value.code == "message_forbidden"


@pytest.mark.parametrize("format", FORMATS)
def test_p07_each_token_becomes_its_card_where_it_stands(format):
    body = message(format, (ONE, "", "123"), (TWO, "", "987"))
    shapes = rule(format).shapes
    after = try_detokenize(body.encode(), shapes).after.decode()
    number = (EXAMPLE_NUMBER, "12%2F2030" if format == "form" else "12/2030")
    expected = message(format, (*number, "123"), (*number, "987"))
    assert after == expected.replace("Ada", "Jane Doe" if format == "json" else "Ada")


def test_inserted_for_names_whose_token_it_is():
    more = """, insert: [{ into: ., each: card, for: cc, json: { cc_token: "{alias}" } }, { into: ., each: card, for: vcc, json: { vcc_token: "{alias}" } }],
      on_failure: [{ into: ., each: card, for: cc, json: { cc_error: "{error}" } }, { into: ., each: card, for: vcc, json: { vcc_error: "{error}" } }]"""
    more = " ".join(more.split())
    body = message("json", (FIRST, "soon", ""), (SECOND, "01/2031", ""))
    (booking,) = json.loads(try_tokenize(body.encode(), rule("json", more), "test").after)["b"]
    assert booking["cc_error"] == "expiry_invalid"
    assert booking["vcc_token"] == ONE
    assert not {"cc_token", "vcc_error"} & set(booking)


def test_one_place_takes_both_tokens_by_their_position():
    more = ', insert: [{ into: ., each: card, json: { token: "{alias}" } }]'
    body = message("json", (FIRST, "12/2030", ""), (SECOND, "01/2031", ""))
    (booking,) = json.loads(try_tokenize(body.encode(), rule("json", more), "test").after)["b"]
    assert (booking["token"], booking["token_2"]) == (ONE, TWO)


def test_p13_what_would_be_two_cards_refuses_the_message():
    """Paths of which only the message shows that they lead to one place."""
    both = pack(
        "cc: { format: json, card: $.a, number: pan, expiry: { at: exp, as: MM/YYYY }, cvc: code }",
        "vcc: { format: json, card: $.a, own_card: true, number: vpan, expiry: { at: $.a.exp, as: MM/YYYY }, cvc: vcode }",
    )  # fmt: skip
    body = json.dumps({"a": {"pan": FIRST, "vpan": SECOND, "exp": "12/2030"}})
    with pytest.raises(GatewayError) as caught:
        places(both, body)
    assert caught.value.code == "message_forbidden"
    for field in ("number: vpan, cvc: '..code'", "number: '..pan'"):
        both = pack(
            "cc: { format: json, card: $.a, number: pan, cvc: code }",
            f"vcc: {{ format: json, card: $.a, own_card: true, {field} }}",
        )
        body = json.dumps({"a": {"pan": FIRST, "vpan": SECOND, "code": "987"}})
        with pytest.raises(GatewayError) as caught:
            places(both, body)
        assert caught.value.code == "message_forbidden"


ODD = [
    {"b": [f"{FIRST} CVC 123"]},
    {"b": [{"cc_number": FIRST, "vcc_number": f"{SECOND} 987"}]},
    {"other": {"b": {"cc_number": FIRST, "cc_cvc": "123", "vcc_number": SECOND, "vcc_cvc": "987"}}},
    {"b": [[{"cc_number": FIRST, "cc_cvc": "123", "vcc_number": SECOND, "vcc_cvc": "987"}]]},
    {"b": {"cc_number": FIRST, "cc_cvc": "123", "vcc_number": SECOND, "vcc_cvc": "987"}},
]


@pytest.mark.parametrize("body", ODD)
@pytest.mark.parametrize("first", ["cc", "vcc"])
@pytest.mark.parametrize("own", [("vcc",), ("cc", "vcc")])
@pytest.mark.parametrize("card", ["card: '$.b[*]'", "booking: $, card: b", "card: $.b"])
def test_p03_in_odd_places_no_card_and_no_code_is_left(body, first, own, card):
    said = {
        name: f"{name}: {{ format: json, {card}, {'own_card: true, ' if name in own else ''}number: {name}_number, cvc: {name}_cvc }}"
        for name in ("cc", "vcc")
    }
    names = (first, *({"cc", "vcc"} - {first}))
    both = pack(*(said[name] for name in names), more=", show: alias")
    alone = {name: pack(said[name], more=", show: alias") for name in names}
    raw = json.dumps(body).encode()
    after = outcome(raw, both)
    for name, number, code in (("cc", FIRST, b'"123"'), ("vcc", SECOND, b'"987"')):
        by_itself = outcome(raw, alone[name])
        assert number.encode() not in after or number.encode() in by_itself
        assert code not in after or code in by_itself


def outcome(raw, rule):
    """What comes of a message; of one that is refused nothing goes on."""
    try:
        return try_tokenize(raw, rule, "test").after
    except MessageForbidden:
        return b""


VALUES = st.sampled_from(
    ["", "0", FIRST, SECOND, "411111******1111", ONE, "123", "987", "12/2030", "01/2031", "x"]
)


def facts(place):
    """All that was found at a place, to be compared."""
    card = place.card and (
        place.card.pan.reveal(),
        place.card.expiry,
        place.card.cvc and place.card.cvc.reveal(),
    )
    return place.failure, place.left, place.text.reveal(), card


@settings(max_examples=150)
@given(st.lists(VALUES, min_size=6, max_size=6), st.sampled_from(sorted(FORMATS)))
def test_p03_what_each_shape_finds_alone_both_find_together(values, format):
    """A second reader: one shape at a time, of which each message has one card."""
    body = message(format, values[:3], values[3:])
    both = rule(format)
    found = {place.shape.name: place for place in places(both, body)}
    for shape in both.shapes:
        alone = type(both)((shape,))
        expected = places(alone, body)
        got = [found[shape.name]] if shape.name in found else []
        assert [facts(one) for one in expected] == [facts(one) for one in got]


def test_p13_two_paths_to_one_expiry_of_a_text_are_told_though_each_ends_it_in_another_way():
    both = pack(
        'cc: { format: text, card: $, number: "guest {};", expiry: { at: "exp {} ", as: MM/YYYY } }',
        'vcc: { format: text, own_card: true, card: $, number: "agency {};", expiry: { at: "exp {}", as: MM/YYYY } }',
    )
    body = f"guest {FIRST};\nexp 12/2030 \n"
    (alone,) = try_tokenize(body.encode(), both, "test").cards
    assert (alone.shape.name, alone.failure) == ("cc", None)
    with pytest.raises(MessageForbidden):
        try_tokenize(f"agency {SECOND};\n{body}".encode(), both, "test")


def test_p21_both_codes_go_from_what_is_kept():
    body = message("json", (FIRST, "12/2030", "123"), (SECOND, "01/2031", "987"))
    left = without_codes(body.encode(), rule("json").shapes)
    assert b"987" not in left
    assert b'"123"' not in left


class CountedShape:
    """As far as `refuse_mixed` looks at one, and how often it asked whose card it is."""

    asked = 0
    expiry_month = expiry_year = None

    def __init__(self):
        self.expiry = Field(parse_path("$.exp", "json"))

    @property
    def own_card(self):
        CountedShape.asked += 1
        return False


def test_an_expiry_that_many_cards_share_is_looked_at_once_for_each():
    many = 300
    document = open_document("json", json.dumps({"exp": "12/2030", "c": [{}] * many}).encode())
    nodes = document.select(parse_path("$.c[*]", "json"))
    shapes = (CountedShape(), CountedShape())
    cards = [
        CardPlace(shapes[n % 2], node, None, (), Secret(""), n) for n, node in enumerate(nodes)
    ]
    refuse_mixed(document, cards)
    assert many <= CountedShape.asked <= 4 * many
