"""What the client is told of a collection by its webhook: never card data, and nothing of the guest's but
the URL that is to be sent to them.
"""

from __future__ import annotations

from gateway.collections.states import OVERPAID
from gateway.vault.collection import Collection, CollectionEvent
from gateway.vault.notices import NewNotice


def notice(row: Collection, said: CollectionEvent, url: str | None) -> NewNotice:
    """That the collection is in another state, that a guest needs a link, or that too much was taken."""
    return NewNotice(
        client=row.client,
        kind=f"collection.{OVERPAID if said.code == OVERPAID else row.state.value}",
        subject=row.id,
        product=row.product,
        body={
            "id": row.id,
            "reference": row.reference,
            "product": row.product,
            "state": row.state.value,
            "before": None if said.before is None else said.before.value,
            "step": row.step.value,
            "step_ends_at": None if row.step_ends is None else row.step_ends.isoformat(),
            "amount": row.amount,
            "currency": row.currency,
            "collected": row.collected,
            "code": said.code,
            "charge": said.charge,
            "link": said.link,
            "url": url,
            "recapture": said.recapture,
        },
    )
