"""How the control API says no: a problem with a stable code, which repeats nothing that was sent."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from gateway.control.document import methods_at
from gateway.errors import (
    BodyTooLarge,
    CardNotKept,
    GatewayError,
    InternalError,
    MethodNotAllowed,
    PathUnknown,
    RequestInvalid,
)
from gateway.problem import problem

_BY_STATUS: Final[Mapping[int, type[GatewayError]]] = {
    kind.status: kind for kind in (PathUnknown, MethodNotAllowed, BodyTooLarge)
}
# Names of parameters and fields as we give them: neither digits nor anything that needs quoting.
_NAME: Final = re.compile(r"[a-z_]{1,40}")


def install(app: FastAPI) -> None:
    """Every refusal of `app` becomes a problem: ours, FastAPI's, and what nobody foresaw."""
    app.add_exception_handler(GatewayError, _ours)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unforeseen)


def answer(
    error: GatewayError,
    errors: Sequence[Mapping[str, str]] = (),
    phase: Literal["request", "response"] = "request",
) -> Response:
    """The response that says `error`, whose fault it was (`problem`), and with `errors` what is
    wrong with which parameter."""
    status, media_type, body = problem(error, phase=phase, errors=errors)
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return Response(body, status, headers, media_type)


async def _ours(_: Request, error: Exception) -> Response:
    said = cast("GatewayError", error)
    return answer(said, said.errors if isinstance(said, RequestInvalid | CardNotKept) else ())


async def _framework(request: Request, error: Exception) -> Response:
    """Its texts are not used, nor its headers, but what is allowed instead: both can hold input."""
    raised = cast("HTTPException", error)
    made = answer(_BY_STATUS.get(raised.status_code, RequestInvalid)())
    allowed = (raised.headers or {}).get("Allow")
    if allowed:
        made.headers["Allow"] = methods_at(request.app, request.url.path) or allowed
    return made


async def _invalid(_: Request, error: Exception) -> Response:
    """Which parameter is wrong and how, never what it was."""
    found = cast("RequestValidationError", error).errors()
    return answer(RequestInvalid(), [_public(one) for one in found[:10]])


async def _unforeseen(_: Request, __: Exception) -> Response:
    return answer(InternalError())


def _public(found: Mapping[str, Any]) -> dict[str, str]:  # Any: as FastAPI gives it
    kind, place = str(found["type"]), found["loc"]
    # The name of what should not be there was chosen by the caller.
    named = kind != "extra_forbidden" and len(place) > 1 and _NAME.fullmatch(str(place[1]))
    return {"in": str(place[0]), "name": str(place[1]) if named else "", "problem": kind}
