"""Who calls the control API: whoever holds a gateway key, sent in `X-Api-Key` or as
`Authorization: Bearer`. A network alone is never enough here.

    MayRead = Annotated[Caller, Depends(needs("cards"))]

    async def show(self, caller: MayRead) -> ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Annotated, Final, cast

from fastapi import Depends, FastAPI, Request
from fastapi.security import APIKeyHeader, HTTPBearer

from gateway.access.admission import Admission
from gateway.access.clients import Access
from gateway.access.keys import SCOPES
from gateway.audit import Action, Entry, Outcome
from gateway.errors import NetworkNotAllowed, ScopeMissing
from gateway.exchange import new_id
from gateway.headers import Headers

# For the OpenAPI document; the headers are read below, all of them.
SCHEMES: Final = (APIKeyHeader(name="X-Api-Key", auto_error=False), HTTPBearer(auto_error=False))
_NO_KEY: Final = "-"  # of another scheme


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, from where, and what for. `products` None: every product."""

    client: str
    key_id: str
    scopes: frozenset[str]
    products: frozenset[str] | None
    origin: str  # its address

    @property
    def is_admin(self) -> bool:
        """Whether it may see what is not its client's."""
        return "admin" in self.scopes

    @property
    def admission(self) -> Admission:
        """As whoever knows of products has it."""
        return Admission(self.client, self.key_id, self.scopes, self.products)

    def intends(self, action: Action, route: str, at: datetime) -> Entry:
        """The audit's entry of what it is about to do over the API."""
        return Entry(
            at=at,
            exchange=new_id(),
            action=action,
            outcome=Outcome.INTENT,
            client=self.client,
            key=self.key_id,
            origin=self.origin,
            route=route,
        )


@dataclass(frozen=True, slots=True)
class NoRoute:
    """A call of the API has no route that could name a product."""

    product: str | None = None


def admit_by(app: FastAPI, access: Access) -> None:
    """Says who decides for `app`; before its first call."""
    app.state.access = access


async def authenticated(request: Request) -> Caller:
    """The caller, whatever its scopes are.

    Raises NetworkNotAllowed, KeyRequired, KeysConflict, KeyInvalid, VaultUnavailable.
    """
    access = cast("Access", request.app.state.access)
    headers = Headers(request.headers.raw)
    if request.client is None:
        raise NetworkNotAllowed
    address = access.client_of(ip_address(request.client.host), headers)
    admission = access.holder(address, _keys_in(headers))
    return Caller(
        admission.client, admission.key_id, admission.scopes, admission.products, str(address)
    )


Authenticated = Annotated[Caller, Depends(authenticated)]


def needs(*scopes: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, whose key has one of these scopes. Raises ScopeMissing besides."""
    if not scopes or not set(scopes) <= set(SCOPES):
        raise ValueError("scopes that no key can have")

    async def allowed(caller: Authenticated) -> Caller:
        if caller.scopes.isdisjoint(scopes):
            raise ScopeMissing
        return caller

    return allowed


def _keys_in(headers: Headers) -> list[str]:
    """All that was sent as a key: whatever stands in these headers is meant for us."""
    sent = [value.strip() for value in headers.get_all("X-Api-Key")]
    for value in headers.get_all("Authorization"):
        scheme, _, rest = value.strip().partition(" ")
        sent.append(rest.strip() if scheme.lower() in {"", "bearer"} else _NO_KEY)
    return [value for value in sent if value]
