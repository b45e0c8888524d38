"""Refusals: a card that failed and is to be replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.errors.base import GatewayError


class EventMalformed(GatewayError):
    code, status = "event_malformed", 400
    text = "The notification lacks a field that is documented, or holds something else in it."
    action = "Compare it with docs/expedia-rapid.md."


class EventNotSupported(GatewayError):
    code, status = "event_not_supported", 422
    text = "The gateway takes no notifications of this type."
    action = "Subscribe this URL to itinerary.payment_verification.failure alone."


class RecaptureUnknown(GatewayError):
    """Also for another client's: the two must not be told apart."""

    code, status = "recapture_unknown", 404
    text = "There is no such recapture."
    action = "List those that there are: GET /v1/recaptures"


class RecaptureClosed(GatewayError):
    code, status = "recapture_closed", 409
    text = (
        "The recapture needs no card: one was taken, or the card failed again and another goes on."
    )
    action = "Look at its state, and at the recapture that it names as next."


class RecaptureInProgress(GatewayError):
    code, status = "recapture_in_progress", 409
    text = "A card is on its way for this recapture already."
    action = "Wait for its outcome."


class LinkUnknown(GatewayError):
    code, status = "link_unknown", 409
    text = "The booking showed no link for another card, or could not be retrieved."
    action = "Retrieve the booking through the gateway, then try again."


class LinkExpired(GatewayError):
    code, status = "link_expired", 410
    text = "The link that takes another card is over, or was used."
    action = "Retrieve the booking: if it still shows a link, try again with that one."


class VirtualCardExcluded(GatewayError):
    code, status = "virtual_card_excluded", 422
    text = "A virtual card can not replace a card that failed."
    action = "Use the traveller's own card."


class ContactRequired(GatewayError):
    code, status = "billing_contact_required", 422
    text = "The channel wants a billing contact with an address, and none is known."
    action = "Send billing_contact: given_name, family_name, address."


class CardIncomplete(GatewayError):
    code, status = "card_incomplete", 422
    text = "The card has no expiry, and the channel takes none without."
    action = "Ask the guest for the card again."


class CardNotKept(GatewayError):
    code, status = "card_not_kept", 422
    text = "The card's number is no card number, or its product does not take it."
    action = "Check the number; a live product takes no published test numbers."

    def __init__(self, errors: Sequence[Mapping[str, str]] = ()) -> None:
        """`errors`: why, in words of ours."""
        super().__init__()
        self.errors = errors


class ChangeRefused(GatewayError):
    """`types`: what the channel called it, in its own fixed words."""

    code, status = "change_refused", 422
    text = "The channel did not take the new card as it was sent."
    action = "The channel's own words are under errors; the recapture is still open."

    def __init__(self, types: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.types = types
