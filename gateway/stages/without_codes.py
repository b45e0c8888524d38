"""A refused answer without its security codes: they may not be kept, whatever else is wrong with it.

Where the message can be read, the codes are where the route's shapes say. Where it can not, every
text of three or four digits that follows a code's name goes: more than codes, at times, and never less.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.codecs import open_document
from gateway.codecs.document import Remove
from gateway.errors import GatewayError
from gateway.rules.model import Shape
from gateway.stages.select import bookings_of

# Between a name and its value: `="`, `>`, `": "`, `><![CDATA[`, `><PlainText>`, up to a few signs.
_BETWEEN = rb"[^0-9]{0,64}?"


def without_codes(body: bytes, shapes: Sequence[Shape]) -> bytes | None:
    """`body` without the codes of `shapes`; None where nobody can tell whether one is in it."""
    try:
        return _read(body, shapes)
    except GatewayError:
        pass
    names = {step.name for shape in shapes if shape.cvc for step in shape.cvc.at.steps if step.name}
    if not names:
        return body
    if b"\0" in body[:256]:  # UTF-16, or no text at all: names would not be found
        return None
    alternatives = b"|".join(re.escape(name.encode()) for name in sorted(names))
    code = re.compile(
        rb"(" + alternatives + rb")(" + _BETWEEN + rb")[0-9]{3,4}(?![0-9])", re.IGNORECASE
    )
    return code.sub(rb"\1\2", body)


def _read(body: bytes, shapes: Sequence[Shape]) -> bytes:
    document = open_document(shapes[0].format, body)
    places = {}
    for shape in shapes:
        if shape.cvc is None:
            continue
        for booking in bookings_of(document, shape):
            for card in document.select(shape.card, booking):
                for place in document.select(shape.cvc.at, card):
                    places[place] = Remove(place)
    return document.splice(places.values()).body
