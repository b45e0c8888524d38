"""Requests as partners send them, and as they should not; each with what is seen of it."""

from __future__ import annotations

import gzip

from gateway.headers import Headers
from gateway.refusing.asked import OTA, Asked

PAN = "4111111111111111"
S11 = "http://schemas.xmlsoap.org/soap/envelope/"
S12 = "http://www.w3.org/2003/05/soap-envelope"
MESSAGE = f'<OTA_HotelResNotifRQ xmlns="{OTA}" EchoToken="{PAN}" Version="3.000"><a/></OTA_HotelResNotifRQ>'


def envelope(space, content, end="</s:Body></s:Envelope>"):
    head = "<s:Header><Security><Password>secret</Password></Security></s:Header>"
    return f'<s:Envelope xmlns:s="{space}">{head}<s:Body>{content}{end}'.encode()


def headers(*fields):
    return Headers([(name.encode(), value.encode()) for name, value in fields])


XML, JSON = ("Content-Type", "text/xml; charset=utf-8"), ("Content-Type", "application/json")
SOAP_12 = ("Content-Type", 'application/soap+xml; action="x"')
NOTIF = "OTA_HotelResNotifRS"
SEEN = {
    "ota in soap 1.1": (headers(XML), envelope(S11, MESSAGE), Asked("1.1", NOTIF, OTA, "3.000", xml=True)),
    "ota in soap 1.2": (headers(SOAP_12), envelope(S12, MESSAGE), Asked("1.2", NOTIF, OTA, "3.000", xml=True)),
    "ota": (headers(XML), MESSAGE.encode(), Asked(None, NOTIF, OTA, "3.000", xml=True)),
    "cut off": (headers(XML), envelope(S11, MESSAGE, "")[:-20], Asked("1.1", NOTIF, OTA, "3.000", xml=True)),
    "gzip": (headers(XML, ("Content-Encoding", "gzip")), gzip.compress(MESSAGE.encode()), Asked(None, NOTIF, OTA, "3.000", xml=True)),
    "said to be gzip": (headers(XML, ("Content-Encoding", "gzip")), MESSAGE.encode(), Asked(xml=True)),
    "utf-16": (headers(XML), MESSAGE.encode("utf-16"), Asked(None, NOTIF, OTA, "3.000", xml=True)),
    "utf-16-be": (headers(XML), MESSAGE.encode("utf-16-be"), Asked(None, NOTIF, OTA, "3.000", xml=True)),
    "prefix": (headers(XML), f'<o:OTA_ReadRQ xmlns:o="{OTA}"/>'.encode(), Asked(None, "OTA_ResRetrieveRS", OTA, xml=True)),
    "no namespace": (headers(XML), b"<OTA_PingRQ>", Asked(None, "OTA_PingRS", "", xml=True)),
    "odd version": (headers(XML), f'<OTA_PingRQ Version="{PAN}">'.encode(), Asked(None, "OTA_PingRS", "", xml=True)),
    "unknown message": (headers(XML), f'<OTA_SecretRQ xmlns="{OTA}"/>'.encode(), Asked(xml=True)),
    "unknown in soap": (headers(XML), envelope(S11, "<Mine/>"), Asked("1.1", xml=True)),
    "not read, action": (headers(XML, ("SOAPAction", "x")), b"", Asked("1.1", xml=True)),
    "not read, 1.2": (headers(SOAP_12), b"", Asked("1.2", xml=True)),
    "not read": (headers(), b"", Asked()),
    "json": (headers(JSON), b'{"a": 1}', Asked()),
    "labelled json": (headers(JSON), b"<a/>", Asked(xml=True)),
    "application/xml": (headers(("Content-Type", "Application/XML")), b"<a/>", Asked(xml=True, application_xml=True)),
    "a bomb": (headers(XML, ("Content-Encoding", "gzip")), gzip.compress(b"<" * 50_000_000), Asked(xml=True)),
    "bytes": (headers(XML), bytes(range(256)), Asked(xml=True)),
}  # fmt: skip
