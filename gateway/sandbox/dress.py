"""How a SiteMinder answer is sent: each function takes the SOAP text and makes the HTTP answer of it.

From the plain one over the odd spellings of real servers to what no honest server sends.
"""

from __future__ import annotations

import functools
import gzip
import re
import struct
import zlib
from collections.abc import Callable
from typing import Final

from starlette.responses import Response

from gateway.sandbox.cards import VISA, VISA_TWO
from gateway.sandbox.soap import CONTENT_TYPE
from gateway.sandbox.wire import WireResponse

Dress = Callable[[str], Response]

_CHUNKED_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nTransfer-Encoding: chunked\r\n"
)
_DECLARATION: Final = '<?xml version="1.0" encoding="{}"?>\n'
_ELEMENT: Final = re.compile(r"<(/?)(?=(?:OTA_)?[A-Z][A-Za-z_]*[\s/>])")


def plain(text: str) -> Response:
    """UTF-8 with a declaration: how SiteMinder answers."""
    return _xml((_DECLARATION.format("UTF-8") + text).encode())


def _xml(body: bytes, content_type: str = CONTENT_TYPE, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(body, headers={"content-type": content_type, **named})


def latin1(text: str) -> Response:
    """ISO-8859-1, in declaration and label."""
    body = (_DECLARATION.format("ISO-8859-1") + text).encode("iso-8859-1")
    return _xml(body, "text/xml; charset=ISO-8859-1")


def utf16(text: str) -> Response:
    """UTF-16 with a byte order mark."""
    return _xml((_DECLARATION.format("UTF-16") + text).encode("utf-16"), "text/xml; charset=utf-16")


def prefixed(text: str) -> Response:
    """Every OTA element with the prefix `ota`, its attributes without."""
    head, sep, tail = text.partition("<OTA_")
    inside, end, rest = (sep + tail).partition("\n</SOAP-ENV:Body>")
    inside = _ELEMENT.sub(r"<\1ota:", inside).replace(" xmlns=", " xmlns:ota=", 1)
    return plain(head + inside + end + rest)


def cdata(text: str) -> Response:
    """Texts as CDATA, and a comment that looks like a card."""
    text = re.sub(r"<Text>([^<]*)</Text>", r"<Text><![CDATA[\1]]></Text>", text)
    note = '<!-- cards: <PaymentCard CardNumber="not this one"/> -->'
    return plain(text.replace("<GuaranteesAccepted>", note + "<GuaranteesAccepted>"))


def cr(text: str) -> Response:
    """CR as line end."""
    return _xml((_DECLARATION.format("UTF-8") + text).replace("\n", "\r").encode())


def crcrlf(text: str) -> Response:
    """CR CR LF as line end."""
    return _xml((_DECLARATION.format("UTF-8") + text).replace("\n", "\r\r\n").encode())


def leading_newline(text: str) -> Response:
    """A newline before the declaration, which XML forbids and real servers send."""
    return _xml(b"\n" + (_DECLARATION.format("UTF-8") + text).encode())


def spaced_tag(text: str) -> Response:
    """`</PaymentCard >`."""
    return plain(text.replace("</PaymentCard>", "</PaymentCard >"))


def single_quotes(text: str) -> Response:
    """Single quotes, and spaces around `=`."""
    return plain(re.sub(r'(CardNumber|ExpireDate)="([^"]*)"', r"\1 = '\2'", text))


def gzipped(text: str) -> Response:
    """Content-Encoding gzip."""
    body = gzip.compress((_DECLARATION.format("UTF-8") + text).encode(), mtime=0)
    return _xml(body, content_encoding="gzip")


def gzip_bomb(text: str) -> Response:
    """An eighth of a megabyte that becomes 128."""
    del text
    return _xml(_bomb(), content_encoding="gzip")


@functools.cache
def _bomb() -> bytes:
    """128 MiB of blanks as valid gzip (RFC 1952), made from one block so that it costs nothing."""
    block, times = b" " * (1024 * 1024), 128
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(block) + packer.flush(
        zlib.Z_FULL_FLUSH
    )  # stands by itself: repeatable
    checksum = functools.reduce(lambda crc, _: zlib.crc32(block, crc), range(times), 0)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    tail = b"\x03\x00" + struct.pack("<II", checksum, len(block) * times)
    return head + packed * times + tail


def unknown_coding(text: str) -> Response:
    """A Content-Encoding that HTTP does not know."""
    return _xml(text.encode().hex().encode(), content_encoding="hex")


def stacked_coding(text: str) -> Response:
    """Packed twice."""
    return _xml(gzip.compress(gzip.compress(text.encode())), content_encoding="gzip, gzip")


def doctype(text: str) -> Response:
    """The card number as an internal entity."""
    declaration = f'<!DOCTYPE Envelope [<!ENTITY card "{VISA}">]>\n'
    return plain(declaration + text.replace(f'CardNumber="{VISA}"', 'CardNumber="&card;"'))


def malformed(text: str) -> Response:
    """A closing tag is missing."""
    return plain(text.replace("</GuaranteeAccepted>", "", 1))


def wrong_label(text: str) -> Response:
    """XML that says it is JSON."""
    return _xml(text.encode(), "application/json")


def bad_namespace(text: str) -> Response:
    """One of SiteMinder's real errors: it declares `soap-env` and uses `SOAP-ENV`."""
    del text
    return _xml(
        b'<SOAP-ENV:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/">\n'
        b'    <SOAP-ENV:Body xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/">\n'
        b'        <OTA_ResRetrieveRS xmlns="http://www.opentravel.org/OTA/2003/05" Version="1.0">\n'
        b'            <Errors><Error Type="12">Processing exception</Error></Errors>\n'
        b"        </OTA_ResRetrieveRS>\n    </SOAP-ENV:Body>\n</SOAP-ENV:Envelope>\n"
    )


def html(text: str) -> Response:
    """A web server's error page."""
    del text
    page = "<html><head><title>500</title></head><body><h1>Internal Server Error<br></h1></body></html>"
    return Response(page, 500, {"content-type": "text/html; charset=iso-8859-1"})


def html_card(text: str) -> Response:
    """An error page that holds a card."""
    del text
    page = f"<html><body><h1>Error<br></h1><pre>could not charge {VISA_TWO}</pre></body></html>"
    return Response(page, 500, {"content-type": "text/html"})


def header_card(text: str) -> Response:
    """A card in a response header."""
    answer = plain(text)
    answer.headers["x-debug"] = f"card {VISA}"
    return answer


def slow(seconds: float) -> Dress:
    """How to answer after so many seconds of silence."""

    def dress(text: str) -> Response:
        return WireResponse([seconds, _head(text) + text.encode()])

    return dress


def drip(text: str) -> Response:
    """The body in twenty pieces within a second."""
    body = text.encode()
    step = max(1, len(body) // 20)
    parts: list[bytes | float] = [_head(text)]
    for start in range(0, len(body), step):
        parts += [body[start : start + step], 0.05]
    return WireResponse(parts)


def cut(text: str) -> Response:
    """The connection is cut after three quarters of the body."""
    body = text.encode()
    return WireResponse([_head(text), body[: len(body) * 3 // 4]], abort=True)


def status_line(text: str) -> Response:
    """A status line that is none, with a card."""
    return WireResponse([f"HTTP/1.1 abc {VISA}\r\n".encode(), _head(text)[17:], text.encode()])


def trailers(text: str) -> Response:
    """Chunked, with a card in a trailer."""
    return WireResponse(
        [
            _CHUNKED_HEAD + b"Trailer: X-Card\r\n\r\n",
            f"{len(text.encode()):x}\r\n".encode() + text.encode() + b"\r\n0\r\n",
            f"X-Card: {VISA}\r\n\r\n".encode(),
        ]
    )


def chunked(text: str) -> Response:
    """Chunks of 97 bytes."""
    body = text.encode()
    parts: list[bytes | float] = [_CHUNKED_HEAD + b"Connection: close\r\n\r\n"]
    parts += [
        b"%x\r\n%b\r\n" % (len(p), p) for p in (body[i : i + 97] for i in range(0, len(body), 97))
    ]
    return WireResponse([*parts, b"0\r\n\r\n"])


def _head(text: str) -> bytes:
    return (
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\n"
        f"Content-Length: {len(text.encode())}\r\nConnection: close\r\n\r\n"
    ).encode()
