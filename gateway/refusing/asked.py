"""What of a request decides in which form it is refused: SOAP's version, OTA's message, XML or not.

The request may be a stranger's, cut off, malformed, or not read at all, so it is not parsed: its first bytes are
searched for names out of closed lists, and its Content-Type is asked for what they do not say. Nothing
of the request is taken over: whatever it says chooses among texts of ours.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final, Literal

from gateway.headers import Headers

SoapVersion = Literal["1.1", "1.2"]
NAMESPACES: Final[dict[SoapVersion, str]] = {
    "1.1": "http://schemas.xmlsoap.org/soap/envelope/",
    "1.2": "http://www.w3.org/2003/05/soap-envelope",
}
OTA: Final = "http://www.opentravel.org/OTA/2003/05"
# OTA's messages about reservations, rooms and rates, and what answers each.
ANSWERS: Final = {
    "OTA_ReadRQ": "OTA_ResRetrieveRS",
    "OTA_NotifReportRQ": "OTA_NotifReportRS",
    "OTA_PingRQ": "OTA_PingRS",
    "OTA_CancelRQ": "OTA_CancelRS",
    **{
        f"OTA_{name}RQ": f"OTA_{name}RS"
        for name in (
            "HotelAvail", "HotelAvailGetNotif", "HotelAvailNotif", "HotelBookingRuleNotif",
            "HotelDescriptiveContentNotif", "HotelDescriptiveInfo", "HotelInvCountNotif",
            "HotelRateAmountNotif", "HotelRatePlan", "HotelRatePlanNotif", "HotelRes", "HotelResCancelNotif",
            "HotelResModify", "HotelResModifyNotif", "HotelResNotif", "HotelRoomList", "HotelSearch",
            "HotelStayInfoNotif",
        )
    },
}  # fmt: skip

_LOOKED_AT: Final = 64 * 1024  # bytes: an envelope's header may hold certificates
_GZIP: Final = 31  # zlib's word for it
_SOAP: Final = re.compile("|".join(re.escape(one) for one in NAMESPACES.values()))
_MESSAGE: Final = re.compile(r"<(?:[A-Za-z_][\w.-]{0,40}:)?(OTA_[A-Za-z]{1,60}RQ)(?=[\s/>])")
_VERSION: Final = re.compile(r"\sVersion\s*=\s*[\"']([1-9]\.0{1,3})[\"']")
_DEFAULT_VERSION: Final = "1.0"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request looks like. Each value is one of ours."""

    soap: SoapVersion | None = None
    answer: str = ""  # the OTA message that answers it; empty: it is none that is known
    namespace: str = OTA  # of that answer; empty: the request has none
    version: str = _DEFAULT_VERSION  # OTA's, of the request where it is a usual one
    xml: bool = False
    application_xml: bool = False  # it calls itself application/xml, not text/xml


def read_asked(headers: Headers, body: bytes) -> Asked:
    """What of a request is there, whatever became of it. Raises nothing."""
    label = (headers.get("Content-Type") or "").partition(";")[0].strip().lower()
    text = _beginning(headers, body)
    found = _MESSAGE.search(text)
    answer = ANSWERS.get(found[1], "") if found else ""
    version = _VERSION.search(text, found.end()) if found else None
    return Asked(
        soap=_soap(headers, label, text),
        answer=answer,
        namespace="" if answer and "opentravel.org/OTA/" not in text else OTA,
        version=version[1] if version else _DEFAULT_VERSION,
        xml=label.endswith(("/xml", "+xml")) or text.lstrip("\ufeff \t\r\n").startswith("<"),
        application_xml=label == "application/xml",
    )


def _soap(headers: Headers, label: str, text: str) -> SoapVersion | None:
    named = _SOAP.search(text)
    if named:
        return "1.1" if named[0] == NAMESPACES["1.1"] else "1.2"
    if label == "application/soap+xml":
        return "1.2"
    return "1.1" if "SOAPAction" in headers else None


def _beginning(headers: Headers, body: bytes) -> str:
    start = body[:_LOOKED_AT]
    if "Content-Encoding" in headers:
        try:
            start = zlib.decompressobj(_GZIP).decompress(start, _LOOKED_AT)
        except zlib.error:  # another coding, or none: the head alone tells
            return ""
    wide = start[:2] in {b"\xff\xfe", b"\xfe\xff"} or b"\0" in start[:4]
    if not wide:
        return start.decode("latin-1")  # every name that is looked for is ASCII
    big = start[:2] == b"\xfe\xff" or start[:1] == b"\0"
    return start.decode("utf-16-be" if big else "utf-16-le", "replace")
