"""Spelling a digit in every way, and reading them all back as naively as possible."""

from __future__ import annotations

import html
import re
from urllib.parse import unquote

from gateway.cards.pan import is_plausible, luhn_ok

SPELLINGS = [
    lambda d: d.encode(),
    lambda d: b"&#%d;" % ord(d),
    lambda d: b"&#x%x;" % ord(d),
    lambda d: b"&#00%d;" % ord(d),
    lambda d: b"\\u%04x" % ord(d),
    lambda d: b"\\\\u%04X" % ord(d),
    lambda d: b"%%%02x" % ord(d),
    lambda d: b"%%25%02x" % ord(d),
    lambda d: chr(0xFF10 + int(d)).encode(),
    lambda d: b"&#%d;" % (0xFF10 + int(d)),
    lambda d: b"\\u%04X" % (0xFF10 + int(d)),
    lambda d: d.encode() + b"<!-- x -->",
    lambda d: b"<![CDATA[" + d.encode() + b"]]>",
    lambda d: b"<?x y?>" + d.encode(),
]
SEPARATORS = [
    b"", b" ", b"-", b".", b"\xc2\xa0", b"\xe2\x80\x89", b"%20", b"+", b"&#32;", b"&#160;", b"&nbsp;",
    b"\\u00a0", b" - ", b"%C2%A0",
]  # fmt: skip


def luhn_completed(prefix, length, seed):
    body = prefix + str(seed).zfill(length)[-(length - 1 - len(prefix)) :]
    return next(body + str(check) for check in range(10) if luhn_ok(body + str(check)))


def second_opinion(data, edge="[0-9]"):
    """The plausible numbers of a text that is decoded naively, all at once: digits alone, or in
    fours with one kind of separator; `edge` must not stand beside them. Shares nothing with the
    finder but `is_plausible`."""
    text = data.decode("utf-8", "replace")
    text = re.sub(r"<!--.*?-->|<!\[CDATA\[|\]\]>|<\?.*?\?>", "", text, flags=re.DOTALL)
    for _ in range(2):
        text = html.unescape(unquote(text))
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), text)
    text = "".join(str(int(c)) if c.isdecimal() else c for c in text)
    alone = re.findall(rf"(?<!{edge})[0-9]{{14,19}}(?!{edge})", text)
    fours = re.finditer(
        rf"(?<!{edge})([0-9]{{4}})( - |[ +.\-\u00a0\u2009])([0-9]{{4}})\2([0-9]{{4}})\2([0-9]{{3,4}})(?!{edge})",
        text,
    )
    together = ["".join(match.group(1, 3, 4, 5)) for match in fours]
    return {number for number in alone + together if is_plausible(number)}
