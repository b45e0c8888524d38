"""Chapters about a PMS that spoke to PAYCOMET's SiteMinder proxy until now."""

from __future__ import annotations

from textwrap import dedent
from typing import Final

from gateway.cli.demo_pms import SERVICE, numbers, timeless, tokens
from gateway.cli.demo_pulls import AFTER, BEFORE
from gateway.cli.demo_scene import Scene
from gateway.sandbox.cards import VISA

_HOTEL: Final = "CVC"
_OURS: Final = "seaside01"
_NOBODYS: Final = "nobody99"


def pull(scene: Scene) -> None:
    """The same pull in PAYCOMET's words."""
    story, pms = scene.story, scene.pms
    story.chapter(
        "A PMS that used PAYCOMET's SiteMinder proxy",
        "It changes the URL and the key, and nothing else: the same form with the same XML, which "
        "names the pull, SiteMinder's URL, and the product by merchant code and terminal.",
        "The gateway asks SiteMinder, and answers with the same tokens as before.",
    )
    sent = order(scene, _OURS)
    story.show(f"POST https://{scene.gateway.addresses['endpoints']}/api/v1/siteminder\nxml={sent}")
    before = pms.pull_without_gateway(_HOTEL).text
    scene.sandbox.received.clear()
    answer = pms.order(sent)
    after = answer.text
    story.compare((BEFORE, timeless(before)), (AFTER, timeless(after)))
    asked = scene.sandbox.received.requests("siteminder")
    once = [request.body.count(f'HotelCode="{_HOTEL}"'.encode()) for request in asked] == [1]
    story.check("SiteMinder is asked once, for that hotel", once)
    story.check("it did send a clear card", numbers(before) == [VISA])
    story.check("its answer arrives, with status", answer.status, 200)
    story.check("the number is masked", numbers(after), ["444433******1111"])
    story.check("the token is the one that the proxy gave", tokens(after), [scene.token("seaside")])
    story.check("the flag for company cards is there", "<B2B>0</B2B>" in after)
    story.check("the security code is gone", "SeriesCode" not in after)
    story.check("clear numbers that reached the PMS", answer.clear, 0)


def fault(scene: Scene) -> None:
    """A merchant code that is no product's."""
    story = scene.story
    story.chapter(
        "The same with a merchant code that nobody has",
        "What is wrong with an order is told as PAYCOMET tells it: status 200, and a fault with a "
        "code of its list.",
    )
    scene.sandbox.received.clear()
    answer = scene.pms.order(order(scene, _NOBODYS))
    story.show(answer.text)
    story.check("the status is", answer.status, 200)
    story.check("the fault is 1040-PAYTPV", '<fault code="1040-PAYTPV"' in answer.text)
    story.check("it does not repeat what was sent", _NOBODYS not in answer.text)
    story.check("requests that reached SiteMinder", len(scene.sandbox.received.requests()), 0)


def order(scene: Scene, merchant: str) -> str:
    """What the form field `xml` holds."""
    who = scene.sandbox.siteminder.settings
    return dedent(f"""\
        <root>
          <booking>
            <xml>
              <request>
                <username>{who.username}</username>
                <password>{who.password}</password>
                <requestor_id>SANDBOX</requestor_id>
                <requestor_type>22</requestor_type>
                <hotel_code>{_HOTEL}</hotel_code>
                <selection_criteria>Undelivered</selection_criteria>
              </request>
            </xml>
            <url>{scene.sandbox.named_url("siteminder")}{SERVICE}</url>
          </booking>
          <paytpv>
            <ds_merchant_code>{merchant}</ds_merchant_code>
            <ds_merchant_terminal>1</ds_merchant_terminal>
          </paytpv>
        </root>""")
