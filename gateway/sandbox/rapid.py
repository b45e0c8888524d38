"""Expedia's Rapid API, as far as a booking's card goes: booking, retrieving, changing the payment.

POST /v3/itineraries?token=, GET /v3/itineraries/{id}?token= (or email), GET /v3/itineraries?
affiliate_reference_id=&email=, PUT /v3/itineraries/{id}/payment?token=, POST and GET
/v3/notifications. Every call is signed (`rapid_signature`) and has the documented headers; the
header `Test` gets the answers of `rapid_errors.ASKED_FOR`. What a card goes through is told in
`rapid_itineraries`, what the partner hears of it in `rapid_notices`.

The change reference `echo` makes the answer carry the full number, to try what stands before it.
GET /_sandbox/received shows the cards that came in; `rapid_control` has the calls that stand for
everyone else: the price check, the issuer, the supplier, the clock.
"""

from __future__ import annotations

import gzip
import ipaddress
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.sandbox.rapid_control import RapidControl
from gateway.sandbox.rapid_errors import ASKED_FOR, Json, RapidError, invalid_input, not_found
from gateway.sandbox.rapid_forms import read_change, read_itinerary
from gateway.sandbox.rapid_itineraries import Itineraries, Itinerary
from gateway.sandbox.rapid_notices import FAILURE, MESSAGES, Notices
from gateway.sandbox.rapid_settings import Clock, RapidSettings
from gateway.sandbox.records import Records

_ITINERARIES: Final = re.compile(r"/v3/itineraries")
_ITINERARY: Final = re.compile(r"/v3/itineraries/([0-9]+)")
_PAYMENT: Final = re.compile(r"/v3/itineraries/([0-9]+)/payment")
_NOTIFICATIONS: Final = re.compile(r"/v3/notifications")
_JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body; `booking` is one whose card is to be verified once this was sent."""

    status: int
    body: Any = None
    booking: Itinerary | None = None


Operation = Callable[[Request, bytes, str], Answer]


class Rapid:
    """The simulator over HTTP."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self._start_anew()
        self._operations: dict[re.Pattern[str], Mapping[str, Operation]] = {
            _ITINERARIES: {"POST": self._book, "GET": self._search},
            _ITINERARY: {"GET": self._retrieve},
            _PAYMENT: {"PUT": self._change},
            _NOTIFICATIONS: {"POST": self._test_notification, "GET": self._undelivered},
        }
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        self.app = Starlette(
            routes=[
                Route("/_sandbox/{action}", self._control, methods=["GET", "POST"]),
                Route("/{path:path}", self._serve, methods=methods),
            ]
        )

    def _start_anew(self) -> None:
        self.settings, self.clock = RapidSettings(), Clock()
        self.itineraries = Itineraries(self.records, self.settings, self.clock.now)
        self.notices = Notices(self.settings)

    def reset(self) -> None:
        """Forgets every booking and notification; settings and clock are as at the start."""
        self.notices.close()
        self.notices.settle()
        self._start_anew()

    # --- a call -----------------------------------------------------------------------------------

    async def _control(self, request: Request) -> Response:
        control = RapidControl(
            self.records, self.settings, self.clock, self.itineraries, self.notices
        )
        return await control.serve(request)

    async def _serve(self, request: Request) -> Response:
        headers = {"region": "us-west-2"}
        try:
            answer = self._act(request, await request.body())
        except RapidError as error:
            answer = Answer(error.status, error.body)
            headers |= error.headers
        content = b"" if answer.body is None else json.dumps(answer.body).encode()
        if content:
            headers["content-type"] = _JSON
        if content and "gzip" in request.headers.get("accept-encoding", ""):
            content, headers["content-encoding"] = gzip.compress(content, mtime=0), "gzip"
        response = Response(content, answer.status, headers)
        if answer.booking is not None and self.settings.verifies:
            response.background = BackgroundTask(self._verify, answer.booking)
        return response

    async def _verify(self, booking: Itinerary) -> None:
        if booking.card_state == "verifying" and self.itineraries.verify(booking):
            self.notices.send(FAILURE, booking, self.clock.now())

    def _act(self, request: Request, body: bytes) -> Answer:
        operations, id = self._operations_at(request.url.path)
        self.settings.credentials.check(request.headers.get("authorization"), time.time())
        operation = operations.get(request.method)
        if operation is None:
            text = "The method is not allowed for this resource."
            allow = {"allow": ", ".join(sorted(operations))}
            raise RapidError(405, "method_not_allowed", text, headers=allow)
        if not _NOTIFICATIONS.fullmatch(request.url.path):
            _check_headers(request)
        asked = ASKED_FOR.get(request.headers.get("test", ""))
        if asked:
            raise RapidError(*asked)
        return operation(request, body, id)

    def _operations_at(self, path: str) -> tuple[Mapping[str, Operation], str]:
        for pattern, operations in self._operations.items():
            match = pattern.fullmatch(path)
            if match:
                return operations, match[1] if match.groups() else ""
        raise RapidError(404, "resource_not_found", "The resource was not found.")

    # --- itineraries ------------------------------------------------------------------------------

    def _book(self, request: Request, body: bytes, id: str) -> Answer:
        del id
        stay = self.itineraries.check_book_link(_query(request, "token"))
        form = read_itinerary(body, self.clock.now().date())
        made = self.itineraries.create(stay, form)
        href = f"/v3/itineraries/{made.id}?token={made.token}"
        links = {"retrieve": {"method": "GET", "href": href}}
        return Answer(201, {"itinerary_id": made.id, "links": links}, made)

    def _search(self, request: Request, body: bytes, id: str) -> Answer:
        del body, id
        reference, email = _query(request, "affiliate_reference_id"), _query(request, "email")
        found = self.itineraries.search(reference, email)
        return Answer(200, [self.itineraries.shown(each) for each in found])

    def _retrieve(self, request: Request, body: bytes, id: str) -> Answer:
        del body
        query = request.query_params
        if "email" not in query:
            _query(request, "token")
        found = self.itineraries.retrieve(id, query.get("token"), query.get("email"))
        return Answer(200, self.itineraries.shown(found))

    def _change(self, request: Request, body: bytes, id: str) -> Answer:
        itinerary = self.itineraries.check_change_link(id, _query(request, "token"))
        form = read_change(body, self.clock.now().date())
        if form["change_reference_id"] == "echo":
            raise _echo(form)
        self.itineraries.change_payment(itinerary, form)
        return Answer(204, booking=itinerary)

    # --- notifications ----------------------------------------------------------------------------

    def _test_notification(self, request: Request, body: bytes, id: str) -> Answer:
        del request, id
        try:
            type = json.loads(body)["event_type"]
        except (ValueError, TypeError, KeyError):
            type = None
        if type not in MESSAGES:
            text = (
                f"Event type is not supported. Supported event types are: [{', '.join(MESSAGES)}]"
            )
            field = {"name": "event_type", "type": "path"}
            error = {"type": "event_type.not_supported", "message": text, "fields": [field]}
            raise invalid_input([error])
        self.notices.send(type, None, self.clock.now())
        return Answer(204)

    def _undelivered(self, request: Request, body: bytes, id: str) -> Answer:
        del body, id
        if _query(request, "undeliverable") != "true":
            raise not_found()
        return Answer(200, self.notices.undelivered())


def _query(request: Request, name: str) -> str:
    """One parameter's value. Raises RapidError 400 where it stands not exactly once."""
    values = request.query_params.getlist(name)
    if len(values) == 1 and values[0]:
        return values[0]
    how = "required" if not values else "invalid"
    raise invalid_input([_wrong(name, how, "querystring")])


def _wrong(name: str, how: str, place: str) -> Json:
    small = name.lower().replace("-", "_")
    text = f"{small.replace('_', ' ').capitalize()} is {how}."
    return {
        "type": f"{small}.{how}",
        "message": text,
        "fields": [{"name": name, "type": place}],
    }


def _check_headers(request: Request) -> None:
    """Raises RapidError 400 where a documented header is missing or says something else."""
    wanted: dict[str, Callable[[str], bool]] = {
        "Accept": lambda value: _JSON in value,
        "Accept-Encoding": lambda value: "gzip" in value,
        "Customer-Ip": _is_address,
        "User-Agent": bool,
    }
    if request.method in ("POST", "PUT"):
        wanted["Content-Type"] = lambda value: value.split(";")[0].strip().lower() == _JSON
    errors = []
    for name, fits in wanted.items():
        value = request.headers.get(name)
        if value is None or not fits(value):
            errors.append(_wrong(name, "required" if value is None else "invalid", "header"))
    if errors:
        raise invalid_input(errors)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _echo(form: Json) -> RapidError:
    field = {"name": "number", "type": "body", "value": form["payments"][0]["number"]}
    text = "Payments number is invalid."
    return invalid_input([{"type": "payments.number.invalid", "message": text, "fields": [field]}])
