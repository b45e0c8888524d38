"""What an endpoint with a protocol of its own does beside the pipeline: read its request, refuse.

A route that says `protocol:` is called in the words of another service. Its channel turns such a
request into the one that goes upstream, and a refusal into an answer that the caller understands.
What happens to cards is the route's business, as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from gateway.headers import Headers


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller asks for, in a channel's protocol: a target, a product, the request to send."""

    url: str = field(repr=False)  # as the caller wrote it: to be checked against the route's `to:`
    merchant_code: str
    terminal: int
    method: str
    headers: Headers = field(repr=False)  # all of them: nothing that the caller sent goes on
    body: bytes = field(repr=False)


class Channel(Protocol):
    """One protocol. Holds no state of an exchange."""

    def read(self, headers: Headers, body: bytes) -> Order:
        """The order in a request whose caller is admitted. Raises GatewayError."""

    def refusal(
        self, error: Exception, phase: Literal["request", "response"]
    ) -> tuple[int, str, bytes]:
        """Status, media type and body of the answer to `error`; it repeats no input."""
