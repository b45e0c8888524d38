"""SiteMinder's answers as a PMS reads them: with expat (xml.etree), not with our own parser."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

OTA = "{http://www.opentravel.org/OTA/2003/05}"
CARD = re.compile(r"(?<![0-9])[0-9]{13,19}(?![0-9])")


def bookings(body):
    return list(ET.fromstring(body.lstrip()).iter(f"{OTA}HotelReservation"))


def cards(booking):
    return list(booking.iter(f"{OTA}PaymentCard"))


def tokens(booking):
    return [
        (one.findtext(f"{OTA}iduser"), one.findtext(f"{OTA}tokenuser"), one.get("position"))
        for one in booking.iter(f"{OTA}PaycometResponse")
    ]


def timeless(body):
    """SiteMinder's answers differ in their time stamp alone."""
    return re.sub(rb'TimeStamp="[^"]*"', b"", body)


def masked(pan):
    """How a PMS is shown a number: the first six digits and the last four."""
    return pan[:6] + "*" * (len(pan) - 10) + pan[-4:]


def check_one_card(before, answer):
    """Of SiteMinder's one card, the PMS sees a mask and a token, and no code; the rest is as it was.
    The booking."""
    (booking,) = bookings(answer.content)
    (card,) = cards(booking)
    (original,) = cards(*bookings(before))
    pan = original.get("CardNumber")
    assert card.get("CardNumber") == masked(pan)
    assert card.get("SeriesCode") is None
    assert card.get("ExpireDate") == original.get("ExpireDate")
    ((iduser, tokenuser, position),) = tokens(booking)
    assert 0 < int(iduser) < 2**31
    assert re.fullmatch("[0-9A-Za-z]{13}", tokenuser)
    assert position is None
    assert booking.findtext(f"{OTA}B2B") == "0"
    assert booking.find(f"{OTA}ds_error_id") is None
    assert pan.encode() not in answer.content
    assert answer.headers["X-Gateway-Cards"] == "found=1 tokenized=1 failed=0"
    return booking


def check_as_it_was(before, after):
    """Nothing but the time of day tells the two answers apart."""
    assert after.status_code == before.status_code
    assert timeless(after.content) == timeless(before.content)
