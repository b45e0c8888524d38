"""Which of a rule's formats a message has, as far as its bytes tell."""

from __future__ import annotations

from typing import Final

from gateway.codecs.document import Format
from gateway.codecs.first_sign import first_sign, first_signs
from gateway.rules.model_directions import Direction

# Of what has no sign of its own, where nobody knows the label: any bytes are a form, so XML and JSON, which
# refuse what is not theirs, come last only where there is nothing else.
_LOOSE: Final[tuple[Format, ...]] = ("form", "text", "multipart")
_STRICT: Final[tuple[Format, ...]] = ("xml", "json")


def by_first_sign(rule: Direction, body: bytes) -> Direction:
    """What is done to a message of which nothing is known but its bytes: to one that begins as neither XML
    nor JSON what is done to XML, which it is not, unless the rule has more formats than these."""
    if not rule.by_format:
        return rule
    told = {format_of(one): one for one in rule.by_format}
    sign = first_sign(body)
    if sign in told:
        return told[sign]
    if "multipart" in told and first_signs(body) == b"--":
        return told["multipart"]
    return next(told[name] for name in (*_LOOSE, *_STRICT) if name in told)


def formats_of(rule: Direction) -> tuple[Format, ...]:
    """The formats that a rule's messages may have, where there are several."""
    return tuple(map(format_of, rule.by_format))


def format_of(rule: Direction) -> Format:
    """The format of the messages of a rule that has one."""
    return rule.shapes[0].layout.outer
