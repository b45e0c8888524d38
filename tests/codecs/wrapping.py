"""Documents put into others in every way that a sender may write them, and taken out again by
parsers that are none of ours."""

from __future__ import annotations

import base64
import json
import random
import textwrap
import xml.etree.ElementTree as ET
from urllib.parse import parse_qsl

from gateway.codecs.envelope import Envelope
from gateway.codecs.paths import parse_path

ENCODINGS = ("utf-8", "iso-8859-1", "utf-16")
NAMED = {"<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;", "'": "&apos;"}


def in_form(inner: bytes, source: random.Random) -> bytes:
    plain = b"abcdefghijklmnopqrstuvwxyz0123456789<>/\"'{}[]:,."
    out = bytearray()
    for byte in inner:
        if byte == 0x20 and source.random() < 0.5:
            out += b"+"
        elif byte in plain and source.random() < 0.7:
            out.append(byte)
        else:
            out += source.choice([b"%%%02X", b"%%%02x"]) % byte
    return b"api=a%2Bb&xml=" + bytes(out) + b"&&other=%6fne+two"


def from_form(body: bytes) -> bytes:
    pairs = dict(parse_qsl(body.decode(), keep_blank_values=True, errors="surrogateescape"))
    return pairs["xml"].encode("utf-8", "surrogateescape")


def in_json(inner: bytes, source: random.Random) -> bytes:
    out = ""
    for sign in inner.decode():
        escaped = json.dumps(sign)[1:-1]
        raw = json.dumps(sign, ensure_ascii=False)[1:-1]
        hexed = "".join(
            f"\\u{unit:04x}" if source.random() < 0.5 else f"\\u{unit:04X}"
            for unit in memoryview(sign.encode("utf-16-le")).cast("H")
        )
        out += source.choice([raw, raw, raw, escaped, hexed, "\\/" if sign == "/" else raw])
    return ('{ "é": 1.0, "data" : {"xml": "' + out + '"}, "n": [1, 2 ] }').encode()


def from_json(body: bytes) -> bytes:
    return str(json.loads(body)["data"]["xml"]).encode()


def in_xml(inner: bytes, source: random.Random, *, is_text: bool, attribute: bool = False) -> bytes:
    """`is_text`: it will be the text of another message, whatever encoding it declares."""
    encoding = source.choice(ENCODINGS)
    out, text = "", inner.decode()
    sections = not attribute and "\r" not in text  # nothing can be escaped in a CDATA section
    while text:
        size = source.choice([1, 1, 2, 20])
        run, text = text[:size], text[size:]
        fits = is_text or encoding != "iso-8859-1" or all(ord(sign) < 256 for sign in run)
        if sections and fits and "]" not in run and source.random() < 0.3:
            out += f"<![CDATA[{run}]]>"
        else:
            out += "".join(_reference(sign, source, attribute=attribute) for sign in run)
    head = (
        f'<?xml version="1.0" encoding="{encoding.upper()}"?>\r\n' if source.random() < 0.9 else ""
    )
    if not head and encoding == "iso-8859-1":
        encoding = "utf-8"
    node = f'<d:data xml="{out}"\n/>' if attribute else f"<d:data a='1' >{out}</d:data >"
    message = f'{head}<d:x xmlns:d="urn:d"><!-- <data> -->\r\n{node}<d:é>é</d:é></d:x>'
    return message.encode("utf-8" if is_text else encoding, "xmlcharrefreplace")


def _reference(sign: str, source: random.Random, *, attribute: bool) -> str:
    if sign in NAMED and source.random() < 0.7:
        return NAMED[sign]
    must = sign in "<&\r" or (sign == ">" and not attribute)
    must = must or (attribute and sign in "\"'\n\t")
    if must or source.random() < 0.1:
        return source.choice([f"&#{ord(sign)};", f"&#x{ord(sign):x};", f"&#x0{ord(sign):X};"])
    return sign


def from_xml(body: bytes, *, is_text: bool) -> bytes:
    """By expat."""
    data = ET.fromstring(body.decode() if is_text else body).find("{urn:d}data")
    assert data is not None
    return (data.get("xml") or data.text or "").encode()


def in_base64(inner: bytes, source: random.Random) -> bytes:
    text = base64.b64encode(inner).decode()
    if source.random() < 0.5:
        text = source.choice(["\r\n", "\n"]).join(textwrap.wrap(text, source.choice([64, 76])))
    return (source.choice(["", "\n  "]) + text).encode()


def in_base64url(inner: bytes, source: random.Random) -> bytes:  # as the others
    return base64.urlsafe_b64encode(inner).rstrip(b"=")


def from_base64(body: bytes) -> bytes:
    text = body.translate(None, b"\r\n ").translate(bytes.maketrans(b"-_", b"+/"))
    return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)


# Kind → its format, where the text stands.
KINDS = {
    "form": ("form", "xml"),
    "json": ("json", "$.data.xml"),
    "element": ("xml", "//data"),
    "attribute": ("xml", "/x/data/@xml"),
}
CODINGS = {"text": None, "base64": in_base64, "base64url": in_base64url}


def wrap(inner: bytes, kind: str, coding: str, source: random.Random, *, is_text: bool) -> bytes:
    """`inner` in an envelope, which `is_text` of another one."""
    write = CODINGS[coding]
    text = inner if write is None else write(inner, source)
    match kind:
        case "form":
            return in_form(text, source)
        case "json":
            return in_json(text, source)
    return in_xml(text, source, is_text=is_text, attribute=kind == "attribute")


def unwrap(body: bytes, kind: str, coding: str, *, is_text: bool) -> bytes:
    """What the envelope holds."""
    match kind:
        case "form":
            text = from_form(body)
        case "json":
            text = from_json(body)
        case _:
            text = from_xml(body, is_text=is_text)
    return text if coding == "text" else from_base64(text)


def envelope(kind: str, coding: str) -> Envelope:
    form, at = KINDS[kind]
    return Envelope(form, parse_path(at, form), coding)
