"""XML whose DOCTYPE names an external DTD, where a rule lets a partner send it: nothing is fetched, and
nothing that the DTD may declare is relied on."""

from __future__ import annotations

import socket

import pytest
from lxml import etree

from gateway.codecs import open_document
from gateway.codecs.document import Known, Set
from gateway.codecs.paths import parse_path
from gateway.codecs.xml import open_xml, open_xml_with_doctype
from gateway.errors import GatewayError, MessageForbidden, MessageMalformed

PUBLIC = b"""<!DOCTYPE paymentService PUBLIC "-//WorldPay//DTD WorldPay PaymentService v1//EN"
  "http://dtd.worldpay.com/paymentService_v1.dtd">"""
SYSTEM = b"<!DOCTYPE a SYSTEM 'http://127.0.0.1:9/a.dtd' >"
NUMBER = parse_path("//n", "xml")


def masked(body: bytes) -> bytes:
    document = open_xml_with_doctype(body)
    (place,) = document.select(NUMBER)
    return document.splice([Set(place, "****")]).body


@pytest.mark.parametrize("doctype", [b"", b"<!DOCTYPE a>", PUBLIC, SYSTEM])
@pytest.mark.parametrize(
    "rest",
    [
        b"<a><n>4111111111111111</n></a>",
        b"<a><n>4111&#49;11111111111</n><![CDATA[&nbsp; &x;]]><!-- &y; --><?p &z;?></a>",
        b'<a b="&amp;&lt;&#x41;"><n>4111111111111111</n>&quot;&apos;&gt;</a>',
    ],
)
def test_p15_a_doctype_stays_byte_for_byte(doctype: bytes, rest: bytes) -> None:
    start = b'<?xml version="1.0" encoding="UTF-8"?>\n' + doctype + b"\n"
    out = masked(start + rest)
    assert out.startswith(start)
    assert (
        out[len(start) :] == rest[: rest.index(b"<n>") + 3] + b"****" + rest[rest.index(b"</n>") :]
    )
    parser = etree.XMLParser(load_dtd=False, no_network=True, resolve_entities=False)
    assert etree.fromstring(out, parser).findtext("n") == "****"


def test_p12_without_a_rule_it_is_refused() -> None:
    for doctype in (PUBLIC, SYSTEM):
        with pytest.raises(MessageForbidden):
            open_xml(doctype + b"<a/>")
        with pytest.raises(MessageForbidden):
            open_document("xml", doctype + b"<a/>")
        assert open_document("xml", doctype + b"<a/>", Known(doctype=True))


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE a []><a/>",
        b'<!DOCTYPE a SYSTEM "x" []><a/>',
        b'<!DOCTYPE a SYSTEM "x" [<!ENTITY y "4111111111111111">]><a>&y;</a>',
        b'<!DOCTYPE a [<!ATTLIST a n CDATA "4111111111111111">]><a/>',
        b'<!DOCTYPE a PUBLIC "x" "y" [<!ENTITY % z SYSTEM "q">%z;]><a/>',
        b'<!DOCTYPE a PUBLIC "x"><a/>',
        b'<!DOCTYPE a SYSTEM "x"',
        b'<!DOCTYPE a SYSTEM "a>b"><a/>',
        b'<!DOCTYPE a SYSTEM "x" "y"><a/>',
        b'<!DOCTYPE a SYSTEM "x"><!DOCTYPE a SYSTEM "x"><a/>',
    ],
)
def test_p12_an_internal_subset_and_other_odd_doctypes_are_refused(body: bytes) -> None:
    with pytest.raises((MessageForbidden, MessageMalformed)):
        open_xml_with_doctype(body)


@pytest.mark.parametrize(
    "rest",
    [
        b"<a>&card;</a>",
        b"<a><n>4111&card;</n></a>",
        b'<a n="&card;"/>',
        b"<a n='&card;'/>",
        b"<a><![CDATA[x]]>&card;<!-- y --></a>",
        b"<a><!-- > -->&nbsp;</a>",
        "<a>&é;</a>".encode(),
    ],
)
@pytest.mark.parametrize("doctype", [PUBLIC, SYSTEM])
def test_p12_an_entity_that_the_dtd_may_declare_is_refused(doctype: bytes, rest: bytes) -> None:
    """The parser lets it pass: it has not read the DTD, and takes it for declared there."""
    with pytest.raises((MessageForbidden, MessageMalformed)):
        open_xml_with_doctype(doctype + rest)


def test_p12_in_utf_16_too() -> None:
    text = PUBLIC.decode() + "<a>&card;</a>"
    with pytest.raises(MessageForbidden):
        open_xml_with_doctype(b"\xff\xfe" + text.encode("utf-16-le"))
    assert open_xml_with_doctype(b"\xff\xfe" + text.replace("&card;", "x").encode("utf-16-le"))


@pytest.mark.parametrize(
    "attack",
    [
        '<!DOCTYPE a SYSTEM "http://{at}/a.dtd"><a/>',
        '<!DOCTYPE a PUBLIC "x" "http://{at}/a.dtd"><a>&x;</a>',
        '<!DOCTYPE a PUBLIC "x" "http://{at}/a.dtd"><a n="&x;"/>',
        '<!DOCTYPE a SYSTEM "http://{at}/a.dtd"><a xml:id="x"/>',
        '<?xml version="1.0" standalone="no"?><!DOCTYPE a SYSTEM "http://{at}/a.dtd"><a/>',
    ],
)
def test_p12_nothing_is_fetched(attack: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0.05)
        at = f"127.0.0.1:{canary.getsockname()[1]}"
        try:
            document = open_xml_with_doctype(attack.replace("{at}", at).encode())
            document.splice([Set(document.root, "x")])
        except GatewayError:
            pass
        with pytest.raises(TimeoutError):
            canary.accept()


def test_p12_a_dtd_on_the_disk_is_not_read_either(tmp_path) -> None:
    dtd = tmp_path / "a.dtd"
    dtd.write_text('<!ENTITY card "4111111111111111"><!ATTLIST a n CDATA "4111111111111111">')
    for target in (str(dtd), dtd.as_uri()):
        doctype = f'<!DOCTYPE a SYSTEM "{target}">'
        document = open_xml_with_doctype(f"{doctype}<a/>".encode())
        assert not document.select(parse_path("//a/@n", "xml"))
        with pytest.raises(MessageForbidden):
            open_xml_with_doctype(f"{doctype}<a>&card;</a>".encode())
