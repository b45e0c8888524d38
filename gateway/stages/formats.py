"""Which of its rule's formats a message has, where the rule has several. Pure.

Whoever reads the message after us must not read it as another format than we did, or a card could stand in
what only he sees.

1. XML begins with `<` and JSON with `{` or `[`, behind a mark of the encoding and blanks: no reader of the
   one reads what begins as the other. Where cards are taken out and a rule has only these, the first sign
   tells, whatever the label says.
2. Any bytes are a form, and most are a text. Where a rule has one of these, the one Content-Type must name the
   format, and the first sign must not say another.
3. Where a card is put in, the label tells, as ever: the processor reads by it.
4. What begins as neither XML nor JSON is read as XML, and so can not be read: it is refused, or guarded as such.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.codecs.first_sign import TOLD_BY_THEIR_SIGN, first_sign, sign_of
from gateway.errors import LabelWrong
from gateway.headers import Headers
from gateway.rules.by_sign import by_first_sign, format_of, formats_of
from gateway.rules.model import Route
from gateway.rules.model_directions import Direction
from gateway.stages import labels


def for_request(route: Route, headers: Headers, body: bytes) -> Route:
    """The route with what it does to this request alone. Raises `LabelWrong`."""
    if not route.request.by_format:
        return route
    return replace(route, request=chosen(route.request, headers, body))


def for_answer(route: Route, headers: Headers, body: bytes) -> Route:
    """The route with what it does to this answer alone. Raises `LabelWrong` for a push that was kept, and
    is read as an answer."""
    if not route.response.by_format:
        return route
    return replace(route, response=chosen(route.response, headers, body))


def chosen(rule: Direction, headers: Headers, body: bytes) -> Direction:
    """What is done to a message with this head. Raises `LabelWrong`."""
    signs_tell = rule.tokenize is not None and TOLD_BY_THEIR_SIGN.issuperset(formats_of(rule))
    if signs_tell or not body or not rule.by_format:
        return by_first_sign(rule, body)
    told = {format_of(one): one for one in rule.by_format}
    named = labels.named(headers, told)
    if rule.tokenize is not None and first_sign(body) != sign_of(named):
        raise LabelWrong
    return told[named]
