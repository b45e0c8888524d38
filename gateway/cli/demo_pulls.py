"""Chapters in which the PMS fetches reservations from a channel manager."""

from __future__ import annotations

import re
from typing import Final

from gateway.cli.demo_gateway import wait_for
from gateway.cli.demo_pms import numbers, reservations, timeless, tokens
from gateway.cli.demo_scene import Scene
from gateway.sandbox.cards import VISA

BEFORE: Final = "SiteMinder sent"
AFTER: Final = "the PMS received"
_INSERTED: Final = re.compile(
    r"<PaycometResponse.*?</PaycometResponse>|<B2B>.</B2B>|<ds_error_id.*?</ds_error_id>"
)
_SERIES: Final = re.compile(r'\s+SeriesCode="[^"]*"')
_MASKED: Final = "444433******1111"


def one_booking(scene: Scene) -> None:
    """A reservation with a card and its security code."""
    story, pms = scene.story, scene.pms
    story.chapter(
        "The PMS pulls a reservation",
        "The PMS asks SiteMinder for new reservations, through the gateway as its HTTPS proxy.",
        "SiteMinder's answer holds a card; the PMS gets a mask in its place, a token to charge it "
        "with (iduser and tokenuser), and a flag that tells company cards (B2B).",
    )
    before = pms.pull_without_gateway("CVC").text
    scene.sandbox.received.clear()
    answer = scene.counted(pms.pull("CVC"))
    after = answer.text
    story.compare((BEFORE, timeless(before)), (AFTER, timeless(after)))
    found = tokens(after)
    if found:
        scene.tokens["seaside"] = found[0]
    story.check("SiteMinder's answer arrives, with its status", answer.status, 200)
    story.check("SiteMinder did send a clear card", numbers(before) == [VISA])
    story.check("the number is now", ", ".join(numbers(after)), _MASKED)
    story.check("the security code is gone", "SeriesCode" not in after)
    story.check("the expiry date is as it was", 'ExpireDate="1230"' in after)
    story.check("tokens that came with it", len(found), 1)
    story.check("the gateway counts", answer.counts, "found=1 tokenized=1 failed=0")
    story.check("every other byte is as SiteMinder sent it", _undone(after) == _bare(before))
    story.check("clear numbers that reached the PMS", answer.clear, 0)
    requests = scene.sandbox.received.requests("siteminder")
    leaked = any(scene.pms.key.reveal() in value for r in requests for _, value in r.headers)
    story.check("SiteMinder never saw the gateway's key", not leaked)


def many_cards(scene: Scene) -> None:
    """Three reservations: two cards of which one fails, no card, one card."""
    story, pms = scene.story, scene.pms
    story.chapter(
        "Several cards, one of them failing, and a guest without one",
        "One answer holds three reservations: the first with two cards, of which the second has an "
        "impossible expiry date; the next without a card; the last with one.",
        "A failed card is masked all the same, marked with PAYCOMET's error number, and costs the "
        "others nothing.",
    )
    before = pms.pull_without_gateway("MIXED").text
    answer = scene.counted(pms.pull("MIXED"))
    after = answer.text
    story.compare((BEFORE, timeless(before)), (AFTER, timeless(after)))
    counts = "found=3 tokenized=2 failed=1 left=0 ask_again=0; 1.2=expiry_invalid"
    story.check("the gateway counts, and says which card failed", answer.counts, counts)
    parts = [*reservations(after), "", "", ""]
    story.check(
        "all three numbers are masked",
        ", ".join(numbers(after)),
        f"{_MASKED}, 555555******4444, 378282*****0005",
    )
    story.check("tokens in the first reservation", len(tokens(parts[0])), 1)
    story.check("and says which card failed, and why", "1046</ds_error_id>" in parts[0])
    unchanged = parts[1] == [*reservations(before), "", ""][1] != ""
    story.check("the one without a card is the same, byte for byte", unchanged)
    story.check("tokens in the last one", len(tokens(parts[2])), 1)
    story.check("clear numbers that reached the PMS", answer.clear, 0)


def again(scene: Scene) -> None:
    """The same pull twice."""
    story, pms = scene.story, scene.pms
    story.chapter(
        "The same pull again",
        "A PMS that lost an answer simply asks again.",
        "The same card gives the same token, and nothing new is stored.",
    )
    kept = scene.kept()
    first = scene.counted(pms.pull("MIXED"))
    second = scene.counted(pms.pull("MIXED"))
    story.show("\n".join(tokens(second.text)))
    story.check("tokens in the first answer", len(tokens(first.text)), 2)
    story.check("they are the same tokens", tokens(first.text) == tokens(second.text))
    story.check("the answers are the same", timeless(first.text) == timeless(second.text))
    story.check("the vault holds what it held before", scene.kept(), kept)


def two_hotels(scene: Scene) -> None:
    """One answer, two hotels, two merchants."""
    story, pms = scene.story, scene.pms
    story.chapter(
        "Two hotels, two products",
        "One answer holds reservations of HOTEL-A, whose cards belong to the product `seaside`, "
        "and of HOTEL-B, which belongs to `hilltop`.",
        "The same guest's card gets a token of its own in each: a token works for its product only.",
    )
    before = pms.pull_without_gateway("HOTELS").text
    answer = scene.counted(pms.pull("HOTELS"))
    after = answer.text
    story.compare((BEFORE, timeless(before)), (AFTER, timeless(after)))
    found = tokens(after)
    story.check("the gateway counts", answer.counts, "found=3 tokenized=3 failed=0")
    story.check("both hotels' guests paid with the same card", numbers(before)[:2] == [VISA, VISA])
    if len(found) == 3:
        scene.tokens["hilltop"] = found[1]
    one, other = (*found[:2], "none", "none")[:2]
    story.check("HOTEL-A's token is the one from the first pull", one == scene.token("seaside"))
    story.check("HOTEL-B's token is another one", other != one)
    story.check("the vault holds cards", scene.kept(), {"hilltop": 2, "seaside": 2})
    story.check("clear numbers that reached the PMS", answer.clear, 0)


def endpoint(scene: Scene) -> None:
    """The same without a proxy."""
    story, pms = scene.story, scene.pms
    story.chapter(
        "The same without a proxy",
        "A PMS that can not use a proxy posts the same request to a URL of the gateway.",
    )
    address = f"https://{scene.gateway.addresses['endpoints']}/siteminder/services/SANDBOX"
    story.show(f"POST {address}")
    answer = pms.pull_at_endpoint("CVC")
    story.check("SiteMinder's answer arrives, with its status", answer.status, 200)
    story.check("the token is the one it got before", tokens(answer.text), [scene.token("seaside")])
    same = timeless(answer.text) == timeless(scene.counted(pms.pull("CVC")).text)
    story.check("the answer is the one that comes through the proxy", same)
    story.check("clear numbers that reached the PMS", answer.clear, 0)


def comment(scene: Scene) -> None:
    """A card where no rule looks for one."""
    story, pms = scene.story, scene.pms
    story.chapter(
        "A guest types a card into the comment",
        "No rule says that a card may stand there.",
        "The last look at every answer masks it, and the reservation still arrives.",
    )
    before = pms.pull_without_gateway("COMMENT").text
    answer = scene.counted(pms.pull("COMMENT"))
    story.compare((BEFORE, timeless(before)), (AFTER, timeless(answer.text)))
    story.check("reservations that arrive", len(reservations(answer.text)), 1)
    story.check("the number is masked", "411111******1111" in answer.text)
    story.check("the rest of the comment is there", "exp 12/30 for the spa" in answer.text)
    wait_for(lambda: bool(scene.gateway.events("card_outside_shape")))  # it follows the answer
    alerts = [event.get("route") for event in scene.gateway.events("card_outside_shape")]
    story.check("the log has an alert that names the route", alerts, ["siteminder/pull"])
    story.check("clear numbers that reached the PMS", answer.clear, 0)


def _undone(after: str) -> str:
    """What the PMS received with the insertions taken out and the one number put back."""
    return timeless(_INSERTED.sub("", after).replace(_MASKED, VISA))


def _bare(before: str) -> str:
    """What SiteMinder sent without the security code, the one thing that leaves."""
    return timeless(_SERIES.sub("", before))
