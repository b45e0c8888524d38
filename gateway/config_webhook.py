"""A webhook in gateway.yaml: where somebody is told, and with which secret that is signed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.config_section import PlainSecret, Section
from gateway.config_values import HttpsTarget

# Seconds after an attempt that failed; with the first there is one attempt more. They end before a
# hotel may cancel for want of a card: what is told later helps nobody.
RETRY_SECONDS = (10, 60, 300, 1800, 7200, 21600, 43200)


class Webhook(Section):
    """Where the client is told, and with which secret what it is told is signed."""

    url: HttpsTarget
    secret: PlainSecret
    retry_seconds: Annotated[
        tuple[Annotated[int, Field(ge=1, le=86_400)], ...], Field(max_length=20)
    ] = RETRY_SECONDS
