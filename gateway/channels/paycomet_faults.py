"""PAYCOMET's faults: which of its codes answers which refusal, and how a fault is written.

Codes and texts are those of PAYCOMET's error list (English). What the document shows is

    <?xml version="1.0" standalone="yes"?>
    <reservations>
    <fault code="1040-PAYTPV" string="Field DS_MERCHANT_MERCHANTCODE incorrect" />
    </reservations>

It names neither the HTTP status nor a code for each field. Ours: status 200, for the clients that
this endpoint was made for read the body and not the status; and the code of the list whose text
says what is wrong, 127 where none does.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from gateway.access.products import TerminalUnknown
from gateway.errors import (
    BodyTooLarge,
    CallerNotAuthenticated,
    ChannelRequestInvalid,
    GatewayError,
    HttpInvalid,
    KeyInvalid,
    KeyRequired,
    KeysConflict,
    MessageForbidden,
    MessageMalformed,
    NetworkNotAllowed,
    ProductNotPermitted,
    ProductUnknown,
    PullInFlight,
    RequestTimeout,
    RouteUnknown,
    ScopeMissing,
    TargetAmbiguous,
    TargetNotAllowed,
    UpstreamForbidden,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnreachable,
    UpstreamUnresolved,
    UpstreamUntrusted,
)

MEDIA_TYPE: Final = "text/xml; charset=utf-8"
STATUS: Final = 200


class Fault(IntEnum):
    """A code of PAYCOMET's list, as far as the endpoint uses it."""

    PARAMETER = 127
    COMMUNICATION = 568
    FORBIDDEN = 1004
    CONNECT = 1011
    RESOLVE = 1013
    POST = 1017
    USERNAME = 1018
    TIMEOUT = 1019
    SSL = 1021
    PROTOCOL = 1022
    URL = 1023
    RIGHTS = 1031
    XML = 1036
    ROOT = 1037
    MERCHANT_CODE = 1040
    TERMINAL = 1045
    UNEXPECTED = 1099
    PASSWORD = 1160
    TOO_MANY = 1332


TEXTS: Final = {
    Fault.PARAMETER: "Invalid parameter",
    Fault.COMMUNICATION: "Online communication incorrect",
    Fault.FORBIDDEN: "Forbidden access",
    Fault.CONNECT: "Could not connect to host",
    Fault.RESOLVE: "Could not resolve host",
    Fault.POST: "The POST is not correctly built",
    Fault.USERNAME: "The username is not correctly formatted",
    Fault.TIMEOUT: "Operation timeout exceeded",
    Fault.SSL: "Could not connect to SSL host",
    Fault.PROTOCOL: "Protocol not supported",
    Fault.URL: "Given URL is not correctly formatted and cannot be used",
    Fault.RIGHTS: "Insufficient rights",
    Fault.XML: "Error in XML format",
    Fault.ROOT: "Root element is not correct",
    Fault.MERCHANT_CODE: "Field DS_MERCHANT_MERCHANTCODE incorrect",
    Fault.TERMINAL: "Field DS_MERCHANT_TERMINAL incorrect",
    Fault.UNEXPECTED: "Unexpected error",
    Fault.PASSWORD: "Invalid password",
    Fault.TOO_MANY: "Maximum requests per minute reached",
}


class PaycometFault(ChannelRequestInvalid):
    """The request is not as PAYCOMET's document has it; `fault` says what of it."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault = fault


# The first that fits: a subclass stands before its base.
_FAULTS: Final[tuple[tuple[type[GatewayError], Fault], ...]] = (
    (NetworkNotAllowed, Fault.FORBIDDEN),
    (KeyRequired, Fault.FORBIDDEN),
    (KeyInvalid, Fault.FORBIDDEN),
    (KeysConflict, Fault.FORBIDDEN),
    (CallerNotAuthenticated, Fault.FORBIDDEN),
    (ScopeMissing, Fault.RIGHTS),
    (ProductNotPermitted, Fault.RIGHTS),
    (TerminalUnknown, Fault.TERMINAL),
    (ProductUnknown, Fault.MERCHANT_CODE),
    (TargetNotAllowed, Fault.FORBIDDEN),
    (RouteUnknown, Fault.FORBIDDEN),
    (UpstreamForbidden, Fault.FORBIDDEN),
    (TargetAmbiguous, Fault.URL),
    (UpstreamUnresolved, Fault.RESOLVE),
    (UpstreamUnreachable, Fault.CONNECT),
    (UpstreamUntrusted, Fault.SSL),
    (UpstreamTimeout, Fault.TIMEOUT),
    (UpstreamInvalid, Fault.COMMUNICATION),
    (PullInFlight, Fault.TOO_MANY),
    (HttpInvalid, Fault.POST),
    (BodyTooLarge, Fault.POST),
    (RequestTimeout, Fault.POST),
)
# What is wrong with the caller's own message; the same of an answer is none of the caller's doing.
_OF_THE_REQUEST: Final = (MessageMalformed, MessageForbidden)


def fault_of(error: Exception, *, of_request: bool) -> Fault:
    """The code that answers a refusal. `of_request`: the caller's own message was at fault."""
    if isinstance(error, PaycometFault):
        return error.fault
    if of_request and isinstance(error, _OF_THE_REQUEST):
        return Fault.XML
    return next((fault for kind, fault in _FAULTS if isinstance(error, kind)), Fault.UNEXPECTED)


def write(fault: Fault) -> bytes:
    """The answer's body."""
    return (
        '<?xml version="1.0" standalone="yes"?>\n<reservations>\n'
        f'<fault code="{fault.value}-PAYTPV" string="{TEXTS[fault]}" />\n</reservations>\n'
    ).encode("ascii")
