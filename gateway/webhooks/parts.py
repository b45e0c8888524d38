"""The outbox's job, wired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from gateway.config_webhook import Webhook
from gateway.errors import ConfigurationError, Problem
from gateway.metrics import Metrics
from gateway.outgoing import Sender
from gateway.secret import Secret
from gateway.vault.notices import NoticeTable
from gateway.webhooks.jobs import Jobs, Lane
from gateway.webhooks.post import Post


def build(
    webhooks: Mapping[str, Webhook],
    *,
    table: NoticeTable,
    sender: Sender,
    metrics: Metrics,
    clock: Callable[[], datetime],
) -> Jobs | None:
    """The job of these clients' webhooks; None where there are none.

    Raises ConfigurationError where a secret can not be read.
    """
    lanes = [
        Lane(
            client,
            table=table,
            post=Post(webhook, _secret(client, webhook), sender, clock),
            metrics=metrics,
            clock=clock,
        )
        for client, webhook in webhooks.items()
    ]
    return Jobs(lanes, table) if lanes else None


def _secret(client: str, webhook: Webhook) -> Secret[str]:
    try:
        return webhook.secret.secret()
    except ValueError as error:
        message = str(error)
    raise ConfigurationError([Problem(f"clients.{client}.webhook.secret", 0, message)])
