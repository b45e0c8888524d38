"""What `/openapi.json` says of the calls about collections: `collections_form.py` reads the body."""

from __future__ import annotations

from typing import Final

from gateway.control.charges_document import AMOUNT_FIELD, FIELDS, NOTHING
from gateway.control.collections_form import (
    HOURS,
    INITIATORS,
    LONGEST_URL,
    MOST_HOURS,
    PROFILES,
    REFERENCE,
)
from gateway.control.document import Responses, Schema, body, closed, refusals
from gateway.control.idempotency import ONCE
from gateway.errors import (
    CardErased,
    CollectionOver,
    CollectionUnknown,
    IdempotencyKeyReused,
    OperationNotSupported,
    PagesOff,
    ProcessorNotConfigured,
    RecordDamaged,
    ReferenceTaken,
    RequestInProgress,
    TokensGuessed,
    TokenUnknown,
)

_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_HOURS: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": MOST_HOURS, "default": HOURS}
_STEPS: Final[Schema] = {
    "charge": closed({"not_before": _TIME}),
    "payment_link": closed(
        {"hours": _HOURS, "profile": {"type": "string", "enum": list(PROFILES)}}
    ),
    "recapture": closed({"hours": _HOURS}),
}
_COLLECTION: Final[Schema] = {
    "token": {"type": "string"},
    "amount": AMOUNT_FIELD,
    "initiator": {"type": "string", "enum": list(INITIATORS)},
    "reference": {"type": "string", "pattern": f"^{REFERENCE}$"},
    **{
        name: FIELDS[name]
        for name in ("currency", "booking", "exemption", "language", "purpose", "extra")
    },
    "return_url": {"type": "string", "pattern": "^https://", "maxLength": LONGEST_URL},
    "until": _TIME,
    "steps": closed(_STEPS),
}
_REPEATED: Final = (RequestInProgress, IdempotencyKeyReused)

BEGIN: Final = ONCE | body(closed(_COLLECTION, "token", "amount", "currency", "initiator"))
STOP: Final = NOTHING
BEGUN: Final[Responses] = refusals(
    TokenUnknown, CardErased, TokensGuessed, ReferenceTaken, ProcessorNotConfigured, OperationNotSupported,
    PagesOff, RecordDamaged, *_REPEATED,
)  # fmt: skip
LISTED: Final[Responses] = refusals(RecordDamaged)
SHOWN: Final[Responses] = refusals(CollectionUnknown, RecordDamaged)
STOPPED: Final[Responses] = refusals(CollectionUnknown, CollectionOver, RecordDamaged, *_REPEATED)
