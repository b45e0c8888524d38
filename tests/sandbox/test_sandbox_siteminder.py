"""The simulated SiteMinder against pmsXchange's description: requests sends, lxml builds and reads."""

from __future__ import annotations

import gzip
import io
import threading
import time
import xml.etree.ElementTree as ET

import pytest
import requests
from lxml import etree

from gateway.cards.pan import brand_of, luhn_ok
from gateway.sandbox.cards import generated
from gateway.sandbox.pull import read_request
from gateway.sandbox.scenarios import SCENARIOS

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
OTA = "http://www.opentravel.org/OTA/2003/05"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
TEXT = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
NS = {"s": SOAP, "o": OTA}


def soap(message, user="sandbox-pms", password="Sandbox-Pass1!", kind=TEXT):
    """An envelope built by lxml, not by the product."""
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"e": SOAP})
    header = etree.SubElement(envelope, f"{{{SOAP}}}Header")
    security = etree.SubElement(header, f"{{{WSSE}}}Security")
    token = etree.SubElement(security, f"{{{WSSE}}}UsernameToken")
    etree.SubElement(token, f"{{{WSSE}}}Username").text = user
    etree.SubElement(token, f"{{{WSSE}}}Password", Type=kind).text = password
    etree.SubElement(envelope, f"{{{SOAP}}}Body").append(message)
    return etree.tostring(envelope, xml_declaration=True, encoding="utf-8")


def read_rq(hotel, *, echo="e-1", requestor="SANDBOX", type="22", selection="Undelivered"):
    message = etree.Element(f"{{{OTA}}}OTA_ReadRQ", nsmap={None: OTA}, Version="1.0")
    if echo:
        message.set("EchoToken", echo)
    source = etree.SubElement(etree.SubElement(message, f"{{{OTA}}}POS"), f"{{{OTA}}}Source")
    etree.SubElement(source, f"{{{OTA}}}RequestorID", Type=type, ID=requestor)
    request = etree.SubElement(
        etree.SubElement(message, f"{{{OTA}}}ReadRequests"), f"{{{OTA}}}HotelReadRequest"
    )
    if hotel is not None:
        request.set("HotelCode", hotel)
    etree.SubElement(request, f"{{{OTA}}}SelectionCriteria", SelectionType=selection)
    return message


def notif_rq(ids, result="Success"):
    message = etree.Element(
        f"{{{OTA}}}OTA_NotifReportRQ", nsmap={None: OTA}, Version="1.0", EchoToken="n-1"
    )
    if result:
        etree.SubElement(message, f"{{{OTA}}}{result}")
    level = message
    for name in ("NotifDetails", "HotelNotifReport", "HotelReservations"):
        level = etree.SubElement(level, f"{{{OTA}}}{name}")
    for id in ids:
        reservation = etree.SubElement(level, f"{{{OTA}}}HotelReservation")
        etree.SubElement(reservation, f"{{{OTA}}}UniqueID", Type="16", ID=id)
    return message


def post(sandbox, body, *, code="SANDBOX", kind="text/xml; charset=utf-8", **more):
    url = f"{sandbox.url('siteminder')}/pmsxchangev2/services/{code}"
    return requests.post(
        url, data=body, headers={"Content-Type": kind}, verify=str(sandbox.ca_file), **more
    )


def pull(sandbox, hotel, **more):
    return post(sandbox, soap(read_rq(hotel)), **more)


def reservations(answer):
    return etree.fromstring(answer.content).findall(".//o:HotelReservation", NS)


def cards(answer):
    return etree.fromstring(answer.content).findall(".//o:PaymentCard", NS)


def error(answer):
    root = etree.fromstring(answer.content)
    assert answer.status_code == 200
    assert root.find(".//o:Success", NS) is None
    found = root.find(".//o:Errors/o:Error", NS)
    return found.get("Type"), found.get("Code"), found.text


def test_a_pull_gives_the_reservation_in_an_envelope(sandbox):
    answer = pull(sandbox, "10107")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    root = etree.fromstring(answer.content)
    assert root.tag == f"{{{SOAP}}}Envelope"
    message = root.find("s:Body/o:OTA_ResRetrieveRS", NS)
    assert message.get("EchoToken") == "e-1"
    assert message.get("Version") == "1.0"
    assert message.find("o:Success", NS) is not None
    (card,) = cards(answer)
    assert dict(card.attrib) == {
        "CardCode": "VI", "CardType": "1", "CardNumber": "4444333322221111", "ExpireDate": "1230",
    }  # fmt: skip
    assert card.find("o:CardHolderName", NS).text == "Bruce Wayne"
    assert 3300 < len(etree.tostring(reservations(answer)[0])) < 4000


def test_undelivered_comes_again_until_it_is_confirmed(sandbox):
    first, second = pull(sandbox, "RESERVATIONS"), pull(sandbox, "RESERVATIONS")
    ids = [each.find("o:UniqueID[@Type='16']", NS).get("ID") for each in reservations(first)]
    assert len(ids) == len(set(ids)) == 4
    assert len(reservations(second)) == 4
    confirmed = post(sandbox, soap(notif_rq(ids[:3])))
    root = etree.fromstring(confirmed.content)
    assert root.find("s:Body/o:OTA_NotifReportRS/o:Success", NS) is not None
    assert root.find("s:Body/o:OTA_NotifReportRS", NS).get("EchoToken") == "n-1"
    assert len(reservations(pull(sandbox, "RESERVATIONS"))) == 1
    post(sandbox, soap(notif_rq(ids[3:], "Errors")))  # an erroneous delivery is a delivery
    empty = pull(sandbox, "RESERVATIONS")
    assert reservations(empty) == []
    assert etree.fromstring(empty.content).find(".//o:ReservationsList", NS) is not None
    assert len(cards(pull(sandbox, "10107"))) == 1  # another hotel's are untouched


@pytest.mark.parametrize(
    "message", [notif_rq([]), notif_rq(["SBX-1-1"], ""), notif_rq(["somebody-else"])]
)
def test_a_report_that_confirms_nothing_is_refused(sandbox, message):
    assert error(post(sandbox, soap(message)))[0] in ("3", "10")


@pytest.mark.parametrize("credential", [("sandbox-pms", "no"), ("", "Sandbox-Pass1!"), ("x", "")])
def test_wrong_credentials_are_an_ota_error_with_status_200(sandbox, credential):
    answer = post(sandbox, soap(read_rq("10107"), *credential))
    kind, _, text = error(answer)
    assert kind == "4"
    assert text.startswith("Authentication failed")
    message = etree.fromstring(answer.content).find(".//o:OTA_ResRetrieveRS", NS)
    assert message.get("EchoToken") == "e-1"
    assert b"4444" not in answer.content


def test_no_credential_and_a_digest_are_refused(sandbox):
    digest = soap(read_rq("10107"), kind=TEXT.replace("Text", "Digest"))
    bare = etree.fromstring(soap(read_rq("10107")))
    bare.remove(bare.find("s:Header", NS))
    for body in (digest, etree.tostring(bare)):
        assert error(post(sandbox, body))[0] == "4"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (read_rq("10107", echo=""), "10"),
        (read_rq("10107", type="21"), "10"),
        (read_rq("10107", requestor="OTHER"), "4"),
        (read_rq("10107", selection="All"), "10"),
        (read_rq("NO-SUCH"), "6"),
    ],
)
def test_wrong_messages_are_ota_errors(sandbox, message, expected):
    assert error(post(sandbox, soap(message)))[0] == expected


def test_an_unknown_pms_code_does_not_exist(sandbox):
    kind, _, text = error(post(sandbox, soap(read_rq("10107")), code="NOBODY"))
    assert (kind, text) == ("4", "Authentication failed - PMS does not exist")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<a/>",
        b"not xml at all",
        soap(etree.Element("{urn:x}OTA_ReadRQ")),
        soap(etree.Element(f"{{{OTA}}}OTA_HotelAvailNotifRQ")),
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + soap(read_rq("10107")).split(b"?>", 1)[1],
    ],
)
def test_what_is_no_soap_is_a_fault(sandbox, body):
    answer = post(sandbox, body)
    assert answer.status_code == 500
    fault = etree.fromstring(answer.content).find("s:Body/s:Fault", NS)
    assert fault.find("faultcode").text == "SOAP-ENV:Client"


def test_the_content_type_and_the_method_matter(sandbox, ca):
    assert post(sandbox, soap(read_rq("10107")), kind="application/soap+xml").status_code == 415
    url = f"{sandbox.url('siteminder')}/pmsxchangev2/services/SANDBOX"
    assert requests.get(url, verify=ca).status_code == 405


def test_one_pull_at_a_time_for_a_hotel(sandbox):
    got = []
    slow = threading.Thread(target=lambda: got.append(pull(sandbox, "SLOW-1")))
    slow.start()
    while not sandbox.siteminder._in_flight:
        time.sleep(0.01)
    refused = pull(sandbox, "SLOW-1")
    other = pull(sandbox, "10107")
    slow.join()
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert other.status_code == 200
    assert len(cards(got[0])) == 1
    until = time.monotonic() + 30  # it ends once the answer has left, so shortly after it came
    while sandbox.siteminder._in_flight and time.monotonic() < until:
        time.sleep(0.01)
    assert not sandbox.siteminder._in_flight


def test_polling_too_quickly_is_refused_where_it_is_asked_for(sandbox):
    sandbox.siteminder.settings.polling_seconds = 120
    assert pull(sandbox, "10107").status_code == 200
    again = pull(sandbox, "10107")
    assert again.status_code == 429
    assert 100 < int(again.headers["retry-after"]) <= 120


@pytest.mark.parametrize(
    ("hotel", "bookings", "numbers"),
    [
        ("CVC", 1, ["4444333322221111"]),
        ("CARDS", 1, ["4444333322221111", "5555555555554444", "378282246310005"]),
        ("ROOMS", 1, ["4444333322221111"]),
        ("NOCARD", 1, []),
        ("MASKED", 1, ["444433******1111"]),
        ("NONNUMERIC", 1, ["4444333322221X1A"]),
        ("COMMENT", 1, []),
        ("PREFIX", 1, ["4444333322221111"]),
        ("LATIN1", 1, ["4444333322221111"]),
        ("UTF16", 1, ["4444333322221111"]),
        ("WORLD", 1, ["4444333322221111"]),
        ("CDATA", 1, ["4444333322221111"]),
        ("CR", 1, ["4444333322221111"]),
        ("CRCRLF", 1, ["4444333322221111"]),
        ("SPACEDTAG", 1, ["4444333322221111"]),
        ("QUOTES", 1, ["4444333322221111"]),
        ("GZIP", 1, ["4444333322221111"]),
        ("CHUNKED", 1, ["4444333322221111"]),
        ("DRIP", 1, ["4444333322221111"]),
        ("EMPTY", 0, []),
    ],
)  # fmt: skip
def test_scenarios_that_are_xml_read_the_same_in_two_parsers(sandbox, hotel, bookings, numbers):
    answer = pull(sandbox, hotel)
    assert len(reservations(answer)) == bookings
    assert [card.get("CardNumber") for card in cards(answer)] == numbers
    second = ET.fromstring(answer.content).iter(f"{{{OTA}}}PaymentCard")
    assert [card.get("CardNumber") for card in second] == numbers


def test_spellings_are_what_their_names_say(sandbox):
    said = {hotel: pull(sandbox, hotel).content for hotel in SPELT}
    assert all(mark in said[hotel] for hotel, mark in SPELT.items()), said
    assert b"\n" not in said["CR"]
    assert said["NEWLINE"].startswith(b"\n<?xml")
    assert said["UTF16"][:2] in (b"\xff\xfe", b"\xfe\xff")
    assert "Núñez".encode("latin-1") in said["LATIN1"]
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(said["NEWLINE"])
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(said["MALFORMED"])


SPELT = {
    "PREFIX": b"<ota:PaymentCard ",
    "LATIN1": b'encoding="ISO-8859-1"',
    "UTF16": b"",
    "CDATA": b"<![CDATA[",
    "CR": b"\r",
    "CRCRLF": b"\r\r\n",
    "NEWLINE": b"<?xml",
    "SPACEDTAG": b"</PaymentCard >",
    "QUOTES": b"CardNumber = '4444333322221111'",
    "DOCTYPE": b"<!ENTITY card",
    "MALFORMED": b"4444333322221111",
    "BADNS": b"<SOAP-ENV:Envelope xmlns:soap-env=",
    "COMMENT": b"4111111111111111",
    "SMX": b'Mask="4021XXXXXXXX8995"',
    "PLAINTEXT": b"<PlainText>4111111111111111</PlainText>",
}


def test_several_hotels_come_in_one_answer_also_without_a_hotel_code(sandbox):
    for hotel in ("HOTELS", None):
        codes = [
            each.find("o:ResGlobalInfo/o:BasicPropertyInfo", NS).get("HotelCode")
            for each in reservations(pull(sandbox, hotel))
        ]
        assert codes == ["HOTEL-A", "HOTEL-B", "HOTEL-B"]


def test_generated_cards_are_distinct_valid_and_the_same_again(sandbox):
    first = [card.get("CardNumber") for card in cards(pull(sandbox, "BULK-100"))]
    assert len(set(first)) == 100
    assert first == [card.get("CardNumber") for card in cards(pull(sandbox, "BULK-100"))]
    assert all(luhn_ok(number) and brand_of(number) == "visa" for number in first)
    other = [card.get("CardNumber") for card in cards(pull(sandbox, "BULK-100-1"))]
    assert not set(first) & set(other)
    with pytest.raises(ValueError):
        generated(-1)


def test_ten_thousand_reservations_are_36_megabytes(sandbox):
    size = len(pull(sandbox, "BULK-1000").content)
    assert 3_300_000 < size < 4_000_000


def test_a_bomb_is_small_on_the_wire_and_valid_gzip(sandbox):
    answer = pull(sandbox, "BOMB", stream=True)
    packed = answer.raw.read(decode_content=False)
    assert len(packed) < 1_000_000
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
        total = 0
        while block := file.read(16 * 1024 * 1024):
            total += len(block)
    assert total == 128 * 1024 * 1024


@pytest.mark.parametrize(
    ("hotel", "coding"), [("CODING", "hex"), ("STACKED", "gzip, gzip"), ("GZIP", "gzip")]
)
def test_codings_are_named(sandbox, hotel, coding):
    answer = pull(sandbox, hotel, stream=True)
    assert answer.headers["content-encoding"] == coding
    answer.close()


def test_its_own_errors(sandbox):
    page = pull(sandbox, "HTML500")
    assert (page.status_code, page.headers["content-type"]) == (
        500,
        "text/html; charset=iso-8859-1",
    )
    assert b"4111111111111111" in pull(sandbox, "HTMLCARD").content
    assert "4444333322221111" in pull(sandbox, "HEADER").headers["x-debug"]
    assert pull(sandbox, "LABEL").headers["content-type"] == "application/json"


@pytest.mark.parametrize("hotel", ["CUT", "STATUSLINE"])
def test_broken_http_breaks_a_real_client(sandbox, hotel):
    with pytest.raises(requests.RequestException):
        pull(sandbox, hotel)


def test_a_trailer_is_sent(sandbox):
    answer = pull(sandbox, "TRAILERS")
    assert answer.headers["trailer"] == "X-Card"
    assert len(cards(answer)) == 1


def test_every_scenario_answers_something(sandbox):
    broken = {"CUT", "STATUSLINE", "SLOW", "DRIP", "BOMB", "CODING", "STACKED"}
    for hotel in SCENARIOS.keys() - broken:
        assert pull(sandbox, hotel).status_code in (200, 500), hotel


def test_the_text_that_the_sandbox_prints_is_a_request_that_works(sandbox):
    text = read_request("10107", "sandbox-pms", "Sandbox-Pass1!")
    assert len(cards(post(sandbox, text.encode()))) == 1
