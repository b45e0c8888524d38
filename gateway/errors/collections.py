"""Refusals: a collection that is not there, or that is asked for what it can not do any more."""

from __future__ import annotations

from gateway.errors.base import GatewayError


class CollectionUnknown(GatewayError):
    """Also for another client's or product's: they must not be told apart."""

    code, status = "collection_unknown", 404
    text = "There is no such collection."
    action = "List those that there are: GET /v1/collections"


class CollectionOver(GatewayError):
    code, status = "collection_over", 409
    text = "The collection is over: it succeeded, failed, was stopped or has expired."
    action = "Look at its state and history: GET /v1/collections/{id}"


class CollectionMoved(GatewayError):
    """Never answered: another process was first, or the client has stopped it meanwhile."""

    code, status = "collection_moved", 409
    text = "The collection has gone on meanwhile, so nothing was charged."
    action = "Look at its state and history: GET /v1/collections/{id}"
