"""Refusals: where a message may go."""

from __future__ import annotations

from gateway.errors.base import GatewayError


class RouteUnknown(GatewayError):
    code, status = "route_unknown", 403
    text = "No route allows this method, host, port and path."
    action = "Run: card-gateway refused. It prints the YAML that would allow it."


class TargetNotAllowed(GatewayError):
    """A request that names its own target, in a channel's protocol, named one that it may not."""

    code, status = "target_not_allowed", 403
    text = "The target that the request names is not one that its route allows."
    action = "Name a target that the route's `to:` allows."


class TargetAmbiguous(GatewayError):
    code, status = "target_ambiguous", 400
    text = "CONNECT, TLS server name, Host, URL or a header such as X-Original-URL name different targets."
    action = (
        "Send the same host and port everywhere, and no header that names another path or method."
    )


class UpstreamForbidden(GatewayError):
    code, status = "upstream_forbidden", 403
    text = "The target's address is private, reserved, or the gateway's own."
    action = "If it is meant, name it under egress: in gateway.yaml."


class UpstreamUnreachable(GatewayError):
    code, status = "upstream_unreachable", 502
    text = "The target could not be resolved or connected to, or hung up before TLS was agreed."
    action = "Try again later; the gateway does not repeat requests by itself."


class UpstreamUnresolved(UpstreamUnreachable):
    """The name has no address: some channels have an answer of its own for that."""


class UpstreamUntrusted(GatewayError):
    code, status = "upstream_untrusted", 502
    text = "The target's certificate, its name, or its TLS version is not acceptable."
    action = "Check the target's certificate and the CA that the gateway trusts for it."


class UpstreamTimeout(GatewayError):
    code, status, upstream_status = "upstream_timeout", 504, 504
    text = "The target did not answer in time."
    action = "Find out whether the request took effect before it is sent again."


class UpstreamInvalid(GatewayError):
    code, status = "upstream_invalid", 502
    text = "The target's answer is not valid HTTP, or ended early."
    action = "Find out whether the request took effect before it is sent again."


class LiveHostForbidden(GatewayError):
    code, status = "test_token_on_live_host", 403
    text = "A test token may not be sent to a live host."
    action = "Use a live product's token, or a host under test_hosts: in gateway.yaml."


class StandInForbidden(GatewayError):
    code, status = "live_token_on_test_host", 403
    text = "A live token may not be sent to a host that stands in for a partner's."
    action = "Use a test product's token with hosts under test_hosts: in gateway.yaml."
