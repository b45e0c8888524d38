"""A SiteMinder (pmsXchange) that a PMS pulls from: SOAP 1.1 at /pmsxchangev2/services/{code}.

After pmsXchange's public description: OTA_ReadRQ (SelectionType Undelivered) is answered with
OTA_ResRetrieveRS; a reservation comes again until OTA_NotifReportRQ confirms its UniqueID of
Type 16. Application errors are `<Errors>` under HTTP 200, with the request's EchoToken. One pull
at a time for each hotel, else 429 with Retry-After.

The hotel code chooses what is undelivered:

    10107          one card                        BULK-n         n reservations, n distinct cards
    CVC            a card with its SeriesCode      BULK-n-k       the same with another n cards
    CARDS          Guarantee and DepositPayments   RESERVATIONS   book, no card, modify, cancel
    ROOMS          three rooms, one card           HOTELS         HOTEL-A and HOTEL-B (or: no code)
    MIXED          good, bad and no cards          NOCARD         no card
    MASKED         a masked number                 SMX            mask, foreign token
    PLAINTEXT      CardNumber/PlainText            SENTINEL       zeros, code XX, holder -
    VIRTUAL        Expedia VirtualCard             SPACES         4444 3333 ...
    BADEXPIRY      1399                            PASTEXPIRY     1114
    NONNUMERIC     letters in the number           COMMENT        a card in the guest's comment
    COMMENTSPACED  the same with spaces            EMPTY          nothing undelivered
    PREFIX LATIN1 UTF16 WORLD CDATA CR CRCRLF NEWLINE SPACEDTAG QUOTES    other spellings of XML
    GZIP CHUNKED DRIP SLOW SLOW-n                  valid HTTP, less common
    BOMB CODING STACKED DOCTYPE MALFORMED LABEL    what must be refused
    CUT STATUSLINE TRAILERS HEADER                 what no honest server sends
    HTML500 HTMLCARD BADNS                         the server's own errors
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Final

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.sandbox import soap
from gateway.sandbox.dress import plain
from gateway.sandbox.ota import retrieve_inside
from gateway.sandbox.scenarios import Scenario, scenario_of

_ANSWERS: Final = {
    "OTA_ReadRQ": "OTA_ResRetrieveRS",
    "OTA_NotifReportRQ": "OTA_NotifReportRS",
}
_RETRY_AFTER: Final = 5


@dataclass(slots=True)
class SiteMinderSettings:
    """Who may pull. `polling_seconds` above 0 refuses a hotel's next pull before that time.

    May be changed while the simulator runs.
    """

    username: str = "sandbox-pms"
    password: str = field(default="Sandbox-Pass1!", repr=False)
    codes: frozenset[str] = frozenset({"SANDBOX", "PMS1"})
    polling_seconds: float = 0.0
    one_at_a_time: bool = True


class SiteMinder:
    """The simulator: what was confirmed, what is in flight, when each hotel was pulled last."""

    def __init__(self, settings: SiteMinderSettings | None = None) -> None:
        self.settings = settings or SiteMinderSettings()
        self.confirmed: set[str] = set()
        self._in_flight: set[str] = set()
        self._pulled: dict[str, float] = {}
        self.app = Starlette(
            routes=[Route("/pmsxchangev2/services/{code}", self._serve, methods=["POST"])]
        )

    def reset(self) -> None:
        """Everything is undelivered again."""
        self.confirmed.clear()
        self._pulled.clear()

    async def _serve(self, request: Request) -> Response:
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "text/xml":
            return Response("SOAP 1.1 is sent as text/xml", 415)
        try:
            asked = soap.read_soap(await request.body(), _ANSWERS)
        except soap.SoapRefused as refused:
            answer = plain(soap.fault(str(refused)))
            answer.status_code = 500
            return answer
        wrong = self._who(asked, _ANSWERS[asked.name], request.path_params["code"])
        if wrong is not None:
            return plain(soap.envelope(wrong))
        if asked.name == "OTA_ReadRQ":
            return self._pull(asked)
        return plain(soap.envelope(self._confirm(asked)))

    def _who(self, asked: soap.SoapRequest, name: str, code: str) -> str | None:
        """The `<Errors>` answer for a caller that is not let in, or None."""
        settings = self.settings
        if code not in settings.codes:
            text = "Authentication failed - PMS does not exist"
            return soap.errors(name, asked.echo_token, 4, text)
        if (asked.username, asked.password) != (settings.username, settings.password):
            text = "Authentication failed - PMS received request with invalid username/password"
            return soap.errors(name, asked.echo_token, 4, text)
        if not asked.echo_token:
            text = "Required attribute EchoToken is missing"
            return soap.errors(name, asked.echo_token, 10, text)
        return None

    # --- OTA_ReadRQ -----------------------------------------------------------------------------

    def _pull(self, asked: soap.SoapRequest) -> Response:
        name = _ANSWERS["OTA_ReadRQ"]
        try:
            hotel = self._asked_hotel(asked)
        except _Wrong as wrong:
            kind, text, code = wrong.args
            return plain(soap.envelope(soap.errors(name, asked.echo_token, kind, text, code)))
        scenario = scenario_of(hotel)
        if scenario is None:
            text = f"Hotel not found for HotelCode={hotel}"
            return plain(soap.envelope(soap.errors(name, asked.echo_token, 6, text, 392)))
        wait = self._must_wait(hotel)
        if wait:
            return Response("Too many requests", 429, {"retry-after": str(wait)})
        self._pulled[hotel] = time.monotonic()
        self._in_flight.add(hotel)
        answer = self._undelivered(hotel, scenario, asked)
        answer.background = BackgroundTask(self._landed, hotel)
        return answer

    def _asked_hotel(self, asked: soap.SoapRequest) -> str:
        requestors = asked.all("POS/Source/RequestorID")
        if len(requestors) != 1 or requestors[0].get("Type") != "22":
            raise _Wrong(10, "One RequestorID of Type 22 is expected", None)
        if requestors[0].get("ID") not in self.settings.codes:
            raise _Wrong(4, "Inconsistent PMS codes. The PMS does not match RequestorID", None)
        requests = asked.all("ReadRequests/HotelReadRequest")
        if len(requests) != 1:
            raise _Wrong(10, "One HotelReadRequest is expected", None)
        criteria = asked.all("ReadRequests/HotelReadRequest/SelectionCriteria")
        if len(criteria) != 1 or criteria[0].get("SelectionType") != "Undelivered":
            raise _Wrong(10, "SelectionType must be Undelivered", None)
        # A central PMS may leave the hotel out and gets those of all its hotels.
        return requests[0].get("HotelCode", "HOTELS")

    def _must_wait(self, hotel: str) -> int:
        """Seconds until the hotel may be pulled, or 0."""
        if self.settings.one_at_a_time and hotel in self._in_flight:
            return _RETRY_AFTER
        last = self._pulled.get(hotel)
        if last is None or not self.settings.polling_seconds:
            return 0
        return max(0, math.ceil(last + self.settings.polling_seconds - time.monotonic()))

    def _undelivered(self, hotel: str, scenario: Scenario, asked: soap.SoapRequest) -> Response:
        left = [each for each in scenario.bookings(hotel) if each.message_id not in self.confirmed]
        inside = retrieve_inside(left)
        text = soap.envelope(soap.answer(_ANSWERS["OTA_ReadRQ"], asked.echo_token, inside))
        return scenario.send(text)

    async def _landed(self, hotel: str) -> None:
        self._in_flight.discard(hotel)

    # --- OTA_NotifReportRQ ----------------------------------------------------------------------

    def _confirm(self, asked: soap.SoapRequest) -> str:
        """Success and Errors both say that the message arrived; it is not given again."""
        name, echo = _ANSWERS["OTA_NotifReportRQ"], asked.echo_token
        if len(asked.all("Success")) + len(asked.all("Errors")) != 1:
            return soap.errors(name, echo, 10, "Either Success or Errors is expected")
        path = "NotifDetails/HotelNotifReport/HotelReservations/HotelReservation/UniqueID"
        ids = [each.get("ID", "") for each in asked.all(path) if each.get("Type") == "16"]
        if not ids:
            return soap.errors(name, echo, 10, "A UniqueID of Type 16 is expected")
        if not all(each.startswith("SBX-") for each in ids):
            return soap.errors(name, echo, 3, "Unknown reservation message", 245)
        self.confirmed.update(ids)
        return soap.answer(name, echo, "<Success/>")


class _Wrong(Exception):
    """An application error: EWT type, text, ERR code or None."""
