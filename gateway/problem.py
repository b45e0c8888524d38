"""The gateway's own answers: `application/problem+json` (RFC 9457) with a stable code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final, Literal

from gateway.errors import GatewayError

MEDIA_TYPE: Final = "application/problem+json"
TYPE: Final = "https://card-gateway.invalid/errors/"
_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


def problem(
    error: GatewayError,
    *,
    exchange: str = "",
    phase: Literal["request", "response"],
    route: str = "",
    errors: Sequence[Mapping[str, str]] = (),
) -> tuple[int, str, bytes]:
    """Status, content type and body of the answer to `error`.

    `phase` says whose message was at fault: the caller's own (`request`), or what the other side
    answered (`response`). Nothing in it comes from a message but `exchange`, the exchange's id;
    empty: it was none. `route` is the name of the one that it was on, for whoever is admitted to it. `errors` says more, in words of ours.
    """
    status = error.status if phase == "request" else error.upstream_status
    body: dict[str, object] = {
        "type": TYPE + error.code,
        "title": error.text,
        "status": status,
        "code": error.code,
        "detail": error.action,
    }
    if route:
        body["route"] = route
    if exchange:
        body["exchange"] = exchange
    if errors:
        body["errors"] = list(errors)
    return status, MEDIA_TYPE, json.dumps(body, separators=(",", ":")).encode("ascii")


def reason(status: int) -> str:
    """The usual reason phrase of a status code; empty where there is none."""
    return _PHRASES.get(status, "")
