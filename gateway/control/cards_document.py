"""What `/openapi.json` says of the calls about cards: `cards_form.py` reads the bodies by hand, for no
model of a library ever holds a card.
"""

from __future__ import annotations

from typing import Final

from gateway.charges.virtual import BALANCE
from gateway.config_values import NAME
from gateway.control.cards_form import LONGEST
from gateway.control.document import CODE, MONTH, YEAR, Schema, body, closed
from gateway.control.idempotency import ONCE
from gateway.processors.currency import EXPONENTS

LINE: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": LONGEST}
NAMED: Final[Schema] = {"type": "string", "pattern": f"^{NAME.pattern}$"}
DATE: Final[Schema] = {"type": "string", "format": "date"}
_EXPIRY: Final[Schema] = {
    "expiration_month": {"type": "string", "pattern": MONTH, "description": "`8` or `08`"},
    "expiration_year": {"type": "string", "pattern": YEAR, "description": "`29` or `2029`"},
}
CURRENCY: Final[Schema] = {"type": "string", "enum": sorted(EXPONENTS), "description": "ISO 4217"}

_VIRTUAL: Final = {
    "active_from": DATE,
    "active_until": DATE,
    "balance": LINE | {"pattern": f"^{BALANCE}$"},
    "currency": CURRENCY,
}
_BOOKING: Final = {
    "system": NAMED,
    "hotel": LINE,
    "id": LINE,
    "departure": DATE,
    "virtual": closed(_VIRTUAL),
}
_CARD: Final = {
    "number": {"type": "string", "minLength": 12, "description": "12 to 19 digits"},
    **_EXPIRY,
    "holder": LINE,
    "security_code": {"type": "string", "pattern": CODE},
    "product": NAMED,
    "booking": closed(_BOOKING, "system"),
}

ADD: Final = ONCE | body(closed(_CARD, "number", *_EXPIRY))
CHANGE: Final = ONCE | body(closed(_EXPIRY, *_EXPIRY))
