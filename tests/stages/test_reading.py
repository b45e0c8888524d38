"""What is read out of odd messages: found by asking what a shape does not say."""

from __future__ import annotations

import pytest

from gateway.cards.bins import Bins
from gateway.cards.card import Failure
from gateway.codecs import open_document
from gateway.codecs.paths import parse_path
from gateway.errors import MessageForbidden
from gateway.rules.model import Field, Shape, Tokenize
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
