"""A channel manager pushes to a URL of the gateway; the PMS behind it gets masks and tokens."""

from __future__ import annotations

import gzip
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from gateway.sandbox.channex import guarantee, open_channel_booking
from gateway.sandbox.push import Credential, push_json, push_ota

OTA = "{http://www.opentravel.org/OTA/2003/05}"
PAN = "4111111111111111"


def ota(gateway, *, credential=None, **more):
    password = gateway.secret("siteminder-push-password")
    credential = credential or Credential(wsse=("siteminder", password))
    return push_ota(
        f"{gateway.endpoints}/push/siteminder", credential=credential, ca=Path(gateway.ca), **more
    )


def booking(gateway, *, credential=None, **more):
    credential = credential or Credential(header=("X-Push-Key", gateway.secret("push-key")))
    return push_json(
        f"{gateway.endpoints}/push/channex", credential=credential, ca=Path(gateway.ca), **more
    )


def at_the_pms(gateway):
    (request,) = gateway.sandbox.received.requests("pms")
    return request


def test_p03_the_pms_gets_masks_and_tokens_in_xml(gateway):
    result = ota(gateway)
    assert result.accepted, (result.status, result.errors)
    body = at_the_pms(gateway).body
    root = ET.fromstring(body)
    (card,) = root.iter(f"{OTA}PaymentCard")
    assert card.get("CardNumber").count("*") == 6
    assert card.get("SeriesCode") is None
    assert root.find(f".//{OTA}ResGlobalInfo/{OTA}PaycometResponse/{OTA}iduser").text
    assert PAN.encode() not in body


def test_p03_and_in_json(gateway):
    content = open_channel_booking("10107", "10107-0001", guarantee(PAN))
    result = booking(gateway, booking=content)
    assert result.accepted, (result.status, result.errors)
    received = json.loads(at_the_pms(gateway).body)
    card = received["booking"]["guarantee"]
    assert card["card_number"] == "411111******1111"
    assert "cvv" not in card
    assert int(card["iduser"]) > 0
    assert len(card["tokenuser"]) == 13
    del content["booking"]["guarantee"], received["booking"]["guarantee"]
    assert received == content


@pytest.mark.parametrize(
    "credential",
    [
        Credential(),
        Credential(wsse=("siteminder", "wrong")),
        Credential(wsse=("somebody", "wrong")),
        Credential(basic=("siteminder", "wrong")),
    ],
)
def test_p28_who_does_not_authenticate_as_the_route_says_is_refused(gateway, credential):
    cards = gateway.rows("select count(*) from card")
    result = ota(gateway, credential=credential)
    assert result.status == 401
    assert not gateway.sandbox.received.requests("pms")
    assert gateway.rows("select count(*) from card") == cards


def test_p28_a_wrong_push_key(gateway):
    result = booking(gateway, credential=Credential(header=("X-Push-Key", "wrong")))
    assert result.status == 401
    assert not gateway.sandbox.received.requests("pms")


def test_p28_the_pms_never_sees_the_push_key(gateway):
    key = gateway.secret("push-key")
    assert booking(gateway).accepted
    received = at_the_pms(gateway)
    assert received.header("X-Push-Key") is None
    assert key not in str(received.headers)
    assert received.header("Content-Type") == "application/json"


def test_p28_nor_a_password_that_was_shown_before_the_body(own_gateway, monkeypatch):
    monkeypatch.setenv("PUSH_BASIC", "correct horse")
    monkeypatch.setenv("PUSH_WSSE", "battery staple")
    basic = {"user": "channel", "password_env": "PUSH_BASIC"}
    wsse = {"user": "siteminder", "password_env": "PUSH_WSSE"}
    own = own_gateway(callers={"siteminder-push": {"basic": basic, "wsse": wsse}})
    url, shown = f"{own.endpoints}/push/siteminder", ("channel", "correct horse")
    right = Credential(basic=shown, wsse=("siteminder", "battery staple"))
    assert push_ota(url, credential=right, ca=Path(own.ca)).accepted
    assert at_the_pms(own).header("Authorization") is None
    wrong = Credential(basic=shown, wsse=("siteminder", "wrong"))
    assert push_ota(url, credential=wrong, ca=Path(own.ca)).status == 401


def test_a_pms_s_own_credentials_pass_where_the_gateway_asks_for_none_of_that_kind(gateway):
    password = gateway.secret("siteminder-push-password")
    credential = Credential(basic=("pms", "its own"), wsse=("siteminder", password))
    assert ota(gateway, credential=credential).accepted
    assert at_the_pms(gateway).header("Authorization") == "Basic cG1zOml0cyBvd24="


def test_a_gateway_key_is_no_credential_for_a_push(gateway):
    result = booking(gateway, credential=Credential(header=("X-Api-Key", gateway.key())))
    assert result.status == 401


def test_a_card_in_a_remark_never_reaches_the_pms(gateway):
    content = open_channel_booking("10107", "10107-0002", guarantee(PAN))
    content["booking"]["notes"] = f"please use {PAN[:4]} {PAN[4:8]} {PAN[8:12]} {PAN[12:]}, thanks"
    assert booking(gateway, booking=content).accepted
    received = at_the_pms(gateway).body
    assert PAN not in received.decode().replace(" ", "")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"booking": {"guarantee": {"card_number": "4111111111111111"}}', "message_malformed"),
        (
            b'{"booking": {"guarantee": {"card_number": "4111111111111111", "card_number": "x"}}}',
            "message_forbidden",
        ),
        (b'{"booking": ' + b"[" * 80 + b"]" * 80 + b"}", "message_forbidden"),
        (b"", "message_malformed"),
    ],
)
def test_p13_what_can_not_be_read_is_not_forwarded(gateway, body, code):
    with gateway.endpoint_session() as session:
        answer = session.post(
            f"{gateway.endpoints}/push/channex",
            data=body,
            headers={"X-Push-Key": gateway.secret("push-key"), "Content-Type": "application/json"},
            timeout=30,
        )
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert PAN not in answer.text
    assert not gateway.sandbox.received.requests("pms")
    assert PAN not in gateway.logs.getvalue()


def push_bytes(gateway, body, path="/push/channex", **headers):
    headers |= {"X-Push-Key": gateway.secret("push-key"), "Content-Type": "application/json"}
    with gateway.endpoint_session() as session:
        url = f"{gateway.endpoints}{path}"
        return session.post(url, data=body, headers=headers, timeout=30)


def test_p15_what_was_compressed_and_has_no_card_stays_compressed(gateway):
    body = gzip.compress(json.dumps({"booking": {"notes": "late arrival"}}).encode())
    push_bytes(gateway, body, **{"Content-Encoding": "gzip"})  # the simulated PMS reads no gzip
    request = at_the_pms(gateway)
    assert request.body == body
    assert request.header("Content-Encoding") == "gzip"


def test_p11_a_card_in_the_query_of_a_push_is_masked(gateway):
    answer = push_bytes(gateway, b'{"booking": {}}', path=f"/push/channex?note={PAN}&page=2")
    assert answer.ok, answer.text
    assert at_the_pms(gateway).query == "note=411111******1111&page=2"
