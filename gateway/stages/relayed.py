"""A processor's own refusal of a card, as the answer to the request that needed the card there.

The caller speaks the processor's protocol and knows its codes; a problem of ours would tell it less.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.channel import Order
from gateway.errors import CardRefused, ChannelRequestInvalid, GatewayError
from gateway.headers import Headers
from gateway.problem import problem

# RFC 9110, section 10.2.3: seconds, or a date as section 5.6.7 has clients write it. Nothing else of a
# partner's header passes: no card is so short.
_RETRY_AFTER: Final = re.compile(
    r"[0-9]{1,9}|[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)


def retry_after(headers: Headers) -> str | None:
    """When the processor wants to be asked again; None where it does not say so, or says it twice."""
    values = headers.get_all("Retry-After")
    if len(values) != 1 or _RETRY_AFTER.fullmatch(values[0]) is None:
        return None
    return values[0]


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
