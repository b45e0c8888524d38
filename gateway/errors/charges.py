"""Refusals: a charge that is not begun, or an operation on one that is not asked for."""

from __future__ import annotations

from gateway.errors.base import GatewayError


class ProcessorNotConfigured(GatewayError):
    code, status = "processor_not_configured", 422
    text = "The token's product has no processor, so nothing can be charged."
    action = "Name one in gateway.yaml: products.<name>.processor"


class ChargeUnknown(GatewayError):
    """Also for another client's or product's: they must not be told apart."""

    code, status = "charge_unknown", 404
    text = "There is no such charge."
    action = "List those that there are: GET /v1/charges"


class ChargeInProgress(GatewayError):
    code, status = "charge_in_progress", 409
    text = (
        "Something was asked of the processor for this charge, and how it ended is not known yet."
    )
    action = "Wait for its outcome, or look: POST /v1/charges/{id}/look. Nothing is sent twice."
    retry_after = 5


class ChargeNotAllowed(GatewayError):
    code, status = "charge_not_allowed", 409
    text = "In the charge's state this can not be asked for."
    action = "Look at its state and history: GET /v1/charges/{id}"


class AmountTooHigh(GatewayError):
    code, status = "amount_too_high", 422
    text = "The amount is more than what was authorised, or than what is left of what was taken."
    action = "Look at its amounts: GET /v1/charges/{id}"


class ReferenceTaken(GatewayError):
    code, status = "reference_taken", 409
    text = "The product has a charge with this reference already."
    action = "Find it: GET /v1/charges?reference=... A new charge needs a new reference."


class CardConsumed(GatewayError):
    code, status = "card_consumed", 409
    text = "The processor has taken this card for this booking, and takes it no more."
    action = "Ask the guest for another card."


class CardNoLongerActive(GatewayError):
    code, status = "card_no_longer_active", 409
    text = "The virtual card can not be charged after its last day."
    action = "Ask the channel for a new card."


class BalanceTooLow(GatewayError):
    code, status = "balance_too_low", 409
    text = "The amount is more than the virtual card has left, with what was charged to it before."
    action = "Charge less, or ask the channel what the card is good for."


class BalanceInOtherCurrency(GatewayError):
    code, status = "balance_in_other_currency", 409
    text = "The virtual card is good for another currency than this charge's."
    action = "Charge it in its own currency."


class ProcessorGone(GatewayError):
    code, status = "processor_gone", 409
    text = "The charge was made at a processor that has no file any more."
    action = "Put its file back into rules/processors/, or do it at the processor itself."


class NoChallenge(GatewayError):
    code, status = "no_challenge", 409
    text = "The guest has nothing to authenticate for this charge, or not any more."
    action = "Look at its state and history: GET /v1/charges/{id}"
