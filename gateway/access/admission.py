"""What a caller turned out to be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Admission:
    """Who calls, and what for. `client` is the client's name, for a push the caller's."""

    client: str
    key_id: str  # empty: admitted without a key
    scopes: frozenset[str]
    products: frozenset[str] | None  # None: every product
