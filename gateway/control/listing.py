"""Lists over the control API that go on by a cursor, and what they are narrowed by.

Only described here is what the query says: what is wrong with it is told where it is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar

from fastapi import Query
from pydantic import WithJsonSchema

from gateway.cards.card import Booking
from gateway.control.cards_document import LINE, NAMED
from gateway.control.cards_form import read_booking
from gateway.errors import RequestInvalid

T = TypeVar("T")

MOST: Final = 100

Named = Annotated[str | None, WithJsonSchema(NAMED), Query()]
Text = Annotated[str | None, WithJsonSchema(LINE), Query()]
Cursor = Annotated[
    str | None,
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,11}$"}),
    Query(description="`next` of the answer before."),
]
Limit = Annotated[int, Query(ge=1, le=MOST)]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """What is shown of a list; `next`: by what it goes on, None where nothing follows."""

    shown: Sequence[T]
    next: str | None


def page_of(found: Sequence[tuple[int, T]], limit: int) -> Page[T]:
    """The first `limit` of what was found, each with its number: one more was asked for."""
    page = found[:limit]
    more = str(page[-1][0]) if len(found) > limit else None
    return Page([one for _, one in page], more)


def read_named(system: str | None, hotel: str | None, booking: str | None) -> Booking | None:
    """The booking of a query; None where it names none. Raises RequestInvalid."""
    if (system, hotel, booking) == (None, None, None):
        return None
    return read_booking(system, hotel, booking)


def read_cursor(text: str | None) -> int | None:
    """Where a list goes on. Raises RequestInvalid."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise RequestInvalid([{"in": "query", "name": "cursor", "problem": "not_a_cursor"}])
    return int(text)
