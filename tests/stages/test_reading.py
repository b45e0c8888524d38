"""What is read out of odd messages: found by asking what a shape does not say."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re

import pytest

from gateway.cards.bins import Bins
from gateway.cards.card import Failure
from gateway.codecs import open_document
from gateway.codecs.document import Members
from gateway.codecs.paths import parse_path
from gateway.errors import GatewayError, MessageForbidden
from gateway.rules.model_directions import Inserted, Tokenize
from gateway.rules.model_shapes import Field, Shape
from gateway.stages.reading import read_bookings
from gateway.stages.tokenize import take_out


def path(text):
    return parse_path(text, "xml")


def ota(number="@CardNumber", cvc="@SeriesCode", name="ota"):
    return Shape(
        name=name,
        format="xml",
        booking=path("//HotelReservation"),
        card=path(".//PaymentCard"),
        number=Field(path(number)),
        expiry=Field(path("@ExpireDate"), "MMYY"),
        cvc=Field(path(cvc)),
    )


BOTH = (ota(), ota("CardNumber/PlainText", "SeriesCode/PlainText", "ota-2011"))
CARD = '<PaymentCard CardNumber="4111111111111112" SeriesCode="737" ExpireDate="1230"/>'


def hidden(body, shapes=BOTH):
    document = open_document("xml", body.encode())
    bookings = read_bookings(document, shapes, "test")
    changes = take_out(document, bookings, Tokenize(tuple(shapes)), Bins())
    return bookings, document.splice(changes).body.decode()


@pytest.mark.parametrize(
    "body",
    [
        '<a><HotelReservation><PaymentCard SeriesCode="737" ExpireDate="1130"/></HotelReservation></a>',
        '<a><HotelReservation><PaymentCard CardNumber="****1111" SeriesCode="737"/></HotelReservation></a>',
        '<a><HotelReservation><PaymentCard CardNumber="****1111" SeriesCode="７３７"/></HotelReservation></a>',
        '<a><HotelReservation><PaymentCard CardNumber="" SeriesCode="737"/></HotelReservation></a>',
        (
            '<a><HotelReservation><PaymentCard CardNumber="4111111111111112" ExpireDate="1230">'
            "<SeriesCode><PlainText>737</PlainText></SeriesCode></PaymentCard></HotelReservation></a>"
        ),
        f"<a><HotelResModify>{CARD}</HotelResModify></a>",
        f"<a><HotelReservation>{CARD}</HotelReservation><HotelResModify>{CARD}</HotelResModify></a>",
    ],
)
def test_p03_a_clear_cvc_goes_wherever_a_card_node_stands(body):
    _, after = hidden(body)
    assert "737" not in after
    assert "７３７" not in after
    assert "4111111111111112" not in after


def test_a_mask_in_the_place_of_the_cvc_stays():
    body = '<a><HotelReservation><PaymentCard CardNumber="****1111" SeriesCode="***"/></HotelReservation></a>'
    assert hidden(body)[1] == body


def test_a_card_outside_of_every_booking_fails_and_inserts_nothing():
    bookings, after = hidden(f"<a><HotelResModify>{CARD}</HotelResModify></a>")
    ((stray,),) = [booking.cards for booking in bookings]
    assert stray.failure is Failure.OUTSIDE_BOOKING
    assert 'CardNumber="411111******1112"' in after


def test_a_card_that_two_bookings_share_is_refused():
    nested = "<HotelReservation>" * 3 + CARD + "</HotelReservation>" * 3
    with pytest.raises(MessageForbidden):
        hidden(f"<a>{nested}</a>")


def test_two_clear_numbers_in_one_card_are_refused():
    card = CARD.replace(
        "/>", "><CardNumber><PlainText>5555555555554444</PlainText></CardNumber></PaymentCard>"
    )
    with pytest.raises(MessageForbidden):
        hidden(f"<a><HotelReservation>{card}</HotelReservation></a>")


def test_a_mask_and_a_number_in_one_card_are_one_card():
    card = (
        '<PaymentCard CardNumber="****4444" ExpireDate="1230">'
        "<CardNumber><PlainText>5555555555554444</PlainText></CardNumber></PaymentCard>"
    )
    bookings, after = hidden(f"<a><HotelReservation>{card}</HotelReservation></a>")
    ((place,),) = [booking.cards for booking in bookings]
    assert place.card is not None
    assert "5555555555554444" not in after


def test_two_shapes_make_one_booking_and_number_its_cards_together():
    old = CARD
    new = (
        '<PaymentCard ExpireDate="1230"><CardNumber><PlainText>5555555555554444</PlainText>'
        "</CardNumber></PaymentCard>"
    )
    bookings, _ = hidden(f"<a><HotelReservation>{old}{new}</HotelReservation></a>")
    (booking,) = bookings
    assert [place.position for place in booking.cards] == [1, 2]
    assert [place.shape.name for place in booking.cards] == ["ota", "ota-2011"]


GOOD = {"card_number": "4111111111111112", "cvv": "737", "expires": "12/2030"}


def guarantee(booking="$.data[*].attributes", card="guarantee"):
    return Shape(
        name="feed",
        format="json",
        booking=parse_path(booking, "json") if booking else None,
        card=parse_path(card, "json"),
        number=Field(parse_path("card_number", "json")),
        expiry=Field(parse_path("expires", "json"), "MM/YYYY"),
        cvc=Field(parse_path("cvv", "json")),
    )


def insert(into, name):
    return Inserted(parse_path(into, "json"), "card", Members(((name, "{error}"),)))


FEED = (guarantee(),)
CARD_ERROR = (insert("guarantee", "card_error"),)


def hidden_json(body, shapes=FEED, on_failure=CARD_ERROR):
    document = open_document("json", body)
    bookings = read_bookings(document, shapes, "test")
    rule = Tokenize(tuple(shapes), on_failure=on_failure)
    return bookings, document.splice(take_out(document, bookings, rule, Bins())).body


def outcome(file):
    """`none`, `card`, `code_only`, a failure's name, or the code of the refusal."""
    body = file.read_bytes()
    try:
        bookings, after = hidden_json(body)
    except GatewayError as error:
        return error.code
    places = [place for booking in bookings for place in booking.cards]
    clear = [place for place in places if not place.left_alone]
    if after == body:
        assert not clear
        return "none"
    json.loads(after)
    assert b"737" not in after
    assert b"4111111111111112" not in after
    if "a-code-" in file.stem:  # behind the number, in one text
        message = json.loads(after)
        card = message.get("guarantee") or message["data"][0]["attributes"]["guarantee"]
        assert not re.search("[0-9]", card["card_number"] if isinstance(card, dict) else card)
    failures = {str(place.failure) for place in clear if place.failure is not None}
    return failures.pop() if failures else "card" if clear else "code_only"


READING = sorted((pathlib.Path(__file__).parent.parent / "corpus" / "reading").iterdir())


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in READING])
def test_p03_a_card_in_json_is_found_wherever_its_name_stands(file):
    assert outcome(file) == file.stem.partition("--")[0]


@pytest.mark.parametrize("number", ["4111111111111111 123", "4111111111111111 110"])
def test_p03_a_code_behind_a_number_is_no_part_of_a_card(number):
    body = json.dumps({"data": [{"attributes": {"guarantee": GOOD | {"card_number": number}}}]})
    bookings, _ = hidden_json(body.encode())
    ((place,),) = [booking.cards for booking in bookings]
    assert (place.card, place.failure) == (None, Failure.NUMBER_INVALID)


def test_p03_a_code_behind_a_number_outside_of_every_booking_goes():
    card = CARD.replace("4111111111111112", "4111111111111111 123")
    assert (
        'CardNumber="**************** ***"'
        in hidden(f"<a><HotelResModify>{card}</HotelResModify></a>")[1]
    )


def test_a_card_in_a_list_fails_beside_the_card_that_is_none_of_the_list():
    body = json.dumps(
        {
            "data": [
                {"attributes": {"guarantee": GOOD}},
                {"attributes": {"guarantee": [GOOD, GOOD]}},
            ]
        }
    ).encode()
    bookings, after = hidden_json(body)
    cards = [[place.failure for place in booking.cards] for booking in bookings]
    assert cards == [[None], [Failure.CARD_MALFORMED] * 2]
    second = json.loads(after)["data"][1]["attributes"]
    assert second["card_error"] == "card_malformed"
    assert second["card_error_2"] == "card_malformed"
    masked = {"card_number": "411111******1112", "expires": "12/2030"}
    assert second["guarantee"] == [masked, masked]


def test_a_list_that_a_second_shape_names_holds_good_cards():
    body = json.dumps({"data": [{"attributes": {"guarantee": [GOOD]}}]}).encode()
    shapes = (guarantee(), guarantee(card="guarantee[*]"))
    bookings, after = hidden_json(body, shapes)
    assert [place.failure for booking in bookings for place in booking.cards] == [None]
    assert b"737" not in after


def test_cards_of_several_shapes_in_one_booking_are_numbered_in_one_sequence():
    attributes = {"guarantee": [GOOD, GOOD], "payment": [GOOD, GOOD]}
    body = json.dumps({"data": [{"attributes": attributes}]}).encode()
    shapes = (guarantee(), guarantee(card="payment"))
    bookings, after = hidden_json(body, shapes, (insert(".", "error"),))
    assert [[place.position for place in one.cards] for one in bookings] == [[1, 2, 3, 4]]
    names = set(json.loads(after)["data"][0]["attributes"])
    assert names == {"guarantee", "payment", "error", "error_2", "error_3", "error_4"}


def test_an_odd_card_in_a_list_is_numbered_after_the_good_ones():
    body = json.dumps({"data": [{"attributes": {"guarantee": [GOOD, [GOOD]]}}]}).encode()
    shapes = (guarantee(card="guarantee[*]"),)
    bookings, _ = hidden_json(body, shapes, (insert(".", "error"),))
    assert [[place.position for place in one.cards] for one in bookings] == [[1, 2]]


def test_strays_of_several_shapes_are_numbered_in_one_sequence():
    body = json.dumps({"data": [], "guarantee": GOOD, "payment": GOOD}).encode()
    bookings, _ = hidden_json(body, (guarantee(), guarantee(card="payment")))
    assert [[place.position for place in one.cards] for one in bookings] == [[1, 2]]


def test_a_card_is_numbered_by_its_element_where_one_before_it_is_empty():
    bookings, _ = hidden(f"<a><HotelReservation><PaymentCard/>{CARD}</HotelReservation></a>")
    assert [[place.position for place in one.cards] for one in bookings] == [[2]]


def test_one_card_where_a_list_of_them_should_stand_fails():
    body = json.dumps({"data": [{"attributes": {"guarantee": GOOD}}]}).encode()
    bookings, after = hidden_json(body, (guarantee(card="guarantee[*]"),))
    ((place,),) = [booking.cards for booking in bookings]
    assert place.failure is Failure.OUTSIDE_BOOKING
    assert b"737" not in after


def test_a_list_where_the_whole_message_should_be_a_card():
    bookings, after = hidden_json(json.dumps([GOOD]).encode(), (guarantee("", "$"),))
    ((place,),) = [booking.cards for booking in bookings]
    assert place.failure is Failure.CARD_MALFORMED
    assert json.loads(after) == [{"card_number": "411111******1112", "expires": "12/2030"}]


def test_p03_a_card_in_parts_as_the_items_of_a_list_is_refused():
    body = b'{"data":[{"attributes":{"guarantee":["4111111111111112","737"]}}]}'
    with pytest.raises(MessageForbidden):
        hidden_json(body, (guarantee(card="guarantee[*]"),))


def exempt(*paths, card="$.transaction.card"):
    not_cards = tuple(parse_path(one, "json") for one in paths)
    return dataclasses.replace(guarantee("", card), not_cards=not_cards)


def touched(body, shape):
    try:
        return hidden_json(body, (shape,), ())[1] != body
    except MessageForbidden:
        return True


@pytest.mark.parametrize(
    ("place", "body"),
    [
        ("$.link.card", {"link": {"card": 4111111111111111}}),
        ("$.link.card", {"link": {"card": "100000012345"}}),
        ("$.link.card", {"link": {"card": "2025-01-01 2359 for 10"}}),
        ("$.link.card[*]", {"link": {"card": ["100000012345", "100000012346"]}}),
        ("$.link.card.card_number", {"link": {"card": {"card_number": "100000012345"}}}),
        ("$.transaction.card", {"transaction": {"card": "100000012345"}}),
        ("$.transaction.card[*]", {"transaction": {"card": ["100000012345"]}}),
    ],
)
def test_what_stands_where_a_rule_says_that_no_card_does_is_left_alone(place, body):
    written = json.dumps(body).encode()
    assert not touched(written, exempt(place))
    assert touched(written, exempt("$.elsewhere"))


def test_p03_a_clear_cvc_goes_where_a_rule_says_that_the_number_is_none():
    body = json.dumps({"link": {"card": GOOD}}).encode()
    assert b"737" not in hidden_json(body, (exempt("$.link.card.card_number"),), ())[1]


def test_what_one_shape_exempts_is_no_card_for_another():
    shapes = (guarantee("", "$.transaction.card"), exempt("$.link.card", card="$.payment"))
    body = b'{"link":{"card":"100000012345"}}'
    assert hidden_json(body, shapes, ())[1] == body


@pytest.mark.parametrize("number", ["100000012345", "4111111111111112", "100000012345.5"])
def test_a_json_number_outside_that_is_no_card_stays_a_number(number):
    body = b'{"data":[],"guarantee":%s}' % number.encode()
    assert hidden_json(body) == ([], body)


def test_a_number_that_is_its_own_card_is_no_odd_one():
    shape = Shape(
        name="bare",
        format="json",
        card=parse_path("$.numbers[*]", "json"),
        number=Field(parse_path(".", "json")),
    )
    bookings, after = hidden_json(b'{"numbers":["4111111111111112","****1111"]}', (shape,), ())
    ((card, mask),) = [booking.cards for booking in bookings]
    assert (card.failure, mask.left_alone) == (None, True)
    assert json.loads(after) == {"numbers": ["411111******1112", "****1111"]}
