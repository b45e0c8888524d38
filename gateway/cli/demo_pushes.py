"""Chapters in which a channel manager sends reservations to the PMS."""

from __future__ import annotations

import json
from typing import Any, Final

from gateway.cli.demo_pms import clear_in, numbers, timeless, tokens
from gateway.cli.demo_scene import NoSequel, Scene
from gateway.sandbox.cards import VISA
from gateway.sandbox.channex import guarantee, open_channel_booking
from gateway.sandbox.push import Credential, PushResult, push_json, push_ota

_BEFORE: Final = "the channel manager sent"
_AFTER: Final = "the PMS received"
_HOTEL: Final = "10107"


def ota(scene: Scene) -> None:
    """OTA XML, with WS-Security."""
    story, gateway = scene.story, scene.gateway
    story.chapter(
        "A channel manager pushes a reservation, in XML",
        "It posts OTA_HotelResNotifRQ to a URL of the gateway and shows who it is with "
        "WS-Security; the PMS behind the gateway gets the message without the card.",
    )
    right = Credential(wsse=("siteminder", gateway.secret("siteminder-push-password")))
    scene.sandbox.received.clear()
    push_ota(scene.sandbox.url("pms"), credential=right, ca=scene.sandbox.ca_file)
    before = _received(scene)
    result = _push_ota(scene, right)
    after = _received(scene)
    story.compare((_BEFORE, timeless(before)), (_AFTER, timeless(after)))
    story.check("the PMS accepts it, and the channel manager is told", result.accepted)
    story.check("the channel manager did send a clear card", numbers(before) == [VISA])
    story.check("the PMS gets the mask", numbers(after), ["444433******1111"])
    story.check("and the token that a pull gave", tokens(after), [scene.token("seaside")])
    story.check("the security code is gone", "SeriesCode" not in after)
    story.check("clear numbers that reached the PMS", clear_in(after), 0)
    wrong = _push_ota(scene, Credential(wsse=("siteminder", "a wrong password")))
    story.check("with a wrong password the answer is", wrong.status, 401)
    story.check("and requests that reach the PMS", len(scene.sandbox.received.requests("pms")), 0)


def booking(scene: Scene) -> None:
    """The same in JSON, with a header."""
    story, gateway = scene.story, scene.gateway
    story.chapter(
        "Another one pushes, in JSON",
        "The same with a booking in JSON, whose sender shows who it is with a header.",
        "Only the card's members change; spelling and order of all others stay.",
    )
    content = open_channel_booking(_HOTEL, f"{_HOTEL}-0001", guarantee(holder="Bruce Wayne"))
    scene.sandbox.received.clear()
    push_json(scene.sandbox.url("pms"), booking=content, ca=scene.sandbox.ca_file)
    before = _received(scene)
    url = f"https://{gateway.addresses['endpoints']}/push/channex"
    credential = Credential(header=("X-Push-Key", gateway.secret("push-key")))
    result = push_json(url, booking=content, credential=credential, ca=gateway.ca_file)
    after = _received(scene)
    story.compare((_BEFORE, before), (_AFTER, after))
    card = _card(after)
    alias = f"tok_test_{card.get('iduser')}_{card.get('tokenuser')}"
    story.check("the PMS accepts it, and the channel manager is told", result.accepted)
    story.check("the PMS gets the mask", card.get("card_number"), "444433******1111")
    story.check("and the token that the XML push gave", alias == scene.token("seaside"))
    story.check("the security code is gone", "cvv" not in card)
    story.check(
        "the rest of the booking is the same", _without_card(after) == _without_card(before)
    )
    story.check("clear numbers that reached the PMS", clear_in(after), 0)


def _push_ota(scene: Scene, credential: Credential) -> PushResult:
    gateway = scene.gateway
    url = f"https://{gateway.addresses['endpoints']}/push/siteminder"
    return push_ota(url, credential=credential, ca=gateway.ca_file)


def _received(scene: Scene) -> str:
    """The one message that the PMS got; it is then forgotten. Raises NoSequel."""
    requests = scene.sandbox.received.requests("pms")
    scene.sandbox.received.clear()
    if len(requests) != 1:
        raise NoSequel(f"the PMS received {len(requests)} messages instead of one")
    return requests[0].body.decode()


def _card(text: str) -> dict[str, Any]:
    card = _booking(text).get("guarantee")
    return card if isinstance(card, dict) else {}


def _without_card(text: str) -> dict[str, Any]:
    return {name: value for name, value in _booking(text).items() if name != "guarantee"}


def _booking(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)["booking"]
    except (ValueError, KeyError, TypeError):
        return {}
    return content if isinstance(content, dict) else {}
