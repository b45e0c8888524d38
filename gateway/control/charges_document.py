"""What `/openapi.json` says of the calls about charges: `charges_form.py` reads the bodies."""

from __future__ import annotations

from typing import Final

from gateway.control.cards_document import CURRENCY, LINE, NAMED
from gateway.control.charges_form import (
    EXEMPTIONS,
    LANGUAGE,
    LONGEST_URL,
    MOST,
    MOST_FIELDS,
    REFERENCE,
    SECURITY_CODE,
    SETTLED,
)
from gateway.control.document import Responses, Schema, body, closed, refusals
from gateway.control.idempotency import ONCE
from gateway.errors import (
    AmountTooHigh,
    BalanceInOtherCurrency,
    BalanceTooLow,
    CardConsumed,
    CardErased,
    CardNoLongerActive,
    CardNotYetActive,
    ChargeInProgress,
    ChargeNotAllowed,
    ChargeUnknown,
    IdempotencyKeyReused,
    OperationNotSupported,
    ProcessorGone,
    ProcessorNotConfigured,
    RecordDamaged,
    ReferenceTaken,
    RequestInProgress,
    TokensGuessed,
    TokenUnknown,
)
from gateway.processors.model import Initiator

AMOUNT_FIELD: Final[Schema] = {
    "type": "integer", "minimum": 1, "maximum": MOST, "description": "In minor units.",
}  # fmt: skip
_BOOKING: Final = {"system": NAMED, "hotel": LINE, "id": LINE}
FIELDS: Final[Schema] = {
    "token": {"type": "string"},
    "amount": AMOUNT_FIELD,
    "currency": CURRENCY,
    "booking": closed(_BOOKING, "system"),
    "reference": {"type": "string", "pattern": f"^{REFERENCE}$"},
    "initiator": {"type": "string", "enum": [one.value for one in Initiator]},
    "network_transaction_id": LINE,
    "exemption": {"type": "string", "enum": list(EXEMPTIONS)},
    "capture": {"type": "string", "enum": ["now", "later"]},
    "return_url": {"type": "string", "format": "uri", "maxLength": LONGEST_URL},
    "language": {"type": "string", "pattern": f"^{LANGUAGE}$"},
    "purpose": LINE,
    "extra": {
        "type": "object",
        "maxProperties": MOST_FIELDS,
        "propertyNames": {
            "pattern": "^[a-z][a-z_]{0,38}[0-9]{0,2}$",
            "not": {"pattern": SECURITY_CODE},
        },
        "additionalProperties": LINE,
    },
}


def _may_be_left_out(schema: Schema) -> Schema:
    return {"requestBody": {"content": {"application/json": {"schema": schema}}}}


CREATE: Final = ONCE | body(closed(FIELDS, "token", "amount", "currency"))
AMOUNT: Final = ONCE | _may_be_left_out(closed({"amount": AMOUNT_FIELD}))
NOTHING: Final = ONCE | _may_be_left_out(closed({}))
SAW: Final = ONCE | body(closed({"outcome": {"type": "string", "enum": list(SETTLED)}}, "outcome"))
REASON: Final = ONCE | _may_be_left_out(closed({"reason": LINE}))

_REPEATED: Final = (RequestInProgress, IdempotencyKeyReused)
_PROCESSOR: Final = (ProcessorNotConfigured, OperationNotSupported)
_STATE: Final = (ChargeInProgress, ChargeNotAllowed)

CREATED: Final[Responses] = refusals(
    TokenUnknown, CardErased, TokensGuessed, ReferenceTaken, CardConsumed, CardNotYetActive,
    CardNoLongerActive, BalanceTooLow, BalanceInOtherCurrency, RecordDamaged,
    *_PROCESSOR, *_REPEATED,
)  # fmt: skip
LISTED: Final[Responses] = refusals(RecordDamaged)
SHOWN: Final[Responses] = refusals(ChargeUnknown, RecordDamaged)
ASKED: Final[Responses] = refusals(
    ChargeUnknown, AmountTooHigh, ProcessorGone, RecordDamaged, *_STATE, *_PROCESSOR, *_REPEATED
)
LOOKED: Final[Responses] = refusals(
    ChargeUnknown, ProcessorGone, RecordDamaged, *_PROCESSOR, *_REPEATED
)
DISPUTED: Final[Responses] = refusals(ChargeUnknown, RecordDamaged, *_STATE, *_REPEATED)
