"""Refusals: processors, and what they are sent."""

from __future__ import annotations

from gateway.errors.base import GatewayError


class ProcessorUnknown(GatewayError):
    code, status = "processor_unknown", 404
    text = "There is no such processor."
    action = "List those that there are: GET /v1/processors"


class OperationNotSupported(GatewayError):
    code, status = "operation_not_supported", 422
    text = "The product's processor has no such operation, so nothing was sent."
    action = "See what it can do: GET /v1/processors"


class CredentialsMissing(GatewayError):
    code, status = "credentials_missing", 409
    text = "The product has no credentials for its processor, so nothing was sent."
    action = "Set all of them: PUT /v1/processors/{name}/credentials"


class OrderIncomplete(GatewayError):
    code, status = "order_incomplete", 422
    text = "The processor needs a field that the order lacks, or that can not be written there, so nothing was sent."
    action = "Compare the order with what its file asks for: card-gateway processors show"


class ProcessorRefused(GatewayError):
    code, status = "processor_refused", 422
    text = "The processor says that it did not do it."
    action = "Its own reason is under decline. Mend it, then try again."


class ProcessorHasNone(GatewayError):
    code, status = "processor_has_none", 404
    text = "The processor says that it has no such charge."
    action = "Wait until nothing can be on its way any more, then charge again."


class ProcessorUnclear(GatewayError):
    code, status = "processor_unclear", 502
    text = "The processor's answer says nothing that its file knows, so nobody knows whether it was done."
    action = "Ask what became of it before anything is sent again."
