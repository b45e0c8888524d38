"""Refusals: what may be in a message."""

from __future__ import annotations

from gateway.errors.base import GatewayError


class HttpInvalid(GatewayError):
    code, status = "http_invalid", 400
    text = "The message is not valid HTTP/1.1, or uses a feature that is not allowed here."
    action = "Send one Host, one Content-Length or chunked body, no trailers, no Upgrade."


class HeadTooLarge(GatewayError):
    code, status = "head_too_large", 431
    text = "The message's head is larger than the limit."
    action = "Send fewer or shorter headers, or raise limits.head in gateway.yaml."


class BodyTooLarge(GatewayError):
    code, status = "body_too_large", 413
    text = "The message's body is larger than the limit, as sent or once decoded."
    action = "Send less at once, or raise limits.body in gateway.yaml."


class RequestTimeout(GatewayError):
    code, status = "request_timeout", 408
    text = "The request did not arrive in time."
    action = "Send it again, faster; limits.* in gateway.yaml says how long it may take."


class PullInFlight(GatewayError):
    code, status = "pull_in_flight", 429
    text = "A request for the same hotel is under way, and the partner takes one at a time."
    action = "Wait for its answer before you ask again."
    retry_after = 5


class ChannelRequestInvalid(GatewayError):
    """A channel's own protocol says more: see its subclass there."""

    code, status = "channel_request_invalid", 400
    text = "The request is not as the channel's protocol has it."
    action = "Compare it with the channel's page in docs/."


class CodingNotSupported(GatewayError):
    code, status = "coding_not_supported", 415
    text = "The Content-Encoding is unknown, stacked, duplicated, or does not fit the body."
    action = "Send gzip or no coding."


class LabelWrong(GatewayError):
    code, status = "label_wrong", 415
    text = "The Content-Type does not fit the format that the route's shape expects."
    action = "Send one Content-Type that names the body's real format."


class MessageMalformed(GatewayError):
    code, status = "message_malformed", 400
    text = "The body is not well-formed in the format that the route's shape expects."
    action = "Check the body with: card-gateway rules explain"


class MessageForbidden(GatewayError):
    """Well-formed, and still not acceptable: entities, duplicates, depth, odd encodings."""

    code, status = "message_forbidden", 400
    text = "The body uses a construct that could hide a card: DTD entities, duplicate keys, a comment inside a card field, excessive depth, an odd encoding."
    action = "Send the plain form of the message."


class MessageUnfit(GatewayError):
    """The document cannot be changed at the places that the shape names."""

    code, status = "message_unfit", 422
    text = "The body does not fit the route's shape, so the card's bytes could not be replaced."
    action = "Compare the message with the shape: card-gateway rules explain"


class BodyOpaque(GatewayError):
    """A route says that this body can not be looked into, or not be changed. The subclasses say why."""

    code, status = "body_opaque", 422
    text = "The body can not be looked into, so nothing was put into it and nothing was forwarded."
    action = "Use an interface of the partner whose bodies are neither signed nor encrypted."


class BodySigned(BodyOpaque):
    text = "The body is signed: it can not be rewritten without the processor's key, so nothing was put into it and nothing was forwarded."
    action = "Use an interface of the partner that does not sign what a card stands in."


class BodyEncrypted(BodyOpaque):
    text = "The body is encrypted: it can not be looked into without the partner's key, so nothing was put into it and nothing was forwarded."
    action = "Use an interface of the partner that takes the card's fields in clear, over TLS."


class CardDisguised(GatewayError):
    code, status = "card_disguised", 422
    text = "A card number stands where the gateway can not replace it."
    action = "Name the place in the route's shape."
