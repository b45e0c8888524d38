"""A card for Expedia Rapid, sent once under its Idempotency-Key, through the gateway's own API."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.recapture import cards, nothing_written
from tests.e2e.test_charge import keep
from tests.e2e.test_recapture import partner, pms, start  # noqa: F401  # fixtures
from tests.sandbox.rapid import BAD, BILLING, GOOD, OTHER


def test_p16_p24_a_typed_cards_token_is_told_again_under_its_idempotency_key(pms):  # noqa: F811  # the fixture that is imported
    gateway = pms.gateway
    pms.book(keep(gateway, BAD))
    (one,) = pms.waiting()
    typed = {
        "number": OTHER, "expiration_month": "8", "expiration_year": "2031",
        "security_code": "7719",
    }  # fmt: skip
    said = {"card": typed, "billing_contact": BILLING}
    seaside = gateway.key(products=["seaside"])
    refused = pms.once(one, {**said, "card": typed | {"number": "1"}}, "k", key=seaside)
    assert (refused.status_code, refused.json()["code"]) == (422, "card_not_kept")
    first = pms.once(one, said, "k", key=seaside)
    assert first.status_code == 200, first.text
    again = pms.once(one, said, "k", key=seaside)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    # A security code is no part of what the key stands for: it is kept nowhere.
    other_code = {**said, "card": typed | {"security_code": "7720"}}
    assert pms.once(one, other_code, "k", key=seaside).content == first.content
    for other in ({**said, "card": typed | {"number": GOOD}}, {"card": typed}):
        reused = pms.once(one, other, "k", key=seaside)
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert pms.once(one, said, "", key=seaside).json()["code"] == "request_invalid"
    assert pms.once(one, said, "k2", key=seaside).json()["code"] == "recapture_closed"
    assert cards(gateway) == [BAD, OTHER]
    nothing_written(gateway, OTHER)
    (stored,) = gateway.rows("select request, sealed from idempotent")
    assert b"7719" not in b"".join(stored)


def test_a_repetition_while_the_card_is_on_its_way_is_told_to_come_back(pms):  # noqa: F811  # the fixture that is imported
    gateway = pms.gateway
    pms.book(keep(gateway, BAD))
    (one,) = pms.waiting()
    good = keep(gateway, OTHER)
    said = {"token": good.alias, "security_code": "737"}
    held, go = threading.Event(), threading.Event()
    rapid = gateway.worker.recaptures.completion._rapid
    make = rapid.make

    async def slow(call):
        held.set()
        assert await asyncio.to_thread(go.wait, 20)
        return await make(call)

    rapid.make = slow
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(pms.once, one, said, "k")
        assert held.wait(20)
        answered = pms.once(one, said, "k")
        assert (answered.status_code, answered.json()["code"]) == (409, "request_in_progress")
        assert answered.headers["Retry-After"] == "1"
        go.set()
        assert first.result().status_code == 200, first.result().text
    assert pms.once(one, said, "k").content == first.result().content
    # With a code of its own the request is the same one too.
    assert pms.once(one, said | {"security_code": "738"}, "k").content == first.result().content
    assert cards(gateway) == [BAD, OTHER]
