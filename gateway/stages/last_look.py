"""The last look at what leaves towards a side that may not see cards."""

from __future__ import annotations

from functools import partial

from gateway.codecs.envelope import Layout
from gateway.errors import CardDisguised
from gateway.exchange import Exchange, Request, Response
from gateway.headers import Headers
from gateway.metrics import Metrics
from gateway.rules.model import Route
from gateway.rules.model_directions import Direction
from gateway.stages import labels
from gateway.stages.guard import guard_headers, guard_text, has_card
from gateway.stages.guard_inside import guard_message
from gateway.stages.messages import layout_of, put_body
from gateway.stages.unseen import check_encodings, check_text
from gateway.stages.without_codes import blank_codes_inside, code_names


class LastLook:
    """The guard, over all of a message. Raises `CardDisguised`, `MessageForbidden` where a card, or
    what may hold one, can not be masked in its place."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def request(self, exchange: Exchange, route: Route, request: Request, body: bytes) -> bytes:
        """What may be sent of a request: path and headers change in place; the body."""
        request.path, found = guard_text(request.path, exchange.known)
        exchange.counts.guarded += found
        return self._guard(exchange, route, request.headers, body, route.request)

    def response(
        self, exchange: Exchange, route: Route, response: Response, decoded: bytes, body: bytes
    ) -> None:
        """What may be sent of an answer, in its place; `decoded` is the body before it was changed."""
        if any(sign.isnumeric() for sign in response.reason):
            response.reason, found = guard_text(response.reason, exchange.known)
            exchange.counts.guarded += found
        body = self._guard(exchange, route, response.headers, body, route.response)
        if exchange.held:  # a code that the gateway put in is not for the caller's eyes
            body = blank_codes_inside(
                body, _layout(route.response), code_names(route.request.detokenize)
            )
        put_body(response, decoded, body)

    def _guard(
        self, exchange: Exchange, route: Route, headers: Headers, body: bytes, rule: Direction
    ) -> bytes:
        layout = _layout(rule) or _labelled(headers)
        try:
            exchange.counts.guarded += guard_headers(headers, exchange.known)
            if not body:
                return body
            check_text(body, layout.outer if layout else None)
            guarded = guard_message(
                body, layout, exchange.known, exchange.not_cards, doctype=route.doctype
            )
            still = partial(has_card, put_in=exchange.known, not_cards=exchange.not_cards)
            check_encodings(headers, guarded.body, still)
        except CardDisguised:
            self._metrics.guard_findings.labels(route.id, "refused").inc()
            raise
        exchange.counts.guarded += guarded.masked
        exchange.counts.echoed += guarded.echoed
        return guarded.body


def _layout(rule: Direction) -> Layout | None:
    """How a message is read whose cards become tokens; None for any other."""
    return layout_of(rule.tokenize.shapes) if rule.tokenize else None


def _labelled(headers: Headers) -> Layout | None:
    """What a message says of itself; None where that is no format that we read."""
    format = labels.format_of(headers)
    return None if format is None else Layout(format)
