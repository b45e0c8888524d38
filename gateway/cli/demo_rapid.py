"""A chapter in which a booking's card fails, and another one takes its place."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from gateway.cli.demo_gateway import wait_for
from gateway.cli.demo_pms import Answer, tokens
from gateway.cli.demo_scene import NoSequel, Scene
from gateway.sandbox.cards import AMEX, VISA
from gateway.sandbox.rapid_itineraries import Stay

_BILLING: Final = {
    "given_name": "Bruce",
    "family_name": "Wayne",
    "address": {
        "line_1": "1 Pier",
        "city": "Brighton",
        "postal_code": "BN1",
        "country_code": "GB",
    },
}


def recapture(scene: Scene) -> None:
    """Expedia's credit card recapture, with tokens."""
    story, sandbox = scene.story, scene.sandbox
    story.chapter(
        "A booking's card fails, and another takes its place",
        "The PMS books at Expedia Rapid with a token. The pre-authorisation of the card fails, and "
        "the booking gets a link, payment_change, to which the PMS puts the guest's other token.",
        "Rapid gets both cards; the PMS handles tokens and a link.",
    )
    bad, good = _two_tokens(scene)
    sandbox.rapid.settings.failing = frozenset({VISA})
    sandbox.received.clear()

    booked = _call(scene, "POST", _book_link(scene), booking(bad))
    story.check("Rapid takes the booking", booked.status, 201)
    retrieve = _link(booked, "retrieve")
    wait_for(lambda: bool(_link(_call(scene, "GET", retrieve), "payment_change")))
    shown = _call(scene, "GET", retrieve)
    change_link = _link(shown, "payment_change")
    story.show(f"payment_change: PUT {change_link[:60]}…")
    story.check("the card failed: the booking has the link", bool(change_link))

    sent = change(good)
    changed = _call(scene, "PUT", change_link, sent)
    arrived = sandbox.received.requests("rapid")[-1].body.decode()
    story.compare(
        ("the PMS sent", sent),
        ("Rapid received (the clear number is hidden here by an x for each digit)", arrived),
    )
    story.check("Rapid takes the change", changed.status, 204)
    after = _call(scene, "GET", retrieve)
    gone = after.status == 200 and not _link(after, "payment_change")
    story.check("the new card is good: the link is gone", gone)
    cards = sandbox.received.cards("rapid")
    numbers = [card.number for card in cards]
    story.check("Rapid received the card that failed, then the other", numbers == [VISA, AMEX])
    expiry = [f"{card.month}/{card.year}" for card in cards]
    story.check("each with its own expiry", expiry, ["12/2030", "11/2028"])
    clear = sum(one.clear for one in (booked, shown, changed, after))
    story.check("clear numbers that the PMS saw", clear, 0)


def booking(number: str) -> str:
    """The PMS's booking, paid with the token `number`."""
    content = {
        "email": "bruce@example.com",
        "phone": {"country_code": "44", "number": "5550077"},
        "rooms": [{"given_name": "Bruce", "family_name": "Wayne"}],
        "payments": [_payment(number, "123")],
    }
    return json.dumps(content, indent=2)


def change(number: str) -> str:
    """What puts the token `number` in the place of a card that failed."""
    content = {"change_reference_id": "Change-1", "payments": [_payment(number, "1234")]}
    return json.dumps(content, indent=2)


def _payment(number: str, code: str) -> dict[str, Any]:
    """Without an expiry: the PMS need not know it."""
    return {
        "type": "customer_card",
        "number": number,
        "security_code": code,
        "billing_contact": _BILLING,
    }


def _two_tokens(scene: Scene) -> tuple[str, str]:
    """The guest's tokens of a VISA and of an AMEX card. Raises NoSequel."""
    found = tokens(scene.counted(scene.pms.pull("MIXED")).text)
    if len(found) != 2:
        raise NoSequel(f"the pull brought {len(found)} tokens instead of two")
    return found[0], found[1]


def _book_link(scene: Scene) -> str:
    """Where to book, as a price check answers it."""
    begins = datetime.now(UTC).date() + timedelta(days=30)
    stay = Stay("12345", begins, begins + timedelta(days=2))
    return scene.sandbox.rapid.itineraries.book_link(stay)


def _call(scene: Scene, method: str, path: str, body: str | None = None) -> Answer:
    """A call with Rapid's signature and all headers that it asks for. Raises NoSequel."""
    if not path:
        raise NoSequel("Rapid gave no link to go on with")
    credentials = scene.sandbox.rapid.settings.credentials
    headers = {
        "Authorization": credentials.header(time.time()),
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "Content-Type": "application/json",
        "Customer-Ip": "5.5.5.5",
        "User-Agent": "DemoPMS/1.0",
    }
    return scene.pms.send(method, scene.sandbox.named_url("rapid") + path, body, headers)


def _link(answer: Answer, name: str) -> str:
    """A link of a booking, or nothing."""
    match answer.json().get("links"):
        case dict() as links:
            match links.get(name):
                case {"href": str(href)}:
                    return href
    return ""
