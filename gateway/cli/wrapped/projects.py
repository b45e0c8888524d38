"""What tools keep as XML, and as text of their own.

SoapUI    a project: `request` elements with a body as their text, `responseContent` of mocks
Burp      exported items: `request` and `response` as they were on the line, mostly in base64
Bruno     one request in a `.bru` file
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Final

from gateway.cli.recorded_pairs import Node
from gateway.cli.wrapped.values import FORM, form, unbased

_CONFIG: Final = "http://eviware.com/soapui/config"
SOAPUI: Final = re.compile(
    rb"""\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*\?>\s*)?<[\w.-]+:soapui-project\s"""
)
BURP: Final = re.compile(
    rb"\A(?:\xef\xbb\xbf)?\s*<\?xml[^>]*\?>\s*(?:<!DOCTYPE items(?s:.){1,4000}?\]>\s*)?<items burpVersion="
)
BRUNO: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*meta \{\r?\n(?:[^\n]*\n){1,8}?\}")
_ENTITY: Final = b"<!ENTITY"
_BLOCK: Final = re.compile(r"^([\w:-]+) \{\r?\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_MARGIN: Final = re.compile(r"^  ", re.MULTILINE)
_METHODS: Final = ("get", "post", "put", "patch", "delete", "head", "options")


class NotXml(Exception):
    """It is none, or has entities of its own. Nothing of it is kept."""


def _root(raw: bytes) -> ET.Element:
    if _ENTITY in raw:
        raise NotXml
    try:
        return ET.fromstring(raw)  # noqa: S314 - no entities, see above; expat fetches nothing
    except (ET.ParseError, ValueError, LookupError):
        raise NotXml from None


# --- SoapUI -----------------------------------------------------------------------------------------


def of_soapui(raw: bytes) -> Iterator[tuple[Node, ...]]:
    """Each request that has a body, with the place it goes to; each answer of a mock. Raises NotXml."""
    root = _root(raw)
    above = {child: parent for parent in root.iter() for child in parent}
    for one in root.iter():
        name, text = one.tag.removeprefix(f"{{{_CONFIG}}}"), (one.text or "").strip()
        if len(one) or not text or not one.tag.startswith(f"{{{_CONFIG}}}"):
            continue
        if name == "request":
            yield (_soapui_request(one, text, above),)
        elif name == "responseContent":
            status = above[one].get("httpResponseStatus") or 200
            yield {"method": "POST", "uri": "/"}, {"status": status, "body": text}


def _soapui_request(one: ET.Element, text: str, above: dict[ET.Element, ET.Element]) -> Node:
    around = above[one]
    endpoint = next((child.text for tag in ("endpoint", "originalEndpoint") if (child := around.find(f"{{{_CONFIG}}}{tag}")) is not None and child.text), "/")  # fmt: skip
    method, path, kind, at = "POST", "", around.get("mediaType") or "", around
    while at in above:
        at = above[at]
        if at.tag == f"{{{_CONFIG}}}method" and at.get("method"):
            method = str(at.get("method"))
        elif at.tag == f"{{{_CONFIG}}}resource":
            path = str(at.get("path") or "") + path
    return {
        "method": method,
        "uri": endpoint.rstrip("/") + path if path else endpoint,
        "headers": [("Content-Type", kind)] if kind else [],
        "body": text,
    }


# --- Burp -------------------------------------------------------------------------------------------


def of_burp(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Of each item the request and the answer as they were on the line. Raises NotXml, ValueError."""
    for item in _root(raw).iter("item"):
        yield _on_the_line(item, "request"), _on_the_line(item, "response")


def _on_the_line(item: ET.Element, name: str) -> bytes:
    one = item.find(name)
    text = one.text if one is not None and one.text else ""
    coded = one is not None and one.get("base64") == "true"
    return unbased(text) if coded else text.encode("utf-8", "surrogatepass")


# --- Bruno ------------------------------------------------------------------------------------------


def of_bruno(raw: bytes) -> Iterator[tuple[Node, ...]]:
    """The request of a file. Raises KeyError where there is none."""
    text = raw.decode("utf-8-sig", "replace")
    blocks = {
        found[1]: _MARGIN.sub("", found[2].replace("\r\n", "\n"))
        for found in _BLOCK.finditer(text.replace("\r\n", "\n"))
    }
    method = next((one for one in _METHODS if one in blocks), None)
    if method is None:
        raise KeyError("method")
    said = dict(_lines(blocks[method]))
    headers, kind = _lines(blocks.get("headers", "")), said.get("body", "none")
    kind = {"formUrlEncoded": "form-urlencoded", "multipartForm": "multipart-form"}.get(kind, kind)
    body: str | None = blocks.get(f"body:{kind}", blocks.get("body") if kind == "json" else None)
    if kind == "form-urlencoded" and body is not None:
        body = form(_lines(body))
        headers.append(("Content-Type", FORM))
    elif body is not None:
        body = body.rstrip("\n")
    lost = kind not in {"none", "json", "xml", "text", "form-urlencoded"}
    yield ({"method": method, "uri": said["url"], "headers": headers, "body": None if lost else body, "lost": lost},)  # fmt: skip


def _lines(block: str) -> list[tuple[str, str]]:
    """`name: value`, one in each line, without those that `~` switches off."""
    pairs = (line.partition(":") for line in block.splitlines())
    return [
        (name.strip(), value.strip())
        for name, between, value in pairs
        if between and not name.strip().startswith("~")
    ]
