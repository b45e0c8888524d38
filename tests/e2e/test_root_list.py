"""An API that answers with a bare list: its cards become tokens, and the tokens stand in the cards."""

from __future__ import annotations

import json

import pytest

from gateway.sandbox.tls import server_context
from tests.e2e.inbox import Once
from tests.e2e.packs import with_pack

PAN, OTHER = "5555555555554444", "4242424242424242"
PACK = """
system: bare
about: A list without anything around it
shapes:
  card: { format: json, card: $..card, number: pan, expiry: { at: expires, as: MMYY }, cvc: cvv }
routes:
  - name: pull
    to: https://secure-supply-xml.booking.com/bare/pull
    product: seaside
    methods: [POST]
    response:
      tokenize: card
      insert: [{ into: ., each: card, json: { token: "{alias}" } }, { into: ., each: booking, json: { b2b: "{b2b}" } }]
      on_failure: [{ into: ., each: card, json: { card_error: "{error}" } }]
"""


@pytest.fixture(scope="module")
def bare(sandbox, tmp_path_factory):
    partner = Once(server_context(sandbox.directory))
    partner.bodies = []
    with with_pack(tmp_path_factory.mktemp("bare"), sandbox, "bare", PACK, partner) as gateway:
        yield gateway, partner


def test_p03_the_cards_of_a_bare_list_become_tokens(bare):
    gateway, partner = bare
    cards = [
        {"card": {"pan": PAN, "expires": "1230", "cvv": "123"}},
        {"card": {"pan": OTHER, "expires": 131}},
        {"card": {"pan": OTHER, "expires": "soon", "cvv": "123"}},
        {"card": None},
    ]
    partner.bodies.append(json.dumps(cards).encode())
    with gateway.session(gateway.key(products=("seaside",))) as session:
        answer = session.post(
            f"https://booking.sandbox.test:{partner.port}/bare/pull",
            data="{}", headers={"Content-Type": "application/json"}, timeout=20,
        )  # fmt: skip
    assert answer.status_code == 200, answer.text
    first, second, third, nothing = json.loads(answer.content)
    assert answer.headers["X-Gateway-Cards"].startswith("found=3 tokenized=2 failed=1")
    assert first["card"].pop("token").startswith("tok_")
    assert second["card"].pop("token").startswith("tok_")
    assert (first, second, nothing) == (
        {"card": {"pan": "555555******4444", "expires": "1230"}},
        {"card": {"pan": "424242******4242", "expires": 131}},
        {"card": None},
    )
    assert third == {
        "card": {"pan": "424242******4242", "expires": "soon", "card_error": "expiry_invalid"}
    }
