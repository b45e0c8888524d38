"""What a PMS sends to BookingSync, for the tests of its simulator and of the gateway before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

JSON_API = {"Authorization": "Bearer sandbox", "Content-Type": "application/vnd.api+json"}
EXECUTE = "/api/bookingsync/instant_bookings"
GATEWAYS = {
    1: ("123", "bogus"),
    2: ("124", "booking_pay"),
    3: ("125", "ogone"),
    4: ("126", "stripe"),
    5: ("127", "bogus"),
}
CURRENCIES = {4: "USD"}


def in_minutes(minutes):
    return (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def booking(**members):
    return {
        "start_at": "2030-05-01T16:00:00Z",
        "end_at": "2030-05-04T10:00:00Z",
        "booked": False,
        "tentative_expires_at": in_minutes(10),
    } | members


def payment(rental=1, **members):
    currency = CURRENCIES.get(rental, "EUR")
    return {"amount_in_cents": 10000, "currency": currency, "kind": "instant-booking"} | members


def instant_booking(payment_id, rental=1, **members):
    """The published payload, with the id that it lacks. A member that is None is left out."""
    id, name = GATEWAYS[rental]
    made = {
        "tentative_payment_id": payment_id,
        "card_number": 4111111111111111,
        "cardholder_name": "John Doe",
        "expires_at_month": "12",
        "expires_at_year": "2030",
        "security_code": 123,
        "address1": "some address 1 / 10",
        "zip": "12312",
        "city": "San Francisco",
        "state": "California",
        "country_code": "US",
        "gateway_id": id,
        "gateway_name": name,
        "gateway_type": "PaymentGateway",
    } | members
    return {name: value for name, value in made.items() if value is not None}


# --- calls ----------------------------------------------------------------------------------------


def resource(answer, kind):
    (made,) = answer.json()[kind]
    return made


def new_booking(http, rental=1, **members):
    body = {"bookings": [booking(**members)]}
    answer = http.post(f"/api/v3/rentals/{rental}/bookings", json=body, headers=JSON_API)
    assert answer.status_code == 201, answer.text
    return resource(answer, "bookings")["id"]


def new_payment(http, booking_id, rental=1, **members):
    body = {"payments": [payment(rental, **members)]}
    answer = http.post(f"/api/v3/bookings/{booking_id}/payments", json=body, headers=JSON_API)
    assert answer.status_code == 201, answer.text
    return resource(answer, "payments")["id"]


def tentative(http, rental=1, **members):
    """A booking and its payment."""
    booking_id = new_booking(http, rental, **members)
    return booking_id, new_payment(http, booking_id, rental)


def execute(http, *args, **members):
    return http.post(EXECUTE, json=instant_booking(*args, **members))


def shown(http, kind, id):
    answer = http.get(f"/api/v3/{kind}/{id}", headers=JSON_API)
    assert answer.status_code == 200
    return resource(answer, kind)


def state(http, booking_id, payment_id):
    paid = shown(http, "payments", payment_id)
    return shown(http, "bookings", booking_id)["status"], paid["paid_at"], paid["transaction_id"]
