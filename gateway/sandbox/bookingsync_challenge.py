"""The three 202 answers of the simulated BookingSync, member by member as they are published."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

Json = dict[str, Any]


def new_uuid() -> str:
    """A UUID whose groups start with a letter: no run of its digits can look like a card."""
    groups = (8, 4, 4, 4, 12)
    return "-".join(
        secrets.choice("abcdef") + secrets.token_hex(size // 2)[: size - 1] for size in groups
    )


def _booking_pay(uuid: str, order_id: str, stamp: int) -> Json:
    del stamp
    return {
        "enrollmentId": f"sandbox_enrollment_{uuid[:8]}",
        "acsURL": "https://threedsecure.bookingpay.sandbox.test/acs",
        "paReq": base64.b64encode(f"paReq of {uuid[:8]}".encode()).decode(),
        "gateway_name": "booking_pay",
        "uuid": uuid,
        "order_id": order_id,
    }


def _ogone(uuid: str, order_id: str, stamp: int) -> Json:
    del order_id, stamp
    form = (
        '<form name="downloadform3D" method="post" action="https://ogone.sandbox.test/acs">'
        f'<input type="hidden" name="MD" value="{uuid[:8]}"/></form>'
    )
    return {
        "gateway_name": "ogone",
        "HTML_ANSWER": base64.b64encode(form.encode()).decode(),
        "uuid": uuid,
    }


def _stripe(uuid: str, order_id: str, stamp: int) -> Json:
    return {
        "gateway_name": "stripe",
        "uuid": uuid,
        "next_action": {
            "redirect_to_url": {
                "return_url": f"https://bookingsync.com?order_id={order_id}-{stamp}",
                "url": f"https://hooks.stripe.sandbox.test/redirect/{uuid[:8]}",
            },
            "type": "redirect_to_url",
        },
    }


# A gateway's name → its challenge, from the challenge's uuid, the order's id and the Unix time.
CHALLENGES: Final[Mapping[str, Callable[[str, str, int], Json]]] = {
    "booking_pay": _booking_pay,
    "ogone": _ogone,
    "stripe": _stripe,
}
