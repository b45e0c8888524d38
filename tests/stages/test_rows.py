"""Rows without names: the rule counts a card's fields in a list."""

from __future__ import annotations

import json

import pytest

from gateway.cards.bins import Bins
from gateway.cards.card import Failure
from gateway.codecs import open_document
from gateway.codecs.paths import parse_path
from gateway.errors import MessageForbidden
from gateway.rules.model_directions import Tokenize
from gateway.rules.model_shapes import Field, Shape
from gateway.stages.reading import read_bookings
from gateway.stages.tokenize import take_out


def path(text):
    return parse_path(text, "json")


ROWS = Shape(
    name="rows", format="json", card=path("$.rows[*]"), number=Field(path("[1]")),
    cvc=Field(path("[2]")),
)  # fmt: skip
ROW = Shape(
    name="row", format="json", booking=path("$.rows[*]"), card=path("."), number=Field(path("[1]")),
    cvc=Field(path("[2]")),
)  # fmt: skip
NUMBER, MASKED = "4111111111111111", "411111******1111"


def told(shape, rows):
    body = json.dumps({"rows": rows})
    document = open_document("json", body.encode())
    bookings = read_bookings(document, (shape,), "test")
    after = document.splice(take_out(document, bookings, Tokenize((shape,)), Bins())).body
    return [card.failure for booking in bookings for card in booking.cards], json.loads(after)[
        "rows"
    ]


@pytest.mark.parametrize("shape", [ROWS, ROW], ids=["cards", "bookings"])
@pytest.mark.parametrize(
    ("row", "after"),
    [
        (["A1", NUMBER, "123", "x"], ["A1", MASKED, "", "x"]),
        (["A1", NUMBER, 123, "x"], ["A1", MASKED, None, "x"]),
        (["1234567890123456", NUMBER, "", 7], ["1234567890123456", MASKED, "", 7]),
        (["A1", int(NUMBER), "123"], ["A1", MASKED, ""]),
        (["A1", MASKED, "", "123"], ["A1", MASKED, "", "123"]),
        (["A1", None, None], ["A1", None, None]),
    ],
)
def test_p03_a_row_keeps_its_places(shape, row, after):
    failures, rows = told(shape, [row, ["B", "", ""]])
    assert rows == [after, ["B", "", ""]]
    assert not any(failures)


@pytest.mark.parametrize("shape", [ROWS, ROW], ids=["cards", "bookings"])
def test_p03_a_code_in_a_row_without_a_number_goes(shape):
    assert told(shape, [["A1", "", "123"]])[1] == [["A1", "", ""]]


@pytest.mark.parametrize("shape", [ROWS, ROW], ids=["cards", "bookings"])
@pytest.mark.parametrize("row", [[[NUMBER, "123"], "x"], [["x", "y", NUMBER]]])
def test_p03_a_number_in_a_list_where_no_field_is_counted_refuses_the_message(shape, row):
    with pytest.raises(MessageForbidden):
        told(shape, [row])


@pytest.mark.parametrize("shape", [ROWS, ROW], ids=["cards", "bookings"])
@pytest.mark.parametrize("row", [[["x"], "y"], [["2030-01-01", [7]]]])
def test_p15_lists_in_a_list_that_hold_no_card_stay(shape, row):
    failures, after = told(shape, [row])
    assert not any(failures)
    assert after == [row]


def test_p03_a_text_in_the_place_of_a_row_fails():
    rows = [f"{NUMBER} 123", ["A1", NUMBER, "123"]]
    failures, after = told(ROW, rows)
    assert set(failures) == {None, Failure.CARD_MALFORMED}
    assert after == ["**************** ***", ["A1", MASKED, ""]]
    with pytest.raises(
        MessageForbidden
    ):  # of the bare items of a list nothing says which is the code
        told(ROWS, rows)


@pytest.mark.parametrize("shape", [ROWS, ROW], ids=["cards", "bookings"])
@pytest.mark.parametrize(
    "row",
    [
        ["A1", "Visa", NUMBER, "123"], ["A1", "Booking", "2026-01-01", NUMBER, "123"],
        [NUMBER, "Visa", "123"], ["A1", MASKED, int(NUMBER)], ["A1", NUMBER, "123", NUMBER],
    ],
)  # fmt: skip
def test_p03_a_row_whose_columns_are_others_is_refused(shape, row):
    """The rule's places are not the card's: its code would stay, or the number be taken for one."""
    with pytest.raises(MessageForbidden):
        told(shape, [row])
