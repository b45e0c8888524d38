"""A card fails at Expedia Rapid, and another takes its place: the PMS sends tokens and sees no card."""

from __future__ import annotations

import json
import re
import ssl
import time

import httpx
import pytest

from tests.e2e.process import until
from tests.e2e.test_charge import keep
from tests.sandbox.rapid import BAD, GOOD, OTHER, PROOF, Partner, booking, change, headers, signed


@pytest.fixture
def partner(sandbox):
    """Who stands around: the price check, the issuer, the supplier, the clock; and Rapid directly."""
    made = Partner(sandbox)
    yield made
    made.client.close()


@pytest.fixture
def pms(gateway):
    """Calls Rapid through the proxy, signed with its own key, and shows the gateway its own."""
    key = gateway.key()
    context = ssl.create_default_context(cafile=gateway.ca)
    base = gateway.sandbox.named_url("rapid")
    seen = []

    with httpx.Client(proxy=gateway.proxy, verify=context, trust_env=False, timeout=30) as client:

        def call(method, path, body=None, *, key=key, **changes):
            own = headers(**changes) | {"X-Api-Key": key}
            content = body if isinstance(body, bytes) else json.dumps(body) if body else None
            answer = client.request(method, base + path, content=content, headers=own)
            seen.append(answer.text + repr(answer.headers))
            return answer

        call.seen = seen
        yield call


def cards(gateway):
    return [card.number for card in gateway.sandbox.received.cards("rapid")]


def book(pms, partner, token, **stay):
    answer = pms("POST", partner.book_link(**stay), booking(token.alias))
    assert answer.status_code == 201, answer.text
    return answer.json()["links"]["retrieve"]["href"]


def book_bad(gateway, pms, partner):
    """A booking whose card has failed."""
    retrieve = book(pms, partner, keep(gateway, BAD))
    partner.failed(retrieve)
    return retrieve


def test_p03_the_card_that_failed_is_replaced_by_another_token(gateway, pms, partner):
    partner.control(
        "webhook", url=gateway.sandbox.url("pms") + "/rapid", ca=str(gateway.sandbox.ca_file)
    )
    bad, good = keep(gateway, BAD), keep(gateway, OTHER)
    retrieve = book(pms, partner, bad)
    assert until(10, lambda: gateway.sandbox.received.requests("pms"))
    (notice,) = gateway.sandbox.received.requests("pms")
    told = json.loads(notice.body)
    assert told["event_type"] == "itinerary.payment_verification.failure"
    assert f"/v3/itineraries/{told['itinerary_id']}?" in retrieve

    change_link = pms("GET", retrieve).json()["links"]["payment_change"]
    assert change_link["method"] == "PUT"
    answer = pms("PUT", change_link["href"], change(good.alias, "Change1"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert pms("GET", retrieve).json()["links"] == {}

    first, second = gateway.sandbox.received.cards("rapid")
    assert (first.number, first.month, first.year, first.cvc) == (BAD, "12", "2030", "123")
    assert (second.number, second.month, second.year, second.cvc) == (OTHER, "12", "2030", "123")
    assert second.holder == "John Smith"  # the billing contact is the PMS's own
    for text in (*pms.seen, notice.body.decode()):
        assert BAD not in text
        assert OTHER not in text


def test_rapids_own_header_arrives_as_it_was_signed(gateway, pms, partner):
    mine = signed(spelling="EAN APIKey")
    link = partner.book_link()
    assert pms("POST", link, booking(keep(gateway).alias), Authorization=mine).status_code == 201
    request = gateway.sandbox.received.requests("rapid")[-1]
    assert request.header("Authorization") == mine
    assert request.header("Customer-Ip") == "5.5.5.5"
    assert request.header("X-Api-Key") is None
    assert f"{request.path}?{request.query}" == link
    wrong = pms("POST", link, booking(), Authorization=signed(secret="another"))
    assert (wrong.status_code, wrong.json()["type"]) == (401, "request_unauthenticated")


def test_a_retrieved_booking_comes_byte_for_byte(gateway, pms, partner):
    retrieve = book_bad(gateway, pms, partner)
    direct = partner.call("GET", retrieve)
    through = pms("GET", retrieve)
    assert through.content == direct.content
    assert "payment_change" in through.text
    for name in ("content-type", "content-encoding", "content-length", "region"):
        assert through.headers[name] == direct.headers[name]


def test_the_link_that_expedia_published_comes_through(gateway, pms, partner, monkeypatch):
    """Its itinerary id and the base64 of its token (here its start) are no cards."""
    published = {
        "itinerary_id": "7090158334868",
        "links": {
            "payment_change": {
                "method": "PUT",
                "href": "/v3/itineraries/7090158334868/payment?token="
                "REhZAQsABQsHQhEDTVtVC0w6WA1UXF98IiF8ZmF7KH0oFwtWR1oMAloQZgtSOUFT",
            }
        },
        "rooms": [{"confirmation_id": {"expedia": "1234567890"}, "phone": "5550077"}],
    }
    retrieve = book(pms, partner, keep(gateway))
    monkeypatch.setattr(gateway.sandbox.rapid.itineraries, "shown", lambda _: published)
    assert pms("GET", retrieve).json() == published


def test_p03_a_card_in_an_answer_is_its_token_or_a_mask(gateway, pms, partner):
    token = keep(gateway, OTHER)
    retrieve = book_bad(gateway, pms, partner)
    link = pms("GET", retrieve).json()["links"]["payment_change"]["href"]
    echoed = pms("PUT", link, change(token.alias, "echo"))
    (error,) = echoed.json()["errors"]
    assert error["fields"][0] == {"name": "number", "type": "body", "value": token.alias}

    said = booking(token.alias, rooms=[
        {"given_name": "J", "family_name": "S", "special_request": f"Please use {GOOD}"}
    ])  # fmt: skip
    retrieve = pms("POST", partner.book_link(), said).json()["links"]["retrieve"]["href"]
    answer = pms("GET", retrieve)
    assert answer.json()["rooms"][0]["special_request"] == "Please use 411111******1111"
    assert not any(number in text for number in (OTHER, BAD, GOOD) for text in pms.seen)


def test_an_expired_link_comes_back_as_rapids_own_error(gateway, pms, partner):
    retrieve = book(pms, partner, keep(gateway, BAD), days=1)
    link = pms("GET", retrieve).json()["links"]["payment_change"]["href"]
    partner.hours(12.1)
    answer = pms("PUT", link, change(keep(gateway, OTHER).alias))
    assert answer.status_code == 400
    assert answer.content == partner.call("PUT", link, change(OTHER)).content
    assert answer.json() == {
        "type": "invalid_input",
        "message": "An invalid request was sent in, please check the nested errors for details.",
        "errors": [{"type": "link.invalid", "message": "Link is invalid."}],
    }
    assert pms("GET", retrieve).json()["links"] == {}
    assert cards(gateway) == [BAD]


def test_a_second_card_that_fails_gets_a_second_link(gateway, pms, partner):
    retrieve = book_bad(gateway, pms, partner)
    links = []
    for number, reference in ((BAD, "c1"), (OTHER, "c2")):
        partner.failed(retrieve, before=links[-1] if links else None)
        link = pms("GET", retrieve).json()["links"]["payment_change"]["href"]
        links.append(link)
        sent = pms("PUT", link, change(keep(gateway, number).alias, reference))
        assert sent.status_code == 204
    assert len(set(links)) == 2
    assert pms("GET", retrieve).json()["links"] == {}
    assert cards(gateway) == [BAD, BAD, OTHER]


def test_the_proof_of_a_third_party_goes_along_untouched(gateway, pms, partner):
    retrieve = book_bad(gateway, pms, partner)
    link = pms("GET", retrieve).json()["links"]["payment_change"]["href"]
    body = change(keep(gateway, OTHER).alias, third_party_authentication=PROOF)
    assert pms("PUT", link, body).status_code == 204
    sent = json.loads(gateway.sandbox.received.requests("rapid")[-1].body)
    assert sent["payments"][0].pop("number") == OTHER
    del body["payments"][0]["number"]
    body["payments"][0] |= {"expiration_month": "12", "expiration_year": "2030"}
    assert sent == body


def test_p06_a_token_of_another_product_reaches_nobody(gateway, pms, partner):
    retrieve = book_bad(gateway, pms, partner)
    link = pms("GET", retrieve).json()["links"]["payment_change"]["href"]
    other = keep(gateway, OTHER, product="hilltop")
    answer = pms("PUT", link, change(other.alias), key=gateway.key(products=("seaside",)))
    assert (answer.status_code, answer.json()["code"]) == (422, "token_unknown")
    without = pms("PUT", link, change(other.alias), key=gateway.key(scopes=("proxy",)))
    assert (without.status_code, without.json()["code"]) == (403, "scope_missing")
    assert cards(gateway) == [BAD]


def test_a_live_token_does_not_go_to_the_test_system(gateway, pms, partner):
    token = keep(gateway, "4900000000000003", product="grand", test=False)
    answer = pms(
        "POST", partner.book_link(), booking(token.alias), key=gateway.key(products=("grand",))
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "live_token_on_test_host")
    assert cards(gateway) == []


def test_p07_a_token_elsewhere_in_the_message_stays_a_token(gateway, pms, partner):
    token = keep(gateway)
    said = booking(token.alias, affiliate_metadata=f"card:{token.alias}")
    assert pms("POST", partner.book_link(), said).status_code == 201
    body = gateway.sandbox.received.requests("rapid")[-1].body
    assert body.count(b"4242424242424242") == 1
    assert body.count(token.alias.encode()) == 1


def test_no_link_token_is_in_anything_that_was_written(own_gateway, sandbox, partner):
    """Not in the log, not in the audit, not among the refusals: a link's token is a bearer secret."""
    gateway = own_gateway()
    mark = "LinkTokenThatNobodyMayWrite"
    base, context = sandbox.named_url("rapid"), ssl.create_default_context(cafile=gateway.ca)
    place = "/v3/itineraries/7090158334868"
    own = headers() | {"X-Api-Key": gateway.key()}
    with httpx.Client(proxy=gateway.proxy, verify=context, trust_env=False) as client:
        for method, path, body, status in (
            ("GET", place, None, 404),
            ("PUT", f"{place}/payment", change(keep(gateway).alias), 404),
            ("PUT", f"{place}/payment", change("tok_test_1_Example000001"), 422),
            ("PUT", f"{place}/payment/x", change(), 403),
            ("PATCH", f"{place}/payment", change(), 403),
        ):
            url = f"{base}{path}?token={mark}"
            answer = client.request(method, url, json=body, headers=own)
            assert answer.status_code == status, (method, path, answer.text)
            assert status == 404 or mark not in answer.text
    assert until(10, lambda: gateway.rows("select path from refusal"))
    time.sleep(0.2)
    for name, written in gateway.everything_written():
        assert mark.encode() not in written, name
    routes = re.findall(r'"route": "(expedia-rapid/[^"]*)"', gateway.logs.getvalue())
    assert "expedia-rapid/change-payment-test" in routes
