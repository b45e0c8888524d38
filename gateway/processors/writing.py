"""One operation's request, as it goes into the pipeline: the token in it, no card yet. Pure."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from gateway.errors import OrderIncomplete
from gateway.exchange import Authority
from gateway.exchange import Request as Message
from gateway.headers import Headers
from gateway.processors.model import Order
from gateway.processors.rules import Also, ProcessorRules, Request
from gateway.processors.template import (
    Body,
    FormBody,
    Json,
    JsonBody,
    Values,
    write_body,
    write_header,
    write_url,
)


def fitting(requests: Sequence[Request], values: Values) -> tuple[Request, str]:
    """The first request that the values suffice for, and its path. Raises OrderIncomplete."""
    for request in requests:
        path = write_url(request.path, values)
        if path is not None and request.needs <= values.keys():
            return request, path
    raise OrderIncomplete


def write_head(
    rules: ProcessorRules, request: Request, path: str, authority: Authority, values: Values
) -> Message:
    """Its head. Raises OrderIncomplete."""
    fields = Headers()
    for name, template in request.headers:
        fields.set(name, write_header(template, values))
    fields.set("Accept-Encoding", "identity")
    if rules.basic is not None:
        user, password = (template.fill(values) for template in rules.basic)
        if user is None or password is None or ":" in user:
            raise OrderIncomplete
        pair = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        fields.set("Authorization", f"Basic {pair}")
    return Message(request.method, authority, path, fields)


def write_message(request: Request, values: Values, order: Order) -> bytes:
    """Its body, with what is sent besides for such an order. Raises OrderIncomplete, MessageUnfit."""
    body = request.body
    if body is None:
        return b""
    for also in request.also:
        if _applies(also, order):
            body = _joined(body, also.body)
    return write_body(body, values)


def everything(request: Request) -> Body | None:
    """Its body with all that may be sent besides."""
    body = request.body
    for also in request.also if body is not None else ():
        body = _joined(body, also.body) if body is not None else None
    return body


def _applies(also: Also, order: Order) -> bool:
    by_initiator = not also.initiators or order.initiator in also.initiators
    return by_initiator and (not also.exemptions or order.exemption in also.exemptions)


def _joined(body: Body, more: FormBody | JsonBody) -> Body:
    """The fields of both; the second's, where both have one."""
    if isinstance(body, FormBody) and isinstance(more, FormBody):
        return FormBody(tuple((dict(body.pairs) | dict(more.pairs)).items()))
    if isinstance(body, JsonBody) and isinstance(more, JsonBody):
        return JsonBody(_merged(dict(body.members), dict(more.members)))
    return body


def _merged(members: dict[str, Json], more: dict[str, Json]) -> dict[str, Json]:
    joined = dict(members)
    for name, value in more.items():
        there = joined.get(name)
        if isinstance(there, dict) and isinstance(value, dict):
            joined[name] = _merged(there, value)
        else:
            joined[name] = value
    return joined
