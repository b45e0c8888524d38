"""Who may call: networks, gateway keys, push callers, products. What the pipeline asks.

A request's credentials, in the design's words: gateway keys start with `cgk_`, and only such values
are ours. They are taken from `X-Api-Key`, `PAYCOMET-API-TOKEN` and the password of
`Proxy-Authorization: Basic name:key`, whose user must be the key's name or its client, so that a
pair that was pasted together wrongly is noticed. Other values of the first two headers belong to
the partner and pass untouched. Proxy-Authorization is for us alone (RFC 9110 section 11.7): present
and not valid is refused, and it is never passed on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from gateway.access import callers
from gateway.access.admission import Admission
from gateway.access.callers import Callers
from gateway.access.keys import PREFIX, Keys, KeyTable
from gateway.access.networks import client_address
from gateway.access.products import Product, Products, RouteProduct
from gateway.config import Config
from gateway.errors import (
    KeyInvalid,
    KeyRequired,
    KeysConflict,
    NetworkNotAllowed,
    ProxyKeyInvalid,
)
from gateway.exchange import Peer
from gateway.headers import Headers
from gateway.networks import Address, Network, holds, parse_networks
from gateway.vault.digits import Owner
from gateway.vault.old_tokens import Accepted
from gateway.vault.rows import KeyRow

__all__ = ["Access", "Admission"]

_KEY_HEADERS: Final = ("X-Api-Key", "PAYCOMET-API-TOKEN")
_KEY_NAMES: Final = frozenset(name.lower().encode("ascii") for name in _KEY_HEADERS)
_PREFIX: Final = PREFIX.encode("ascii")
_OURS: Final = b"x-gateway-"


@dataclass(frozen=True, slots=True)
class _Sent:
    """A key as it was sent. `user`: the name beside it in Proxy-Authorization, else None."""

    key: str
    user: str | None = None


class Access:
    """Decides who calls. Holds no state but the keys' cache; reads no clock but the one handed in."""

    def __init__(self, config: Config, keys: KeyTable, clock: Callable[[], datetime]) -> None:
        """Raises ConfigurationError when a secret of `callers:` can not be read."""
        self.keys = Keys(keys, clock)
        self._clients = config.clients
        self._trusted = config.trusted_proxies
        self._authorization_required = config.listen.proxy.authorization_required
        self._callers = Callers(config.callers)
        self._products = Products(config)
        self.all_products = self._products.names

    # --- where from -----------------------------------------------------------------------------

    def client_of(self, peer: Address, headers: Headers) -> Address:
        """The client's address (P29). Raises NetworkNotAllowed for a trusted proxy's nonsense.

        Inside a CONNECT tunnel hand in no headers: a proxy before us can not have written any
        there, so X-Forwarded-For would be the client's own word.
        """
        return client_address(peer, headers.get_all("X-Forwarded-For"), self._trusted)

    # --- with which credentials -----------------------------------------------------------------

    def connect(self, address: Address, headers: Headers) -> Admission | None:
        """Admits a CONNECT by its network, and by its key when it carries one.

        1. The address is in some client's networks: else NetworkNotAllowed.
        2. Proxy-Authorization, when present, is valid: else ProxyKeyInvalid. Absent where the
           listener requires it: ProxyKeyInvalid too.

        What comes out counts for every exchange inside; None: each needs credentials of its own.
        """
        self._check_network(address)
        sent = _proxy_authorization(headers)
        if sent is None:
            if self._authorization_required:
                raise ProxyKeyInvalid
            return None
        return self._admit(sent, address)

    def authenticate(
        self, address: Address, headers: Headers, tunnel: Admission | None
    ) -> Admission:
        """Admits one request on a route that asks for a key. Changes nothing in `headers`.

        1. The address is in some client's networks: else NetworkNotAllowed.
        2. All keys in the request, and the tunnel's, are one and the same: else KeysConflict.
        3. It is known, alive, its client still exists, and both the client's and its own networks
           hold the address: else KeyInvalid (ProxyKeyInvalid when it came in Proxy-Authorization).
           The tunnel's key is looked up again: one that was revoked since stops at once.
        4. No key: the client whose network is enough, else KeyRequired.

        Raises VaultUnavailable when the keys can not be read (P27).
        """
        self._check_network(address)
        sent = _keys_in(headers)
        if len({one.key for one in sent}) > 1:
            raise KeysConflict
        admission = None
        for one in sent:
            admission = self._admit(one, address)
        if tunnel is not None and tunnel.key_id:
            if admission is not None and admission.key_id != tunnel.key_id:
                raise KeysConflict
            admission = self._admit_again(tunnel.key_id, address)
        return admission or self._by_network(address)

    def again(self, admission: Admission, address: Address) -> Admission:
        """Whoever was admitted, as its key is now: much time may pass between a head and what follows.

        Raises KeyInvalid, VaultUnavailable.
        """
        return self._admit_again(admission.key_id, address) if admission.key_id else admission

    def holder(self, address: Address, keys: Sequence[str]) -> Admission:
        """Admits a call of the control API, where a network alone is never enough.

        1. The address is in some client's networks: else NetworkNotAllowed.
        2. One key was sent: else KeyRequired, KeysConflict.
        3. It is valid, as in `authenticate`: else KeyInvalid.

        Raises VaultUnavailable when the keys can not be read (P27).
        """
        self._check_network(address)
        if not keys:
            raise KeyRequired
        if len(set(keys)) > 1:
            raise KeysConflict
        return self._admit(_Sent(keys[0]), address)

    def strip(self, headers: Headers) -> None:
        """Removes what is ours from a request that goes upstream: our keys, Proxy-Authorization,
        X-Gateway-*. A partner's own X-Api-Key stays."""
        headers.fields = [field for field in headers if not _is_ours(*field)]

    # --- push -----------------------------------------------------------------------------------

    def needs_body(self, name: str) -> bool:
        """Whether this caller's credentials stand in the body (WS-Security)."""
        return self._callers.needs_body(name)

    def caller(  # noqa: PLR0917 - all that a request shows, in the order in which it arrives
        self,
        name: str,
        peer: Peer,
        address: Address,
        headers: Headers,
        path: str,
        body: bytes | None,
    ) -> Admission:
        """Admits a push as the entry `name` under `callers:` says; `path` as it was sent.

        `body` None: what stands in it is checked when this is called again. Raises
        CallerNotAuthenticated, MessageMalformed, MessageForbidden.
        """
        return self._callers.check(name, callers.Request(peer, address, headers, path, body))

    def forget(self, name: str, headers: Headers) -> None:
        """Removes the secrets that this caller showed in `headers`, once all of it is checked."""
        self._callers.forget(name, headers)

    # --- for which product ----------------------------------------------------------------------

    def has_hotels(self, system: str) -> bool:
        """Whether a system's hotels are mapped to products."""
        return self._products.has_hotels(system)

    def product(
        self,
        *,
        admission: Admission,
        route: RouteProduct,
        named: str | None,
        system: str,
        hotel: str | None,
    ) -> Product:
        """The product of an exchange, or of one booking in it: see `Products.of_exchange`.

        Raises ProductUnknown (HotelUnknown is one), ProductNotPermitted.
        """
        return self._products.of_exchange(
            admission.products, route=route, named=named, system=system, hotel=hotel
        )

    def product_named(self, name: str) -> Product:
        """The product of a name, as it is now. Raises ProductUnknown."""
        return self._products.named(name)

    def holds_cvcs(self, products: frozenset[str]) -> bool:
        """Whether one of these products holds security codes for minutes."""
        return self._products.holds_cvcs(products)

    def accepted(self, products: frozenset[str]) -> list[Accepted]:
        """Whose tokens count for these products besides ours."""
        return self._products.accepted(products)

    def owners(self, products: frozenset[str]) -> list[Owner]:
        """Whose tokens of digits count for these products."""
        return self._products.owners(products)

    def product_by_terminal(self, admission: Admission, merchant_code: str, terminal: int) -> str:
        """The name of the product that a request names by merchant code and terminal.

        Raises ProductUnknown (TerminalUnknown is one), ProductNotPermitted.
        """
        return self._products.by_terminal(admission.products, merchant_code, terminal)

    def products_of(self, admission: Admission) -> frozenset[str]:
        """The products whose tokens the caller may use."""
        if admission.products is None:
            return self.all_products
        return self.all_products & admission.products

    # --- inside ---------------------------------------------------------------------------------

    def _check_network(self, address: Address) -> None:
        if not any(holds(client.networks, address) for client in self._clients.values()):
            raise NetworkNotAllowed

    def _admit(self, sent: _Sent, address: Address) -> Admission:
        refusal = KeyInvalid if sent.user is None else ProxyKeyInvalid
        row = self.keys.verify(sent.key)
        if row is None or not self._fits(row, address):
            raise refusal
        if sent.user is not None and sent.user not in {row.name, row.client}:
            raise refusal
        return self._admission(row)

    def _admit_again(self, id: str, address: Address) -> Admission:
        row = self.keys.live(id)
        if row is None or not self._fits(row, address):
            raise KeyInvalid
        return self._admission(row)

    def _fits(self, row: KeyRow, address: Address) -> bool:
        """A key's networks narrow its client's, they never widen them."""
        client = self._clients.get(row.client)
        if client is None or not holds(client.networks, address):
            return False
        return not row.networks or holds(_networks(row.networks), address)

    def _admission(self, row: KeyRow) -> Admission:
        self.keys.note_use(row.id)
        products = frozenset(row.products) if row.products else None
        return Admission(row.client, row.id, frozenset(row.scopes), products)

    def _by_network(self, address: Address) -> Admission:
        for name, client in self._clients.items():
            enough = client.network_is_enough
            if enough is not None and holds(client.networks, address):
                products = frozenset(enough.products) if enough.products else None
                return Admission(name, "", frozenset(enough.scopes), products)
        raise KeyRequired


def _is_ours(name: bytes, value: bytes) -> bool:
    name = name.lower()
    if name in _KEY_NAMES:
        return value.strip().startswith(_PREFIX)
    return name == b"proxy-authorization" or name.startswith(_OURS)


@lru_cache(maxsize=256)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(network for text in texts for network in parse_networks(text))


def _keys_in(headers: Headers) -> list[_Sent]:
    sent = [
        _Sent(value.strip())
        for name in _KEY_HEADERS
        for value in headers.get_all(name)
        if value.strip().startswith(PREFIX)
    ]
    proxy = _proxy_authorization(headers)
    return sent if proxy is None else [*sent, proxy]


def _proxy_authorization(headers: Headers) -> _Sent | None:
    """The key in Proxy-Authorization, or None without one. Raises ProxyKeyInvalid for all else."""
    values = headers.get_all("Proxy-Authorization")
    if not values:
        return None
    pair = callers.parse_basic(values[0]) if len(values) == 1 else None
    if pair is None:
        raise ProxyKeyInvalid
    user, key = (part.decode("latin-1") for part in pair)
    if not key.startswith(PREFIX):
        raise ProxyKeyInvalid
    return _Sent(key, user)
