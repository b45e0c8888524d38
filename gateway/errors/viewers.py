"""Refusals about viewers: who may look at cards, and their secret codes."""

from __future__ import annotations

from gateway.errors.base import GatewayError


class ViewerUnknown(GatewayError):
    """Also for another product's viewer: the two must not be told apart."""

    code, status = "viewer_unknown", 404
    text = "There is no such viewer."
    action = "GET /v1/viewers lists those of the products that the key may use."


class ViewerExists(GatewayError):
    code, status = "viewer_exists", 409
    text = "The product has a viewer of this name already."
    action = "Choose another name, or disable the other viewer."


class ViewerNotReady(GatewayError):
    code, status = "viewer_not_ready", 409
    text = "The viewer's state does not allow this."
    action = "GET /v1/viewers/{id} tells its state."


class SecondPersonRequired(GatewayError):
    code, status = "second_person_required", 422
    text = "This takes another active viewer of the same product."
    action = "Name one, other than the viewer itself, in `by`."


class CodesBusy(GatewayError):
    code, status = "codes_busy", 503
    text = "Too many secret codes are being checked at this moment."
    action = "Try again in a second: nothing was counted."
    retry_after = 1


class CodeWrong(GatewayError):
    """It does not tell what was wrong, the code or the one-time password."""

    code, status = "code_wrong", 403
    text = "The secret code, or the one-time password, is not right."
    action = "Try again; the fifth wrong one in a row locks."

    def __init__(self, left: int = 0) -> None:
        """`left`: how many more may be tried."""
        super().__init__()
        self.left = left


class ViewerLocked(GatewayError):
    code, status = "viewer_locked", 403
    text = "The viewer can not see cards: it is locked, disabled, or has no code yet."
    action = "Another viewer of the property unlocks it."
