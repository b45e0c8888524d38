"""Which parameters each operation of the simulated Stripe knows; any other is refused by name."""

from __future__ import annotations

from typing import Final

from gateway.sandbox.form import Schema

_ADDRESS: Final[Schema] = dict.fromkeys(
    ("city", "country", "line1", "line2", "postal_code", "state"), "text"
)
_CARD: Final[Schema] = {
    **dict.fromkeys(("number", "exp_month", "exp_year", "cvc"), "text"),
    "networks": {"preferred": "text"},
}
_LEGACY_CARD: Final[Schema] = {
    **dict.fromkeys(
        ("number", "exp_month", "exp_year", "cvc", "name", "currency", "object", "address_line1",
         "address_line2", "address_city", "address_state", "address_zip", "address_country"),
        "text",
    ),
    "metadata": "map",
}  # fmt: skip
_BILLING: Final[Schema] = {
    "address": _ADDRESS,
    **dict.fromkeys(("email", "name", "phone", "tax_id"), "text"),
}
_METHOD: Final[Schema] = {
    "type": "text",
    "card": _CARD,
    "billing_details": _BILLING,
    "metadata": "map",
    "allow_redisplay": "text",
}
_ANY: Final[Schema] = {"expand": "map", "metadata": "map"}
CONFIRM: Final[Schema] = {
    **_ANY,
    "payment_method": "text",
    "payment_method_data": _METHOD,
    "payment_method_options": "map",
    "payment_method_types": "map",
    "return_url": "text",
    "off_session": "text",
    "receipt_email": "text",
    "setup_future_usage": "text",
    "capture_method": "text",
    "error_on_requires_action": "boolean",
    "use_stripe_sdk": "boolean",
    "mandate_data": "map",
    "shipping": "map",
}
INTENT: Final[Schema] = {
    **CONFIRM,
    "amount": "integer",
    "currency": "text",
    "confirm": "boolean",
    "confirmation_method": "text",
    "customer": "text",
    "description": "text",
    "statement_descriptor": "text",
    "statement_descriptor_suffix": "text",
    "automatic_payment_methods": {"enabled": "boolean", "allow_redirects": "text"},
    "application_fee_amount": "integer",
    "transfer_data": "map",
    "on_behalf_of": "text",
    "transfer_group": "text",
}
CHARGE: Final[Schema] = {
    **_ANY,
    "amount": "integer",
    "currency": "text",
    "source": _LEGACY_CARD,
    "card": _LEGACY_CARD,
    "customer": "text",
    "description": "text",
    "capture": "boolean",
    "receipt_email": "text",
    "statement_descriptor": "text",
}
CUSTOMER: Final[Schema] = {
    **_ANY,
    **dict.fromkeys(("description", "email", "name", "phone", "payment_method"), "text"),
}
CAPTURE: Final[Schema] = {
    **_ANY,
    "amount_to_capture": "integer",
    "statement_descriptor": "text",
    "statement_descriptor_suffix": "text",
}
CANCEL: Final[Schema] = {"expand": "map", "cancellation_reason": "text"}
REFUND: Final[Schema] = {
    **_ANY,
    "payment_intent": "text",
    "amount": "integer",
    "reason": "text",
}
TOKEN: Final[Schema] = {"card": _LEGACY_CARD, "customer": "text", "expand": "map"}
PAYMENT_METHOD: Final[Schema] = {**_METHOD, "expand": "map", "customer": "text"}
