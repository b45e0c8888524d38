"""Refusals: who may call."""

from __future__ import annotations

from gateway.errors.base import GatewayError


class NetworkNotAllowed(GatewayError):
    code, status = "network_not_allowed", 403
    text = "This address is not among the networks that may use the gateway."
    action = "Add the network to a client in gateway.yaml."


class KeyRequired(GatewayError):
    code, status = "key_required", 401
    text = "A gateway key is required and none was sent."
    action = "Send a key that starts with cgk_: in X-Api-Key; to the proxy, in Proxy-Authorization; to the control API, as Authorization: Bearer."


class KeyInvalid(GatewayError):
    code, status = "key_invalid", 401
    text = "The gateway key is unknown, expired, revoked, or not valid from this network."
    action = "Create a new one with: card-gateway keys create"


class ProxyKeyInvalid(KeyInvalid):
    """The same at CONNECT, where HTTP has its own status."""

    code, status = "proxy_key_invalid", 407


class KeysConflict(GatewayError):
    code, status = "keys_conflict", 400
    text = "Two different gateway keys were sent in one request."
    action = "Send one key, in one header."


class ScopeMissing(GatewayError):
    code, status = "scope_missing", 403
    text = "The gateway key does not have the scope that this route needs."
    action = "Create a key with that scope: card-gateway keys create --scope ..."


class CallerNotAuthenticated(GatewayError):
    code, status = "caller_not_authenticated", 401
    text = "The caller of this address did not authenticate as its route asks."
    action = "Check the route's auth: entry under callers: in gateway.yaml."


class ProductUnknown(GatewayError):
    code, status = "product_unknown", 400
    text = "It is not clear which product (merchant and terminal) this exchange belongs to."
    action = "Send X-Gateway-Product, or use a key for one product only."


class ProductNotPermitted(GatewayError):
    code, status = "product_not_permitted", 403
    text = "The gateway key is not permitted for this product."
    action = "Use a key that names this product."
