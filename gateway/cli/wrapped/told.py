"""Files of tools that hold exchanges or descriptions of them and are not read: what they are, and what to do."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 64 << 10
_SAVE: Final = "Save the message's body in a file of its own, or record the exchange as a HAR."
_KNOWN: Final = (
    (
        re.compile(rb"""\A\s*(?:\{(?s:.){0,400}?["'](?:openapi|swagger)["']\s*:\s*["'][123]\.|(?:---\s*|#[^\n]*\n)*(?:openapi|swagger):\s*["']?[123]\.)"""),
        "a description of an interface (OpenAPI)",
        "Save one of its examples in a file of its own; better, record a real message.",
    ),
    (re.compile(rb"\A\s*(?:<\?xml[^>]*\?>\s*)?<jmeterTestPlan\s"), "a test plan of JMeter", _SAVE),
    (
        re.compile(rb"\A\s*(?:<\?xml[^>]*\?>\s*)?<(?:wsdl:)?definitions\s[^>]*schemas\.xmlsoap\.org/wsdl"),
        "a description of an interface (WSDL)",
        "Record a real message.",
    ),
    (re.compile(rb"\A\d{1,9}:\d{1,3}:version;"), "mitmproxy's own dump of flows", "Export it: mitmdump -n -r FILE --set hardump=day.har"),
    (
        re.compile(rb"\A(?:\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\x4d\x3c\xb2\xa1|\x0a\x0d\x0d\x0a)"),
        "a capture of packets (pcap)",
        "Where it is not encrypted: in Wireshark, Follow > HTTP Stream, and save that; else record a HAR with a proxy.",
    ),
    (re.compile(rb"\APK\x03\x04(?s:.){0,4000}?raw/\d+_[cs]\.txt"), "Fiddler's archive (.saz)", "Export it from Fiddler as HTTPArchive v1.2 (a HAR)."),
    (re.compile(rb"\A\s*(?:describe|Feature):?\s[^\n]*\n(?s:.)*?^\s*(?:Given url|When method|Scenario)", re.MULTILINE), "a test that is written in words (Karate, Cucumber)", _SAVE),
)  # fmt: skip


def told_of(raw: bytes) -> tuple[str, str] | None:
    """What a file is, and what to do; None where it is none of these."""
    head = raw[:_LONGEST].removeprefix(b"\xef\xbb\xbf")
    return next(((what, action) for known, what, action in _KNOWN if known.match(head)), None)
