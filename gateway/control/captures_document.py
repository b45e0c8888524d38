"""What `/openapi.json` says of the calls about capture links; `captures_form.py` reads the body by hand."""

from __future__ import annotations

from typing import Final

from gateway.control.captures_form import LARGEST, MOST_MINUTES
from gateway.control.cards_document import CURRENCY, DATE, LINE, NAMED
from gateway.control.document import Schema, body, closed
from gateway.control.idempotency import ONCE
from gateway.pages.capture_order import Profile

_AMOUNT: Final[Schema] = {
    "value": {"type": "integer", "minimum": 1, "maximum": LARGEST, "description": "minor units"},
    "currency": CURRENCY,
}
_BOOKING: Final[Schema] = {"system": NAMED, "hotel": LINE, "id": LINE, "departure": DATE}
_LINK: Final[Schema] = {
    "profile": {"type": "string", "enum": [one.value for one in Profile]},
    "product": NAMED,
    "booking": closed(_BOOKING, "system"),
    "language": {"type": "string", "pattern": "^[a-z]{2,3}(-[A-Z]{2})?$"},
    "purpose": LINE,
    "amount": closed(_AMOUNT, "value", "currency"),
    "return_url": {"type": "string", "pattern": "^https://", "maxLength": 500},
    "expires_in_minutes": {"type": "integer", "minimum": 1, "maximum": MOST_MINUTES},
    "token": {"type": "string"},
    "recapture": LINE,
}

MAKE: Final = ONCE | body(closed(_LINK, "profile"))
