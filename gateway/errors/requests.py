"""Refusals: what is asked of the control API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.errors.base import GatewayError


class PathUnknown(GatewayError):
    code, status = "path_unknown", 404
    text = "The control API has nothing at this path."
    action = "See /openapi.json for what there is."


class MethodNotAllowed(GatewayError):
    code, status = "method_not_allowed", 405
    text = "The control API does not take this method at this path."
    action = "See /openapi.json for what there is."


class RequestInvalid(GatewayError):
    code, status = "request_invalid", 400
    text = "A parameter or the body of this call is not as the control API has it."
    action = "Compare it with /openapi.json."

    def __init__(self, errors: Sequence[Mapping[str, str]] = ()) -> None:
        """`errors`: what is wrong with which field, in words of ours."""
        super().__init__()
        self.errors = errors


class IdempotencyKeyReused(GatewayError):
    code, status = "idempotency_key_reused", 422
    text = "This Idempotency-Key came with another request within the last 24 hours."
    action = "Use a new key for each new request."


class RequestInProgress(GatewayError):
    code, status = "request_in_progress", 409
    text = "The first request with this Idempotency-Key is still under way."
    action = "Send it again in a second: it is answered what the first one was."
    retry_after = 1


class TokensGuessed(GatewayError):
    code, status = "tokens_guessed", 429
    text = "This client tried too many unknown tokens, and can not use any for a while."
    action = "Find out where they come from; Retry-After says when it may go on."

    def __init__(self, seconds: int | None = None) -> None:
        """`seconds`: how long it is blocked still."""
        super().__init__()
        self.retry_after = seconds
