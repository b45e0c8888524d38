"""The pushes and the PMS that takes them, each against the other and against lxml and requests."""

from __future__ import annotations

import base64
import json

import httpx
import pytest
import requests
from lxml import etree

from gateway.sandbox.ota import Booking
from gateway.sandbox.push import Credential, push_json, push_ota

NS = {
    "s": "http://schemas.xmlsoap.org/soap/envelope/",
    "o": "http://www.opentravel.org/OTA/2003/05",
    "w": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd",
}


@pytest.mark.parametrize("listener", ["pms", "pms_plain"])
def test_an_ota_push_is_taken(sandbox, listener):
    result = push_ota(f"{sandbox.url(listener)}/ota", ca=sandbox.ca_file)
    assert (result.status, result.accepted, result.errors) == (200, True, ())
    (request,) = sandbox.received.requests("pms")
    root = etree.fromstring(request.body)
    message = root.find("s:Body/o:OTA_HotelResNotifRQ", NS)
    answer = etree.fromstring(result.body).find("s:Body/o:OTA_HotelResNotifRS", NS)
    assert answer.get("EchoToken") == message.get("EchoToken")
    card = message.find(".//o:PaymentCard", NS)
    assert (card.get("CardNumber"), card.get("SeriesCode")) == ("4444333322221111", "123")
    assert request.header("Content-Type") == "text/xml; charset=utf-8"
    assert request.header("authorization") is None
    assert root.find(".//w:UsernameToken", NS) is None


def test_the_three_credentials(sandbox):
    url = sandbox.url("pms") + "/ota"
    push_ota(url, ca=sandbox.ca_file, credential=Credential(wsse=("ü<ser", "p&ss")))
    push_ota(url, ca=sandbox.ca_file, credential=Credential(basic=("user", "päss")))
    push_json(url, ca=sandbox.ca_file, credential=Credential(header=("X-Push-Key", "k-1")))
    wsse, basic, header = sandbox.received.requests("pms")
    token = etree.fromstring(wsse.body).find("s:Header/w:Security/w:UsernameToken", NS)
    assert token.findtext("w:Username", None, NS) == "ü<ser"
    assert token.findtext("w:Password", None, NS) == "p&ss"
    assert token.find("w:Password", NS).get("Type").endswith("#PasswordText")
    assert base64.b64decode(basic.header("authorization").split()[1]).decode() == "user:päss"
    assert header.header("x-push-key") == "k-1"


def test_a_json_push_is_taken(sandbox):
    result = push_json(f"{sandbox.url('pms')}/json", hotel="H1", ca=sandbox.ca_file)
    assert (result.status, result.accepted) == (200, True)
    (request,) = sandbox.received.requests("pms")
    booking = json.loads(request.body)["booking"]
    assert booking["hotel_code"] == "H1"
    assert booking["guarantee"]["card_number"] == "4444333322221111"


def test_refusals_are_reported(sandbox):
    url = sandbox.url("pms")
    refused = push_ota(url + "/refuse", ca=sandbox.ca_file)
    assert (refused.status, refused.accepted) == (200, False)
    assert refused.errors == ("The reservation could not be taken",)
    assert push_json(url + "/refuse", ca=sandbox.ca_file).status == 422
    failed = push_ota(url + "/fail", ca=sandbox.ca_file)
    assert (failed.accepted, failed.errors) == (False, ("status 500",))
    assert not push_ota(url + "/echo", ca=sandbox.ca_file).accepted


def test_no_answer_is_an_error(sandbox, tmp_path):
    with pytest.raises(httpx.ConnectError):
        push_ota(sandbox.url("pms"))  # the sandbox's CA is not the system's
    with pytest.raises(httpx.ConnectError):
        push_json("http://127.0.0.1:9/")


def test_the_pms_is_strict(sandbox, ca):
    def post(body, kind):
        url = sandbox.url("pms") + "/x"
        return requests.post(url, data=body, headers={"Content-Type": kind}, verify=ca).status_code

    assert post(b"<a/>", "text/xml") == 500
    assert post(b"<a", "application/xml") == 500
    assert post(b"{", "application/json") == 400
    assert post(b"a=1", "application/x-www-form-urlencoded") == 415
    assert post(b"[]", "application/json") == 200


def test_an_echo_comes_back_as_it_was(sandbox, ca):
    url = sandbox.url("pms") + "/echo"
    answer = requests.post(url, data=b"\x00abc", headers={"Content-Type": "text/x"}, verify=ca)
    assert answer.content == b"\x00abc"


def test_bookings_of_ones_own(sandbox):
    bookings = [Booking("H", 1), Booking("H", 2)]
    push_ota(sandbox.url("pms"), bookings=bookings, ca=sandbox.ca_file)
    (request,) = sandbox.received.requests("pms")
    assert request.body.count(b"<HotelReservation ") == 2
    assert b"<PaymentCard" not in request.body
