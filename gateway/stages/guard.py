"""The last look at what leaves towards a side that may not see cards.

1. A number that this exchange put in becomes its alias, wherever and however it is spelled.
2. Any other card is masked where it stands: first six, last four, `*` between. A hotel's whole
   pull must not stop because one guest typed a card into a comment. So is a security code behind it
   (`gateway/cards/behind.py` says what is taken for one).
3. What can not be replaced where it stands is refused: in a name, in base64.
4. What was changed is looked at again, by the same finder and by the format's own parser.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.cards.behind import code_behind, code_within
from gateway.cards.judge import whole_of
from gateway.cards.scan import Finding, find_cards, has_long_number
from gateway.cards.spelling import decode
from gateway.codecs import open_document
from gateway.codecs.document import Format, Known
from gateway.codecs.edits import Edit, apply_edits
from gateway.errors import CardDisguised, MessageMalformed
from gateway.headers import Headers
from gateway.stages.places import Placed, literals, place

_NOTHING: Final = Known()
_FORMATS: Final[Mapping[str, Format]] = {"xml": "xml", "json": "json", "form": "form"}
_UNPARSED_LIMIT: Final = 64 * 1024
_BOMS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_SAMPLE: Final = 256  # bytes that tell UTF-16 from others
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_NOT_A_NAME: Final = re.compile(r"[^0-9a-z]")
_JOINTS: Final = re.compile(r"[_.-]")
_CODE: Final = (
    r"(?:\d{3,4}(?!\d)|(?<!\d)\d(?:[^\w<>]{0,3}\d){2,3}(?![^\w<>]{0,3}\d))"  # also `9 8 7`
)


@dataclass(frozen=True, slots=True)
class Guarded:
    """A body that may leave. `edits` refer to the body as it came, or to its UTF-8 form where it
    came in UTF-16; they are empty exactly when `body` is the very object that came."""

    body: bytes = field(repr=False)
    masked: int = 0
    echoed: int = 0
    edits: Sequence[Edit] = ()


def guard_body(
    body: bytes,
    format: str | None,
    put_in: Mapping[str, str],
    not_cards: Collection[str] = (),
    *,
    known: Known = _NOTHING,
) -> Guarded:
    """Takes every card out of a decoded body.

    `format` is `xml`, `json`, `form`, or None for anything else. `put_in` maps the numbers of this
    exchange to their aliases. `not_cards` are digits that a rule's
    `not_cards:` found in the message: what looks like a card there is none. `known` is what is known
    of the message beside. Raises `CardDisguised`.
    """
    encoding = _wide_encoding(body)
    if encoding is not None:
        return _guard_wide(body, encoding, format, put_in, not_cards, known=known)
    return _guard(body, format, put_in, not_cards, known=known)


def _guard(
    body: bytes,
    format: str | None,
    put_in: Mapping[str, str],
    not_cards: Collection[str] = (),
    encoding: str = "utf-8",
    *,
    known: Known = _NOTHING,
) -> Guarded:
    """`encoding` is the one that the message came in, where `body` is its UTF-8 form."""
    found = [one for one in find_cards(body, known=put_in) if _counts(one, not_cards)]
    if not found:
        return Guarded(body)
    known_format = _format(format)
    if known_format is not None and not _parses(known_format, body, encoding, known):
        known_format = None  # a wrong label, or an error page: text
    edits = _edits(body, place(known_format, body, found), put_in)
    spliced = apply_edits(body, edits)
    if any(_counts(one, not_cards) for one in find_cards(spliced.body, known=put_in)):
        raise CardDisguised
    if known_format is not None and not _parses(known_format, spliced.body, encoding, known):
        raise CardDisguised
    echoed = sum(one.known for one in found)
    return Guarded(spliced.body, len(found) - echoed, echoed, spliced.edits)


def has_card(body: bytes, put_in: Mapping[str, str], not_cards: Collection[str]) -> bool:
    """Whether a card is in a text; the arguments are `guard_body`'s."""
    return any(_counts(one, not_cards) for one in find_cards(body, known=put_in))


def _counts(one: Finding, not_cards: Collection[str]) -> bool:
    return one.known or not not_cards or one.digits.reveal() not in not_cards


def _format(name: str | None) -> Format | None:
    return _FORMATS.get(name or "")


def _parses(format: Format, body: bytes, encoding: str, known: Known) -> bool:
    if encoding != "utf-8" and format == "xml":  # its declaration says so
        body = body.decode().encode(encoding)
    try:
        open_document(format, body, known)
    except MessageMalformed:
        return False
    return True


# --- what becomes of a finding ----------------------------------------------------------------------


def _edits(body: bytes, placed: Sequence[Placed], put_in: Mapping[str, str]) -> list[Edit]:
    edits = [
        edit
        for one in placed
        for edit in (
            _as_alias(body, one.finding, put_in) if one.finding.known else _masked(one.finding)
        )
    ]
    edits += _codes(body, placed)
    for start, end in literals(placed):
        edits += (Edit(start, start, b'"'), Edit(end, end, b'"'))
    # At one place an insertion comes before what changes there, and after what ends there.
    return sorted(edits, key=lambda edit: (edit.start, edit.end))


def _as_alias(body: bytes, one: Finding, put_in: Mapping[str, str]) -> list[Edit]:
    """Aliases are letters, digits and `_`: they mean themselves in every format."""
    digits = one.digits.reveal()
    alias = put_in[whole_of(digits, put_in) or digits].encode("ascii")
    if b"<" not in body[one.start : one.end] and b">" not in body[one.start : one.end]:
        return [Edit(one.start, one.end, alias)]
    first, *rest = one.spans  # what stands between may be markup: only the digits go
    return [Edit(*first, alias), *(Edit(start, end, b"") for start, end in rest)]


def _masked(one: Finding) -> list[Edit]:
    number = len(one.digits.reveal()) - code_within(one)
    hidden = one.spans[6 : number - 4] + one.spans[number:]
    return [Edit(start, end, b"*") for start, end in hidden]


def _codes(body: bytes, placed: Sequence[Placed]) -> Iterator[Edit]:
    """The codes behind numbers that stand in text; what is a card's own digit is none."""
    ends = [*(one.finding.start for one in placed[1:]), len(body)]
    for one, limit in zip(placed, ends, strict=True):
        code = code_behind(body, one.finding) if one.place == "text" else None
        if code is not None and code[1] <= limit:
            yield Edit(*code, b"***")


# --- UTF-16 -----------------------------------------------------------------------------------------


def _wide_encoding(body: bytes) -> str | None:
    """UTF-16 or UTF-32 by its byte order mark, or by where its NULs stand; else None."""
    for bom, encoding in _BOMS:
        if body.startswith(bom):
            return encoding
    sample = body[: min(_SAMPLE, len(body) // 2 * 2)]
    if b"\0" not in sample:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if odd > half // 2 and even == 0:
        return "utf-16-le"
    if even > half // 2 and odd == 0:
        return "utf-16-be"
    return None


def _guard_wide(
    body: bytes,
    encoding: str,
    format: str | None,
    put_in: Mapping[str, str],
    not_cards: Collection[str],
    *,
    known: Known,
) -> Guarded:
    """Guards the UTF-8 form of a body in a wide encoding. Raises `CardDisguised` where the body is
    not text in that encoding, or does not come back the same."""
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        if find_cards(body, known=put_in):
            raise CardDisguised from None
        return Guarded(body)
    guarded = _guard(text.encode(), format, put_in, not_cards, encoding, known=known)
    if not guarded.edits:
        return Guarded(body)
    changed = guarded.body.decode().encode(encoding)
    return Guarded(changed, guarded.masked, guarded.echoed, guarded.edits)


# --- text and headers -------------------------------------------------------------------------------


def guard_text(text: str, put_in: Mapping[str, str]) -> tuple[str, int]:
    """Takes every card out of a header value, a status reason, or a path with its query; how many
    there were comes with it. Raises `CardDisguised` for base64."""
    raw = text.encode("utf-8", "surrogateescape")
    guarded = _guard(raw, None, put_in)
    if not guarded.edits:
        return text, 0
    return guarded.body.decode("utf-8", "surrogateescape"), guarded.masked + guarded.echoed


def guard_headers(headers: Headers, put_in: Mapping[str, str]) -> int:
    """Takes every card out of the values of `headers`, in place; answers how many there were.

    Raises `CardDisguised` for a card in a name, or one that can not be replaced where it stands.
    """
    together = b"\x01".join([part for pair in headers for part in pair])
    if not find_cards(together, known=put_in):
        return 0
    total = 0
    fields: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        if find_cards(name, known=put_in):
            raise CardDisguised
        guarded = _guard(value, None, put_in)
        total += guarded.masked + guarded.echoed
        fields.append((name, guarded.body))
    headers.fields = fields
    return total


# --- what is not text ---------------------------------------------------------------------------

_CONTROLS: Final = bytes({*range(32)} - set(b"\t\n\x0b\x0c\r\x1b"))
_PIECE: Final = 1 << 20  # one C call over more would keep the event loop waiting


def is_text(body: bytes) -> bool:
    """Whether a decoded body is text that can be looked through. A picture, a PDF or an archive is
    not: a card may be packed in it."""
    if _wide_encoding(body) is not None:
        return True
    pieces = (body[at : at + _PIECE] for at in range(0, len(body), _PIECE))
    return all(len(piece) == len(piece.translate(None, _CONTROLS)) for piece in pieces)


# --- what does not parse ----------------------------------------------------------------------------


def may_pass_unparsed(body: bytes, names: Collection[str], codes: Collection[str] = ()) -> bool:
    """Whether an answer that can not be parsed may pass untouched (design.md).

    Only if it is at most 64 KB, text, names no card element (`names`, in any case and spelling),
    has no three or four digits behind the name of a code's field (`codes`: "code" is an ordinary word),
    and no twelve digits together under any view, card or not.
    """
    if len(body) > _UNPARSED_LIMIT:
        return False
    text = _text(body)
    if text is None:
        return False
    raw = text.encode()
    if has_long_number(raw):
        return False
    spoken = decode(raw, ((0, len(raw)),)).text.decode("utf-8", "replace")
    seen = _JOINTS.sub("", html.unescape(spoken).casefold())
    if any(_NOT_A_NAME.sub("", name.casefold()) in seen for name in names):
        return False
    return not any(_digits_behind(_NOT_A_NAME.sub("", code.casefold()), seen) for code in codes)


def _digits_behind(name: str, text: str) -> bool:
    return re.search(re.escape(name) + r"\D{0,40}" + _CODE, text) is not None


def _text(body: bytes) -> str | None:
    """The body as text; None where it is none."""
    encoding = _wide_encoding(body) or "utf-8"
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            return None
        text = body.decode("latin-1")
    return None if _CONTROL.search(text) else text
