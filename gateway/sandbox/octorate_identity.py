"""Who calls the simulated Octorate: bearer tokens, and the networks that it agreed to.

A client logs in with id and secret and gets a bearer token of an hour and one to refresh it with.
The bearer token `sandbox` is always good, to try calls by hand.
"""

from __future__ import annotations

import ipaddress
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final

CLIENT: Final = ("sandbox-client", "sandbox-secret")
ALWAYS: Final = "sandbox"
LIFE: Final = timedelta(hours=1)
AGREED: Final = ("127.0.0.0/8", "::1/128")
_LETTERS: Final = str.maketrans(
    "0123456789", "ghijklmnop"
)  # a token's digits could look like a card


class Identity:
    """The tokens that were given out, and what Octorate agreed to. `now` may be replaced."""

    def __init__(self) -> None:
        self._ends: dict[str, datetime] = {}
        self._refreshes: set[str] = set()
        self.agree(list(AGREED))

    def agree(self, networks: list[str]) -> None:
        """The networks that cards are exchanged with, from here on. Raises ValueError."""
        self.agreed = tuple(ipaddress.ip_network(each) for each in networks)

    def is_agreed(self, peer: str) -> bool:
        """Whether cards are exchanged with that address."""
        address = ipaddress.ip_address(peer)
        return any(address in network for network in self.agreed)

    def log_in(self, client: str, secret: str) -> dict[str, Any] | None:
        """New tokens for a client that is known, else None."""
        return self._issue() if (client, secret) == CLIENT else None

    def refresh(self, client: str, secret: str, token: str) -> dict[str, Any] | None:
        """New tokens for a refresh token, which is good once; else None."""
        if (client, secret) != CLIENT or token not in self._refreshes:
            return None
        self._refreshes.remove(token)
        return self._issue()

    def is_good(self, authorization: str | None) -> bool:
        """Whether an Authorization header holds a bearer token that has not expired."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        return (
            token == ALWAYS or self._ends.get(token, datetime.min.replace(tzinfo=UTC)) > self.now()
        )

    def expire(self) -> int:
        """Ends every bearer token that was given out; how many that were."""
        self._ends = dict.fromkeys(self._ends, datetime.min.replace(tzinfo=UTC))
        return len(self._ends)

    def now(self) -> datetime:
        """In UTC."""
        return datetime.now(UTC)

    def _issue(self) -> dict[str, Any]:
        bearer, refresh = (secrets.token_hex(16).translate(_LETTERS) for _ in range(2))
        self._ends[bearer] = self.now() + LIFE
        self._refreshes.add(refresh)
        ends = self._ends[bearer].isoformat(timespec="seconds")
        return {"access_token": bearer, "refresh_token": refresh, "expireDate": ends}
