"""Who calls, what for, and whether a route allows it. Decided before a body is read or a byte sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from gateway.access.clients import Access, Admission
from gateway.authority import parse_authority
from gateway.channel import Channel
from gateway.egress import Egress
from gateway.errors import (
    HttpInvalid,
    KeyRequired,
    RouteUnknown,
    ScopeMissing,
    TargetAmbiguous,
    TargetNotAllowed,
)
from gateway.exchange import Authority, Blind, Exchange, Peer, Tunnel, supplied_id
from gateway.headers import Headers
from gateway.rules.match import Matcher, allows
from gateway.rules.model import Route

# Servers and frameworks that go by them look at another path, or do another method, than the route was chosen
# for (IIS, Symfony, Rack): a card would go where no rule says.
_OVERRIDES: Final = (
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-HTTP-Method-Override",
    "X-HTTP-Method",
    "X-Method-Override",
)


class Admitting:
    """The first stage. Holds no state of its own; `matcher` is handed in, for rules may change."""

    def __init__(
        self,
        access: Access,
        egress: Egress,
        tunnels: frozenset[tuple[str, int]],
        channels: Mapping[str, Channel],
    ) -> None:
        self._access, self._egress, self._tunnels = access, egress, tunnels
        self._channels = channels

    def connect(
        self, peer: Peer, host: str, port: int, headers: Headers, matcher: Matcher
    ) -> Tunnel | Blind:
        """Admits a CONNECT: the network must be a client's, the host must be routed or tunnelled.

        Nothing is dialled for it. Raises the refusals of `Access.connect`, and `RouteUnknown`.
        """
        address = self._access.client_of(peer.address, headers)
        admission = self._access.connect(address, headers)
        stands_for, _ = self._egress.stands_for(host, port)
        if matcher.knows(stands_for):  # first: what a route looks into never passes blind
            return Tunnel(host, port, admission, address)
        if (host, port) in self._tunnels:
            return Blind(host, port)
        raise RouteUnknown

    def admit(self, exchange: Exchange, matcher: Matcher) -> None:
        """Finds client, credentials and route, in this order; strips what is ours from the headers.

        Sets `exchange.admission`, `.route`, `.test_host`, `.product_named`, and on the endpoints
        listener the request's authority and path, or the channel that will tell them. Raises the refusals of `Access` and
        `RouteUnknown`, `ScopeMissing`, `ProductUnknown`, `ProductNotPermitted`; `TargetAmbiguous` where a
        card may be put in and a header names another path or method.
        """
        headers = exchange.request.headers
        exchange.product_named = headers.get("X-Gateway-Product")
        if exchange.peer.listener == "proxy":
            admission = self._client(exchange)
            exchange.route = self._routed(exchange, matcher)
        else:
            exchange.route = self._endpoint(exchange, matcher)
            admission = self._endpoint_caller(exchange, exchange.route)
        route = exchange.route
        self._let_in(exchange, admission, route)
        if route.request.detokenize and any(name in headers for name in _OVERRIDES):
            raise TargetAmbiguous
        # Only now: what a stranger calls his exchange is in no log and no answer.
        exchange.id = supplied_id(headers.get("X-Gateway-Exchange")) or exchange.id
        self._access.strip(headers)
        if route.auth != "key" and not self.reads_body(route):
            self._access.forget(route.auth, headers)

    def admit_ours(self, exchange: Exchange, admission: Admission, matcher: Matcher) -> None:
        """Admits a request of our own, made for `admission`, who was let in when he asked for it.

        Sets what `admit` sets. Raises `RouteUnknown`, `ScopeMissing`, `TargetAmbiguous`,
        `ProductUnknown`, `ProductNotPermitted`.
        """
        exchange.route = self._routed(exchange, matcher)
        self._let_in(exchange, admission, exchange.route)

    def again(self, exchange: Exchange) -> None:
        """Asks once more, when the request is whole, whether its key may do that: a body can take the better
        part of an hour, and a key can be revoked, end, or lose a scope or a product meanwhile.

        Raises KeyInvalid, ScopeMissing, ProductUnknown, ProductNotPermitted, VaultUnavailable.
        """
        admission, route = exchange.admission, exchange.route
        if admission is not None and route is not None and admission.key_id:
            self._let_in(exchange, self._access.again(admission, exchange.origin), route)

    def _let_in(self, exchange: Exchange, admission: Admission, route: Route) -> None:
        exchange.admission = admission
        exchange.test_host = exchange.test_host or route.mode == "test"
        if route.auth == "key" and route.scope not in admission.scopes:
            raise ScopeMissing
        exchange.let_in = not self.reads_body(route)
        self._check_product(exchange, admission, route)

    def _client(self, exchange: Exchange) -> Admission:
        headers, tunnel = exchange.request.headers, exchange.tunnel
        if tunnel is not None:
            # Nobody before us can have written a header inside: the CONNECT's address counts.
            exchange.client = tunnel.address
            return self._access.authenticate(exchange.origin, headers, tunnel.admission)
        exchange.client = self._access.client_of(exchange.peer.address, headers)
        return self._access.authenticate(exchange.client, headers, None)

    def _routed(self, exchange: Exchange, matcher: Matcher) -> Route:
        request = exchange.request
        authority = request.authority
        if authority is None:
            raise RouteUnknown
        stands_for, exchange.test_host = self._egress.stands_for(authority.host, authority.port)
        route = matcher.to(request.method, authority, stands_for, request.path)
        if route is None:
            raise RouteUnknown
        return route

    def _endpoint(self, exchange: Exchange, matcher: Matcher) -> Route:
        request = exchange.request
        match = matcher.at(request.method, request.path)
        if match is None:
            raise RouteUnknown
        exchange.endpoint_path = request.path
        route, request.authority, request.path = match
        if route.protocol is not None:
            exchange.channel = self._channels[route.protocol]
            exchange.product_named = None  # the protocol has a place for it
        if request.authority is not None:
            _, exchange.test_host = self._egress.stands_for(
                request.authority.host, request.authority.port
            )
        return route

    def _endpoint_caller(self, exchange: Exchange, route: Route) -> Admission:
        """The caller of an endpoint: a key's holder, or whom the route's `auth:` describes.

        Methods that read the body (WS-Security) are checked in `check_body`, when it is there.
        """
        headers = exchange.request.headers
        exchange.client = self._access.client_of(exchange.peer.address, headers)
        if route.auth == "key":
            return self._access.authenticate(exchange.client, headers, None)
        return self._access.caller(
            route.auth, exchange.peer, exchange.client, headers, exchange.endpoint_path, None
        )

    def reads_body(self, route: Route) -> bool:
        """Whether a push caller's credentials stand in the body (WS-Security)."""
        return route.auth != "key" and self._access.needs_body(route.auth)

    def check_body(self, exchange: Exchange, route: Route, body: bytes) -> None:
        """The rest of a push caller's authentication, once the body is there. Parses: it takes
        time, and belongs in a thread. Strips what is ours from the headers, as `admit` does.
        Raises `CallerNotAuthenticated` and what parsing raises."""
        headers = exchange.request.headers
        self._access.caller(
            route.auth, exchange.peer, exchange.origin, headers, exchange.endpoint_path, body
        )
        exchange.let_in = True
        self._access.forget(route.auth, headers)

    def direct(self, exchange: Exchange, channel: Channel, route: Route, body: bytes) -> None:
        """Turns a request in a channel's protocol, whole, into the one that goes upstream.

        Its target must be one that the route allows: never an open relay. Parses. Raises what the
        channel raises, ProductUnknown, ProductNotPermitted, TargetAmbiguous, TargetNotAllowed.
        """
        request, admission = exchange.request, exchange.admission
        if admission is None:  # nothing gets here without
            raise KeyRequired
        order = channel.read(request.headers, body)
        exchange.product_named = self._access.product_by_terminal(
            admission, order.merchant_code, order.terminal
        )
        exchange.product_fixed = True
        authority, path = _target(order.url)
        stands_for, stand_in = self._egress.stands_for(authority.host, authority.port)
        if not allows(route, authority, stands_for, path):
            raise TargetNotAllowed
        exchange.test_host = stand_in or route.mode == "test"
        request.authority, request.path = authority, path
        request.method, request.headers, request.body = order.method, order.headers, order.body

    def _check_product(self, exchange: Exchange, admission: Admission, route: Route) -> None:
        """Refuses early where no product can be found: later, a message would be lost for it."""
        if exchange.channel is not None:
            return
        tokenize = route.request.tokenize or route.response.tokenize
        named = exchange.product_named
        if named is not None or (
            tokenize is not None and not self._access.has_hotels(route.system)
        ):
            self._access.product(
                admission=admission, route=route, named=named, system=route.system, hotel=None
            )


def _target(url: str) -> tuple[Authority, str]:
    """An https URL's authority, normalised, and its path with the query. Raises TargetAmbiguous."""
    try:
        parts = urlsplit(url)
        host, port = parse_authority(parts.netloc, 443)
    except (HttpInvalid, ValueError):
        raise TargetAmbiguous from None
    query = f"?{parts.query}" if parts.query else ""
    return Authority("https", host, port), (parts.path or "/") + query
