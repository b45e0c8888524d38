"""Taking security codes out of what is kept or shown, wherever they stand.

Where a message can be read, the codes are where the shapes say. Whether it can or not, three or four
digits that follow a code's name go: more than codes, at times, and none that has its name before it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from gateway.codecs.document import Known, Node, Remove
from gateway.codecs.edits import Spliced
from gateway.codecs.embedded import difference
from gateway.codecs.envelope import Layout, open_layout, rewrite
from gateway.codecs.first_sign import first_sign, sign_of
from gateway.codecs.paths import Path, Step
from gateway.errors import GatewayError
from gateway.rules.model_shapes import Shape
from gateway.rules.several_formats import by_outer
from gateway.stages.messages import layout_of
from gateway.stages.select import bookings_of, cards_of

# What the field is usually called, in whatever case: a message that does not fit its rule may have another
# name than the rule.
USUAL_NAMES: Final = frozenset({
    "cvc", "cvc2", "cvv", "cvv2", "cvn", "cvn2", "cid", "csc", "cvd", "cav2", "ccv", "SeriesCode", "SecurityCode",
    "security_code", "CardSecurityCode", "card_security_code", "CardCvc", "CardCvv", "card_cvc", "card_cvv",
    "cc_cvc", "cc_cvv", "CvvCode", "CvcCode", "cvv_code", "cvc_code", "VerificationCode", "verification_code",
    "VerificationValue", "verification_value", "card_verification", "card_verification_value",
    "CardVerificationValue", "CardVerificationCode", "CardSecurityCodeValue", "SecurityCodeValue",
    "cardCvv2", "cardCvc2", "card_cvv2", "card_cvc2", "ccCvv", "ccCvc", "cc_cvv2", "cc_cvc2", "creditCardCvv",
    "creditCardCvc", "cvvNumber", "cvcNumber", "cvv_number", "cvc_number", "cvv_num", "cvvNo", "cv2", "securityNumber",
})  # fmt: skip
_WIDE: Final = ("utf-16-le", "utf-16-be")
_LONE: Final = "surrogatepass"  # halves of signs come back as they were
# How a text may be written whose signs are not ASCII's bytes, and from which byte on. No label is believed, nor
# the first bytes: they say nothing of a part of another document. Those in a row read the same digits.
_READINGS: Final = (
    (("utf-16-le", 0), ("utf-16-be", 1)),
    (("utf-16-be", 0), ("utf-16-le", 1)),
    (("utf-32-le", 0),),
    (("utf-32-be", 0),),
)
# No word's end, nor a closing tag; what is no letter may be spelled, as in JSON that stands in a form (`%22cvc`).
_BEFORE: Final = (
    rb"(?:(?<![\w/])|(?<=%[01][0-9A-Fa-f])|(?<=%2[0-9A-Ea-e])|(?<=%3[A-Fa-f])|(?<=%[57][B-Eb-e])"
    rb"|(?<=\\u00[01][0-9A-Fa-f])|(?<=\\u002[0-9A-Ea-e])|(?<=\\u003[A-Fa-f]))"
)
_WINDOW: Final = 256  # bytes behind a name in which its value begins
_AT_ONCE: Final = 1 << 14  # no call over more: it holds the interpreter
_PREFIX: Final = 64  # signs of a name's prefix
# A digit, as XML, JSON and forms may spell it.
_DIGIT: Final = rb"(?:[0-9]|&#0*(?:4[89]|5[0-7]);|&#[xX]0*3[0-9];|\\u003[0-9]|%3[0-9])"
_VALUE: Final = re.compile(r"\{[0-9]*\}")
_ESCAPE: Final = re.compile(r"\\u(?!0022)([0-9a-fA-F]{4})")  # but that of a quote
_WORDS: Final = re.compile(r"\w(?:[\w .-]*\w)?")
# Digits within a spelled sign are none: `&#1234;`, `\u003c`, and the `20` of a blank.
_CODE: Final = re.compile(
    rb"(?:(?<![0-9%])|(?<=%[0-24-9A-Fa-f][0-9])|(?<=\\u00[0-24-9A-Fa-f][0-9]))(?<!&#)(?<!&#[xX])(?<!\\u)"
    + _DIGIT
    + rb"{3,4}(?!"
    + _DIGIT
    + rb")"
)


def without_codes(body: bytes, shapes: Sequence[Shape], also: Collection[str] = ()) -> bytes | None:
    """`body` without security codes; None where nobody can tell whether one is in it. `also`: names of
    such fields that no shape has."""
    told = any(shape.cvc is not None for shape in shapes)
    if not told and not also:
        return body
    named = code_names(shapes)
    for same in by_outer(shapes).values():
        layout = layout_of(same)
        sign = sign_of(layout.outer)
        if sign is not None and len(same) < len(shapes) and first_sign(body) not in {None, sign}:
            continue  # it is of another of the route's formats; any bytes may be a form or a text
        try:
            body = _read(body, layout, same)
        except GatewayError:  # what can not be read is searched all the same
            coded = any(envelope.coding != "text" for envelope in layout.envelopes)
            if (told and not named) or coded:
                return None  # but for what can not be seen, or has no name to be found by
    names = named | {*also}
    if b"\0" in body:  # UTF-16, or no text at all
        spelled = [name.lower().encode(codec) for name in names for codec in _WIDE]
        small = body.lower()
        if any(name in small for name in spelled):
            return None
    if _names_in_escapes(body, names):
        return None
    return blank_codes(body, names)


def _names_in_escapes(body: bytes, names: Collection[str]) -> bool:
    """Whether JSON names one of them as `"c\u0076c"`, which is not found by its letters."""
    if b"\\u" not in body:
        return False
    text = body.decode("utf-8", "replace")
    plain = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text)
    words = "|".join(map(re.escape, sorted(names)))
    named = re.compile(rf'(?:(?<!\\)"|\\u0022)(?:{words})(?:"|\\u0022)\s*+:', re.IGNORECASE)
    return len(named.findall(plain)) > len(named.findall(text))


def code_names(shapes: Sequence[Shape]) -> set[str]:
    """What the fields of security codes are called: `SeriesCode`, `cvc`; of `card[cvc]` also `cvc`;
    of a field that is named by its sibling that name; of a text's the words in front of the value."""
    paths = [path for shape in shapes if shape.cvc is not None for path in shape.cvc.places]
    names = {step.named[1] for path in paths for step in path.steps if step.named}
    names |= {_called(path.steps[0]) for path in paths if path.steps and not _is_named(path)}
    names |= {name.rstrip("]").rpartition("[")[2] for name in names}
    return names - {""}


def _called(step: Step) -> str:
    name = step.name or ""
    if step.axis != "around":
        return name
    words = _WORDS.findall(_VALUE.split(name)[0])
    return words[-1] if words else ""


def _is_named(path: Path) -> bool:
    """Whether a sibling's text says which field it is: its own names are every field's."""
    return any(step.named for step in path.steps)


def blank_codes(body: bytes, names: Collection[str]) -> bytes:
    """`body` with `0` for the first three or four digits that stand together behind such a name, in whatever
    bytes its signs are: UTF-8 and all that writes ASCII as it does, UTF-16 and UTF-32.

    A closing tag is no such name. What is longer or shorter is no code.
    """
    if not names:
        return body
    for alike in _READINGS if b"\0" in body else ():
        for codec, start in alike:
            before, body = body, body[:start] + _blank_as(codec, body[start:], names)
            if body != before:  # a second time would take what stands behind the code
                break
    return _blank(body, names)


def _blank_as(codec: str, body: bytes, names: Collection[str]) -> bytes:
    """The same bytes where they are no text of that codec, or no code is in it."""
    whole = len(body) // 4 * 4 if codec.startswith("utf-32") else len(body) // 2 * 2
    try:
        text = body[:whole].decode(codec, _LONE)
    except UnicodeDecodeError:  # UTF-32 has signs that are none
        return body
    plain = text.encode("utf-8", _LONE)
    blanked = _blank(plain, names)
    if blanked == plain:
        return body
    return blanked.decode("utf-8", _LONE).encode(codec, _LONE) + body[whole:]


def _blank(body: bytes, names: Collection[str]) -> bytes:
    words = b"|".join(re.escape(name.encode()) for name in sorted(names))
    found = re.compile(
        _BEFORE + rb"(?:(?<!/)\b[\w.-]{1,%d}+:)?(?:" % _PREFIX + words + rb")(?!\w)", re.IGNORECASE
    )
    longest = _PREFIX + max(len(name.encode()) for name in names) + 2
    codes = _found(_CODE, body, _WINDOW)
    code = next(codes, None)
    parts, position = [], 0
    for name in _found(found, body, longest):
        if name.end() < position:
            continue
        while code is not None and code.start() < name.end():
            code = next(codes, None)
        if code is None:
            break
        for one in _codes_behind(body, name, code):
            parts += [body[position : one.start()], b"0"]
            position = one.end()
    return b"".join((*parts, body[position:])) if parts else body


def _found(pattern: re.Pattern[bytes], body: bytes, longest: int) -> Iterator[re.Match[bytes]]:
    """What `pattern` finds, of at most so many bytes with the one behind it, window by window."""
    position = 0
    while position < len(body):
        end = position + _AT_ONCE
        for one in pattern.finditer(body, position, end + longest):
            if one.start() >= end:
                break
            yield one
            position = one.end()
        position = max(position, end)


def _codes_behind(
    body: bytes, name: re.Match[bytes], code: re.Match[bytes]
) -> Iterator[re.Match[bytes]]:
    """The digits behind a name, of which `code` are the first anywhere; of an element, whose attributes may have
    such digits, those in it, too."""
    if code.end() > name.end() + _WINDOW:
        return
    yield code
    opens = body[name.start() - 1 : name.start()] == b"<"
    closes = body.find(b">", name.end(), name.end() + _WINDOW)
    if opens and code.end() <= closes and body[closes - 1 : closes] != b"/":
        inner = _CODE.search(body, closes, closes + _WINDOW)
        if inner is not None:
            yield inner


def blank_codes_inside(body: bytes, layout: Layout | None, names: Collection[str]) -> bytes:
    """The same of all that the message's envelopes hold."""
    if layout is None:
        return blank_codes(body, names)

    def blank(_: Layout, content: bytes, __: Known) -> Spliced:
        new = blank_codes(content, names)
        return Spliced(new, difference(content, new))

    return rewrite(layout, body, blank).body


def _read(body: bytes, layout: Layout, shapes: Sequence[Shape]) -> bytes:
    document = open_layout(layout, body)
    places: dict[Node, Remove] = {}
    for shape in shapes:
        if shape.cvc is None:
            continue
        for booking in bookings_of(document, shape):
            for card in cards_of(document, shape, booking):
                for path in shape.cvc.places:
                    places |= {place: Remove(place) for place in document.select(path, card)}
    return document.splice(places.values()).body
