"""Orders for a product's processor, and a gateway that has one for each."""

from __future__ import annotations

from gateway.cards.card import Booking, Card
from gateway.cards.expiry import Expiry
from gateway.exchange import new_id
from gateway.processors.model import Initiator, Operation, Order
from gateway.secret import Secret
from gateway.vault.model import NewCard

PAN = "4111111111111111"
CREDENTIALS = {
    "sandbox": {"key": "sandbox-one"},
    "stripe": {"secret_key": "sk_test_sandbox"},
    "paycomet": {"api_token": "sandbox"},
    "bookingsync": {"access_token": "sandbox"},
}


def keep(gateway, pan=PAN, *, product="seaside", holder="Jane Doe", virtual=None, cvc=None):
    """The token of a card of this product."""
    card = Card(Secret(pan), Expiry(2030, 12), Secret(holder))
    booking = Booking("siteminder", "10107", f"B-{product}", None, virtual)
    until = None
    if cvc is not None:
        from datetime import UTC, datetime, timedelta

        until = datetime.now(UTC) + timedelta(minutes=5)
    new = NewCard(product, True, card, booking, Secret(cvc) if cvc else None, until)
    (kept,) = gateway.loop.call(gateway.worker._vault.keep([new]))
    return kept.token


def order(token, *, product="seaside", amount=1099, currency="EUR", **more):
    """What a charge of the client `pms` asks for."""
    values = {
        "id": new_id(),
        "client": "pms",
        "booking": "B-1",
        "reference": new_id(),
        "initiator": Initiator.GUEST,
        "network_transaction_id": None,
        "exemption": None,
        "return_url": "https://pms.example/back",
        "extra": {},
    } | more
    return Order(product=product, token=token, amount=amount, currency=currency, **values)


def set_credentials(gateway, product, processor, values=None):
    """As an administrator sets them; the answer."""
    values = CREDENTIALS[processor] if values is None else values
    key = gateway.key(scopes=("admin",), products=(product,))
    return gateway.api(
        "PUT", f"/v1/processors/{processor}/credentials?product={product}", key, json=values
    )


def run(gateway, operation, asked, *, exchange=None):
    """What became of it."""
    processor = gateway.worker.processors.processors.of(asked.product)
    work = processor.run(Operation(operation), asked, exchange or new_id())
    return gateway.loop.call(work)
