"""The calls of the simulated Rapid that stand for everyone else. POST JSON to /_sandbox/…, from
this machine, by address:

book-link     {"checkin", "checkout", "property_id"?}: the link that a price check answers
webhook       {"url", "ca"?}: where notifications go; `ca` is the PEM file of its authority
verification  {"itinerary_id", "good"}: ends the pre-authorisation of the card that is there now
settings      {"verifies"?, "failing"?, "retry_seconds"?}
supplier-cancel {"itinerary_id"}: answers {"canceled"}
clock         {"advance_seconds"}: answers {"now"}; signatures go by the machine's own clock
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.sandbox.rapid_errors import Json, RapidError
from gateway.sandbox.rapid_itineraries import Itineraries, Stay
from gateway.sandbox.rapid_notices import CANCELED, FAILURE, Notices
from gateway.sandbox.rapid_settings import Clock, RapidSettings, stamped
from gateway.sandbox.records import Records
from gateway.sandbox.wire import only_from_here, received_cards


@dataclass(frozen=True, slots=True)
class RapidControl:
    """One simulator's controls."""

    records: Records
    settings: RapidSettings
    clock: Clock
    itineraries: Itineraries
    notices: Notices

    async def serve(self, request: Request) -> Response:
        """Answers one call: 400 for one that cannot be read, 404 for what is not there."""
        action = request.path_params["action"]
        if (request.method, action) == ("GET", "received"):
            return received_cards(request, self.records, "rapid")
        refused = only_from_here(request)
        if refused is not None:
            return refused
        actions: dict[str, Callable[[Json], Json]] = {
            "book-link": self._book_link,
            "webhook": self._webhook,
            "verification": self._verification,
            "settings": self._settings,
            "supplier-cancel": self._supplier_cancel,
            "clock": self._clock,
        }
        if request.method != "POST" or action not in actions:
            return JSONResponse({"error": "no such call"}, 404)
        try:
            return JSONResponse(actions[action](json.loads(await request.body())))
        except RapidError as error:
            return JSONResponse(error.body, error.status)
        except (ValueError, TypeError, KeyError):
            return JSONResponse({"error": "not what this call takes"}, 400)

    def _book_link(self, said: Json) -> Json:
        stay = Stay(
            said.get("property_id", "12345"),
            date.fromisoformat(said["checkin"]),
            date.fromisoformat(said["checkout"]),
        )
        if stay.nights < 1:
            raise ValueError("a stay has a night")
        return {"links": {"book": {"method": "POST", "href": self.itineraries.book_link(stay)}}}

    def _webhook(self, said: Json) -> Json:
        self.settings.webhook = str(said["url"])
        self.settings.webhook_ca = Path(said["ca"]) if said.get("ca") else None
        return {"url": self.settings.webhook}

    def _verification(self, said: Json) -> Json:
        itinerary = self.itineraries.known(said["itinerary_id"])
        failed = self.itineraries.verify(itinerary, good=bool(said["good"]))
        if failed:
            self.notices.send(FAILURE, itinerary, self.clock.now())
        return {"card": itinerary.card_state}

    def _settings(self, said: Json) -> Json:
        if "verifies" in said:
            self.settings.verifies = bool(said["verifies"])
        if "failing" in said:
            self.settings.failing = frozenset(said["failing"])
        if "retry_seconds" in said:
            self.settings.retry_seconds = tuple(float(each) for each in said["retry_seconds"])
        return {"verifies": self.settings.verifies}

    def _supplier_cancel(self, said: Json) -> Json:
        itinerary = self.itineraries.known(said["itinerary_id"])
        canceled = self.itineraries.supplier_cancel(itinerary)
        if canceled:
            self.notices.send(CANCELED, itinerary, self.clock.now())
        return {"canceled": canceled}

    def _clock(self, said: Json) -> Json:
        self.clock.advance(float(said["advance_seconds"]))
        return {"now": stamped(self.clock.now())}
