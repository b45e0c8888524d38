"""Capture links from the PMS's call to the card in the vault, over real ports; no browser yet."""

from __future__ import annotations

import hashlib
import hmac
import json
import re

import pytest

from tests.pages.guests import ADDRESS, BOOKED, CARD, CODE, TYPED, cards, refused
from tests.pages.serving import TOKEN, policy_of
from tests.pages.site import SECRET


def wrong_of(answer):
    """What the page says next to its fields."""
    found = re.findall(r'<p class="wrong" id="(\w+)-wrong">([^<]+)</p>', answer.text)
    return dict(found)


# --- the whole way --------------------------------------------------------------------------------


def test_p24_p35_a_card_is_kept_told_and_its_link_used_up(hotel, guest):
    back = f"{hotel.origin}/back?room=7"
    link = hotel.make(
        booking=BOOKED, purpose="Guarantee", amount={"value": 5000, "currency": "EUR"},
        return_url=back,
    )  # fmt: skip
    assert (link["state"], link["result"]) == ("open", None)
    one = guest(link)
    page = one.open()
    assert "Hotel Seaside" in page.text
    assert "50.00\xa0EUR" in page.text
    assert policy_of(page)["form-action"] == f"'self' {hotel.origin}"
    assert policy_of(page)["frame-ancestors"] == hotel.origin
    token = TOKEN.search(page.text)[1]
    sent = one.send(token, **TYPED)
    assert (sent.status_code, sent.headers["Location"]) == (303, f"{back}&link={link['id']}")
    assert one.send(token, **TYPED).status_code == 404
    after = hotel.link(link["id"])
    assert after["state"] == "used"
    assert "url" not in after or after["url"] is None
    result = after["result"]
    assert result | {"token": ""} == {
        "token": "", "mask": "555555******4444", "brand": "mastercard",
        "expiration_month": "08", "expiration_year": "2029",
    }  # fmt: skip
    shown = hotel.call("GET", f"/cards/{result['token']}").json()
    assert shown["holder"] == "Ana Example"
    assert shown["bookings"][0]["id"] == "RES-1"
    assert shown["bookings"][0]["departure"] == "2030-04-03"
    (told,) = hotel.told(link["id"])
    _signed(told)
    assert told.header("X-Gateway-Event") == "capture.completed"
    said = _json(told)["data"]
    assert (said["link"], said["token"]) == (link["id"], result["token"])
    assert said["booking"] == {"system": "siteminder", "hotel": "10107", "id": "RES-1"}


def _json(request):
    return json.loads(request.body)


def _signed(request):
    parts = dict(part.split("=", 1) for part in request.header("X-Gateway-Signature").split(","))
    signed = hmac.new(SECRET.encode(), parts["t"].encode() + b"." + request.body, hashlib.sha256)
    assert hmac.compare_digest(parts["v1"], signed.hexdigest())


def test_p16_neither_card_nor_code_nor_secret_is_in_anything_that_was_written(hotel, guest):
    link = hotel.make(product="hilltop")
    one = guest(link)
    bad = one.send(number="5555555555554445", expiry="08/29", holder=CARD, security_code=CODE)
    assert bad.status_code == 422
    assert "5555555555554445" not in bad.text
    assert CARD not in bad.text
    assert f'value="{CODE}"' not in bad.text
    assert one.send(security_code=CODE, **TYPED).status_code == 200
    secret = link["url"].rpartition("/")[2]
    for name, written in hotel.gateway.everything_written():
        for text in (CARD, "5555 5555 5555 4444", "5555555555554445", secret):
            assert text.encode() not in written, name


def test_without_a_return_url_the_page_says_that_it_is_done(hotel, guest):
    sent = guest(hotel.make(product="hilltop")).send(security_code=CODE, **TYPED)
    assert sent.status_code == 200
    assert "Mastercard •••• 4444" in sent.text
    assert policy_of(sent)["frame-ancestors"] == "'none'"


def test_p21_a_code_is_asked_for_only_where_it_is_held(hotel, guest):
    assert 'name="security_code"' not in guest(hotel.make()).open().text
    assert 'name="security_code"' in guest(hotel.make(product="hilltop")).open().text
    guest(hotel.make(product="hilltop")).send(security_code=CODE, **TYPED)
    assert hotel.gateway.rows("select count(*) from cvc") == [(1,)]


def test_p21_a_link_for_a_code_adds_it_to_the_card(hotel, guest):
    said = {"number": "378282246310005", "expiration_month": "08", "expiration_year": "2029"}
    token = hotel.call("POST", "/cards", said | {"product": "hilltop"}).json()["token"]
    iduser = token.split("_")[2]
    held = f"select count(*) from cvc where iduser = {iduser}"
    link = hotel.make("cvc", product="hilltop", token=token)
    one = guest(link)
    page = one.open().text
    assert "•••• 0005" in page
    assert 'name="number"' not in page
    short = one.send(security_code="739")
    assert wrong_of(short) == {"security_code": "Type the 4 digits on the front of the card."}
    assert hotel.gateway.rows(held) == [(0,)]
    assert one.send(security_code="7391").status_code == 200
    assert hotel.gateway.rows(held) == [(1,)]
    assert hotel.link(link["id"])["result"]["token"] == token
    assert _json(hotel.told(link["id"])[0])["data"]["token"] == token


def test_a_link_for_a_code_of_a_card_that_was_forgotten_is_closed(hotel, guest):
    said = {"number": CARD, "expiration_month": "01", "expiration_year": "2031"}
    token = hotel.call("POST", "/cards", said | {"product": "hilltop"}).json()["token"]
    one = guest(hotel.make("cvc", product="hilltop", token=token))
    assert hotel.call("DELETE", f"/cards/{token}").status_code == 204
    sent = one.send(security_code=CODE)
    assert sent.status_code == 404
    assert "not needed any more" in sent.text


def test_p24_a_link_for_a_code_is_told_again_after_its_card_was_forgotten(hotel):
    card = {"number": CARD, "expiration_month": "02", "expiration_year": "2031"}
    token = hotel.call("POST", "/cards", card | {"product": "hilltop"}).json()["token"]
    said = {"profile": "cvc", "token": token}
    first = hotel.call("POST", "/capture-links", said, once="forgotten")
    assert first.status_code == 201, first.text
    assert hotel.call("DELETE", f"/cards/{token}").status_code == 204
    last = hotel.gateway.rows("select max(id) from audit")[0][0]
    again = hotel.call("POST", "/capture-links", said, once="forgotten")
    assert (again.status_code, again.content) == (201, first.content)
    later = f"select action, outcome, detail from audit where id > {last}"
    assert hotel.gateway.rows(later) == [("link_create", "done", "repeated")]  # and no guess
    refused(hotel.call("POST", "/capture-links", said, once="new"), 404, "token_unknown")
    other = said | {"language": "es"}
    refused(
        hotel.call("POST", "/capture-links", other, once="forgotten"), 422, "idempotency_key_reused"
    )


def test_an_address_is_shown_to_the_client_that_asked_for_it(hotel, guest):
    link = hotel.make("card_and_address", language="en")
    typed = {name: text for name, text in TYPED.items() if name != "holder"}
    assert guest(link).send(**typed, **ADDRESS).status_code == 200
    assert hotel.link(link["id"])["billing_contact"] == {
        "given_name": "Ana",
        "family_name": "Example",
        "address": {
            "line_1": "1 Pier", "city": "Brighton", "postal_code": "BN1", "country_code": "GB",
        },
    }  # fmt: skip
    assert b"Brighton" not in hotel.told(link["id"])[0].body


def test_a_postcode_is_wanted_where_the_processor_takes_no_charge_without_one(hotel, guest):
    typed = {name: text for name, text in TYPED.items() if name != "holder"} | ADDRESS
    link = hotel.make("card_and_address", product="inn", language="en")
    one, before = guest(link), cards(hotel)
    field = re.search(r'<label for="postal_code">[^/]*</label>\s*<input[^>]*>', one.open().text)[0]
    assert 'aria-required="true"' in field
    for nothing in ("", "  "):
        answer = one.send(**typed | {"postal_code": nothing})
        assert answer.status_code == 422
        assert wrong_of(answer) == {
            "postal_code": "Type the postcode. If there is none where you live, type 00000."
        }
    (wrong,) = wrong_of(one.send(**typed | {"postal_code": CARD})).values()
    assert "looks like a card number" in wrong
    assert cards(hotel) == before
    assert one.send(**typed | {"postal_code": "00000"}).status_code == 200
    assert hotel.link(link["id"])["billing_contact"]["address"]["postal_code"] == "00000"
    other = guest(hotel.make("card_and_address", language="en"))  # its product names no processor
    assert '(optional)</small></label>\n<input id="postal_code"' in other.open().text
    assert other.send(**typed | {"postal_code": ""}).status_code == 200


# --- what a guest mistypes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"number": "5555 5555 5555 4445"}, {"number": "This is not a card number. Check each digit."}),
        ({"number": ""}, {"number": "Type the number of your card."}),
        ({"number": "0000000000000000"}, {"number": "This is not a card number. Check each digit."}),
        ({"number": "1234"}, {"number": "This is not a card number. Check each digit."}),
        ({"expiry": "13/29"}, {"expiry": "Type month and year, as on the card: 08/29"}),
        ({"expiry": "08/99"}, {"expiry": "Type month and year, as on the card: 08/29"}),
        ({"expiry": ""}, {"expiry": "Type month and year, as on the card: 08/29"}),
        ({"expiry": "01/20"}, {"expiry": "This card has expired. Use another one."}),
        ({"holder": " "}, {"holder": "Type the name that is on the card."}),
        ({"holder": "x" * 61}, {"holder": "This is too long. At most 60 letters."}),
        ({"holder": CARD}, {"holder": "This looks like a card number, which belongs into its own field."}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_next_to_its_field(hotel, guest, typed, wrong):
    one = guest(hotel.make())
    before = cards(hotel)
    answer = one.send(**(TYPED | typed))
    assert (answer.status_code, wrong_of(answer)) == (422, wrong)
    first = next(iter(wrong))
    tag = re.search(rf'<input id="{first}"[^>]*>', answer.text)[0]
    assert 'aria-invalid="true"' in tag
    assert "autofocus" in tag
    assert f"{first}-wrong" in tag
    assert cards(hotel) == before
    assert one.send(**TYPED).status_code == 200  # the link is still there


@pytest.mark.parametrize("spelling", ["08/29", "8/29", "0829", "08 / 29", "08-2029", "08/2029"])
def test_an_expiry_may_be_typed_as_people_do(hotel, guest, spelling):
    link = hotel.make()
    assert guest(link).send(**(TYPED | {"expiry": spelling})).status_code == 200
    assert hotel.link(link["id"])["result"]["expiration_year"] == "2029"


def test_a_live_product_takes_no_published_test_number(hotel, guest):
    answer = guest(hotel.make(product="grand")).send(**TYPED)
    assert wrong_of(answer) == {
        "number": "This number is for testing. Type the number of your card."
    }


def test_what_a_guest_typed_is_escaped(hotel, guest):
    answer = guest(hotel.make()).send(number="", expiry='"><script>', holder='"><b>x')
    assert "<script>" not in answer.text.replace('<script src="/static', "")
    assert "<b>" not in answer.text


def test_p35_a_page_is_sent_so_often_and_no_oftener(hotel, guest):
    one, other = guest(hotel.make()), guest(hotel.make())
    token = TOKEN.search(one.open().text)[1]
    for _ in range(20):
        assert one.send(token, number="1").status_code == 422
    answer = one.send(token, **TYPED)
    assert answer.status_code == 429
    assert "wait ten minutes" in answer.text
    assert other.send(**TYPED).status_code == 200


@pytest.mark.parametrize("language", ["en", "es", "it", "fr", "de"])
def test_a_page_with_everything_is_below_30_kb_in_each_language(hotel, guest, language):
    one = guest(hotel.make("card_and_address", language=language, purpose="x" * 100))
    page = one.open()
    assert f'<html lang="{language}">' in page.text
    files = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text))
    assert len(files) == 3
    loaded = [one.session.get(hotel.base + path, timeout=20).content for path in files]
    assert len(page.content) + sum(map(len, loaded)) < 30_000
