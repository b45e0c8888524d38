"""A refusal comes in the caller's own format, whenever it is made, and tells a stranger no route's name."""

from __future__ import annotations

import socket
import ssl
from xml.etree import ElementTree as ET

import pytest
import zeep
from zeep.exceptions import Fault

from gateway.errors import VaultSealed
from tests.e2e.problem import check_problem, check_pull
from tests.e2e.strict import CANARY
from tests.e2e.test_bad_input import push_json, push_xml, soap

ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"
SPACE = "{http://www.opentravel.org/OTA/2003/05}"
PACK = """
system: own
about: Pushes of a partner who wants to be told in his own words
shapes:
  one:
    format: xml
    card: //Card
    number: Number
routes:
  - {{ name: push, at: /push/own, forward: "{{pms}}/own", auth: channel-manager, methods: [POST, HEAD], product: seaside, {refusals} request: {{ tokenize: one }} }}
"""


def ota_error(answer):
    root = ET.fromstring(answer.content)
    (error,) = root.iter(f"{SPACE}Error")
    return error


def test_a_push_that_can_not_be_read_is_told_in_otas_words(strict):
    answer = push_xml(strict, soap(strict)[:-30].encode())
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    body = ET.fromstring(answer.content).find(f"{ENVELOPE}Body")
    assert body.find(f"{SPACE}OTA_HotelResNotifRS/{SPACE}Success") is None
    error = ota_error(answer)
    assert (error.get("Code"), error.get("ShortText")) == ("450", "message_malformed")
    assert "Route siteminder-push/push." in error.text
    assert f"Exchange {answer.headers['X-Gateway-Exchange']}." in error.text
    assert answer.headers["X-Gateway-Refused"] == "message_malformed"
    assert CANARY not in answer.text


def test_p28_a_stranger_is_told_in_the_same_form_and_no_route(strict):
    wrong = soap(strict).replace("<wsse:Password>", "<wsse:Password>not-")
    answer = push_xml(strict, wrong.encode())
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"]
    assert ota_error(answer).get("ShortText") == "caller_not_authenticated"
    assert "siteminder-push" not in answer.text
    answer = push_json(strict, b"{}", X_Push_Key="wrong")
    assert answer.status_code == 401
    assert "route" not in answer.json()


def test_what_is_too_large_is_told_before_it_is_read(strict):
    """Nobody's yet: the credentials are in the body. SOAPAction says what it is."""
    answer = push_xml(strict, b"x" * 3_000_000, SOAPAction='"HotelResNotifRQ"')
    fault = ET.fromstring(answer.content).find(f"{ENVELOPE}Body/{ENVELOPE}Fault")
    assert answer.status_code == 413
    assert fault.findtext("faultstring").startswith("body_too_large: ")
    assert "siteminder-push" not in answer.text


def test_a_vault_that_is_sealed_is_told_with_a_server_s_status(strict, monkeypatch):
    def sealed():
        raise VaultSealed(*SEALED)

    from tests.test_problem import TOLD

    SEALED = TOLD[VaultSealed]
    monkeypatch.setattr(strict.worker._pipeline._s.swap, "may_begin", sealed)
    answer = push_xml(strict, soap(strict).encode())
    assert answer.status_code == 503
    assert ota_error(answer).get("Code") == "187"
    assert ota_error(answer).get("ShortText") == "vault_sealed"


def test_json_that_is_refused_names_its_route(strict):
    answer = push_json(strict, b"{")
    assert answer.json()["code"] == "message_malformed"
    assert answer.json()["route"] == "channex/push"


@pytest.fixture
def own(own_gateway, tmp_path):
    """A gateway whose one route refuses as the test says."""

    def start(refusals, **more):
        folder = tmp_path / "rules"
        folder.mkdir()
        (folder / "own.yaml").write_text(PACK.format(refusals=refusals))
        return own_gateway(rules=str(folder), hotels={}, **more)

    return start


def push(gateway, body, method="POST", **more):
    headers = {"X-Push-Key": gateway.secret("push-key"), "Content-Type": "text/xml"} | more
    with gateway.endpoint_session() as session:
        url = f"{gateway.endpoints}/push/own"
        return session.request(method, url, data=body, headers=headers, timeout=20)


def test_a_soap_client_gets_a_fault_through_the_whole_gateway(own):
    gateway = own("refusals: soap,")
    for space, code in (("http://schemas.xmlsoap.org/soap/envelope/", "soap:Client"), ("http://www.w3.org/2003/05/soap-envelope", "soap:Sender")):  # fmt: skip
        request = f'<s:Envelope xmlns:s="{space}"><s:Body><Card><Number>{CANARY}</Number>'
        answer = push(gateway, request.encode())
        assert answer.status_code == (500 if "xmlsoap" in space else 400)
        with pytest.raises(Fault) as raised:
            binding(space).process_reply(CLIENT, None, answer)
        assert raised.value.code == code
        assert b"<route>own/push</route>" in answer.content
        assert CANARY not in answer.text


CLIENT = zeep.client.Client.__new__(zeep.client.Client)
CLIENT.settings, CLIENT.wsse, CLIENT.plugins = zeep.Settings(), None, []


def binding(space):
    from zeep.wsdl.bindings import soap as bindings

    kind = bindings.Soap11Binding if "xmlsoap" in space else bindings.Soap12Binding
    return kind(wsdl=None, name="x", port_name="x", transport=None, default_style="document")


def test_a_template_of_ones_own(own):
    gateway = own("refusals: { xml: \"<e code='{code}'>{route}</e>\", status: 200 },")
    answer = push(gateway, b"<a>")
    assert answer.status_code == 200
    assert answer.text == "<e code='message_malformed'>own/push</e>"
    assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"


def test_a_head_has_no_body_and_the_same_status(own):
    answer = push(own("refusals: text,"), None, method="HEAD", **{"X-Push-Key": "wrong"})
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["X-Gateway-Refused"] == "caller_not_authenticated"
    assert int(answer.headers["Content-Length"]) > 20


def test_who_waits_for_100_continue_is_refused_in_the_same_form(own):
    gateway = own("refusals: { text: 'NO {code}' },")
    context = ssl.create_default_context(cafile=gateway.ca)
    head = "POST /push/own HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n"
    with (
        socket.create_connection(("127.0.0.1", gateway.addresses.endpoints[1])) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.settimeout(20)
        secured.sendall(head.encode())
        answer = b"".join(iter(lambda: secured.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert answer.endswith(b"\r\n\r\nNO caller_not_authenticated")


def test_without_a_word_a_partner_who_pushes_xml_is_told_in_xml(own):
    answer = push(own(""), f"<a><Number>{CANARY}</a>".encode())
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+xml")
    root = ET.fromstring(answer.content)
    said = {one.tag.rpartition("}")[2]: one.text for one in root}
    assert said["code"] == "message_malformed"
    assert said["route"] == "own/push"
    assert said["exchange"] == answer.headers["X-Gateway-Exchange"]


def test_a_pms_is_told_in_problem_json(gateway):
    """Whoever holds a gateway key, unless the route says otherwise."""
    url = f"{gateway.sandbox.named_url('stripe')}/v1/payment_intents"
    odd, form = b"card%zz=1", {"Content-Type": "application/x-www-form-urlencoded"}
    with gateway.session(gateway.key()) as session:
        answer = session.post(url, data=odd, headers=form, timeout=10)
    check_problem(answer, 400, "message_malformed")
    assert answer.json()["route"].startswith("stripe/")
    with gateway.session() as session:
        answer = session.post(url, data=odd, headers=form, timeout=10)
    assert answer.status_code == 401
    assert "route" not in answer.json()


def test_a_pms_that_pulls_from_siteminder_is_told_in_otas_words(gateway):
    answer = gateway.pull("MALFORMED")
    check_pull(answer, 502, "message_malformed")
    assert "siteminder/pull" in answer.text
