"""A refusal in every form: well-formed for two parsers, with the code, and nothing of the request."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
import requests
from lxml import etree
from zeep import Settings
from zeep.exceptions import Fault as ZeepFault
from zeep.wsdl.bindings import soap as zeep_soap

from gateway import errors
from gateway.headers import Headers
from gateway.refusing.asked import OTA, read_asked
from gateway.refusing.forms import refuse
from gateway.refusing.told import Told
from gateway.rules.model import RefusalForm
from tests.refusing.requests_as_sent import MESSAGE, PAN, S11, S12, SEEN, XML, envelope, headers
from tests.test_problem import KINDS, TOLD

STYLES = ("problem", "problem-xml", "soap", "ota", "json", "text", "auto")
ROUTE = "siteminder-push/push"
TEMPLATES = [
    RefusalForm("template", format="xml", template='<e c="{code}" s="{status}">{text} {action} {route} {exchange}</e>'),
    RefusalForm("template", format="json", template='{"error": {"code": "{code}", "n": [1, "{text}"]}}'),
    RefusalForm("template", format="text", template="ERR {code} {route}"),
]  # fmt: skip
FORMS = [*map(RefusalForm, STYLES), *TEMPLATES]


def told(kind=errors.MessageMalformed, phase="request", let_in=True):
    error = kind(*TOLD.get(kind, ()))
    return Told(error, phase, let_in, ROUTE if let_in else "", "exchange-one")


def check_xml(body):
    """lxml and expat read the same."""
    first, second = etree.fromstring(body), ET.fromstring(body)
    assert [(one.tag, dict(one.attrib), one.text) for one in first.iter()] == [
        (one.tag, dict(one.attrib), one.text) for one in second.iter()
    ]
    return second


@pytest.mark.parametrize("name", SEEN)
def test_what_is_seen_of_a_request(name):
    fields, body, seen = SEEN[name]
    assert read_asked(fields, body) == seen


@pytest.mark.parametrize("name", SEEN)
def test_p16_no_form_repeats_anything_of_the_request(name):
    fields, body, _ = SEEN[name]
    for form, phase, let_in in itertools.product(FORMS, ("request", "response"), (True, False)):
        _, media_type, answer = refuse(told(phase=phase, let_in=let_in), form, fields, body)
        assert not {word for word in (PAN, "secret", "SecretRQ", "Mine") if word in str(answer)}
        assert b"message_malformed" in answer
        assert (ROUTE.encode() in answer) <= let_in
        if "xml" in media_type:
            check_xml(answer)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.style}-{form.format}")
def test_every_error_has_every_form(kind, form):
    for name, phase in itertools.product(("ota in soap 1.1", "ota in soap 1.2", "json"), ("request", "response")):  # fmt: skip
        fields, body, _ = SEEN[name]
        status, media_type, answer = refuse(told(kind, phase), form, fields, body)
        assert answer.isascii()
        assert kind.code in answer.decode()
        assert 400 <= status <= 599
        if "xml" in media_type:
            check_xml(answer)
        elif "json" in media_type:
            assert kind.code in str(json.loads(answer))


@pytest.mark.parametrize(
    ("style", "name", "root", "media_type"),
    [
        ("soap", "ota in soap 1.1", f"{{{S11}}}Envelope", "text/xml; charset=utf-8"),
        ("soap", "ota in soap 1.2", f"{{{S12}}}Envelope", "application/soap+xml; charset=utf-8"),
        ("soap", "json", f"{{{S11}}}Envelope", "text/xml; charset=utf-8"),
        ("soap", "not read, 1.2", f"{{{S12}}}Envelope", "application/soap+xml; charset=utf-8"),
        ("ota", "ota", f"{{{OTA}}}OTA_HotelResNotifRS", "text/xml; charset=utf-8"),
        ("ota", "no namespace", "OTA_PingRS", "text/xml; charset=utf-8"),
        ("ota", "ota in soap 1.2", f"{{{S12}}}Envelope", "application/soap+xml; charset=utf-8"),
        ("ota", "unknown message", f"{{{OTA}}}OTA_ErrorRS", "text/xml; charset=utf-8"),
        ("ota", "application/xml", f"{{{OTA}}}OTA_ErrorRS", "application/xml; charset=utf-8"),
        ("ota", "unknown in soap", f"{{{S11}}}Envelope", "text/xml; charset=utf-8"),
        ("auto", "unknown in soap", f"{{{S11}}}Envelope", "text/xml; charset=utf-8"),
        ("auto", "cut off", f"{{{S11}}}Envelope", "text/xml; charset=utf-8"),
        ("auto", "prefix", f"{{{OTA}}}OTA_ResRetrieveRS", "text/xml; charset=utf-8"),
        ("auto", "labelled json", "{urn:ietf:rfc:7807}problem", "application/problem+xml"),
    ],
)
def test_the_form_fits_the_request(style, name, root, media_type):
    fields, body, _ = SEEN[name]
    _, label, answer = refuse(told(), RefusalForm(style), fields, body)
    assert (check_xml(answer).tag, label) == (root, media_type)


@pytest.mark.parametrize("name", ["json", "not read"])
def test_auto_is_problem_json_where_nothing_else_is_seen(name):
    fields, body, _ = SEEN[name]
    status, label, answer = refuse(told(), RefusalForm("auto"), fields, body)
    assert (status, label) == (400, "application/problem+json")
    assert json.loads(answer)["route"] == ROUTE


def test_an_ota_answer_says_what_its_schema_asks_for():
    fields, body, _ = SEEN["ota in soap 1.1"]
    _, _, answer = refuse(told(), RefusalForm("ota"), fields, body)
    (message,) = check_xml(answer).find(f"{{{S11}}}Body")
    assert (message.tag, message.attrib) == (f"{{{OTA}}}OTA_HotelResNotifRS", {"Version": "3.000"})
    (error,) = message.find(f"{{{OTA}}}Errors")
    assert error.attrib == {
        "Type": "12", "Code": "450", "Status": "NotProcessed", "ShortText": "message_malformed",
    }  # fmt: skip
    assert error.text.startswith("message_malformed: The body is not well-formed")
    assert error.text.endswith("Route siteminder-push/push. Exchange exchange-one.")


@pytest.mark.parametrize(
    ("kind", "phase", "codes"),
    [
        (errors.CallerNotAuthenticated, "request", ("6", "497")),
        (errors.MessageUnfit, "request", ("12", "450")),
        (errors.MessageUnfit, "response", ("12", "187")),
        (errors.VaultUnavailable, "request", ("12", "187")),
        (errors.PullInFlight, "request", ("12", "187")),
        (errors.InternalError, "request", ("12", "448")),
    ],
)
def test_an_ota_answer_has_otas_codes(kind, phase, codes):
    _, _, answer = refuse(told(kind, phase), RefusalForm("ota"), headers(XML), MESSAGE.encode())
    (error,) = check_xml(answer).iter(f"{{{OTA}}}Error")
    assert (error.get("Type"), error.get("Code")) == codes


@pytest.mark.parametrize(
    ("form", "kind", "let_in", "name", "status"),
    [
        (RefusalForm("ota"), errors.MessageUnfit, True, "ota", 422),
        (RefusalForm("ota", wrong=200), errors.MessageUnfit, True, "ota", 200),
        (RefusalForm("ota", wrong=200), errors.VaultUnavailable, True, "ota", 503),
        (RefusalForm("ota", wrong=200), errors.PullInFlight, True, "ota", 429),
        (RefusalForm("ota", wrong=200, later=500), errors.PullInFlight, True, "ota", 500),
        (RefusalForm("ota", wrong=200, later=200), errors.CallerNotAuthenticated, False, "ota", 401),
        (RefusalForm("soap"), errors.MessageUnfit, True, "ota in soap 1.1", 500),
        (RefusalForm("soap"), errors.MessageUnfit, True, "ota in soap 1.2", 400),
        (RefusalForm("soap"), errors.VaultUnavailable, True, "ota in soap 1.2", 500),
        (RefusalForm("soap"), errors.CallerNotAuthenticated, False, "ota in soap 1.1", 401),
        (RefusalForm("soap", wrong=422), errors.MessageUnfit, True, "ota in soap 1.1", 422),
        (RefusalForm("problem", wrong=200), errors.MessageUnfit, True, "json", 200),
    ],
)  # fmt: skip
def test_the_status_is_the_forms_or_the_rules(form, kind, let_in, name, status):
    fields, body, _ = SEEN[name]
    assert refuse(told(kind, let_in=let_in), form, fields, body)[0] == status


def test_p28_who_is_not_admitted_is_told_no_detail_in_a_fault():
    _, _, answer = refuse(told(let_in=False), RefusalForm("soap"), headers(XML), b"")
    assert [one.tag for one in check_xml(answer).iter() if one.tag == "detail"] == []


@pytest.mark.parametrize(("space", "code"), [(S11, "soap:Client"), (S12, "soap:Sender")])
def test_a_soap_client_raises_a_fault_with_our_code(space, code):
    """zeep reads it as it reads any service's."""
    request = envelope(space, MESSAGE)
    status, media_type, answer = refuse(told(), RefusalForm("soap"), headers(XML), request)
    kind = zeep_soap.Soap12Binding if space == S12 else zeep_soap.Soap11Binding
    binding = kind(wsdl=None, name="x", port_name="x", transport=None, default_style="document")
    client = SimpleNamespace(settings=Settings(), wsse=None, plugins=[])
    reply = requests.Response()
    reply.status_code, reply._content = status, answer
    reply.headers["Content-Type"] = media_type
    with pytest.raises(ZeepFault) as raised:
        binding.process_reply(client, None, reply)
    assert status >= 400
    assert "xml" in media_type
    assert raised.value.code == code
    assert raised.value.message.startswith("message_malformed: ")
    assert "message_malformed" in etree.tostring(raised.value.detail).decode()


def test_a_template_is_filled_in_the_words_of_its_format():
    for form in TEMPLATES:
        _, media_type, answer = refuse(told(), form, Headers([]), b"")
        assert "{" not in answer.decode().strip("{}").replace('{"code"', "")
        assert media_type.partition(";")[0] == {
            "xml": "application/xml", "json": "application/json", "text": "text/plain",
        }[form.format]  # fmt: skip
    parsed = json.loads(refuse(told(), TEMPLATES[1], Headers([]), b"")[2])
    assert parsed["error"]["code"] == "message_malformed"
    assert refuse(told(), TEMPLATES[2], Headers([]), b"")[2] == b"ERR message_malformed " + ROUTE.encode()  # fmt: skip


def test_p33_a_compressed_request_is_unpacked_no_further_than_it_is_looked_at():
    fields, body, _ = SEEN["a bomb"]
    tracemalloc.start()
    try:
        read_asked(fields, body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
