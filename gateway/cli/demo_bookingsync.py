"""A chapter in which a security code is held for minutes, and put in once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.cli.demo_pms import Answer, timeless, tokens
from gateway.cli.demo_pulls import AFTER, BEFORE
from gateway.cli.demo_scene import NoSequel, Scene
from gateway.sandbox.cards import VISA_TWO

HOTEL: Final = "PLAINTEXT"  # its cards come with their codes, in elements
_PRODUCT: Final = "lakeside"
_CODE: Final = ">123<"
_NOT_YET: Final = 3600.0  # seconds until a capture by itself: the story says when


def held_code(scene: Scene) -> None:
    """A security code that SiteMinder sent reaches the one authorisation that needs it."""
    story, pms, sandbox = scene.story, scene.pms, scene.sandbox
    story.chapter(
        "A security code is held for minutes, and put in once",
        "BookingSync asks for the security code of each card, and the PMS must never have one. "
        f"So the product `{_PRODUCT}` says `hold_cvc_minutes: 15`.",
        "The code that came with a reservation is put into one instant booking, of which the PMS "
        "writes all but the card; then it is gone.",
    )
    before = pms.pull_without_gateway(HOTEL).text
    pulled = scene.counted(pms.pull(HOTEL))
    story.compare((BEFORE, timeless(before)), (AFTER, timeless(pulled.text)))
    story.check("SiteMinder did send the security code", _CODE in before)
    story.check("the PMS does not get it", _CODE not in pulled.text)
    scene.tokens[_PRODUCT] = next(iter(tokens(pulled.text)), "none")
    account = sandbox.bookingsync.account
    account.settings = replace(account.settings, capture_seconds=_NOT_YET)
    sandbox.received.clear()

    booking, payment = _tentative(scene)
    sent = instant_booking(payment, scene.token(_PRODUCT))
    answer = _execute(scene, sent)
    arrived = sandbox.received.requests("bookingsync")[-1].body.decode()
    story.compare(
        ("the PMS sent", sent),
        ("BookingSync received (the clear number is hidden here by an x for each digit)", arrived),
    )
    story.check("the card is authorised, an empty answer with status", answer.status, 200)
    cards = sandbox.received.cards("bookingsync")
    story.check("BookingSync received the very card", [c.number == VISA_TWO for c in cards], [True])
    story.check("with the code that SiteMinder had sent", [c.cvc == "123" for c in cards], [True])
    before_capture = _shown(scene, "payments", payment).get("paid_at", "no payment")
    story.check("which is not paid yet: no paid_at", before_capture is None)
    account.capture()
    after_capture = _shown(scene, "payments", payment).get("paid_at")
    story.check("once it is captured the payment shows paid_at", bool(after_capture))
    status = _shown(scene, "bookings", booking).get("status")
    story.check("and the booking is", status, "Booked")

    _, payment = _tentative(scene)
    second = _execute(scene, instant_booking(payment, scene.token(_PRODUCT)))
    scene.refused.append(second.code)
    refused = f"{second.status} {second.code or 'without a code'}"
    story.check("a second booking with the same token", refused, "422 cvc_unavailable")
    story.check("cards that it sent", len(sandbox.received.cards("bookingsync")) - len(cards), 0)
    clear = sum(one.clear for one in (pulled, answer, second))
    story.check("clear numbers that the PMS saw", clear, 0)


def instant_booking(payment: int, number: str) -> str:
    """The PMS's JSON: expiry, holder and security code are not its business."""
    content = {
        "tentative_payment_id": payment,
        "card_number": number,
        "address1": "1 Pier",
        "zip": "BN1",
        "city": "Brighton",
        "country_code": "GB",
        "gateway_id": "123",
        "gateway_name": "bogus",
        "gateway_type": "PaymentGateway",
    }
    return json.dumps(content, indent=2)


def _execute(scene: Scene, body: str) -> Answer:
    url = scene.sandbox.named_url("bookingsync") + "/api/bookingsync/instant_bookings"
    return scene.pms.post(url, body)


def _tentative(scene: Scene) -> tuple[int, int]:
    """The ids of a new tentative booking and of its payment. Raises NoSequel."""
    expires = datetime.now(UTC) + timedelta(minutes=10)
    booking = {
        "start_at": "2030-05-01",
        "end_at": "2030-05-04",
        "booked": False,
        "tentative_expires_at": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    payment = {"amount_in_cents": 10000, "currency": "EUR", "kind": "instant-booking"}
    made = _call(scene, "POST", "rentals/1/bookings", {"bookings": [booking]})
    number = _resource(made, "bookings").get("id")
    paid = _call(scene, "POST", f"bookings/{number}/payments", {"payments": [payment]})
    id = _resource(paid, "payments").get("id")
    if not isinstance(number, int) or not isinstance(id, int):
        raise NoSequel("BookingSync made no booking with a payment")
    return number, id


def _shown(scene: Scene, kind: str, id: int) -> dict[str, Any]:
    return _resource(_call(scene, "GET", f"{kind}/{id}"), kind)


def _call(scene: Scene, method: str, path: str, content: dict[str, Any] | None = None) -> Answer:
    """A call of API v3, which never carries a card."""
    url = f"https://bookingsync.sandbox.test:{scene.sandbox.ports['bookingsync']}/api/v3/{path}"
    headers = {"Authorization": "Bearer sandbox", "Content-Type": "application/vnd.api+json"}
    body = None if content is None else json.dumps(content)
    return scene.pms.send(method, url, body, headers)


def _resource(answer: Answer, kind: str) -> dict[str, Any]:
    """The first of its resources, or an empty one."""
    match answer.json().get(kind):
        case [dict() as first, *_]:
            return first
    return {}
