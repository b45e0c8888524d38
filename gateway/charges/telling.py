"""What the client is told of a charge by its webhook: never card data, and nothing of the guest's."""

from __future__ import annotations

from gateway.vault.charge import Charge, Event
from gateway.vault.notices import NewNotice


def notice(row: Charge, said: Event) -> NewNotice:
    """That the charge is in another state, or that its sums are others."""
    return NewNotice(
        client=row.client,
        kind=f"charge.{row.state.value}",
        subject=row.id,
        product=row.product,
        body={
            "id": row.id,
            "reference": row.reference,
            "product": row.product,
            "state": row.state.value,
            "before": None if said.before is None else said.before.value,
            "amount": row.amount,
            "currency": row.currency,
            "captured": row.captured,
            "refunded": row.refunded,
            "code": said.code,
            "decline": said.decline,
        },
    )
