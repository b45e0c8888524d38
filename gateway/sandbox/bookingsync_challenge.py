"""The three 202 answers of the simulated BookingSync, member by member as they are published."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.sandbox.bank import form

Json = dict[str, Any]


def new_uuid() -> str:
    """A UUID whose groups start with a letter: no run of its digits can look like a card."""
    groups = (8, 4, 4, 4, 12)
    return "-".join(
        secrets.choice("abcdef") + secrets.token_hex(size // 2)[: size - 1] for size in groups
    )


def _booking_pay(uuid: str, order_id: str, stamp: int, bank: str) -> Json:
    del stamp
    return {
        "enrollmentId": f"sandbox_enrollment_{uuid[:8]}",
        "acsURL": bank,
        "paReq": base64.b64encode(f"paReq of {uuid[:8]}".encode()).decode(),
        "gateway_name": "booking_pay",
        "uuid": uuid,
        "order_id": order_id,
    }


def _ogone(uuid: str, order_id: str, stamp: int, bank: str) -> Json:
    del order_id, stamp
    return {
        "gateway_name": "ogone",
        "HTML_ANSWER": base64.b64encode(form(bank, {"MD": uuid[:8]}).encode()).decode(),
        "uuid": uuid,
    }


def _stripe(uuid: str, order_id: str, stamp: int, bank: str) -> Json:
    return {
        "gateway_name": "stripe",
        "uuid": uuid,
        "next_action": {
            "redirect_to_url": {
                "return_url": f"https://bookingsync.com?order_id={order_id}-{stamp}",
                "url": bank,
            },
            "type": "redirect_to_url",
        },
    }


# A gateway's name → its challenge, from the challenge's uuid, the order's id, the Unix time and the
# address of the bank's page.
CHALLENGES: Final[Mapping[str, Callable[[str, str, int, str], Json]]] = {
    "booking_pay": _booking_pay,
    "ogone": _ogone,
    "stripe": _stripe,
}
