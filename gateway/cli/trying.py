"""A message put through one direction of a route, whatever the route does with it there."""

from __future__ import annotations

from typing import Literal

from gateway.cli.trial import Trial, try_detokenize, try_tokenize, untouched
from gateway.cli.trial_pairs import try_exchange
from gateway.codecs import open_document
from gateway.codecs.document import Known
from gateway.rules.by_sign import by_first_sign
from gateway.rules.model import Route
from gateway.rules.model_directions import Opaque
from gateway.stages import opaque

Action = Literal["tokenize", "detokenize", "exchange", "refuse", "pass"]


def try_message(route: Route, way: str, body: bytes) -> tuple[Action, Trial]:
    """What the route does, and what comes of `body`; `way` is `request` or `response`. `refuse`: the
    route does nothing but refuse what it can not look into, and this body is not such a one.

    Raises the codecs' and stages' refusals.
    """
    rule = by_first_sign(getattr(route, way), body)
    if rule.opaque is not None and body:
        _refuse_opaque(rule.opaque, body, doctype=route.doctype)
    if rule.tokenize is not None:
        return "tokenize", try_tokenize(body, rule.tokenize, route.system, doctype=route.doctype)
    if rule.exchange is not None:
        return "exchange", try_exchange(body, rule.exchange)
    if rule.detokenize:
        return "detokenize", try_detokenize(body, rule.detokenize, doctype=route.doctype)
    return ("refuse" if rule.opaque is not None else "pass"), untouched(body)


def _refuse_opaque(rule: Opaque, body: bytes, *, doctype: bool) -> None:
    if rule.format is None:
        raise opaque.refuse(rule)
    opaque.check(open_document(rule.format, body, Known(doctype=doctype)), rule)
