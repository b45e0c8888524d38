"""Recorded bodies and logs that no reader takes as they are, brought back to what was on the line.

a log      the logger's name before each line (`[Partner] <card>…`)
JSON       a comma before a closing bracket, as people leave one who shorten a recording by hand
XML        some elements side by side: a part that was cut out of a document, maybe without what its prefixes mean
"""

from __future__ import annotations

import re
from typing import Final

from gateway.cli.proposal.leaves import elements_of, parse_json, parse_xml

COMMA: Final = "its JSON has a comma before a closing bracket"
PART: Final = (
    "the recording is a part of a document: `part` stands for the element around these fields"
)

_STRING_OR_COMMA: Final = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|,(?=\s*[}\]])', re.DOTALL)
_PREFIX: Final = re.compile(rb"<([A-Za-z_][\w.-]*):[A-Za-z_]")
_DECLARED: Final = re.compile(rb"\sxmlns:([A-Za-z_][\w.-]*)\s*=")
_LARGEST: Final = 1 << 20


def mended(body: bytes) -> tuple[bytes, str] | None:
    """A body that a reader takes, and what was the matter with it; None where that is none of these."""
    bare = body.strip()
    if len(bare) > _LARGEST:
        return None
    if bare.startswith((b"{", b"[")):
        return _without_commas(bare)
    return (_around(bare), PART) if is_part(bare) else None


def is_part(body: bytes) -> bool:
    """Whether a body is some of a document's elements side by side, most of them with a text alone."""
    bare = body.strip()
    if not bare.startswith(b"<") or bare.startswith((b"<?", b"<!")) or len(bare) > _LARGEST:
        return False
    if parse_xml(bare) is not None:
        return False
    around = parse_xml(_around(bare))
    if around is None or (around.text or "").strip():
        return False
    children = elements_of(around)
    texts = [one for one in children if not elements_of(one)]
    alone = len(children) == 1 and bool(_undeclared(bare))
    return alone or (len(children) > 1 and 2 * len(texts) >= len(children))


def _around(body: bytes) -> bytes:
    """With an element around it that declares each prefix which nothing in it declares."""
    spaces = b"".join(b' xmlns:%s="urn:part:%s"' % (one, one) for one in _undeclared(body))
    return b"<part" + spaces + b">" + body + b"</part>"


def _undeclared(body: bytes) -> list[bytes]:
    declared = {b"xml", *_DECLARED.findall(body)}
    return [one for one in dict.fromkeys(_PREFIX.findall(body)) if one not in declared]


def _without_commas(body: bytes) -> tuple[bytes, str] | None:
    plain = _STRING_OR_COMMA.sub(lambda found: b"" if found[0] == b"," else found[0], body)
    if plain == body:
        return None
    try:
        parse_json(plain)
    except ValueError:
        return None
    return plain, COMMA
