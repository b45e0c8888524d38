"""How a kept answer is shown to people and scripts: what it is, how far it came, what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from gateway.errors import GatewayError
from gateway.vault.answer import AnswerRow, AnswerState

_NOT_HANDED_OVER = (
    "The answer was kept, but its connection ended before all of it was handed over"
    " (or it is being handed over right now)."
)
_FETCH = (
    "Fetch it: GET /v1/exchanges/{id}/answer. Then say so: POST /v1/exchanges/{id}/acknowledge."
)
_REPLAY = "Then let it through the rules again: card-gateway exchanges replay {id}"


class KeptExchange(BaseModel):
    """An exchange whose answer is kept. Nothing of the answer itself is in it."""

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
            code=row.code,
            reason=reason,
            what_to_do=what_to_do.replace("{id}", row.exchange),
        )


def _advice(row: AnswerRow) -> tuple[str, str]:
    if row.state is AnswerState.UNDELIVERED:
        return _NOT_HANDED_OVER, _FETCH
    if row.state is AnswerState.REFUSED:
        kind = _kind(row.code)
        return kind.text, f"{kind.action} {_REPLAY}"
    return "", ""


@lru_cache(maxsize=256)
def _kind(code: str) -> type[GatewayError]:
    """The refusal with this code; of several the one that the others are made of."""
    return next((kind for kind in _kinds(GatewayError) if kind.code == code), GatewayError)


def _kinds(base: type[GatewayError]) -> Iterator[type[GatewayError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)
