"""The simulated Rapid: what it takes, what it refuses, and what it says then."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.sandbox.rapid import (
    BAD,
    BILLING,
    GOOD,
    OTHER,
    PROOF,
    Partner,
    booking,
    change,
    payment,
    signed,
)


@pytest.fixture
def rapid(sandbox):
    partner = Partner(sandbox)
    yield partner
    partner.client.close()


def kinds(answer):
    """The types of what was wrong."""
    assert answer.status_code == 400, answer.text
    said = answer.json()
    assert said["type"] == "invalid_input"
    assert said["message"] == (
        "An invalid request was sent in, please check the nested errors for details."
    )
    return [error["type"] for error in said["errors"]]


# --- booking and retrieving -----------------------------------------------------------------------


def test_a_booking_with_every_field_of_the_document(rapid, sandbox):
    full = booking(
        payments=[payment(third_party_authentication=PROOF, enrollment_date="2018-09-15")],
        affiliate_metadata="data_point_1:123|data_point2:This is data.",
        tax_registration_number="12345678910",
        traveler_handling_instructions="Contact the traveler if there are any issues.",
    )
    answer = rapid.call("POST", rapid.book_link(), full)
    assert answer.status_code == 201
    said = answer.json()
    id = said["itinerary_id"]
    assert said["links"]["retrieve"]["method"] == "GET"
    assert said["links"]["retrieve"]["href"].startswith(f"/v3/itineraries/{id}?token=")
    (card,) = sandbox.received.cards("rapid")
    assert (card.number, card.month, card.year, card.cvc, card.holder, card.reference) == (
        GOOD, "08", "2031", "123", "John Smith", id,
    )  # fmt: skip


def test_a_retrieved_booking_shows_no_card_and_no_link_while_all_is_well(rapid):
    id, path = rapid.book()
    answer = rapid.call("GET", path)
    said = answer.json()
    assert said["itinerary_id"] == id
    assert said["links"] == {}
    assert said["rooms"][0]["status"] == "booked"
    assert said["billing_contact"] == BILLING
    assert GOOD not in answer.text
    assert answer.headers["content-encoding"] == "gzip"


def test_retrieving_by_address_and_searching_by_reference(rapid):
    id, _ = rapid.book(affiliate_reference_id="REF-1")
    assert rapid.retrieve(f"/v3/itineraries/{id}?email=john@example.com")["itinerary_id"] == id
    other = rapid.call("GET", f"/v3/itineraries/{id}?email=jane@example.com")
    assert (other.status_code, other.json()["type"]) == (404, "resource_not_found")
    path = "/v3/itineraries?affiliate_reference_id=REF-1&email=john@example.com"
    assert [each["itinerary_id"] for each in rapid.retrieve(path)] == [id]
    assert rapid.retrieve(path.replace("REF-1", "REF-2")) == []


def test_a_reference_books_once(rapid):
    rapid.book(affiliate_reference_id="4480ABC")
    again = booking(affiliate_reference_id="4480ABC")
    answer = rapid.call("POST", rapid.book_link(), again)
    assert kinds(answer) == ["duplicate_itinerary"]
    assert answer.json()["errors"][0]["fields"] == [
        {"name": "affiliate_reference_id", "type": "body", "value": "4480ABC"}
    ]


def test_a_collecting_affiliate_sends_no_card(rapid, sandbox):
    collect = {"type": "affiliate_collect", "billing_contact": BILLING}
    answer = rapid.call("POST", rapid.book_link(), booking(payments=[collect]))
    assert answer.status_code == 201
    assert sandbox.received.cards("rapid") == []


def with_address(**changes):
    address = {name: text for name, text in BILLING["address"].items() if name not in changes}
    address |= {name: text for name, text in changes.items() if text is not None}
    return BILLING | {"address": address}


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (booking(email=None), ["email.required"]),
        (booking(email="nobody"), ["email.invalid"]),
        (booking(phone=None), ["phone.required"]),
        (booking(phone={"country_code": "+1", "number": "5"}), ["phone.country_code.invalid"]),
        (booking(rooms=[]), ["rooms.required"]),
        (booking(rooms=[{"given_name": "J"}]), ["rooms.family_name.required"]),
        (booking(hold=True), ["hold.invalid"]),
        (booking(iduser="1"), ["iduser.invalid"]),
        (booking(affiliate_reference_id="<>"), ["affiliate_reference_id.invalid"]),
        (booking(payments=None), ["payments.required"]),
        (booking(payments=[]), ["payments.required"]),
        (booking(payments=["x"]), ["payments.invalid"]),
        (booking(payments=[payment(type="cash")]), ["payments.type.invalid"]),
        (booking(payments=[payment(tokenuser="x")]), ["payments.tokenuser.invalid"]),
        (booking(payments=[payment("tok_1_Example000001")]), ["payments.number.invalid"]),
        (booking(payments=[payment("411111******1111")]), ["payments.number.invalid"]),
        (booking(payments=[payment("4111111111111112")]), ["payments.number.invalid"]),
        (booking(payments=[payment(4111111111111111)]), ["payments.number.invalid"]),
        (booking(payments=[payment(number=None)]), ["payments.number.required"]),
        (booking(payments=[payment(security_code=None)]), ["payments.security_code.required"]),
        (booking(payments=[payment(expiration_month="8")]), ["payments.expiration_month.invalid"]),
        (booking(payments=[payment(expiration_year="31")]), ["payments.expiration_year.invalid"]),
        (booking(payments=[payment(expiration_year="2020")]), ["payments.expiration_year.invalid"]),
        (booking(payments=[payment(billing_contact=None)]), ["payments.billing_contact.required"]),
        (
            booking(payments=[payment(billing_contact=with_address(country_code="ABCD"))]),
            ["address.country_code.invalid"],
        ),
        (
            booking(payments=[payment(billing_contact=with_address(postal_code=None))]),
            ["address.postal_code.required"],
        ),
        (
            booking(payments=[payment(third_party_authentication={"cavv": "x", "eci": "05"})]),
            [
                "third_party_authentication.ds_transaction_id.required",
                "third_party_authentication.three_ds_version.required",
            ],
        ),
        ([], ["body.invalid"]),
    ],
)
def test_wrong_bookings(rapid, sandbox, wrong, expected):
    answer = rapid.call("POST", rapid.book_link(), wrong)
    assert kinds(answer) == expected
    assert sandbox.received.cards("rapid") == []
    assert "4111111111111112" not in answer.text


def test_the_errors_have_the_published_shape(rapid):
    foreign = booking(payments=[payment(billing_contact=with_address(country_code="ABCD"))])
    (error,) = rapid.call("POST", rapid.book_link(), foreign).json()["errors"]
    assert error == {
        "type": "address.country_code.invalid",
        "message": "Address country code is invalid.",
        "fields": [{"name": "country_code", "type": "body", "value": "ABCD"}],
    }
    (error,) = rapid.call("POST", rapid.book_link(), booking(payments=None)).json()["errors"]
    assert error == {
        "type": "payments.required",
        "message": "Payment is required.",
        "fields": [{"name": "payments", "type": "body"}],
    }


# --- who may ask, and how -------------------------------------------------------------------------


def test_the_signature_as_the_document_spells_it(rapid):
    _, path = rapid.book()
    spelled = signed(spelling="EAN APIKey").replace("signature", "Signature").replace(",", ", ")
    assert rapid.call("GET", path, Authorization=spelled).status_code == 200
    for drift in (-299, 299):
        almost = signed(at=time.time() + drift)
        assert rapid.call("GET", path, Authorization=almost).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        None,
        signed(secret="another"),
        signed(key="another"),
        signed(at=0),
        signed(spelling="Bearer apikey"),
        signed().replace("signature=", "signatur="),
        signed() + ",timestamp=1",
        "EAN apikey=sandbox-key",
        "EAN",
    ],
)
def test_a_wrong_signature(rapid, header):
    answer = rapid.call("GET", "/v3/itineraries/1?token=x", Authorization=header)
    said = answer.json()
    assert (answer.status_code, said["type"]) == (401, "request_unauthenticated")
    assert said["fields"][-1]["name"] == "servertimestamp"
    assert answer.headers["www-authenticate"].startswith("EAN ")


def test_a_signature_from_too_far_away(rapid):
    for drift in (-310, 310):
        far = signed(at=time.time() + drift)
        assert rapid.call("GET", "/v3/itineraries/1?token=x", Authorization=far).status_code == 401


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Customer_Ip", None, "customer_ip.required"),
        ("Customer_Ip", "me", "customer_ip.invalid"),
        ("User_Agent", None, "user_agent.required"),
        ("Accept", "text/xml", "accept.invalid"),
        ("Accept", None, "accept.required"),
        ("Accept_Encoding", "br", "accept_encoding.invalid"),
        ("Content_Type", "text/json", "content_type.invalid"),
    ],
)
def test_every_documented_header_is_asked_for(rapid, name, value, expected):
    answer = rapid.call("POST", rapid.book_link(), booking(), **{name: value})
    assert kinds(answer) == [expected]


def test_wrong_links_methods_and_places(rapid):
    id, path = rapid.book()
    assert kinds(rapid.call("POST", "/v3/itineraries?token=x", booking())) == ["link.invalid"]
    assert kinds(rapid.call("POST", "/v3/itineraries", booking())) == ["token.required"]
    assert kinds(rapid.call("GET", f"/v3/itineraries/{id}?token=x")) == ["link.invalid"]
    assert kinds(rapid.call("GET", f"/v3/itineraries/{id}")) == ["token.required"]
    assert rapid.call("GET", "/v3/itineraries/1?token=x").status_code == 404
    assert rapid.call("GET", "/v3/nothing").status_code == 404
    for method, place in (("DELETE", path), ("POST", path), ("PATCH", path)):
        answer = rapid.call(method, place)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("value", "status", "type"),
    [
        ("service_unavailable", 503, "service_unavailable"),
        ("internal_server_error", 500, "unknown_internal_error"),
        ("price_mismatch", 409, "price_mismatch"),
        ("rooms_unavailable", 410, "rooms_unavailable"),
    ],
)
def test_the_test_header(rapid, sandbox, value, status, type):
    answer = rapid.call("POST", rapid.book_link(), booking(), Test=value)
    assert (answer.status_code, answer.json()["type"]) == (status, type)
    assert sandbox.received.cards("rapid") == []


# --- changing the payment -------------------------------------------------------------------------


def test_the_payment_change_has_its_published_shape(rapid, sandbox):
    id, path = rapid.book(BAD)
    links = rapid.retrieve(path)["links"]
    assert set(links) == {"payment_change"}
    link = links["payment_change"]
    assert set(link) == {"method", "href"}
    assert link["method"] == "PUT"
    assert link["href"].startswith(f"/v3/itineraries/{id}/payment?token=")
    assert len(link["href"].partition("token=")[2]) == 500
    answer = rapid.call("PUT", link["href"], change(OTHER, "JohnCCTest"))
    assert (answer.status_code, answer.content) == (204, b"")
    card = sandbox.received.cards("rapid")[-1]
    assert (card.number, card.cvc, card.reference) == (OTHER, "123", "JohnCCTest")
    assert rapid.link(path) is None
    assert kinds(rapid.call("PUT", link["href"], change(GOOD, "again"))) == ["link.invalid"]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"payments": [payment(OTHER)]}, ["change_reference_id.required"]),
        ({"change_reference_id": "c"}, ["payments.required"]),
        (
            {"change_reference_id": "c", "payments": [payment(OTHER), payment(OTHER)]},
            ["payments.invalid"],
        ),
        (change(type="virtual_card"), ["payments.type.invalid"]),
        (change(type="corporate_card"), ["payments.type.invalid"]),
        (change(type=None), ["payments.type.required"]),
        (change("tok_1_Example000001"), ["payments.number.invalid"]),
        (change(security_code=None), ["payments.security_code.required"]),
        (change(expiration_month="13"), ["payments.expiration_month.invalid"]),
        (change(billing_contact=None), ["payments.billing_contact.required"]),
        (
            change(billing_contact={"given_name": "A", "family_name": "B"}),
            ["billing_contact.address.required"],
        ),
        (change(billing_contact=with_address(line_1=None)), ["address.line_1.required"]),
        (change(billing_contact=with_address(city=None)), ["address.city.required"]),
        (
            change(billing_contact=with_address(country_code=None)),
            ["address.country_code.required"],
        ),
        (
            change(third_party_authentication={"eci": "05"}),
            [
                "third_party_authentication.cavv.required",
                "third_party_authentication.ds_transaction_id.required",
                "third_party_authentication.three_ds_version.required",
            ],
        ),
    ],
)
def test_wrong_changes_leave_the_link_as_it_was(rapid, sandbox, wrong, expected):
    _, path = rapid.book(BAD)
    link = rapid.link(path)
    assert kinds(rapid.call("PUT", link, wrong)) == expected
    assert len(sandbox.received.cards("rapid")) == 1
    assert rapid.link(path) == link
    with_proof = change(third_party_authentication=PROOF)
    assert rapid.call("PUT", link, with_proof).status_code == 204


def test_wrong_ways_to_change(rapid):
    id, path = rapid.book(BAD)
    link = rapid.link(path)
    place, _, token = link.partition("?token=")
    assert kinds(rapid.call("PUT", f"{place}?token={token[:-1]}", change())) == ["link.invalid"]
    assert kinds(rapid.call("PUT", place, change())) == ["token.required"]
    assert rapid.call("PUT", link.replace(id, "1"), change()).status_code == 404
    for method in ("POST", "GET", "DELETE"):
        answer = rapid.call(method, link, change())
        assert (answer.status_code, answer.headers["allow"]) == (405, "PUT")
    other_id, other_path = rapid.book(BAD)
    assert kinds(rapid.call("PUT", link.replace(id, other_id), change())) == ["link.invalid"]
    assert rapid.link(other_path) is not None


def test_an_echo_names_the_card(rapid):
    _, path = rapid.book(BAD)
    answer = rapid.call("PUT", rapid.link(path), change(OTHER, "echo"))
    assert kinds(answer) == ["payments.number.invalid"]
    assert OTHER in answer.text


# --- from this machine only -----------------------------------------------------------------------


def test_controls_and_cards_by_address_only(rapid):
    rapid.book()
    url = f"{rapid.base}/_sandbox"
    (card,) = rapid.client.get(f"{url}/received").json()["cards"]
    assert card["number"] == GOOD
    named = {"Host": "rapid.sandbox.test"}
    assert rapid.client.get(f"{url}/received", headers=named).status_code == 403
    moved = rapid.client.post(f"{url}/clock", json={"advance_seconds": 1}, headers=named)
    assert moved.status_code == 403
    assert rapid.client.post(f"{url}/nothing", json={}).status_code == 404
    for action, said in (
        ("clock", b"{"),
        ("clock", b"[]"),
        ("book-link", b'{"checkin": "2030-05-02", "checkout": "2030-05-02"}'),
    ):
        assert rapid.client.post(f"{url}/{action}", content=said).status_code == 400
    gone = rapid.client.post(f"{url}/supplier-cancel", json={"itinerary_id": "1"})
    assert gone.status_code == 404
    assert isinstance(rapid.client, httpx.Client)
