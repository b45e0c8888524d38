"""What has the name of the rule's card and is none: a voucher in the list of payments, a number of nights."""

from __future__ import annotations

import json

import pytest

from gateway.cards.bins import Bins
from gateway.cards.card import Failure
from gateway.codecs import open_document
from gateway.codecs.paths import parse_path
from gateway.rules.model_directions import Tokenize
from gateway.rules.model_shapes import Field, Shape
from gateway.stages.reading import read_bookings
from gateway.stages.tokenize import take_out


def shape(format, booking, card, *, number="num", cvc="code"):
    def path(text):
        return parse_path(text, format)

    return Shape(
        name="c", format=format, booking=path(booking), card=path(card),
        number=Field(path(number)), cvc=Field(path(cvc)),
    )  # fmt: skip


CHOSEN = {
    "json": shape("json", "$.b[*]", "pay[kind='card']"),
    "child": shape("xml", "//b", "pay[kind='card']"),
    "attribute": shape("xml", "//b", "pay[@kind='card']"),
}
CARD = {"kind": "card", "num": "5555555555554444"}


def written(form, *pays):
    if form == "json":
        return json.dumps({"b": [{"pay": pays}]})
    elements = ""
    for pay in pays:
        said, rest = dict(pay), ""
        if form == "attribute":
            rest = f' kind="{said.pop("kind")}"'
        inside = "".join(f"<{name}>{text}</{name}>" for name, text in said.items())
        elements += f"<pay{rest}>{inside}</pay>"
    return f"<r><b>{elements}</b></r>"


def told(shape, body):
    """Which cards fail and why (None: none did), and the message afterwards."""
    document = open_document(shape.format, body.encode())
    bookings = read_bookings(document, (shape,), "test")
    after = document.splice(take_out(document, bookings, Tokenize((shape,)), Bins())).body.decode()
    return [card.failure for booking in bookings for card in booking.cards], after


@pytest.mark.parametrize("form", CHOSEN)
@pytest.mark.parametrize(
    "number",
    ["123456", "A-17", "DE89370400440532013000", "4111111111111112", "1234567812345678", "ES91 2100 0418 4502 0005 1332"],
)  # fmt: skip
def test_what_the_rule_did_not_choose_stays(form, number):
    other = {"kind": "voucher", "num": number}
    failures, after = told(CHOSEN[form], written(form, other, CARD, other))
    assert not any(failures)
    assert after == written(form, other, {**CARD, "num": "555555******4444"}, other)


@pytest.mark.parametrize("form", CHOSEN)
@pytest.mark.parametrize(
    "number",
    ["4111111111111111", "4111 1111 1111 1111", "4111111111111111 123", "411111******1111 CVC 123"],
)
def test_p03_what_could_be_a_card_is_one_whatever_the_rule_chooses(form, number):
    failures, after = told(CHOSEN[form], written(form, CARD, {"kind": "CARD", "num": number}))
    assert failures == [None, Failure.NUMBER_INVALID] or failures == [
        None,
        Failure.OUTSIDE_BOOKING,
    ]
    assert "4111111111111111" not in after.replace(" ", "")
    assert "123" not in after


@pytest.mark.parametrize("form", CHOSEN)
def test_p03_a_clear_code_beside_it_goes(form):
    _, after = told(CHOSEN[form], written(form, {"kind": "gift", "num": "123456", "code": "737"}))
    assert "737" not in after


@pytest.mark.parametrize("number", ["2", "A-17", "12345678901", "****1111"])
def test_a_short_number_outside_of_every_booking_stays(number):
    shapes = {"json": shape("json", "$.b[*]", "pay"), "xml": shape("xml", "//b", "pay")}
    bodies = {
        "json": json.dumps({"b": [], "hotel": {"pay": {"num": number}}}),
        "xml": f"<r><hotel><pay><num>{number}</num></pay></hotel></r>",
    }
    for format, body in bodies.items():
        assert told(shapes[format], body)[1] == body


@pytest.mark.parametrize("number", ["123456789012", "4111.1111.1111.1111", "****1111 123"])
def test_p03_a_longer_one_or_a_code_behind_a_mask_is_masked(number):
    body = json.dumps({"b": [], "hotel": {"pay": {"num": number}}})
    failures, after = told(shape("json", "$.b[*]", "pay"), body)
    assert failures == [Failure.NUMBER_INVALID] or failures == [Failure.OUTSIDE_BOOKING]
    assert number not in after


@pytest.mark.parametrize("form", CHOSEN)
@pytest.mark.parametrize(
    "number",
    ["4111/1111/1111/1111", "4111_1111_1111_1111", "4111,1111,1111,1111", "9792123456789018",
     "5082123456789015", "1000123456789013"],
)  # fmt: skip
def test_p03_digits_that_check_are_a_card_whoever_issued_it_and_whatever_parts_it(form, number):
    """Of a partner that writes `Card` for `card` the rule chooses nothing."""
    failures, after = told(CHOSEN[form], written(form, {"kind": "Card", "num": number}))
    assert failures in ([Failure.OUTSIDE_BOOKING], [Failure.NUMBER_INVALID])
    assert number not in after


@pytest.mark.parametrize("turned", [False, True])
def test_p03_what_is_no_card_of_one_shape_is_one_of_the_next(turned):
    """Both look for strays of one name; whichever looks first."""
    by_kind = CHOSEN["json"]
    other = shape("json", "$.c[*]", "pay")
    shapes = (other, by_kind) if turned else (by_kind, other)
    body = json.dumps({"x": {"pay": {"kind": "x", "num": "4111111111111112"}}})
    document = open_document("json", body.encode())
    bookings = read_bookings(document, shapes, "test")
    after = document.splice(take_out(document, bookings, Tokenize(shapes), Bins())).body.decode()
    assert [card.failure for one in bookings for card in one.cards] == [Failure.OUTSIDE_BOOKING]
    assert "4111111111111112" not in after
