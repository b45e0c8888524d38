"""Everything that one account's recaptures are made of, wired."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.config_recapture import RapidSettings
from gateway.config_section import PlainSecret
from gateway.egress import Egress
from gateway.errors import ConfigurationError, Problem
from gateway.metrics import Metrics
from gateway.outgoing import Sender
from gateway.recapture.completion import Completion
from gateway.recapture.jobs import Jobs
from gateway.recapture.rapid import Credentials, Rapid
from gateway.recapture.service import Recaptures
from gateway.recapture.webhook import Teller
from gateway.secret import Secret
from gateway.vault.service import Vault
from gateway.webhooks.post import Post


@dataclass(frozen=True, slots=True)
class Parts:
    """What others use of it."""

    settings: RapidSettings
    credentials: Credentials
    recaptures: Recaptures
    completion: Completion
    jobs: Jobs


def build(
    settings: RapidSettings,
    *,
    vault: Vault,
    egress: Egress,
    sender: Sender,
    metrics: Metrics,
    clock: Callable[[], datetime],
) -> Parts:
    """Raises ConfigurationError where a secret can not be read."""
    credentials = Credentials(
        _secret("api_key", settings.api_key), _secret("shared_secret", settings.shared_secret)
    )
    rapid = Rapid(settings, credentials, sender, clock)
    table, wake = vault.recaptures, asyncio.Event()
    recaptures = Recaptures(
        settings=settings, table=table, rapid=rapid, clock=clock, woken=wake.set
    )
    completion = Completion(
        settings=settings,
        vault=vault,
        rapid=rapid,
        recaptures=recaptures,
        egress=egress,
        metrics=metrics,
        clock=clock,
    )
    teller = None
    if settings.webhook is not None:
        secret = _secret("webhook.secret", settings.webhook.secret)
        teller = Teller(Post(settings.webhook, secret, sender, clock))
    jobs = Jobs(table=table, recaptures=recaptures, teller=teller, clock=clock, wake=wake)
    return Parts(settings, credentials, recaptures, completion, jobs)


def _secret(key: str, source: PlainSecret) -> Secret[str]:
    try:
        return source.secret()
    except ValueError as error:
        message = str(error)
    raise ConfigurationError([Problem(f"recaptures.expedia-rapid.{key}", 0, message)])
