"""How a kept answer is shown to people and scripts: what it is, how far it came, what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field

from gateway.cards.failures import advice
from gateway.errors import GatewayError
from gateway.vault.answer import AnswerRow, AnswerState
from gateway.vault.answer import FailedCard as Failed

_NOT_HANDED_OVER = (
    "The answer was kept, but its connection ended before all of it was handed over"
    " (or it is being handed over right now)."
)
_FETCH = (
    "Fetch it: GET /v1/exchanges/{id}/answer. Then say so: POST /v1/exchanges/{id}/acknowledge."
)
# The message that the PMS gets shows a mask, and the number is kept nowhere.
_SEND_AGAIN = "Then have the partner send the booking again."
_FAILED_IN_IT = "Not every card in it got a token."
_WHAT_OF_EACH = "What to do is said of each that failed."
_REPLAY = "Then let it through the rules again: card-gateway exchanges replay {id}"
_PUSH_REPLAYED = "It was refused when it was pushed, and has come through the rules since."
_HAND_OVER = "Hand it to the PMS, unless the partner has sent it again: card-gateway exchanges answer {id} --out FILE"


class FailedCard(BaseModel):
    """A card of the answer that got no token: where it stands, why, and what to do about it."""

    model_config = ConfigDict(frozen=True)

    booking: int = Field(
        description="From 1, among the message's bookings with a card; 0: it stands in none."
    )
    card: int = Field(description="From 1, in its booking.")
    code: str
    reason: str
    what_to_do: str

    @classmethod
    def of(cls, one: Failed) -> FailedCard:
        """How `one` is shown."""
        told = advice(one.code)
        return cls(
            booking=one.booking,
            card=one.card,
            code=one.code,
            reason=f"The card got no token: {told.reason}.",
            what_to_do=f"{told.action} {_SEND_AGAIN}",
        )


class KeptExchange(BaseModel):
    """An exchange whose answer, or whose refused push, is kept. Nothing of the message itself is in it."""

    model_config = ConfigDict(frozen=True)

    exchange: str
    client: str
    state: AnswerState
    route: str
    at: datetime
    expires: datetime
    products: tuple[str, ...]
    hotels: tuple[str, ...]
    echo: str | None
    size: int  # bytes, sealed
    failed: int = Field(description="Cards in it that got no token.")
    failed_cards: tuple[FailedCard, ...] = Field(description="The first hundred of them.")
    push: bool = Field(
        description="It is no answer, but what a partner pushed and did not fit its rule."
    )
    code: str  # why it was refused
    reason: str  # for people; empty where all is well
    what_to_do: str

    @classmethod
    def of(cls, row: AnswerRow) -> KeptExchange:
        """How `row` is shown."""
        reason, what_to_do = _advice(row)
        return cls(
            exchange=row.exchange,
            client=row.client,
            state=row.state,
            route=row.route,
            at=row.at,
            expires=row.expires,
            products=row.products,
            hotels=row.hotels,
            echo=row.echo,
            size=row.size,
            failed=row.failed,
            failed_cards=tuple(FailedCard.of(one) for one in row.failures),
            push=row.is_push,
            code=row.code,
            reason=reason,
            what_to_do=what_to_do.replace("{id}", row.exchange),
        )


def _advice(row: AnswerRow) -> tuple[str, str]:
    if row.state is AnswerState.UNDELIVERED and row.is_push:
        return _PUSH_REPLAYED, _HAND_OVER
    if row.state is AnswerState.UNDELIVERED:
        return _NOT_HANDED_OVER, _FETCH
    if row.state is AnswerState.REFUSED:
        kind = _kind(row.code)
        return kind.text, f"{kind.action} {_REPLAY}"
    return (_FAILED_IN_IT, _WHAT_OF_EACH) if row.failed else ("", "")


@lru_cache(maxsize=256)
def _kind(code: str) -> type[GatewayError]:
    """The refusal with this code; of several the one that the others are made of."""
    return next((kind for kind in _kinds(GatewayError) if kind.code == code), GatewayError)


def _kinds(base: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)
