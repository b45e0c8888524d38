"""A PMS pulls from SiteMinder through the proxy: design.md's first flow, over real sockets and TLS.

Every answer is compared with what SiteMinder sends when nobody stands between, and read with expat
(xml.etree), not with our own parser.
"""

from __future__ import annotations

import re
import threading
import time
import xml.etree.ElementTree as ET

import pytest

from gateway.stages import swap
from tests.e2e.ota import (
    CARD,
    OTA,
    bookings,
    cards,
    check_as_it_was,
    check_one_card,
    masked,
    timeless,
    tokens,
)
from tests.e2e.problem import check_pull


def pulled(gateway, hotel, **more):
    before = gateway.upstream_bytes(hotel).content
    answer = gateway.pull(hotel, **more)
    for _ in range(300):  # one pull at a time: the first one may still be in flight
        if answer.status_code != 429:
            break
        time.sleep(0.1)
        answer = gateway.pull(hotel, **more)
    assert answer.status_code == 200, answer.text
    return before, answer


def test_p03_one_card(gateway):
    before, answer = pulled(gateway, "10107")
    booking = check_one_card(before, answer)
    (parent,) = [one for one in booking.iter() if one.find(f"{OTA}PaycometResponse") is not None]
    assert parent.tag == f"{OTA}ResGlobalInfo"
    assert len(answer.headers["X-Gateway-Exchange"]) >= 8
    assert {"upstream", "gateway", "vault"} <= set(
        re.findall(r"(\w+);dur", answer.headers["Server-Timing"])
    )


def test_p15_only_the_named_spans_change(gateway):
    """What was inserted taken out again, and the masked number put back, it is the same bytes."""
    before, answer = pulled(gateway, "10107")
    after = answer.content
    after = re.sub(rb"<PaycometResponse>.*?</PaycometResponse>", b"", after)
    after = re.sub(rb"<B2B>.</B2B>", b"", after)
    (card,) = cards(*bookings(before))
    pan = card.get("CardNumber")
    after = after.replace(masked(pan).encode(), pan.encode())
    assert timeless(after) == timeless(re.sub(rb'\s+SeriesCode="[^"]*"', b"", before))


def test_p03_the_cvc_goes(gateway):
    before, answer = pulled(gateway, "CVC")
    assert cards(*bookings(before))[0].get("SeriesCode")
    assert b"SeriesCode" not in answer.content


def test_several_cards_carry_their_position(gateway):
    _, answer = pulled(gateway, "CARDS")
    (booking,) = bookings(answer.content)
    found = tokens(booking)
    assert len(found) == len(cards(booking)) > 1
    assert [position for *_, position in found] == [str(n + 1) for n in range(len(found))]
    assert len({iduser for iduser, *_ in found}) == len(found)


def test_several_reservations(gateway):
    before, answer = pulled(gateway, "RESERVATIONS")
    assert len(bookings(before)) > 1
    for old, new in zip(bookings(before), bookings(answer.content), strict=True):
        assert len(tokens(new)) == len(cards(old))
        assert (new.find(f"{OTA}B2B") is not None) == bool(cards(old))


def test_several_rooms(gateway):
    _, answer = pulled(gateway, "ROOMS")
    (booking,) = bookings(answer.content)
    assert len(list(booking.iter(f"{OTA}RoomStay"))) == 3
    assert len(tokens(booking)) == 1


def test_each_hotels_cards_belong_to_its_own_product(gateway, own_gateway):
    other = own_gateway(hotels={"siteminder": {"10107": "hilltop"}})
    for one, product in ((gateway, "seaside"), (other, "hilltop")):
        _, answer = pulled(one, "10107")
        (booking,) = bookings(answer.content)
        ((iduser, *_),) = tokens(booking)
        assert one.rows(f"select product from card where iduser = {int(iduser)}") == [(product,)]


def test_several_hotels_in_one_answer(gateway):
    _, answer = pulled(gateway, "HOTELS")
    products = set()
    for booking in bookings(answer.content):
        ((iduser, *_),) = tokens(booking)
        products |= set(gateway.rows(f"select product from card where iduser = {int(iduser)}"))
    assert products == {("seaside",), ("hilltop",)}


def test_a_hotel_that_the_map_does_not_know_fails_and_is_filed_nowhere(own_gateway):
    gateway = own_gateway(hotels={"siteminder": {"20207": "hilltop"}})
    _, answer = pulled(gateway, "10107")
    (booking,) = bookings(answer.content)
    assert booking.findtext(f"{OTA}ds_error_id") == "1099"
    assert not tokens(booking)
    assert "*" in cards(booking)[0].get("CardNumber")
    assert gateway.rows("select count(*) from card") == [(0,)]


@pytest.mark.parametrize("hotel", ["NOCARD", "EMPTY", "MASKED", "SMX", "SENTINEL"])
def test_p15_without_a_clear_card_it_comes_as_it_was(gateway, hotel):
    before, answer = pulled(gateway, hotel)
    assert timeless(answer.content) == timeless(before)
    left = {"MASKED": " left=1 ask_again=0", "SENTINEL": " left=0 ask_again=1"}.get(hotel, "")
    assert answer.headers["X-Gateway-Cards"] == f"found=0 tokenized=0 failed=0{left}"


@pytest.mark.parametrize("hotel", ["BADEXPIRY", "NONNUMERIC"])
def test_a_card_that_fails_is_masked_and_says_why(gateway, hotel):
    before, answer = pulled(gateway, hotel)
    (booking,) = bookings(answer.content)
    assert (
        booking.findtext(f"{OTA}ds_error_id") == {"BADEXPIRY": "1046", "NONNUMERIC": "1042"}[hotel]
    )
    assert booking.findtext(f"{OTA}B2B") == "0"
    assert not tokens(booking)
    number = cards(*bookings(before))[0].get("CardNumber")
    assert cards(booking)[0].get("CardNumber") != number
    assert number.encode() not in answer.content


def test_a_past_expiry_and_a_failing_check_digit_fail_nothing(gateway):
    _, answer = pulled(gateway, "PASTEXPIRY")
    assert answer.headers["X-Gateway-Cards"] == "found=1 tokenized=1 failed=0"


def test_a_failed_card_costs_no_other_its_token(gateway):
    _, answer = pulled(gateway, "MIXED")
    cards_header = answer.headers["X-Gateway-Cards"]
    assert re.search(r"tokenized=[1-9]", cards_header)
    assert re.search(r"failed=[1-9]", cards_header)
    assert not CARD.search(re.sub(r"tok_\S+", "", answer.text))


@pytest.mark.parametrize("hotel", ["COMMENT", "COMMENTSPACED"])
def test_p11_a_card_in_a_guests_remark_is_masked_and_the_rest_comes(gateway, hotel):
    found = 'guard_findings_total{action="masked",route="siteminder/pull"} '

    def masked_so_far():
        return sum(
            float(line.split()[-1]) for line in gateway.metrics().splitlines() if found in line
        )

    counted = masked_so_far()
    before, answer = pulled(gateway, hotel)
    remarks = [
        text
        for text in ET.fromstring(before).itertext()
        if re.search(r"[0-9]{4}[ -]?[0-9]{4}", text)
    ]
    assert remarks
    shown = list(ET.fromstring(answer.content).itertext())
    for text in remarks:
        assert text.encode() not in answer.content
        words = [word for word in re.split(r"[0-9][0-9 -]{11,}[0-9]", text) if word]
        assert any(all(word in one for word in words) and "*" in one for one in shown)
    assert masked_so_far() > counted


@pytest.mark.parametrize(
    "hotel",
    ["PREFIX", "LATIN1", "UTF16", "WORLD", "CDATA", "CR", "CRCRLF", "NEWLINE", "SPACEDTAG", "QUOTES",
     "GZIP", "CHUNKED", "DRIP", "SPACES", "PLAINTEXT", "VIRTUAL"],
)  # fmt: skip
def test_every_spelling_of_a_message(gateway, hotel):
    _, answer = pulled(gateway, hotel)
    after = bookings(answer.content)
    assert after
    count = sum(len(tokens(booking)) for booking in after)
    assert count >= 1
    assert answer.headers["X-Gateway-Cards"] == f"found={count} tokenized={count} failed=0"
    for booking in after:
        for card in cards(booking):
            number = card.get("CardNumber") or "".join(card.itertext())
            assert not CARD.search(number.replace(" ", ""))


def test_twice_the_same_card_twice_the_same_token(gateway):
    _, first = pulled(gateway, "10107")
    _, second = pulled(gateway, "10107")
    assert timeless(first.content) == timeless(second.content)


@pytest.mark.parametrize("key_at", ["header", "connect", "paycomet"])
def test_three_ways_to_send_the_key(gateway, key_at):
    key = gateway.key()
    if key_at == "connect":
        answer = gateway.pull("10107", session=gateway.session(key, connect_key=True))
    else:
        header = {"header": "X-Api-Key", "paycomet": "PAYCOMET-API-TOKEN"}[key_at]
        answer = gateway.pull("10107", session=gateway.session(), headers={header: key})
    assert answer.status_code == 200
    assert b"PaycometResponse" in answer.content


def test_the_same_through_a_url_of_the_gateway(gateway):
    who = gateway.sandbox.siteminder.settings
    from gateway.sandbox.pull import read_request

    with gateway.endpoint_session(gateway.key()) as session:
        answer = session.post(
            f"{gateway.endpoints}/siteminder/services/SANDBOX",
            data=read_request("10107", who.username, who.password),
            headers={"Content-Type": "text/xml; charset=utf-8"},
            timeout=30,
        )
    assert answer.status_code == 200, answer.text
    assert b"PaycometResponse" in answer.content
    assert timeless(answer.content) == timeless(gateway.pull("10107").content)


def test_siteminders_own_errors_come_as_they_are(gateway):
    for hotel in ("HTML500", "BADNS"):
        check_as_it_was(gateway.upstream_bytes(hotel), gateway.pull(hotel))


def test_an_error_page_with_a_card_does_not(gateway):
    answer = gateway.pull("HTMLCARD")
    assert answer.status_code == 502
    assert not CARD.search(answer.text)


def test_confirmed_means_gone(gateway):
    from gateway.sandbox.pull import confirm_request

    who = gateway.sandbox.siteminder.settings
    with gateway.session(gateway.key()) as session:
        (booking,) = bookings(gateway.pull("10107", session=session).content)
        id = next(
            one.get("ID") for one in booking.iter(f"{OTA}UniqueID") if one.get("Type") == "16"
        )
        answer = session.post(
            f"{gateway.sandbox.named_url('siteminder')}/pmsxchangev2/services/SANDBOX",
            data=confirm_request([id], who.username, who.password),
            headers={"Content-Type": "text/xml; charset=utf-8"},
            timeout=30,
        )
        assert answer.status_code == 200
        assert not bookings(gateway.pull("10107", session=session).content)


def test_too_many_requests_pass_with_their_header(gateway):
    settings = gateway.sandbox.siteminder.settings
    settings.polling_seconds = 60
    try:
        gateway.pull("10107")
        answer = gateway.pull("10107")
    finally:
        settings.polling_seconds = 0
    assert answer.status_code == 429
    assert answer.headers["Retry-After"]


@pytest.mark.parametrize(
    ("hotel", "code"),
    [
        ("BOMB", "body_too_large"),
        ("CODING", "coding_not_supported"),
        ("STACKED", "coding_not_supported"),
        ("DOCTYPE", "message_forbidden"),
        ("MALFORMED", "message_malformed"),
        ("CUT", "upstream_invalid"),
        ("STATUSLINE", "upstream_invalid"),
        ("TRAILERS", "upstream_invalid"),
    ],
)
def test_p10_p12_p34_what_could_hide_a_card_is_refused(gateway, hotel, code):
    answer = gateway.pull(hotel)
    check_pull(answer, 502, code)
    assert not CARD.search(answer.text)


def test_a_wrong_label_is_no_reason_when_the_body_is_what_the_shape_says(gateway):
    """P09: the shape's format decides, not the Content-Type."""
    answer = gateway.pull("LABEL")
    assert answer.status_code == 200
    assert b"PaycometResponse" in answer.content


def test_p11_a_card_in_a_header_is_masked(gateway):
    answer = gateway.pull("HEADER")
    assert answer.status_code == 200
    # The same card stands in the body, so its alias is known.
    assert answer.headers["X-Debug"].startswith("card tok_test_")


def test_many_cards_are_counted_beside_the_event_loop(own_gateway, monkeypatch):
    """Ten thousand of them would hold it for longer than anything else does."""
    seen, original = [], swap.count_cards

    def count(*arguments):
        seen.append(threading.current_thread())
        original(*arguments)

    monkeypatch.setattr(swap, "count_cards", count)
    gateway = own_gateway()
    _, answer = pulled(gateway, "BULK-20")
    assert answer.headers["X-Gateway-Cards"] == "found=20 tokenized=20 failed=0"
    assert seen
    assert gateway.loop.thread not in seen
