"""What a PMS sends to Octorate, for the tests of its simulator and of the gateway before it."""

from __future__ import annotations

V1 = "/connect/rest/v1"
BEARER = {"Authorization": "Bearer sandbox"}
ADD_CARD = f"{V1}/payment/OCTORATE/SANDBOX/addCard"
LOGIN = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}


def reservation(id="", property=10107):
    return f"{V1}/reservation/{property}" + (f"/{id}" if id else "")


def added(number="4111111111111111", reservation=900103, **members):
    """An Add Card; a member that is None is left out."""
    card = {
        "number": number,
        "expiryMonth": "12",
        "expiryYear": "2030",
        "holder": "Ada Example",
        "cvv": "123",
    } | members
    card = {name: value for name, value in card.items() if value is not None}
    return {"reservationId": reservation, "card": card}
