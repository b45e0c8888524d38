"""What the client is told of a charge by its webhook: never card data, and nothing of the guest's but
the URL of the page that they pass. It is sealed until it is sent.
"""

from __future__ import annotations

from gateway.charges import page
from gateway.charges.content import Content
from gateway.vault.charge import Charge, Event
from gateway.vault.notices import NewNotice


def notice(row: Charge, content: Content, said: Event) -> NewNotice:
    """That the charge is in another state, or that its sums are others."""
    url, ends = page.url_of(row, content), row.challenge_ends
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
            "stated": None
            if row.stated is None
            else {"amount": row.stated.amount, "currency": row.stated.currency},
            "code": said.code,
            "decline": said.decline,
            "challenge": None
            if url is None or ends is None
            else {"url": url, "expires_at": ends.isoformat()},
        },
    )
