"""Chapters about the pages: the property looks at a card, a guest types one, and it is charged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from gateway.audit import Action
from gateway.cli.demo_browser import Browser, words
from gateway.cli.demo_gateway import wait_for
from gateway.cli.demo_pms import Answer, clear_in
from gateway.cli.demo_scene import NoSequel, Scene
from gateway.sandbox.cards import VISA
from gateway.sandbox.processor_payments import CHALLENGED as TYPED
from gateway.secret import Secret

_CODE: Final = "sea-otter-42-blue"
_WRONG: Final = "sea-otter-43-blue"
_SPELLED: Final = " ".join(TYPED[n : n + 4] for n in range(0, len(TYPED), 4))
_MISTYPED: Final = f"{_SPELLED[:-1]}8"
_DIGITS: Final = re.compile(r"<span>([0-9]{4})</span>")
_BOOKING: Final = {"system": "siteminder", "hotel": "10107", "id": "RES-DEMO-7"}


def looks(scene: Scene) -> None:
    """A person of the property sees a number, over a link that the PMS made."""
    story, key = scene.story, scene.back_office
    story.chapter(
        "The property looks at a card",
        "A receptionist has to see the number once; the PMS still does not. So Maria is invited as a "
        "viewer: she chooses a secret code on a page of the gateway.",
        "For one card, for five minutes, the PMS gets a link and shows it in a frame. Maria types her "
        "code into the page, which is the gateway's.",
    )
    invited = _call(scene, key, "/v1/viewers", {"name": "Maria Rossi", "role": "full"})
    story.check("Maria is invited", invited.status, 201)
    with _browser(scene) as browser:
        setup = str(invited.json().get("setup", {}).get("url"))
        chosen = browser.send(setup, {"code": _CODE, "again": _CODE})
        story.check("she has chosen her code", "Your code is set" in words(chosen))
        asked = {
            "token": scene.token("seaside"),
            "viewer": invited.json().get("id"),
            "purpose": "The guest lost the card",
        }
        link = _call(scene, key, "/v1/reveal-links", asked)
        url = str(link.json().get("url"))
        page = browser.open(url)
        story.show(words(page))
        policy = page.headers.get("Content-Security-Policy", "")
        framed = re.search(r"frame-ancestors ([^;]+)", policy)
        story.check("who may frame it", framed[1] if framed else "", "https://pms.example")
        missed = browser.send(url, {"code": _WRONG})
        story.check("a wrong code is counted", "Tries left: 4" in words(missed))
        shown = browser.send(url, {"code": _CODE})
        digits = "".join(_DIGITS.findall(shown.text))
        story.check("the right one shows the number that SiteMinder had sent", digits == VISA)
        again = browser.send(url, {"code": _CODE})
        story.check("a second time it shows nothing", again.status, 404)
    seen = sum(one.clear for one in (invited, link))
    story.check("clear numbers in what the PMS was answered", seen, 0)
    story.check("the audit has the look, with Maria and her browser", _looks(scene), 1)


def types(scene: Scene) -> None:
    """A guest types a card; the PMS gets its token."""
    story, key = scene.story, scene.back_office
    story.chapter(
        "A guest types a card",
        "Somebody booked by telephone. The PMS asks for a link and mails it to the guest.",
        "The page says whose it is, what for and how much, checks what is typed, and tells the PMS "
        "a token.",
    )
    asked = {
        "profile": "card", "product": "seaside", "language": "en", "booking": _BOOKING,
        "purpose": "Deposit for your stay", "amount": {"value": 12050, "currency": "EUR"},
    }  # fmt: skip
    link = _call(scene, key, "/v1/capture-links", asked)
    url, id = str(link.json().get("url")), str(link.json().get("id"))
    with _browser(scene) as browser:
        read = words(browser.open(url))
        told = [
            text for text in ("Hotel Seaside", "Deposit for your stay", "120.50") if text in read
        ]
        story.check("the guest reads", told, "Hotel Seaside, Deposit for your stay, 120.50")
        typed = {"number": _MISTYPED, "expiry": "12/30", "holder": "Ben Example"}
        wrong = browser.send(url, typed)
        story.check("a number with a wrong digit is refused at its field", wrong.status, 422)
        story.check("and is not written back", wrong.clear, 0)
        kept = browser.send(url, typed | {"number": _SPELLED})
        story.check("the right one is kept", "Your card is saved" in words(kept))
    answered = scene.pms.control("GET", f"/v1/capture-links/{id}", key)
    result = answered.json().get("result") or {}
    story.check("the PMS is told", result.get("mask"), "400000******0027")
    story.check("with a token", str(result.get("token")).startswith("tok_test_"))
    scene.tokens["typed"] = str(result.get("token"))
    story.check("clear numbers that the PMS saw", link.clear + answered.clear, 0)


def pays(scene: Scene) -> None:
    """The guest's card is charged: the bank wants the guest, who is elsewhere."""
    story, key = scene.story, scene.back_office
    story.chapter(
        "The guest passes authentication, and the charge succeeds",
        "The PMS charges the guest's card by its token. Which processor that is, is a line of "
        "gateway.yaml; its credentials went into the vault once, and nobody reads them there.",
        "The bank asks for the guest, who is not at the hotel's site. So the gateway gives the PMS a "
        "link to mail; the guest goes to the bank over it and comes back. What the browser says of the "
        "outcome is not believed: the processor is asked.",
    )
    path = "/v1/processors/sandbox/credentials?product=seaside"
    stored = scene.pms.control("PUT", path, key, once="secret", content={"key": "sandbox-demo"})
    story.check("the processor's credentials are sealed", stored.status, 200)
    scene.sandbox.received.clear()
    asked = {
        "token": scene.token("typed"), "amount": 12050, "currency": "EUR", "reference": "DEMO-7",
        "booking": _BOOKING, "purpose": "Deposit for your stay", "language": "en",
    }  # fmt: skip
    made = _call(scene, key, "/v1/charges", asked)
    charge = f"/v1/charges/{made.json().get('id')}"
    cards = [card.number == TYPED for card in scene.sandbox.received.cards("processor")]
    story.check("the processor received the very card that the guest typed", cards, [True])
    story.check("the charge is now", made.json().get("state"), "challenged")
    url = str((made.json().get("challenge") or {}).get("url"))
    with _browser(scene) as browser:
        story.show(words(browser.open(url)))
        led = browser.send(url, {})
        bank = led.headers.get("Refresh", "").partition("url=")[2]
        approved = browser.visit("POST", bank, {"outcome": "ok"})
        back = approved.headers.get("Location", "")
        story.check("the bank sends the guest back to the gateway", back.startswith(f"{url}/back"))
        ended = words(browser.open(back))
        story.check("where they read that it is done", "Thank you" in ended)
        story.check("the link opens nothing any more", browser.open(url).status, 404)
    again = _call(scene, key, "/v1/charges", asked)
    story.check("asked again by mistake, it is the same charge", again.text == made.text)
    last = scene.pms.control("GET", charge, key)
    history = [str(one["state"]) for one in last.json().get("history", [])]
    story.check("its history", history, "pending, challenged, succeeded")
    register = scene.pms.control("GET", "/v1/charges?reference=DEMO-7", key)
    rows = [
        f"{one['reference']} {one['captured']} {one['currency']} {one['state']}"
        for one in register.json().get("charges", [])
    ]
    story.check("the register shows", rows, "DEMO-7 12050 EUR succeeded")
    story.check("payments at the processor", _payments(scene), 1)
    # The networks' id of a charge has fifteen digits: one in a hundred would pass for a card.
    network = str(last.json().get("network_transaction_id"))
    texts = (one.text.replace(network, "") for one in (stored, made, again, last, register))
    story.check("clear numbers that the PMS saw", sum(map(clear_in, texts)), 0)


def _looks(scene: Scene) -> int:
    """How many looks at a card are in the audit, done."""

    def done() -> list[Any]:
        with scene.gateway.vault() as vault:
            entries = [one.entry for one in vault.entries(limit=10_000)]
        return [one for one in entries if one.action is Action.REVEAL and one.outcome == "done"]

    wait_for(lambda: bool(done()))
    return len([one for one in done() if one.origin and one.key])


def _payments(scene: Scene) -> int:
    """How many times the processor was asked to charge."""
    asked = scene.sandbox.received.requests("processor")
    return len([one for one in asked if one.method == "POST" and one.path == "/v1/payments"])


def _call(scene: Scene, key: Secret[str], path: str, content: object) -> Answer:
    """A POST that must have an answer for the story to go on. Raises NoSequel."""
    answer = scene.pms.control("POST", path, key, once=f"demo{path}", content=content)
    if answer.status // 100 != 2:
        raise NoSequel(f"POST {path} was answered {answer.status} {answer.code}")
    return answer


@contextmanager
def _browser(scene: Scene) -> Iterator[Browser]:
    browser = Browser(scene)
    try:
        yield browser
    finally:
        browser.close()
