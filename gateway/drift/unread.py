"""How many bookings a message has that was not read, for want of anything in it that could be a card.

Counting is enough, and must cost nothing beside the message: a name is counted in the bytes as they are. What
can not be counted so, as items of a list in JSON, or what is compressed or wrapped, counts as no booking; the
message itself counts anyhow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from gateway.codecs.paths import Path
from gateway.rules.model_shapes import Shape

_LARGEST: Final = 32 * 1024  # counting takes 10 µs then, on the event loop
_NAME: Final = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)


def bookings_unread(body: bytes, shapes: Sequence[Shape]) -> int:
    """How many bookings of `shapes` are in `body`, as far as that can be seen; 1 where a message is one."""
    named = {shape.booking.text: shape for shape in shapes if shape.booking is not None}
    if not named:
        return 1
    if len(body) > _LARGEST:
        return 0
    return sum(_count(body, path, shape) for shape in named.values() if (path := shape.booking))


def _count(body: bytes, path: Path, shape: Shape) -> int:
    if not path.steps:
        return 1
    names = [step.name or "" for step in path.steps]
    if shape.envelopes or not all(map(_NAME.fullmatch, names)):
        return 0
    if shape.format == "json":  # one, unless there are lists on the way
        plain = all(step.axis == "member" for step in path.steps)
        return int(plain and all(b'"%b"' % name.encode() in body for name in names))
    if shape.format != "xml":
        return 0
    wanted = names[-1].encode()
    ends = body.count(b"</" + wanted + b">")
    if not ends and b":" + wanted + b">" in body:
        return len(re.findall(rb"</[^<>:/]+:" + re.escape(wanted) + rb">", body))
    return ends
