"""`header:` of a route: the tokens of an answer, each with the place of its card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.stages.reading import BookingPlace
from gateway.stages.tokenize import token_text

# Some fifty cards. Clients and proxies refuse a head that is too long, many of them one above 4 or
# 8 KB, and it has other headers as well.
_LONGEST: Final = 2048


def tokens_header(bookings: Sequence[BookingPlace]) -> str:
    """`1.1=tok_…; 1.2=tok_…`: booking and card as `X-Gateway-Cards` counts them. As many as there is room
    for, the first ones; behind them, `left_out=` says how many are not told. Empty without a token.
    """
    told: list[str] = []
    length = left_out = 0
    for number, booking in enumerate((one for one in bookings if one.is_counted), 1):
        for place in (*booking.cards, *booking.carried):
            token = token_text(place)
            if not token:
                continue
            text = f"{number}.{place.position}={token}"
            length += len(text) + 2
            if left_out or length > _LONGEST:
                left_out += 1
            else:
                told.append(text)
    if left_out:
        told.append(f"left_out={left_out}")
    return "; ".join(told)
