"""PAYCOMET's request, field by field: what is read, and which fault answers which mistake.

The table below was written from the document and PAYCOMET's list of codes before the reader.
"""

from __future__ import annotations

import uuid
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus, urlencode

import pytest
import requests

from gateway.channels import form
from gateway.channels.paycomet import PaycometSiteMinder
from gateway.channels.paycomet_faults import TEXTS, Fault, PaycometFault, fault_of, write
from gateway.errors import (
    GatewayError,
    InternalError,
    MessageMalformed,
    ProductNotPermitted,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnreachable,
    UpstreamUnresolved,
    UpstreamUntrusted,
    VaultUnavailable,
)
from gateway.headers import Headers

NOW = datetime(2026, 11, 22, 9, 30, 47, tzinfo=UTC)
URL = "https://ws.siteminder.com/pmsxchangev2/services/PMS1"
OTA = "{http://www.opentravel.org/OTA/2003/05}"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"

FIELDS = {
    "username": "pms-user",
    "password": "pa&ss<word>",
    "requestor_id": "PMS1",
    "requestor_type": "22",
    "hotel_code": "10107",
    "selection_criteria": "Undelivered",
    "url": URL,
    "ds_merchant_code": "seaside01",
    "ds_merchant_terminal": "1",
}


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def document(**changes):
    """The published request, with `changes`: None leaves an element out."""
    values = FIELDS | changes

    def element(name):
        return "" if values[name] is None else f"<{name}>{escaped(values[name])}</{name}>"

    request = "".join(element(name) for name in list(FIELDS)[:6])
    product = element("ds_merchant_code") + element("ds_merchant_terminal")
    return (
        f"<root>\n <booking>\n  <xml><request>{request}</request></xml>\n  {element('url')}\n"
        f" </booking>\n <paytpv>{product}</paytpv>\n</root>"
    )


def headers(media_type="application/x-www-form-urlencoded"):
    return Headers([(b"Content-Type", media_type.encode())])


def read(xml, *, quoting=quote_plus, encoding="utf-8"):
    body = b"xml=" + quoting(xml.encode(encoding) if isinstance(xml, str) else xml).encode()
    return PaycometSiteMinder(lambda: NOW).read(headers(), body)


def fault(xml):
    with pytest.raises(PaycometFault) as caught:
        read(xml)
    return caught.value.fault


def test_the_published_request_becomes_an_ota_read_request():
    order = read(document())
    assert order.url == URL
    assert (order.merchant_code, order.terminal) == ("seaside01", 1)
    assert order.method == "POST"
    assert order.headers.get("Content-Type") == "text/xml; charset=utf-8"
    envelope = ET.fromstring(order.body)
    assert envelope.tag == f"{SOAP}Envelope"
    token = envelope.find(f"{SOAP}Header/{WSSE}Security/{WSSE}UsernameToken")
    assert token.findtext(f"{WSSE}Username") == "pms-user"
    password = token.find(f"{WSSE}Password")
    assert password.text == "pa&ss<word>"
    assert password.get("Type").endswith("#PasswordText")
    (asked,) = envelope.find(f"{SOAP}Body")
    assert asked.tag == f"{OTA}OTA_ReadRQ"
    assert asked.get("EchoToken")
    assert asked.get("TimeStamp") == "2026-11-22T09:30:47+00:00"
    requestor = asked.find(f"{OTA}POS/{OTA}Source/{OTA}RequestorID")
    assert (requestor.get("Type"), requestor.get("ID")) == ("22", "PMS1")
    hotel = asked.find(f"{OTA}ReadRequests/{OTA}HotelReadRequest")
    assert hotel.get("HotelCode") == "10107"
    assert hotel.find(f"{OTA}SelectionCriteria").get("SelectionType") == "Undelivered"


def test_two_requests_have_different_echo_tokens_that_look_like_no_card():
    tokens = {
        ET.fromstring(read(document()).body).find(f"{SOAP}Body")[0].get("EchoToken")
        for _ in range(20)
    }
    assert len(tokens) == 20
    assert not any(sign.isdigit() for token in tokens for sign in token)


@pytest.mark.parametrize(
    "xml",
    [
        '<?xml version="1.0" encoding="UTF-8"?>\n' + document(),
        '<?xml version="1.0" standalone="yes"?>' + document(),
        '\n<?xml version="1.0"?>\n' + document(),
        "\ufeff" + document(),
        document().replace("pms-user", "<![CDATA[pms-user]]>"),
        document().replace("<root>", '<root xmlns="http://example.test/any">'),
        document().replace("pms-user", "\n      pms-user\n    "),
        document().replace("\n", "\r\n"),
    ],
    ids=["declaration", "standalone", "newline", "mark", "cdata", "namespace", "spaces", "crlf"],
)
@pytest.mark.parametrize("quoting", [quote_plus, lambda text: quote(text, safe="")])
def test_as_paycomets_clients_build_it(xml, quoting):
    order = read(xml, quoting=quoting)
    assert b"<wsse:Username>pms-user</wsse:Username>" in order.body
    assert order.url == URL


def test_a_declaration_in_the_field_says_its_encoding():
    xml = '<?xml version="1.0" encoding="ISO-8859-1"?>' + document(username="caf\u00e9")
    assert "caf\u00e9".encode() in read(xml, encoding="iso-8859-1").body


def test_multipart_as_a_real_client_sends_it():
    prepared = requests.Request(
        "POST", "https://gateway.test/", files={"xml": (None, document()), "other": ("a.txt", "x")}
    ).prepare()
    order = PaycometSiteMinder(lambda: NOW).read(
        headers(prepared.headers["Content-Type"]), prepared.body
    )
    assert order.url == URL


def test_urlencoded_as_a_real_client_sends_it():
    prepared = requests.Request("POST", "https://gateway.test/", data={"xml": document()}).prepare()
    order = PaycometSiteMinder(lambda: NOW).read(
        headers(prepared.headers["Content-Type"]), prepared.body.encode()
    )
    assert order.merchant_code == "seaside01"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ds_merchant_code": None}, 1040),
        ({"ds_merchant_code": ""}, 1040),
        ({"ds_merchant_code": "x" * 300}, 1040),
        ({"ds_merchant_code": "a\u0085b"}, 1040),
        ({"ds_merchant_terminal": None}, 1045),
        ({"ds_merchant_terminal": ""}, 1045),
        ({"ds_merchant_terminal": "one"}, 1045),
        ({"ds_merchant_terminal": "-1"}, 1045),
        ({"ds_merchant_terminal": "\u0661"}, 1045),
        ({"ds_merchant_terminal": "1" * 10}, 1045),
        ({"username": None}, 1018),
        ({"username": " "}, 1018),
        ({"password": None}, 1160),
        ({"password": ""}, 1160),
        ({"requestor_id": None}, 127),
        ({"requestor_type": None}, 127),
        ({"requestor_type": "21"}, 127),
        ({"hotel_code": None}, 127),
        ({"hotel_code": "a\u200bb"}, 127),
        ({"selection_criteria": None}, 127),
        ({"selection_criteria": "All"}, 127),
        ({"url": None}, 1023),
        ({"url": "ws.siteminder.com/pmsxchangev2"}, 1023),
        ({"url": "https://user:pass@ws.siteminder.com/a"}, 1023),
        ({"url": "https://ws.siteminder.com/a#b"}, 1023),
        ({"url": "https://ws.siteminder.com/a b"}, 1023),
        ({"url": "https://ws.siteminder.com/" + "a" * 2048}, 1023),
        ({"url": "http://ws.siteminder.com/pmsxchangev2/services/PMS1"}, 1022),
        ({"url": "ftp://ws.siteminder.com/a"}, 1022),
        ({"url": "file:///etc/passwd"}, 1022),
    ],
)
def test_each_field_has_its_fault(changes, code):
    assert fault(document(**changes)) == code


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        ("", 1036),
        ("no xml", 1036),
        ("<root>", 1036),
        ("<root><a></b></root>", 1036),
        ('<!DOCTYPE root [<!ENTITY a "b">]>' + document(), 1036),
        ('<!DOCTYPE root SYSTEM "https://example.test/a.dtd">' + document(), 1036),
        ("<reservations/>", 1037),
        (f"<wrapped>{document()}</wrapped>", 1037),
        ("<root/>", 1040),
        (document().replace("</paytpv>", "</paytpv><paytpv/>"), 200),
        (document().replace("<paytpv>", "<paytpv><ds_merchant_code>b</ds_merchant_code>"), 1040),
        (document().replace("pms-user", "pms<!-- -->user"), 1018),
        (document().replace("pms-user", "<b>pms-user</b>"), 1018),
    ],
)
def test_what_is_wrong_with_the_document(xml, code):
    if code == 200:
        assert read(xml).merchant_code == "seaside01"
    else:
        assert fault(xml) == code


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("text/xml", document().encode()),
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b""),
        ("application/x-www-form-urlencoded", b"XML=" + quote_plus(document()).encode()),
        ("application/x-www-form-urlencoded", urlencode([("xml", "<root/>")] * 2).encode()),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=b" % n for n in range(40))),
        ("application/x-www-form-urlencoded", b"xml=" + b"a" * form.LIMIT),
        ("multipart/form-data", b"--a\r\n\r\n"),
        ("multipart/form-data; boundary=a", b"--b\r\n\r\n--b--"),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="xml"\r\n\r\n<root/>\r\n',
        ),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="xml"\r\n\r\n<root/>\r\n' * 2 + b"--a--",
        ),
    ],
)
def test_what_is_no_such_form_is_1017(media_type, body):
    with pytest.raises(PaycometFault) as caught:
        PaycometSiteMinder(lambda: NOW).read(headers(media_type), body)
    assert caught.value.fault is Fault.POST


def test_two_labels_or_none_are_1017():
    for fields in ([], [(b"Content-Type", b"application/x-www-form-urlencoded")] * 2):
        with pytest.raises(PaycometFault) as caught:
            PaycometSiteMinder(lambda: NOW).read(Headers(fields), b"xml=a")
        assert caught.value.fault is Fault.POST


def test_p16_nothing_of_a_refused_request_is_in_what_was_raised():
    marker = uuid.uuid4().hex
    for xml in (
        document(hotel_code=marker * 9),
        f"<root>{marker}",
        document(url=f"ftp://{marker}"),
    ):
        with pytest.raises(PaycometFault) as caught:
            read(xml)
        error = caught.value
        assert marker not in repr(error) + str(error)
        assert error.__cause__ is None
        assert error.__context__ is None
    order = read(document(password=marker))
    assert marker not in repr(order)


# --- faults -------------------------------------------------------------------------------------


def test_a_fault_is_written_as_published():
    assert write(Fault.MERCHANT_CODE) == (
        b'<?xml version="1.0" standalone="yes"?>\n<reservations>\n'
        b'<fault code="1040-PAYTPV" string="Field DS_MERCHANT_MERCHANTCODE incorrect" />\n'
        b"</reservations>\n"
    )


def test_every_fault_has_a_text_and_is_well_formed():
    for one in Fault:
        (element,) = ET.fromstring(write(one))
        assert element.attrib == {"code": f"{one.value}-PAYTPV", "string": TEXTS[one]}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UpstreamUnresolved(), 1013),
        (UpstreamUnreachable(), 1011),
        (UpstreamUntrusted(), 1021),
        (UpstreamTimeout(), 1019),
        (UpstreamInvalid(), 568),
        (ProductNotPermitted(), 1031),
        (VaultUnavailable(), 1099),
        (InternalError(), 1099),
        (ValueError(), 1099),
    ],
)
def test_refusals_have_a_code(error, code):
    assert fault_of(error, of_request=True) == code


def test_an_answer_that_is_malformed_is_not_the_callers_mistake():
    assert fault_of(MessageMalformed(), of_request=True) == 1036
    assert fault_of(MessageMalformed(), of_request=False) == 1099


def test_every_refusal_there_is_gets_some_fault():
    def below(kind):
        return {kind}.union(*(below(one) for one in kind.__subclasses__()))

    for kind in below(GatewayError) - {PaycometFault}:
        if kind.__init__ is GatewayError.__init__:
            assert fault_of(kind(), of_request=True) in Fault
