"""PAYCOMET's SiteMinder proxy: `POST /api/v1/siteminder` with one form field, `xml`.

    root/booking/xml/request   username, password, requestor_id, requestor_type (22), hotel_code,
                               selection_criteria (Undelivered)
    root/booking/url           SiteMinder's URL
    root/paytpv                ds_merchant_code, ds_merchant_terminal: the product

Source: PAYCOMET, "Integración Proxy - SiteMinder". A PMS that uses PAYCOMET's proxy changes the
URL and the key, and nothing else. What SiteMinder answers goes back as it is but for the cards;
whatever fails before that is one of PAYCOMET's faults.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

from gateway.channel import Order
from gateway.channels import paycomet_faults, siteminder
from gateway.channels.form import read_field
from gateway.channels.paycomet_faults import Fault, PaycometFault
from gateway.codecs.paths import Path, parse_path
from gateway.codecs.xml import XmlDocument, open_xml
from gateway.errors import LabelWrong, MessageForbidden, MessageMalformed
from gateway.exchange import new_id
from gateway.headers import Headers
from gateway.secret import Secret

NAME: Final = "paycomet-siteminder"
_FIELD: Final = "xml"
_LONGEST: Final = 256  # characters of a value; the URL may have more
_LONGEST_URL: Final = 2048
_REQUEST: Final = "/root/booking/xml/request"
_PRODUCT: Final = "/root/paytpv"
_TERMINAL: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_URL: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://[!-~]+", re.ASCII)


class PaycometSiteMinder:
    """Fulfils `Channel`."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def read(self, headers: Headers, body: bytes) -> Order:
        """Checks the request field by field. Raises PaycometFault."""
        document = _document(headers, body)
        merchant = _text(document, f"{_PRODUCT}/ds_merchant_code", Fault.MERCHANT_CODE)
        terminal = _text(document, f"{_PRODUCT}/ds_merchant_terminal", Fault.TERMINAL)
        if _TERMINAL.fullmatch(terminal) is None:
            raise PaycometFault(Fault.TERMINAL)
        pull = siteminder.Pull(
            username=_text(document, f"{_REQUEST}/username", Fault.USERNAME),
            password=Secret(_text(document, f"{_REQUEST}/password", Fault.PASSWORD)),
            requestor_id=_text(document, f"{_REQUEST}/requestor_id"),
            hotel_code=_text(document, f"{_REQUEST}/hotel_code"),
            echo_token=new_id(),
            at=self._clock(),
        )
        _fixed(document, f"{_REQUEST}/requestor_type", "22")
        _fixed(document, f"{_REQUEST}/selection_criteria", "Undelivered")
        return Order(
            url=_url(document),
            merchant_code=merchant,
            terminal=int(terminal),
            method="POST",
            headers=Headers(
                [
                    (b"Content-Type", siteminder.CONTENT_TYPE.encode("ascii")),
                    (b"Accept", b"text/xml"),
                    (b"Accept-Encoding", b"gzip, identity"),
                    (b"SOAPAction", b'""'),  # SOAP 1.1, 6.1.1: the URI says what is meant
                ]
            ),
            body=siteminder.read_request(pull),
        )

    def refusal(
        self, error: Exception, phase: Literal["request", "response"]
    ) -> tuple[int, str, bytes]:
        """A fault, under status 200."""
        fault = paycomet_faults.fault_of(error, of_request=phase == "request")
        body = paycomet_faults.write(fault)
        return paycomet_faults.STATUS, paycomet_faults.MEDIA_TYPE, body


def _document(headers: Headers, body: bytes) -> XmlDocument:
    """The `xml` field, parsed. A declaration in it says its encoding, whatever the form's is."""
    fault = Fault.POST
    try:
        text = read_field(headers, body, _FIELD)
        fault = Fault.XML
        document = open_xml(text)
    except (LabelWrong, MessageMalformed, MessageForbidden):
        document = None
    if document is None:
        raise PaycometFault(fault)
    if len(document.select(_path("/root"))) != 1:
        raise PaycometFault(Fault.ROOT)
    return document


def _text(
    document: XmlDocument, path: str, fault: Fault = Fault.PARAMETER, longest: int = _LONGEST
) -> str:
    """The text of the one element at `path`, without the white space around it.

    Raises PaycometFault where it is absent, empty, there twice, too long, or holds control signs.
    """
    places = document.select(_path(path))
    value = ""
    if len(places) == 1:
        try:
            value = document.text(places[0]).strip()
        except MessageForbidden:
            value = ""
    if not value or len(value) > longest or not value.isprintable():
        raise PaycometFault(fault)
    return value


def _fixed(document: XmlDocument, path: str, value: str) -> None:
    if _text(document, path) != value:
        raise PaycometFault(Fault.PARAMETER)


def _url(document: XmlDocument) -> str:
    """SiteMinder's URL, as far as its form goes; whether it may be called is the route's word."""
    url = _text(document, "/root/booking/url", Fault.URL, _LONGEST_URL)
    match = _URL.fullmatch(url)
    if match is None or "@" in url or "#" in url:
        raise PaycometFault(Fault.URL)
    if match["scheme"].lower() != "https":
        raise PaycometFault(Fault.PROTOCOL)
    return url


def _path(text: str) -> Path:
    return _PATHS[text]


_PATHS: Final = {
    text: parse_path(text, "xml")
    for text in (
        "/root",
        "/root/booking/url",
        *(f"{_PRODUCT}/{name}" for name in ("ds_merchant_code", "ds_merchant_terminal")),
        *(
            f"{_REQUEST}/{name}"
            for name in (
                "username",
                "password",
                "requestor_id",
                "requestor_type",
                "hotel_code",
                "selection_criteria",
            )
        ),
    )
}
