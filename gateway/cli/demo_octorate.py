"""Chapters with Octorate: its own tokens stay, and a card that came in no message reaches it."""

from __future__ import annotations

import json
from typing import Any, Final

from gateway.cli.demo_gateway import wait_for
from gateway.cli.demo_pms import Answer
from gateway.cli.demo_scene import Scene
from gateway.sandbox.cards import MASTERCARD
from gateway.secret import Secret

_V1: Final = "/connect/rest/v1"
_BEARER: Final = {"Authorization": "Bearer sandbox", "Content-Type": "application/json"}
_VIRTUAL: Final = 900102
_NOCARD: Final = 900103
_PLAIN: Final = 900105  # a clear card beside Octorate's token
_ROWS: Final = 8  # of the card that came by hand, in the audit


def reservations(scene: Scene) -> None:
    """Reservations with tokens of Octorate's own, and one with a clear card."""
    story = scene.story
    story.chapter(
        "Octorate's own tokens stay",
        "Octorate names a guest's card by a token of its own, which it asks for later: the PMS gets "
        "it byte for byte, and is told which card is virtual.",
        "A clear card, should one ever stand there, becomes a token of the gateway's.",
    )
    through = _call(scene, "GET", "/reservation/10107")
    tokens = [card.get("token") for card in _cards(through)]
    story.check("reservations with a token of Octorate's", len([one for one in tokens if one]), 3)
    direct = _without_gateway(scene, "/reservation/10107")
    story.check("every byte is as Octorate sent it", through.text == direct)
    virtual = _card(_call(scene, "GET", f"/reservation/10107/{_VIRTUAL}"))
    story.check("the virtual card is marked", virtual.get("cardVirtual") is True)
    before = _without_gateway(scene, f"/reservation/10107/{_PLAIN}")
    after = _call(scene, "GET", f"/reservation/10107/{_PLAIN}")
    story.compare(("Octorate sent", before), ("the PMS received", after.text))
    card = _card(after)
    story.check("the number is now", card.get("number"), "444433******1111")
    story.check("the security code is gone", "cvv" not in card)
    story.check("it has a token of the gateway's", bool(card.get("tokenuser")))
    story.check("and Octorate's as well", card.get("token") == json.loads(before)["card"]["token"])
    story.check("clear numbers that the PMS saw", through.clear + after.clear, 0)


def by_hand(scene: Scene) -> None:
    """A card that somebody read out at the telephone: kept, sent to Octorate, forgotten."""
    story, key = scene.story, scene.booking_engine
    story.chapter(
        "A card that came in no message",
        "A booking engine has a card itself. It gives it to the gateway's own API and gets a token; "
        "from then on nobody sees the number.",
        "The PMS adds the card to Octorate's reservation by that token. Then the booking is over, "
        "and the card is forgotten.",
    )
    booking = {"system": "octorate", "hotel": "10107", "id": str(_NOCARD)}
    new = {
        "number": MASTERCARD,
        "expiration_month": "12",
        "expiration_year": "2030",
        "holder": "Ada Example",
        "product": "seaside",
        "booking": booking,
    }
    made = scene.pms.control("POST", "/v1/cards", key, once="the-card", content=new)
    alias = str(made.json().get("token"))
    story.check("the card is kept", made.status, 201)
    story.check("it is shown as", made.json().get("mask"), "555555******4444")
    again = scene.pms.control("POST", "/v1/cards", key, once="the-card", content=new)
    story.check("asked again, the answer is the same", again.text == made.text)

    scene.sandbox.received.clear()
    sent = json.dumps({"reservationId": _NOCARD, "card": {"number": alias}}, indent=2)
    added = _call(scene, "POST", "/payment/OCTORATE/SANDBOX/addCard", sent, key)
    requests = scene.sandbox.received.requests("octorate")
    arrived = requests[-1].body.decode() if requests else "nothing"
    story.compare(
        ("the PMS sent", sent),
        ("Octorate received (the clear number is hidden here by an x for each digit)", arrived),
    )
    story.check("Octorate takes it", added.status // 100, 2)
    cards = [card.number == MASTERCARD for card in scene.sandbox.received.cards("octorate")]
    story.check("Octorate received the very card", cards, [True])
    shown = _card(_call(scene, "GET", f"/reservation/10107/{_NOCARD}"))
    story.check("and names it by a token of its own", bool(shown.get("token")))

    path = f"/v1/cards/{alias}"
    gone = scene.pms.control("DELETE", path, key, once="its-end")
    story.check("forgotten", gone.status, 204)
    missed = scene.pms.control("GET", path, key)
    story.check("nobody finds it any more", f"{missed.status} {missed.code}", "404 token_unknown")
    refused = _call(scene, "POST", "/payment/OCTORATE/SANDBOX/addCard", sent, key)
    scene.refused.append(refused.code)
    story.check("nor does a charge", f"{refused.status} {refused.code}", "422 token_unknown")
    story.check(
        "the audit has each of it, what was refused too",
        _audited(scene, made.json().get("iduser")),
        "tokenize done, detokenize intent, detokenize done, forget done,"
        " show intent, show refused, detokenize intent, detokenize refused",
    )
    clear = sum(one.clear for one in (made, again, added, gone, missed, refused))
    story.check("clear numbers in any answer", clear, 0)


def _call(
    scene: Scene, method: str, path: str, body: str | None = None, key: Secret[str] | None = None
) -> Answer:
    url = scene.sandbox.named_url("octorate") + _V1 + path
    return scene.pms.send(method, url, body, _BEARER, key=key)


def _audited(scene: Scene, iduser: int | None) -> str:
    """What the audit has of a card, once an answer's own row, which follows it, has come."""

    def rows() -> list[str]:
        entries = [one.entry for one in vault.entries(limit=10_000)]
        return [f"{one.action} {one.outcome}" for one in entries if one.iduser == iduser]

    with scene.gateway.vault() as vault:
        wait_for(lambda: len(rows()) >= _ROWS)
        return ", ".join(rows())


def _without_gateway(scene: Scene, path: str) -> str:
    """What Octorate answers when nobody stands between."""
    return scene.pms.get_without_gateway(scene.sandbox.url("octorate") + _V1 + path, _BEARER).text


def _cards(answer: Answer) -> list[dict[str, Any]]:
    """The cards of a list of reservations."""
    return [one.get("card") or {} for one in answer.json().get("data", [])]


def _card(answer: Answer) -> dict[str, Any]:
    """The card of one reservation, or an empty one."""
    match answer.json().get("card"):
        case dict() as card:
            return card
    return {}
