"""Refusals: what a client is told by webhook."""

from __future__ import annotations

from gateway.errors.base import GatewayError


class NoticeUnknown(GatewayError):
    """Also for another client's, and for another product's: they must not be told apart."""

    code, status = "notice_unknown", 404
    text = "There is no such notice, or it is kept no more."
    action = "List those that there are: GET /v1/notices"


class WebhookMissing(GatewayError):
    code, status = "webhook_missing", 409
    text = "The client has no webhook, so nothing can be sent to it."
    action = "Give it one in gateway.yaml: clients.<name>.webhook, as docs/webhooks.md says."
