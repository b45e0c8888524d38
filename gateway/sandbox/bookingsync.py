"""Secure Payments by BookingSync: tentative bookings, their payments, and where cards are sent.

`secure.bookingsync.com`: POST /api/bookingsync/instant_bookings, flat JSON with the card. 200 with no
body is *authorised and queued*; 202 asks for one of three authentications; 422 names what is wrong.
`www.bookingsync.com`: API v3, Bearer token: POST /api/v3/rentals/{id}/bookings, POST
/api/v3/bookings/{id}/payments, and GET of either. A payment has succeeded when it shows `paid_at`.

Tokens are `sandbox` and, with the scope `public` alone, `sandbox-public`. Rentals, each with its
gateway: `bookingsync_records.RENTALS`. 4111111111111111 is approved, …1112 declined, …1113 a gateway
failure; any other number that ends in its check digit is approved. The three challenges lead to
/challenge/{uuid}, where the traveller agrees or does not.

From this machine only, by address: GET /_sandbox/received; POST /_sandbox/capture captures now what
is queued; POST /_sandbox/challenges/{uuid} ends a challenge, with `{"passed": false}` badly; PATCH
/_sandbox/settings changes `BookingSyncSettings`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.sandbox import bank
from gateway.sandbox.bookingsync_account import FAILURES, BookingSyncAccount, BookingSyncSettings
from gateway.sandbox.bookingsync_card import BookingRefused
from gateway.sandbox.bookingsync_forms import ApiRefused, read_resource
from gateway.sandbox.bookingsync_records import booking_body, payment_body
from gateway.sandbox.records import Records
from gateway.sandbox.wire import only_from_here, received_cards

Json = dict[str, Any]

_SECURE: Final = "secure.bookingsync"
_JSON: Final = "application/json"
_JSON_API: Final = "application/vnd.api+json"
_TOKENS: Final = {
    "sandbox": frozenset({"bookings_write_owned", "payments_write_owned"}),
    "sandbox-public": frozenset({"public"}),
}
# A setting's name → whether a value fits.
_FITS: Final[dict[str, Callable[[object], bool]]] = {
    "capture_seconds": lambda value: isinstance(value, int | float) and 0 <= value < 86400,
    "challenges": lambda value: isinstance(value, bool),
    "fails_with": lambda value: value is None or value in FAILURES,
}


class JsonApiResponse(JSONResponse):
    """JSON under the media type that API v3 gives it."""

    media_type = f"{_JSON_API}; charset=utf-8"


class BookingSync:
    """The simulator over HTTP."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.account = BookingSyncAccount(records)
        v3 = "/api/v3"
        self.app = Starlette(
            routes=[
                Route("/_sandbox/received", self._received, methods=["GET"]),
                Route("/_sandbox/capture", self._capture, methods=["POST"]),
                Route("/_sandbox/challenges/{uuid}", self._authenticate, methods=["POST"]),
                Route("/_sandbox/settings", self._change, methods=["PATCH"]),
                Route("/challenge/{uuid}", self._challenge, methods=["GET", "POST"]),
                Route("/api/bookingsync/instant_bookings", self._execute, methods=["POST"]),
                Route(f"{v3}/rentals/{{id:int}}/bookings", self._new_booking, methods=["POST"]),
                Route(f"{v3}/bookings/{{id:int}}/payments", self._new_payment, methods=["POST"]),
                Route(f"{v3}/bookings/{{id:int}}", self._booking, methods=["GET"]),
                Route(f"{v3}/payments/{{id:int}}", self._payment, methods=["GET"]),
            ],
            exception_handlers={ApiRefused: _refused, BookingRefused: _refused},
        )

    @property
    def settings(self) -> BookingSyncSettings:
        """What may be changed while it runs."""
        return self.account.settings

    def reset(self) -> None:
        """Forgets everything; settings are the usual ones again."""
        self.account.reset()

    # --- secure.bookingsync.com -----------------------------------------------------------------

    async def _execute(self, request: Request) -> Response:
        _check_host(request, secure=True)
        self.account.base = bank.here(request)
        challenge = self.account.execute(await _read(request, _JSON))
        if challenge is None:
            return Response(status_code=200)
        return JSONResponse(challenge, 202)

    async def _challenge(self, request: Request) -> Response:
        """The bank's page; behind it is BookingSync's own, which sends nobody on."""
        agreed = await bank.answered(request)
        if agreed is None:
            return bank.asks()
        self.account.authenticate(request.path_params["uuid"], passed=agreed)
        return bank.says("BookingSync: thank you" if agreed else "BookingSync: payment failed")

    # --- www.bookingsync.com --------------------------------------------------------------------

    async def _new_booking(self, request: Request) -> Response:
        _authorize(request, "bookings")
        form = read_resource(await _read(request, _JSON_API), "bookings")
        booking = self.account.create_booking(request.path_params["id"], form)
        return _created(f"bookings/{booking.id}", booking_body(booking, []))

    async def _new_payment(self, request: Request) -> Response:
        _authorize(request, "payments")
        form = read_resource(await _read(request, _JSON_API), "payments")
        payment = self.account.create_payment(request.path_params["id"], form)
        return _created(f"payments/{payment.id}", payment_body(payment))

    async def _booking(self, request: Request) -> Response:
        _authorize(request, "bookings")
        booking = self.account.booking(request.path_params["id"])
        return JsonApiResponse(booking_body(booking, self.account.payments_of(booking)))

    async def _payment(self, request: Request) -> Response:
        _authorize(request, "payments")
        return JsonApiResponse(payment_body(self.account.payment(request.path_params["id"])))

    # --- for whoever sits at this machine -------------------------------------------------------

    async def _received(self, request: Request) -> Response:
        return received_cards(request, self.records, "bookingsync")

    async def _capture(self, request: Request) -> Response:
        refused = only_from_here(request)
        if refused is not None:
            return refused
        return JSONResponse({"captured": self.account.capture()})

    async def _authenticate(self, request: Request) -> Response:
        refused = only_from_here(request)
        if refused is not None:
            return refused
        passed = (await _read_object(request)).get("passed", True)
        payment = self.account.authenticate(request.path_params["uuid"], passed=passed is True)
        return JSONResponse({"payment": payment.id})

    async def _change(self, request: Request) -> Response:
        refused = only_from_here(request)
        if refused is not None:
            return refused
        changes = await _read_object(request)
        if not all(name in _FITS and _FITS[name](value) for name, value in changes.items()):
            raise ApiRefused(422, {"settings": ["is invalid"]})
        self.account.settings = replace(self.settings, **changes)
        return JSONResponse(asdict(self.settings))


# --- requests -----------------------------------------------------------------------------------


def _check_host(request: Request, *, secure: bool) -> None:
    """Each host has its own paths; by address both are there. Raises ApiRefused 404."""
    host = request.url.hostname or ""
    if host.endswith(".test") and host.startswith(_SECURE) != secure:
        raise ApiRefused(404, [{"code": "not_found"}])


def _authorize(request: Request, resource: str) -> None:
    """A token whose scopes cover the resource. Raises ApiRefused 401 or 403."""
    _check_host(request, secure=False)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or token not in _TOKENS:
        raise ApiRefused(401, [{"code": "unauthorized"}])
    if f"{resource}_write_owned" not in _TOKENS[token]:
        raise ApiRefused(403, [{"code": "forbidden"}])


async def _read(request: Request, label: str) -> Json:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in {label, _JSON}:
        raise ApiRefused(415, [{"code": "unsupported_media_type"}])
    return await _read_object(request)


async def _read_object(request: Request) -> Json:
    body = await request.body()
    try:
        form = json.loads(body or b"{}", object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ApiRefused(400, [{"code": "bad_request"}]) from None
    if not isinstance(form, dict):
        raise ApiRefused(400, [{"code": "bad_request"}])
    return form


def _once(pairs: list[tuple[str, Any]]) -> Json:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    del name
    raise ValueError("NaN and Infinity are no JSON")


# --- answers ------------------------------------------------------------------------------------


def _created(path: str, body: Json) -> Response:
    location = f"https://www.bookingsync.com/api/v3/{path}"
    return JsonApiResponse(body, 201, {"location": location})


async def _refused(request: Request, error: Exception) -> Response:
    """What Starlette makes of either host's refusals."""
    del request
    if isinstance(error, BookingRefused):
        return JSONResponse(error.errors, 422)
    if isinstance(error, ApiRefused):
        return JsonApiResponse({"errors": error.errors}, error.status)
    raise error
