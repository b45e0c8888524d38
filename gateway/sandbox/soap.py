"""SOAP 1.1 with a WS-Security UsernameToken: what the simulators read and write.

Read with expat, so that the product's own XML reader is checked against a second one.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from xml.sax.saxutils import escape, quoteattr

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
OTA: Final = "http://www.opentravel.org/OTA/2003/05"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
PASSWORD_TEXT: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
CONTENT_TYPE: Final = "text/xml; charset=utf-8"


class SoapRefused(Exception):
    """The request is no SOAP 1.1 envelope that this end takes. The text holds no input."""


@dataclass(frozen=True, slots=True)
class SoapRequest:
    """One OTA message and who says to send it. `name` is its local name; `username` None: no token."""

    message: ET.Element = field(repr=False)
    name: str
    echo_token: str
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)

    def all(self, path: str) -> list[ET.Element]:
        """The OTA elements at `path` (`a/b/c`, below the message)."""
        return self.message.findall("/".join(f"{{{OTA}}}{step}" for step in path.split("/")))


class _NoDoctype(ET.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        del name, pubid, system
        raise SoapRefused("A document type declaration is not allowed in SOAP")


def read_soap(body: bytes, names: Container[str]) -> SoapRequest:
    """Reads an envelope with exactly one OTA 2003/05 message, one of `names`. Raises SoapRefused."""
    try:
        root = ET.fromstring(body, ET.XMLParser(target=_NoDoctype()))
    except (ET.ParseError, ValueError, LookupError):
        raise SoapRefused("The message is not well-formed XML") from None
    if root.tag != f"{{{SOAP}}}Envelope":
        raise SoapRefused("The root element is not a SOAP 1.1 Envelope")
    bodies = root.findall(f"{{{SOAP}}}Body")
    if len(bodies) != 1 or len(bodies[0]) != 1:
        raise SoapRefused("The envelope must hold one Body with one message")
    message = bodies[0][0]
    namespace, _, name = message.tag.rpartition("}")
    if namespace != "{" + OTA:
        raise SoapRefused("The message is not in the OpenTravel 2003/05 namespace")
    if name not in names:
        raise SoapRefused("This operation is not known here")
    username, password = _credential(root)
    return SoapRequest(message, name, message.get("EchoToken", ""), username, password)


def _credential(root: ET.Element) -> tuple[str | None, str | None]:
    tokens = root.findall(f"{{{SOAP}}}Header/{{{WSSE}}}Security/{{{WSSE}}}UsernameToken")
    if len(tokens) != 1:
        return None, None
    username = tokens[0].findtext(f"{{{WSSE}}}Username")
    password = tokens[0].find(f"{{{WSSE}}}Password")
    # No Type means PasswordText (WSS UsernameToken Profile 1.0, 3.1); a digest is not taken.
    if password is None or password.get("Type", PASSWORD_TEXT) != PASSWORD_TEXT:
        return username, None
    return username, password.text or ""


def envelope(inside: str) -> str:
    """`inside` in a SOAP 1.1 envelope with an empty header, as SiteMinder answers. No declaration."""
    return (
        f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{SOAP}">\n<SOAP-ENV:Header/>\n<SOAP-ENV:Body>\n'
        f"{inside}\n</SOAP-ENV:Body>\n</SOAP-ENV:Envelope>"
    )


def secured(inside: str, username: str, password: str) -> str:
    """`inside` in an envelope whose header carries a UsernameToken with PasswordText."""
    return (
        f'<soap-env:Envelope xmlns:soap-env="{SOAP}"><soap-env:Header>'
        f'<wsse:Security xmlns:wsse="{WSSE}" soap-env:mustUnderstand="1"><wsse:UsernameToken>'
        f"<wsse:Username>{escape(username)}</wsse:Username>"
        f'<wsse:Password Type="{PASSWORD_TEXT}">{escape(password)}</wsse:Password>'
        "</wsse:UsernameToken></wsse:Security></soap-env:Header>"
        f"<soap-env:Body>{inside}</soap-env:Body></soap-env:Envelope>"
    )


def answer(name: str, echo_token: str, inside: str) -> str:
    """An OTA answer: its root with namespace, version, time and the request's EchoToken."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return (
        f'<{name} xmlns="{OTA}" Version="1.0" TimeStamp="{now}" '
        f"EchoToken={quoteattr(echo_token)}>\n{inside}\n</{name}>"
    )


def errors(name: str, echo_token: str, kind: int, text: str, code: int | None = None) -> str:
    """An OTA answer that says what was wrong: Type of the EWT list, Code of the ERR list."""
    number = f' Code="{code}"' if code is not None else ""
    inside = f'<Errors>\n<Error Type="{kind}"{number}>{escape(text)}</Error>\n</Errors>'
    return answer(name, echo_token, inside)


def fault(text: str) -> str:
    """A SOAP 1.1 fault that blames the sender; HTTP status 500 goes with it (SOAP 1.1, 6.2)."""
    return envelope(
        "<SOAP-ENV:Fault><faultcode>SOAP-ENV:Client</faultcode>"
        f"<faultstring>{escape(text)}</faultstring></SOAP-ENV:Fault>"
    )
