"""What Rapid says when it refuses: a type, a message, and below them what exactly was wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

Json = dict[str, Any]

LINK_INVALID: Final[Json] = {"type": "link.invalid", "message": "Link is invalid."}


class RapidError(Exception):
    """An error answer: HTTP status, body, and headers that belong to it."""

    def __init__(
        self,
        status: int,
        type: str,
        message: str,
        *,
        fields: Sequence[Json] = (),
        errors: Sequence[Json] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(type)
        self.status = status
        self.headers = dict(headers or {})
        self.body: Json = {"type": type, "message": message}
        if errors:
            self.body["errors"] = list(errors)
        if fields:
            self.body["fields"] = list(fields)


def invalid_input(errors: Sequence[Json]) -> RapidError:
    """400 with everything that is wrong with a request."""
    text = "An invalid request was sent in, please check the nested errors for details."
    return RapidError(400, "invalid_input", text, errors=errors)


def link_invalid() -> RapidError:
    """400 for a link whose token is wrong, used, or past its time: Rapid tells them not apart."""
    return invalid_input([LINK_INVALID])


def not_found() -> RapidError:
    """404 for an itinerary that is not there, or not this caller's to see."""
    text = "Itinerary was not found with provided request."
    return RapidError(404, "resource_not_found", text)


# What the header `Test` asks for, by its value (Rapid 3 OpenAPI, "Create Booking"); the published
# price_mismatch has both amounts besides, and here nothing has a price.
ASKED_FOR: Final[Mapping[str, tuple[int, str, str]]] = {
    "service_unavailable": (
        503,
        "service_unavailable",
        "This service is currently unavailable.",
    ),
    "internal_server_error": (
        500,
        "unknown_internal_error",
        "An internal server error has occurred.",
    ),
    "price_mismatch": (
        409,
        "price_mismatch",
        "Payment amount did not match current price, please check price and try again.",
    ),
    "rooms_unavailable": (
        410,
        "rooms_unavailable",
        "One or more requested rooms are unavailable.",
    ),
}
