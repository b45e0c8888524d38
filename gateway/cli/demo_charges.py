"""Chapters in which the PMS charges a card that it never saw."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import parse_qsl

from gateway.audit import Action
from gateway.cli.demo_gateway import wait_for
from gateway.cli.demo_pms import Answer
from gateway.cli.demo_scene import NoSequel, Scene
from gateway.sandbox.cards import VISA
from gateway.sandbox.records import ReceivedCard

_SENT: Final = "the PMS sent"
_HIDDEN: Final = "received (the clear number is hidden here by an x for each digit)"
_CVC: Final = "123"


def form(scene: Scene) -> None:
    """A charge at a processor that takes forms."""
    story = scene.story
    story.chapter(
        "The PMS charges the card",
        "It posts a payment to Stripe with the token where the number goes.",
        "The gateway puts number, expiry and holder in; the security code stays as the PMS sent it.",
    )
    scene.sandbox.received.clear()
    answer = scene.pms.charge_form(intent(scene.token("seaside")))
    card = _charged(scene, "stripe")
    body = scene.sandbox.received.requests("stripe")[-1].body.decode()
    sent = intent(scene.token("seaside"))
    story.compare(
        (_SENT, "\n".join(f"{name}={value}" for name, value in sent.items())),
        (f"Stripe {_HIDDEN}", "\n".join(f"{name}={value}" for name, value in parse_qsl(body))),
    )
    story.check("the payment went through", answer.json().get("status"), "succeeded")
    story.check("Stripe received the very card that SiteMinder had sent", card.number == VISA)
    story.check("with its expiry", f"{card.month}/{card.year}", "12/2030")
    story.check("with its holder", card.holder, "Bruce Wayne")
    story.check("with the security code that the PMS sent", card.cvc == _CVC)
    story.check("clear numbers that the PMS saw", answer.clear, 0)
    story.check("the audit has the intent and its outcome", _audit(scene, answer), "intent, done")


def as_json(scene: Scene) -> None:
    """A charge at a processor that takes JSON."""
    story = scene.story
    story.chapter(
        "The same at a processor that speaks JSON",
        "Adyen gets the same card out of the same token; only its rule says other names.",
    )
    scene.sandbox.received.clear()
    sent = payment(scene.token("seaside"))
    answer = scene.pms.charge_json(sent)
    card = _charged(scene, "adyen")
    request = scene.sandbox.received.requests("adyen")[-1]
    story.compare((_SENT, sent), (f"Adyen {_HIDDEN}", request.body.decode()))
    story.check("the payment is authorised", answer.json().get("resultCode"), "Authorised")
    story.check("Adyen received the very card that SiteMinder had sent", card.number == VISA)
    story.check("with its expiry", f"{card.month}/{card.year}", "12/2030")
    story.check("Adyen's own key arrived", request.header("X-API-Key"), "adyens-own-key")
    story.check("clear numbers that the PMS saw", answer.clear, 0)


def echo(scene: Scene) -> None:
    """A processor that repeats the card."""
    story = scene.story
    story.chapter(
        "A processor repeats the card in its answer",
        "No processor should, but some do.",
        "The gateway knows which card it put in and turns the echo back into the token.",
    )
    alias = scene.token("seaside")
    scene.sandbox.received.clear()
    answer = scene.pms.charge_form(intent(alias) | {"description": "echo"})
    card = _charged(scene, "stripe")
    said = answer.json().get("description", "no description")
    story.compare(
        ("Stripe answered", f'"description": "echo {card.number}"'),
        ("the PMS received", f'"description": "{said}"'),
    )
    stripes = [one.get("description") for one in scene.sandbox.stripe.account.objects.values()]
    story.check("Stripe did repeat the number", f"echo {VISA}" in stripes)
    story.check("the PMS got its token instead", said == f"echo {alias}")
    story.check("clear numbers that the PMS saw", answer.clear, 0)


def intent(number: str) -> dict[str, str]:
    """A payment intent's form, without expiry and holder: the PMS need not know them."""
    return {
        "amount": "44550",
        "currency": "usd",
        "confirm": "true",
        "payment_method_data[type]": "card",
        "payment_method_data[card][number]": number,
        "payment_method_data[card][cvc]": _CVC,
    }


def payment(number: str) -> str:
    """A payment's JSON."""
    content = {
        "amount": {"currency": "USD", "value": 44550},
        "reference": "EXP-CVC-001",
        "merchantAccount": "SandboxMerchant",
        "returnUrl": "https://pms.example/return",
        "paymentMethod": {"type": "scheme", "number": number, "cvc": _CVC},
    }
    return json.dumps(content, indent=2)


def _charged(scene: Scene, system: str) -> ReceivedCard:
    """The one card that the processor took. Raises NoSequel."""
    cards = scene.sandbox.received.cards(system)
    if len(cards) != 1:
        raise NoSequel(f"the processor received {len(cards)} cards instead of one")
    return cards[0]


def _audit(scene: Scene, answer: Answer) -> str:
    exchange = answer.headers.get("X-Gateway-Exchange", "")

    def outcomes() -> list[str]:
        entries = [one.entry for one in vault.entries()]
        return [
            entry.outcome.value
            for entry in entries
            if entry.exchange == exchange and entry.action is Action.DETOKENIZE
        ]

    with scene.gateway.vault() as vault:
        wait_for(lambda: len(outcomes()) > 1)  # the second follows the answer
        return ", ".join(outcomes())
