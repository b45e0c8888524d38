"""A card fails at Rapid, the PMS is told, another card goes there: through the gateway's own API."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
import requests

from gateway.errors import VaultUnavailable
from tests.e2e.process import until
from tests.e2e.recapture import SECRET, Pms, cards, check_signature, nothing_written
from tests.e2e.test_charge import keep
from tests.sandbox.rapid import BAD, BILLING, GOOD, OTHER, Partner, signed


@pytest.fixture
def partner(sandbox):
    made = Partner(sandbox)
    yield made
    made.client.close()


@pytest.fixture
def start(own_gateway, sandbox, tmp_path):
    """A gateway with recaptures; `webhook` is the PMS's path, `changes` are of the settings."""

    def start(webhook="/rapid", *, caller=None, gateway=None, **changes):
        for name, text in {
            "rapid-key": "sandbox-key",
            "rapid-secret": "sandbox-secret",
            "hook-secret": SECRET,
        }.items():
            (tmp_path / name).write_text(text + "\n")
            (tmp_path / name).chmod(0o600)
        settings = {
            "client": "pms",
            "url": sandbox.named_url("rapid"),
            "api_key": {"file": str(tmp_path / "rapid-key")},
            "shared_secret": {"file": str(tmp_path / "rapid-secret")},
            "customer_ip": "5.5.5.5",
            "notifications": {"caller": "expedia", "signed": True},
            "webhook": {
                "url": webhook if "://" in webhook else sandbox.named_url("pms") + webhook,
                "secret": {"file": str(tmp_path / "hook-secret")},
                "retry_seconds": [1, 1],
            },
        }
        return own_gateway(
            **(gateway or {}),
            callers={"expedia": caller or {"networks": ["127.0.0.0/8"]}},
            recaptures={
                "expedia-rapid": {k: v for k, v in (settings | changes).items() if v is not None}
            },
        )

    return start


@pytest.fixture
def pms(start, partner):
    return Pms(start(), partner)


def test_p03_p16_a_card_that_failed_is_replaced(pms, partner):
    gateway = pms.gateway
    itinerary, retrieve = pms.book(keep(gateway, BAD))
    (request,) = pms.told(1)
    check_signature(request)
    event = json.loads(request.body)
    assert event["event_type"] == "itinerary.payment_verification.failure"
    assert event["itinerary_id"] == itinerary

    (one,) = pms.waiting(state="pending")
    assert request.header("X-Gateway-Recapture") == one["id"]
    assert (one["event_id"], one["next"]) == (event["event_id"], None)
    assert one["link_expires_at"] == one["link_ends_at"] == one["supplier_may_cancel_at"]
    link = partner.link(retrieve)

    good = keep(gateway, OTHER)
    answer = pms.complete(one, good)
    assert answer.status_code == 200, answer.text
    assert answer.json()["token"] == good.alias
    assert answer.json()["recapture"]["state"] == "completed"
    assert partner.link(retrieve) is None
    card = gateway.sandbox.received.cards("rapid")[-1]
    assert (card.number, card.month, card.year, card.cvc) == (OTHER, "12", "2030", "737")
    assert card.holder == "John Smith"  # the contact of the booking, which the PMS did not send
    (shown,) = pms.recaptures()
    assert (shown["state"], shown["has_link"]) == ("completed", False)
    assert shown["webhook"]["delivered_at"]
    assert pms.complete(one, good).json()["code"] == "recapture_closed"

    token = link.partition("token=")[2]
    nothing_written(gateway, token, token[:40], OTHER, BAD, "John", "john@example.com", SECRET)
    for seen in (*pms.seen, request.body.decode()):
        assert not any(text in seen for text in (token[:40], OTHER, BAD))
    rows = gateway.rows(
        "select outcome, product, iduser, booking from audit"
        " where route = 'expedia-rapid/recapture' order by id"
    )
    about = ("seaside", good.iduser, itinerary)
    assert [row[0] for row in rows] == ["intent", "done"]
    assert rows[1][1:] == about


def test_a_card_that_fails_again_starts_over(pms, partner):
    gateway = pms.gateway
    pms.book(keep(gateway, BAD))
    (first,) = pms.waiting()
    assert pms.complete(first, keep(gateway, BAD)).status_code == 200
    pms.told(2)
    (second,) = pms.waiting(state="pending")
    assert second["id"] != first["id"]
    (old,) = pms.recaptures(state="superseded")
    assert (old["id"], old["next"]) == (first["id"], second["id"])
    assert pms.complete(second, keep(gateway, GOOD)).status_code == 200
    assert cards(gateway) == [BAD, BAD, GOOD]


def test_a_link_that_is_over_is_told_and_gets_no_card(pms, partner):
    gateway = pms.gateway
    pms.book(keep(gateway, BAD))
    (one,) = pms.waiting()
    partner.hours(25)  # Rapid's clock; the gateway's own still thinks that it lives
    answer = pms.complete(one, keep(gateway, OTHER))
    assert (answer.status_code, answer.json()["code"]) == (410, "link_expired")
    (shown,) = pms.recaptures(state="expired")
    assert shown["id"] == one["id"]
    assert cards(gateway) == [BAD]
    assert pms.complete(one, keep(gateway, OTHER)).json()["code"] == "link_expired"


def test_the_same_event_twice_is_one(pms, partner):
    event = {
        "affiliate_reference_id": "123abc",
        "email": "test@test.com",
        "event_id": "86e91a86-ca04-4928-b177-f410879b99a1",
        "event_time": "2025-06-11T21:56:40.242Z",
        "event_type": "itinerary.payment_verification.failure",
        "itinerary_id": "980339849842",
        "message": "Payment validation has failed, card 4111 1111 1111 1111.",
    }
    for _ in range(3):
        own = {"Authorization": signed()}
        url = pms.api + "/notifications/expedia-rapid"
        assert requests.post(url, json=event, headers=own, timeout=10).status_code == 204
    (one,) = pms.recaptures()
    assert one["event_id"] == event["event_id"]
    assert one["state"] == "expired"  # it is of last year
    (request,) = pms.told(1)
    assert json.loads(request.body) == event | {
        "message": "Payment validation has failed, card 4111 11** **** 1111."
    }
    nothing_written(pms.gateway, "test@test.com", "4111 1111 1111 1111")


def test_p28_who_may_notify_and_who_may_complete(pms, partner):
    gateway, url = pms.gateway, pms.api + "/notifications/expedia-rapid"
    for own in (
        {},
        {"X-Api-Key": pms.key},
        {"Authorization": signed(secret="another-secret")},
        {"Authorization": signed(at=time.time() - 400)},
    ):
        answer = requests.post(url, data="not even JSON", headers=own, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (401, "caller_not_authenticated")
    answer = requests.post(url, data="{", headers={"Authorization": signed()}, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (400, "message_malformed")

    pms.book(keep(gateway, BAD))
    (one,) = pms.waiting()
    path = f"/recaptures/{one['id']}"
    reader = gateway.key(scopes=["proxy"])
    assert pms.call("GET", path, key=reader).status_code == 200
    body = {"token": keep(gateway, OTHER).alias, "security_code": "737"}
    answer = pms.call("POST", path + "/card", body, key=reader)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert requests.get(pms.api + "/recaptures", timeout=10).json()["code"] == "key_required"
    other = gateway.key(products=["hilltop"])
    answer = pms.call("POST", path + "/card", body, key=other)
    assert answer.json()["code"] == "token_unknown"
    assert cards(gateway) == [BAD]
    assert pms.recaptures()[0]["state"] == "pending"


def test_what_stands_before_a_card_is_told_and_nothing_leaves(pms, partner):
    gateway = pms.gateway
    pms.book(keep(gateway, BAD))
    (one,) = pms.waiting()
    from gateway.cards.card import Virtual

    live = keep(gateway, OTHER, product="grand", test=False)
    virtual = keep(gateway, GOOD, virtual=Virtual())
    key = gateway.key(products=["seaside", "grand"])
    path = f"/recaptures/{one['id']}/card"
    for body, code in (
        ({"token": live.alias, "security_code": "737"}, "live_token_on_test_host"),
        ({"token": virtual.alias, "security_code": "737"}, "virtual_card_excluded"),
        ({"token": keep(gateway, OTHER).alias}, "cvc_unavailable"),
        ({"token": "tok_test_1_Example000001", "security_code": "737"}, "token_unknown"),
        ({"token": "4111111111111111", "security_code": "737"}, "token_malformed"),
        ({"token": virtual.alias, "security_code": "7373737"}, "request_invalid"),
        ({"tokan": virtual.alias}, "request_invalid"),
    ):
        assert pms.call("POST", path, body, key=key).json()["code"] == code
    assert pms.call("POST", "/recaptures/nobody/card", body).status_code == 400
    assert pms.complete({"id": "nobody"}, virtual).json()["code"] == "recapture_unknown"
    assert cards(gateway) == [BAD]
    refused = pms.complete(
        one, keep(gateway, OTHER), billing_contact=BILLING | {"given_name": "x" * 60}
    )
    assert refused.status_code == 200


def test_p28_a_client_that_tries_too_many_tokens_is_blocked(start, partner):
    pms = Pms(start(gateway={"limits": {"unknown_tokens": 3}}), partner)
    pms.book(keep(pms.gateway, BAD))
    (one,) = pms.waiting(state="pending")
    mine = keep(pms.gateway, OTHER)
    tried = [replace(mine, tokenuser=f"{n}" * 13) for n in range(4)]
    codes = [pms.complete(one, token).json()["code"] for token in tried]
    assert codes == ["token_unknown"] * 3 + ["tokens_guessed"]
    refused = pms.complete(one, mine)
    assert (refused.status_code, refused.json()["code"]) == (429, "tokens_guessed")
    assert OTHER not in cards(pms.gateway)
    entries = [one.entry for one in pms.gateway.worker._vault.entries()]
    (blocked,) = [one for one in entries if one.action.value == "block"]
    assert (blocked.client, blocked.detail) == ("pms", "tokens_guessed")


def test_p16_a_card_that_is_typed_in_is_kept_as_a_token(pms, partner):
    gateway = pms.gateway
    pms.book(keep(gateway, BAD))
    (one,) = pms.waiting()
    typed = {
        "number": "5555 5555 5555 4444",
        "expiration_month": "8",
        "expiration_year": "2031",
        "security_code": "7719",
    }
    path, body = f"/recaptures/{one['id']}/card", {"card": typed, "billing_contact": BILLING}
    assert pms.call("POST", path, body).json()["code"] == "product_unknown"
    answer = pms.call("POST", path, body, key=gateway.key(products=["seaside"]))
    assert answer.status_code == 200, answer.text
    token = answer.json()["token"]
    card = gateway.sandbox.received.cards("rapid")[-1]
    assert (card.number, card.month, card.year, card.cvc) == (OTHER, "08", "2031", "7719")
    nothing_written(gateway, OTHER, "5555 5555 5555 4444")
    assert "5555" not in answer.text.replace(token, "")


def test_p28_a_caller_with_a_secret_in_the_path(start, partner, tmp_path):
    (tmp_path / "path").write_text("path-of%2Fthe-tests\n")
    (tmp_path / "path").chmod(0o600)
    caller = {"secret_path": {"file": str(tmp_path / "path")}}
    gateway = start(caller=caller, notifications={"caller": "expedia"})
    pms, path = Pms(gateway, partner), "/notifications/expedia-rapid"
    for wrong in ("", "/", "/path-of", "/path-of%2Fthe-tests"):
        answer = requests.post(pms.api + path + wrong, json={}, timeout=10)
        assert answer.status_code in {401, 404}, wrong
    partner.control("webhook", url=f"{pms.api}{path}/path-of%252Fthe-tests")
    pms.book(keep(gateway, BAD))
    pms.waiting()
    assert "the-tests" not in gateway.logs.getvalue()


def test_p30_a_webhook_at_a_private_address_is_told_nothing(start, partner, sandbox):
    pms = Pms(start(webhook=f"https://127.0.0.1:{sandbox.ports['pms']}/rapid"), partner)
    start_of_log = len(pms.gateway.logs.getvalue())
    pms.book(keep(pms.gateway, BAD))
    pms.waiting()
    assert until(10, lambda: pms.recaptures()[0]["webhook"]["next_attempt_at"] is None)
    assert pms.recaptures()[0]["webhook"]["delivered_at"] is None
    assert sandbox.received.requests("pms") == []
    assert "upstream_forbidden" in pms.gateway.logs.getvalue()[start_of_log:]


def test_a_webhook_that_fails_is_tried_again_and_given_up(start, partner):
    pms = Pms(start(webhook="/fail"), partner)
    pms.book(keep(pms.gateway, BAD))
    tried = pms.told(3, "/fail")
    assert len({request.body for request in tried}) == 1
    for request in tried:
        check_signature(request)
    assert until(30, lambda: pms.recaptures()[0]["webhook"]["next_attempt_at"] is None)
    (one,) = pms.recaptures()
    assert one["webhook"] == {"delivered_at": None, "attempts": 3, "next_attempt_at": None}
    time.sleep(1.2)
    pms.told(3, "/fail")
    assert "recapture_given_up" in pms.gateway.logs.getvalue()


def test_a_link_that_is_seen_starts_one_without_any_notification(start, partner):
    gateway = start(notifications=None)
    pms = Pms(gateway, partner)
    partner.control("webhook", url="")
    _, retrieve = pms.book(keep(gateway, BAD))
    recaptures = gateway.worker.recaptures.recaptures
    body = partner.call("GET", retrieve).content
    for client in ("somebody", "pms", "pms"):
        gateway.loop.call(recaptures.seen(client, body))
    (one,) = pms.waiting(state="pending")
    assert (one["event_id"], one["webhook"]) == (None, None)
    assert pms.complete(one, keep(gateway, OTHER)).status_code == 200
    gateway.loop.call(recaptures.seen("pms", body))  # an answer that was made before
    assert [each["state"] for each in pms.recaptures()] == ["completed"]
    missing = requests.post(pms.api + "/notifications/expedia-rapid", json={}, timeout=10)
    assert missing.status_code == 404


def test_a_link_that_the_pms_retrieves_itself_starts_one(start, partner):
    """Through the proxy: the answer comes untouched, and the link is kept."""
    pms = Pms(start(notifications=None), partner)
    partner.control("webhook", url="")
    _, retrieve = pms.book(keep(pms.gateway, BAD))
    partner.failed(retrieve)
    answer = pms.proxied("GET", retrieve)
    assert answer.content == partner.call("GET", retrieve).content
    assert b"payment_change" in answer.content
    (one,) = pms.waiting(state="pending")
    assert pms.complete(one, keep(pms.gateway, OTHER)).status_code == 200
    assert OTHER in cards(pms.gateway)


def test_a_link_that_can_not_be_kept_keeps_no_answer_from_the_pms(start, partner):
    pms = Pms(start(notifications=None), partner)
    partner.control("webhook", url="")
    _, retrieve = pms.book(keep(pms.gateway, BAD))
    partner.failed(retrieve)

    async def fail(client, body):
        del client, body
        raise VaultUnavailable

    stages = pms.gateway.worker._pipeline._s
    pms.gateway.worker._pipeline._s = replace(stages, recapture=fail)
    assert pms.proxied("GET", retrieve).status_code == 200
    assert "recapture_not_seen" in pms.gateway.logs.getvalue()
