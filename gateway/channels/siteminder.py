"""SiteMinder's pull as we send it: OTA_ReadRQ in SOAP 1.1 with a WS-Security UsernameToken.

Source: SiteMinder pmsXchange v2 (OTA_ReadRQ), WSS UsernameToken Profile 1.0, section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from gateway.secret import Secret

CONTENT_TYPE: Final = "text/xml; charset=utf-8"
_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_OTA: Final = "http://www.opentravel.org/OTA/2003/05"
_WSS: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
_WSSE: Final = f"{_WSS}wssecurity-secext-1.0.xsd"
_PASSWORD_TEXT: Final = f"{_WSS}username-token-profile-1.0#PasswordText"


@dataclass(frozen=True, slots=True)
class Pull:
    """What is asked of SiteMinder: whose reservations, as whom."""

    username: str
    password: Secret[str]
    requestor_id: str
    hotel_code: str
    echo_token: str
    at: datetime  # aware


def read_request(pull: Pull) -> bytes:
    """The envelope, in UTF-8."""
    now = pull.at.isoformat(timespec="seconds")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<soap:Envelope xmlns:soap="{_SOAP}"><soap:Header>'
        f'<wsse:Security xmlns:wsse="{_WSSE}" soap:mustUnderstand="1"><wsse:UsernameToken>'
        f"<wsse:Username>{escape(pull.username)}</wsse:Username>"
        f'<wsse:Password Type="{_PASSWORD_TEXT}">{escape(pull.password.reveal())}</wsse:Password>'
        "</wsse:UsernameToken></wsse:Security></soap:Header><soap:Body>"
        f'<OTA_ReadRQ xmlns="{_OTA}" Version="1.0" TimeStamp="{now}" '
        f"EchoToken={quoteattr(pull.echo_token)}>"
        f'<POS><Source><RequestorID Type="22" ID={quoteattr(pull.requestor_id)}/></Source></POS>'
        f"<ReadRequests><HotelReadRequest HotelCode={quoteattr(pull.hotel_code)}>"
        '<SelectionCriteria SelectionType="Undelivered"/></HotelReadRequest></ReadRequests>'
        "</OTA_ReadRQ></soap:Body></soap:Envelope>"
    ).encode()
