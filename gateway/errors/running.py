"""Refusals: of a gateway that stops, and for nobody who waits any more."""

from __future__ import annotations

from gateway.errors.base import GatewayError


class ClientGone(GatewayError):
    """Nobody is left to answer. For the record only: metrics, audit, log."""

    code, status = "client_gone", 499
    text = "The caller closed its connection before the answer was complete."
    action = "Find out whether the request took effect before it is sent again."


class Stopping(GatewayError):
    code, status = "stopping", 503
    text = "The gateway is shutting down."
    action = "Try again in a few seconds."
