"""A processor's own refusal of a card, as the answer to the request that needed the card there.

The caller speaks the processor's protocol and knows its codes; a problem of ours would tell it less.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gateway.channel import Order
from gateway.errors import CardRefused, ChannelRequestInvalid, GatewayError
from gateway.headers import Headers
from gateway.problem import problem


@dataclass(frozen=True, slots=True)
class Relayed:
    """A `Channel` for the rest of one exchange: what the processor said, guarded, under its status."""

    exchange: str
    status: int
    body: bytes = field(repr=False)

    def read(self, headers: Headers, body: bytes) -> Order:
        """Never asked: the request was read before."""
        del headers, body
        raise ChannelRequestInvalid

    def refusal(
        self, error: Exception, phase: Literal["request", "response"]
    ) -> tuple[int, str, bytes]:
        """The processor's words for its own refusal, a problem for any other."""
        if isinstance(error, CardRefused):
            return self.status, "application/json", self.body
        known = error if isinstance(error, GatewayError) else GatewayError()
        return problem(known, exchange=self.exchange, phase=phase)
