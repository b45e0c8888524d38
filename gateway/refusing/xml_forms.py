"""Refusals in XML: SOAP 1.1 and 1.2 faults, OTA's answers with `<Errors>`, problem+xml.

    SOAP 1.1   W3C Note of 8 May 2000, 4.4 and 6.2: a fault is HTTP 500; no `detail` where the body was not
               what failed
    SOAP 1.2   Part 1, 5.4; Part 2, 7.4.2: 400 for the sender's mistakes, 500 for others
    OTA        `Errors/Error`, code tables EWT (Type) and ERR (Code): SiteMinder, "Error Codes (ERR)"; without an
               answer of its own OTA_ErrorRS
    problem    RFC 9457, appendix B

All that is put in is escaped, though it is ours.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

from gateway.refusing.asked import NAMESPACES, Asked, SoapVersion
from gateway.refusing.told import Told

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_OURS: Final = "https://card-gateway.invalid/refusal"
_PROBLEM: Final = "urn:ietf:rfc:7807"
_QUOTES: Final = {'"': "&quot;", "'": "&apos;"}
_SHORT: Final = 64  # characters of an OTA ShortText

# Type (EWT) and Code (ERR): 6 Authorization, 12 Processing exception; 497 Authorization error,
# 187 System currently unavailable, 448 System error, 450 Unable to process.
_NOT_ADMITTED: Final = ("6", "497")
_UNAVAILABLE: Final = ("12", "187")
_INTERNAL: Final = ("12", "448")
_UNFIT: Final = ("12", "450")
_NOT_ADMITTED_STATUS: Final = frozenset({401, 403, 407})


def soap_fault(told: Told, version: SoapVersion) -> bytes:
    """A whole envelope with a fault."""
    return _write(_envelope(version, _fault_11(told) if version == "1.1" else _fault_12(told)))


def soap_status(told: Told, version: SoapVersion) -> int:
    """HTTP's, as the fault's own binding has it."""
    return 400 if version == "1.2" and not told.later else 500


def ota_answer(told: Told, asked: Asked) -> bytes:
    """The OTA message that answers the request, in an envelope where the request had one."""
    kind, code = _ota_codes(told)
    name = asked.answer or "OTA_ErrorRS"
    space = f' xmlns="{asked.namespace}"' if asked.namespace else ""
    start = f'<{name}{space} Version="{asked.version}"'
    if asked.answer:
        content = (
            f'{start}><Errors><Error Type="{kind}" Code="{code}" Status="NotProcessed"'
            f' ShortText="{_safe(told.code[:_SHORT])}">{_safe(told.sentence)}</Error></Errors></{name}>'
        )
    else:
        content = f'{start} Status="NotProcessed" ErrorCode="{code}" ErrorMessage="{_safe(told.sentence)}"/>'
    return _write(content if asked.soap is None else _envelope(asked.soap, content))


def problem_xml(told: Told, type: str) -> bytes:
    """What problem+json says; `type` is its URI."""
    members = {
        "type": type,
        "title": told.text,
        "status": str(told.status),
        "detail": told.action,
        "code": told.code,
        "route": told.route,
        "exchange": told.exchange,
    }
    return _write(f'<problem xmlns="{_PROBLEM}">{_elements(members)}</problem>')


def _fault_11(told: Told) -> str:
    whose = "soap:Server" if told.later else "soap:Client"
    detail = f"<detail>{_refusal(told)}</detail>" if told.let_in else ""
    return (
        f"<soap:Fault><faultcode>{whose}</faultcode><faultstring>{_safe(told.sentence)}</faultstring>"
        f"{detail}</soap:Fault>"
    )


def _fault_12(told: Told) -> str:
    whose = "soap:Receiver" if told.later else "soap:Sender"
    return (
        f"<soap:Fault><soap:Code><soap:Value>{whose}</soap:Value><soap:Subcode>"
        f'<soap:Value xmlns:gateway="{_OURS}">gateway:{_safe(told.code)}</soap:Value>'
        "</soap:Subcode></soap:Code>"
        f'<soap:Reason><soap:Text xml:lang="en">{_safe(told.sentence)}</soap:Text></soap:Reason>'
        f"<soap:Detail>{_refusal(told)}</soap:Detail></soap:Fault>"
    )


def _refusal(told: Told) -> str:
    return f'<refusal xmlns="{_OURS}">{_elements(told.facts())}</refusal>'


def _elements(members: dict[str, str]) -> str:
    return "".join(f"<{name}>{_safe(text)}</{name}>" for name, text in members.items() if text)


def _envelope(version: SoapVersion, content: str) -> str:
    return (
        f'<soap:Envelope xmlns:soap="{NAMESPACES[version]}"><soap:Body>{content}</soap:Body>'
        "</soap:Envelope>"
    )


def _ota_codes(told: Told) -> tuple[str, str]:
    if told.phase == "request" and told.status in _NOT_ADMITTED_STATUS:
        return _NOT_ADMITTED
    if told.code == "internal":
        return _INTERNAL
    return _UNAVAILABLE if told.later else _UNFIT


def _safe(text: str) -> str:
    return escape(text, _QUOTES)


def _write(content: str) -> bytes:
    return (_DECLARATION + content).encode("ascii", "xmlcharrefreplace")
