"""Texts from which no rule is proposed: what they are, where in them a card's number stands, and what to do.

Nothing of the text itself is said: a line and a column, no digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from gateway.cards import pan
from gateway.cards.scan import find_cards
from gateway.cli.body_faults import malformed, place
from gateway.cli.proposal.segments import segments

_LONGEST: Final = 256  # signs that a path may pass over (codecs/around.py)
_WIDEST: Final = 19
_LEAST: Final = 16  # digits that a run is looked through for
_RUN: Final = re.compile(rb"[0-9]{20,}")
_TRACK: Final = re.compile(rb"%?B[0-9]{12,19}\^|(?<![0-9])[0-9]{12,19}[=D][0-9]{4}")
_DIVIDED: Final = re.compile(rb"[\x1c-\x1f]")
_BINARY: Final = re.compile(rb"[\x00\x01\x04-\x08\x0e-\x1b\x7f\xc0\xc1\xf5-\xff]")
_PRINTED: Final = re.compile(
    rb"\bisomsg\b|(?:\A|\n)\W*(?:MTI|(?:DE|F|Field|Bit)[ _]?0{0,2}[0-9])\b", re.IGNORECASE
)
_TYPED: Final = re.compile(
    rb"\A(?:ISO[0-9]{9}|[^\w]{0,4}|[0-9A-F]{10})?[012][1-8][0-9]{2}[0-9A-Fa-f]{16}"
)
_HEX_DUMP: Final = re.compile(
    rb"^[ \t]*(?:0x)?[0-9a-fA-F]{4,8}:?[ \t]+(?:[0-9a-fA-F]{2}[ \t]?){8,}", re.MULTILINE
)
_PAGE: Final = re.compile(rb"\s*<(?:!doctype html|html)\b", re.IGNORECASE)
_DIGITS: Final = re.compile(rb"([0-9]{12,19}) *")
_NAMED: Final = re.compile(rb"[=:<{('\"]")
_BY_HAND: Final = "write a shape with `format: text` (docs/rules.md, Plain text)"
_AS_FIELDS: Final = (
    "Ask the processor for its interface in XML, JSON or as a form, and record that."
)
_HTTP: Final = (
    "The gateway takes HTTP alone: ask the processor for its HTTP interface, and record that."
)


class Told(NamedTuple):
    """Why nothing is proposed, and what to do."""

    why: str
    action: str


def why_not(body: bytes) -> Told | None:
    """What is to be said of a body that is none of our formats, and has a number in it or may have; None where
    nothing is known of it."""
    at, sure = _number_in(body)
    return next((told for known in _KNOWN for told in known(body, at, sure=sure)), None)


def track_in(text: str) -> Told | None:
    """What is to be said of a field with a magnetic stripe in it; None where it holds none."""
    return next(_stripe(text.encode("utf-8", "replace"), 0, sure=True), None)


def where_in(body: bytes) -> str:
    """Where the first card's number stands."""
    at, _ = _number_in(body)
    return _where(body, at or 0)


def _number_in(body: bytes) -> tuple[int | None, bool]:
    """Where a card's number begins, and whether it stands alone, not among more digits."""
    found = find_cards(body)
    if found:
        return found[0].start, True
    for run in _RUN.finditer(body):
        for at in range(run.start(), min(run.end() - _LEAST + 1, run.start() + _LONGEST)):
            if pan.is_plausible(body[at : at + _LEAST].decode("ascii")):
                return at, False
    return None, False


def _where(body: bytes, at: int) -> str:
    return f"in {place(body, at)} of its body"


# --- what it may be, the surest first ---------------------------------------------------------------


def _hex_dump(body: bytes, _: int | None, *, sure: bool) -> Iterator[Told]:
    if _HEX_DUMP.search(body) and not sure:
        yield Told(
            "it is a hex dump, not what goes over the line",
            "Record the bytes themselves: as a HAR, with a proxy, or as text (tcpdump -A; `xxd -r` undoes its own dump).",
        )


def _stripe(body: bytes, _: int | None, *, sure: bool) -> Iterator[Told]:
    if sure and _TRACK.search(body):
        yield Told(
            "what a card's magnetic stripe says stands there. It holds a verification value that nobody may keep, and no rule takes it apart",
            "Have the PMS send the number and the expiry as fields, without the stripe.",
        )


def _edifact(body: bytes, at: int | None, *, sure: bool) -> Iterator[Told]:
    if sure and at is not None and segments(body.decode("latin-1")):
        tags = re.findall(rb"(?:\A|['\r\n])([A-Z]{3})(?=[^\w])", body[:at])
        segment = f"in its segment {tags[-1].decode()}, " if tags else ""
        yield Told(
            f"it is EDIFACT. A card's number stands {segment}{_where(body, at)}, but no path leads to it alone",
            f"There {_BY_HAND}: the separators in front of the number are its path, as in `FOP+CC:{{*}}:{{*}}:{{}}:`.",
        )


def _iso8583(body: bytes, at: int | None, *, sure: bool) -> Iterator[Told]:  # noqa: ARG001 - as the others
    if _TYPED.match(body) or _PRINTED.search(body):
        number = (
            f"; what could be a card's number stands {_where(body, at)}" if at is not None else ""
        )
        yield Told(f"it is ISO 8583, whose fields have no names and no fixed places{number}", _HTTP)


def _divided(body: bytes, at: int | None, *, sure: bool) -> Iterator[Told]:
    if sure and at is not None and _DIVIDED.search(body) and not _BINARY.search(body):
        yield Told(
            f"a card's number stands {_where(body, at)}, but control signs (FS, GS) divide the fields, and no path can name them; such a message (TSYS, Vital, Visa II) ends with a check sign, too, that would be wrong for another number",
            _AS_FIELDS,
        )


def _malformed(body: bytes, at: int | None, *, sure: bool) -> Iterator[Told]:
    first = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if _PAGE.match(body):
        number = f", with a card's number {_where(body, at or 0)}" if sure else ""
        yield Told(
            f"it is an HTML page{number}, which no rule reads",
            "A card on a page is masked by the guard. Record the interface that programs use, if there is one.",
        )
    elif first in {b"<", b"{", b"["}:
        stops = malformed("xml" if first == b"<" else "json", body, doctype=True)
        number = f" (a card's number stands {_where(body, at or 0)})" if sure else ""
        if stops:
            yield Told(
                f"{stops}{number}. As it stands it is refused (message_malformed)",
                "Have that mended where it is sent; or record it whole, as it goes over the line.",
            )


def _binary(body: bytes, at: int | None, *, sure: bool) -> Iterator[Told]:
    if _BINARY.search(body):
        number = f", with a card's number {_where(body, at)}" if at is not None and sure else ""
        yield Told(
            f"it is binary (Protocol Buffers, MessagePack, packed digits, a file){number}: no rule reads it",
            _AS_FIELDS,
        )


def _glued(body: bytes, at: int | None, *, sure: bool) -> Iterator[Told]:
    if at is not None and not sure:
        yield Told(
            f"{_where(body, at)} so many digits stand in a row that a card's number may be among them: columns of a fixed width, with nothing between them",
            f'Record two lines of one kind or more, without those of another (a head, a sum); or {_BY_HAND}: `number: "{_fixed(_column(body, at), _LEAST)}"` begins there.',
        )


def _columns(body: bytes, at: int | None, *, sure: bool) -> Iterator[Told]:
    if at is None or not sure:
        return
    column = _column(body, at)
    line = body[at - column :].splitlines()[0]
    digits = _DIGITS.match(line, column)
    if digits is not None and column <= _LONGEST and not _NAMED.search(line):
        blanks = len(digits[0]) - len(digits[1])  # one divides two columns
        width = min(len(digits[1]) + (blanks if blanks > 1 else 0), _WIDEST)
        yield Told(
            f"a card's number stands {_where(body, at)}, and nothing near it says that it is one: a line of columns",
            f'Record two lines of it or more, which show where a column begins; or, where all are as this one, {_BY_HAND}: `number: "{_fixed(column, width)}"`.',
        )


def _column(body: bytes, at: int) -> int:
    return at - 1 - max(body.rfind(b"\n", 0, at), body.rfind(b"\r", 0, at))


def _fixed(column: int, width: int) -> str:
    return f"^{{*{column}}}{{{width}}}" if column else f"^{{{width}}}"


_KNOWN: Final = (_hex_dump, _stripe, _edifact, _iso8583, _divided, _binary, _malformed, _glued, _columns)  # fmt: skip
