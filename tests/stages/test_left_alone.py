"""Why a number's place holds no clear card: what the counts, and whoever polls again, go by."""

from __future__ import annotations

import pytest

from gateway.cards import pan
from gateway.cards.card import Left
from gateway.codecs import open_document
from gateway.codecs.paths import parse_path
from gateway.rules.model_shapes import Field, Shape
from gateway.stages.card_place import left_alone
from gateway.stages.reading import read_bookings

SHAPE = Shape(
    "s",
    "json",
    parse_path("card", "json"),
    Field(parse_path("number", "json")),
    sentinels=frozenset({"4111111111111111", "none", "0000-0000-0000-0000"}),
)
FOREIGN = Shape(
    "f", "json", parse_path("card", "json"), Field(parse_path("number", "json")), foreign=True
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("0000000000000000", Left.ZEROS),
        ("0000 0000 0000 0000", Left.ZEROS),
        ("0000-0000-0000-0000", Left.ZEROS),  # a sentinel of the shape's too: the same is meant
        ("0", Left.ZEROS),
        ("000", Left.ZEROS),
        ("", Left.EMPTY),
        ("   ", Left.EMPTY),
        ("411111******1111", Left.MASK),
        ("****4327", Left.MASK),
        ("XXXXXXXXXXXX1234", Left.MASK),
        ("-", Left.MASK),
        ("XX", Left.MASK),
        ("none", Left.SENTINEL),
        ("4111111111111111", Left.SENTINEL),
        ("tok_1_Example000001", Left.OURS),
        ("4242424242424242", None),
        ("4111 1111 1111 1111", None),
        ("0000000000000001", None),
        ("4111111111111111 123", None),
    ],
)
def test_what_is_left_alone_and_why(text, kind):
    assert left_alone(SHAPE, text, pan.digits_of(text)) is kind


def read(shape, number):
    document = open_document("json", b'{"card": {"number": "%s"}}' % number.encode())
    ((place,),) = (booking.cards for booking in read_bookings(document, [shape], "system"))
    return place


def test_only_zeros_ask_again():
    assert read(SHAPE, "0000000000000000").asks_again
    for number in ("****4327", "none", "tok_1_Example000001"):
        place = read(SHAPE, number)
        assert (place.left_alone, place.asks_again) == (True, False)
    clear = read(SHAPE, "4242424242424242")
    assert (clear.left_alone, clear.asks_again, clear.left) == (False, False, None)


def test_a_partners_own_token_is_told_as_such():
    place = read(FOREIGN, "12345678")
    assert (place.left, place.left_alone) == (Left.FOREIGN, True)
