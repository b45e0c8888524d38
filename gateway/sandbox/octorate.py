"""Octorate, as far as a reservation's card goes: reservations with its token, and Add Card.

Below /connect/rest/v1: POST identity/apilogin and identity/refresh (forms), GET
reservation/{property} (`ids[]`, `page`, `size`), GET reservation/{property}/{id}, POST
payment/OCTORATE/{otaName}/addCard. Which reservation has what is told in `octorate_reservations`,
what Add Card takes in `octorate_forms`, who may call in `octorate_identity`.

Octorate's document "Credit cards" says: the card's token stands at `$.card.token`, `$.card.cardVirtual`
is a boolean, cards are exchanged with agreed addresses only, and there is an Add Card. The paths and
`client_id`, `client_secret`, `refresh_token` are those of its API's OpenAPI; `data` around a list,
`access_token`, `refresh_token` and `expireDate` are what public clients read. Assumed, for the rest is
told to those whom Octorate has let in: the fields of a clear card and of Add Card and its answer; that
the address is looked at for Add Card only; every error's status and body; that a card which the
reservation has already is refused; the form of a token.

GET /_sandbox/received shows the cards that came in. POST JSON, from this machine, by address:
/_sandbox/agreed {"networks": [...]}, /_sandbox/expire {} (every bearer token that was given out).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.sandbox.octorate_forms import AddCardWrong, AddedCard, read_added_card
from gateway.sandbox.octorate_identity import Identity
from gateway.sandbox.octorate_reservations import ECHO, Reservation, Reservations, new_token
from gateway.sandbox.records import ReceivedCard, Records
from gateway.sandbox.wire import only_from_here, received_cards

OTAS: Final = ("BOOKING", "EXPEDIA", "SANDBOX")
BASE: Final = "/connect/rest/v1"
_PAGE: Final = 20
_MOST: Final = 200


class OctorateError(Exception):
    """An error answer: status, `error`, `message`, and the paths of what was wrong."""

    def __init__(
        self, status: int, error: str, message: str, paths: list[str] | None = None
    ) -> None:
        super().__init__(error)
        self.status = status
        self.body: dict[str, Any] = {"error": error, "message": message}
        if paths:
            self.body["fields"] = paths


class Octorate:
    """The simulator over HTTP."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self._start_anew()
        self.app = Starlette(
            routes=[
                Route("/_sandbox/{action}", self._control, methods=["GET", "POST"]),
                Route(f"{BASE}/identity/apilogin", self._log_in, methods=["POST"]),
                Route(f"{BASE}/identity/refresh", self._refresh, methods=["POST"]),
                Route(f"{BASE}/reservation/{{property:int}}", self._list, methods=["GET"]),
                Route(
                    f"{BASE}/reservation/{{property:int}}/{{id:int}}", self._one, methods=["GET"]
                ),
                Route(f"{BASE}/payment/OCTORATE/{{ota}}/addCard", self._add, methods=["POST"]),
                Route("/{path:path}", _nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            ],
            exception_handlers={OctorateError: _told},
        )

    def _start_anew(self) -> None:
        self.reservations, self.identity = Reservations(), Identity()

    def reset(self) -> None:
        """Forgets added cards and given tokens; the agreed networks are as at the start."""
        self._start_anew()

    # --- who calls --------------------------------------------------------------------------------

    async def _log_in(self, request: Request) -> Response:
        said = await _form(request, ("client_id", "client_secret"))
        return _tokens(self.identity.log_in(said["client_id"], said["client_secret"]))

    async def _refresh(self, request: Request) -> Response:
        said = await _form(request, ("client_id", "client_secret", "refresh_token"))
        given = self.identity.refresh(
            said["client_id"], said["client_secret"], said["refresh_token"]
        )
        return _tokens(given)

    def _check_bearer(self, request: Request) -> None:
        if not self.identity.is_good(request.headers.get("authorization")):
            raise OctorateError(401, "invalid_token", "The access token is missing or expired")

    # --- reservations -----------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        self._check_bearer(request)
        property = self._property(request)
        query = request.query_params
        unknown = sorted(set(query) - {"ids[]", "page", "size"})
        if unknown:
            raise OctorateError(400, "bad_request", "Unknown parameter", unknown)
        page, size = _number(query, "page", 0), _number(query, "size", _PAGE)
        if not 1 <= size <= _MOST:
            raise OctorateError(400, "bad_request", "Not a page size", ["size"])
        asked = query.getlist("ids[]")
        if not all(each.isdecimal() for each in asked):
            raise OctorateError(400, "bad_request", "Not a reservation", ["ids[]"])
        found = self.reservations.listed(property, [int(each) for each in asked] or None)
        told = [each.shown() for each in found[page * size : (page + 1) * size]]
        return _json({"data": told, "page": page, "size": size})

    async def _one(self, request: Request) -> Response:
        self._check_bearer(request)
        found = self.reservations.of(self._property(request), request.path_params["id"])
        if found is None:
            raise _no_reservation()
        return _json(found.shown())

    def _property(self, request: Request) -> int:
        property: int = request.path_params["property"]
        if not self.reservations.has(property):
            raise OctorateError(404, "not_found", "No such accommodation")
        return property

    # --- Add Card ---------------------------------------------------------------------------------

    async def _add(self, request: Request) -> Response:
        self._check_bearer(request)
        if not self.identity.is_agreed(request.client.host if request.client else ""):
            raise OctorateError(403, "ip_not_allowed", "This address is not agreed with Octorate")
        if request.path_params["ota"] not in OTAS:
            raise OctorateError(404, "not_found", "No such OTA")
        if _media_type(request) != "application/json":
            raise OctorateError(415, "unsupported_media_type", "Send application/json")
        try:
            card = read_added_card(await request.body(), datetime.now(UTC).date())
        except AddCardWrong as wrong:
            raise OctorateError(400, "bad_request", "Invalid card", wrong.paths) from None
        found = self.reservations.one(card.reservation)
        if found is None:
            raise _no_reservation()
        if card.number in found.numbers:
            raise OctorateError(409, "duplicate", "The reservation has this card already")
        return _json(self._keep(found, card))

    def _keep(self, reservation: Reservation, card: AddedCard) -> dict[str, Any]:
        reservation.numbers.add(card.number)
        token = new_token(f"{reservation.id}/{len(reservation.numbers)}/added")
        reservation.card = {"token": token, "cardVirtual": card.virtual}
        self.records.add_card(
            ReceivedCard(
                "octorate", str(reservation.id), card.number, card.month, card.year, card.code,
                card.holder,
            )
        )  # fmt: skip
        echoed = {"number": card.number} if reservation.id == ECHO else {}
        return {"reservationId": reservation.id, "card": reservation.card | echoed}

    # --- switches ---------------------------------------------------------------------------------

    async def _control(self, request: Request) -> Response:
        action = request.path_params["action"]
        if (request.method, action) == ("GET", "received"):
            return received_cards(request, self.records, "octorate")
        refused = only_from_here(request)
        if refused is not None:
            return refused
        if (request.method, action) == ("POST", "expire"):
            return _json({"expired": self.identity.expire()})
        if (request.method, action) != ("POST", "agreed"):
            return JSONResponse({"error": "no such call"}, 404)
        try:
            self.identity.agree(list(json.loads(await request.body())["networks"]))
        except (ValueError, TypeError, KeyError):
            return JSONResponse({"error": "not what this call takes"}, 400)
        return _json({"networks": [str(each) for each in self.identity.agreed]})


async def _form(request: Request, names: tuple[str, ...]) -> Mapping[str, str]:
    """The fields of a form, each there once and no other. Raises OctorateError."""
    if _media_type(request) != "application/x-www-form-urlencoded":
        raise OctorateError(415, "unsupported_media_type", "Send a form")
    said = parse_qs((await request.body()).decode("latin-1"), keep_blank_values=True)
    wrong = sorted(set(said) ^ set(names)) + [name for name in said if len(said[name]) > 1]
    if wrong:
        raise OctorateError(400, "bad_request", "Invalid form", wrong)
    return {name: said[name][0] for name in names}


def _tokens(given: dict[str, Any] | None) -> Response:
    if given is None:
        raise OctorateError(401, "invalid_client", "Client or token is not known")
    return _json(given)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _number(query: Mapping[str, str], name: str, otherwise: int) -> int:
    text = query.get(name, str(otherwise))
    if not text.isdecimal():
        raise OctorateError(400, "bad_request", "Not a number", [name])
    return int(text)


def _no_reservation() -> OctorateError:
    return OctorateError(404, "not_found", "No such reservation")


def _json(value: Any) -> Response:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, headers={"content-type": "application/json"})


async def _nothing(request: Request) -> Response:
    del request
    raise OctorateError(404, "not_found", "No such resource")


async def _told(request: Request, error: Exception) -> Response:
    del request
    if not isinstance(error, OctorateError):  # the only kind that this handles
        raise error
    headers = {"www-authenticate": "Bearer"} if error.status == 401 else {}
    return JSONResponse(error.body, error.status, headers)
