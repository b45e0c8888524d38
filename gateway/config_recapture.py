"""`recaptures:` in gateway.yaml: cards that failed at Expedia Rapid and are to be replaced."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.config_section import PlainSecret, Section
from gateway.config_values import HttpsTarget, LiteralAddress, Name
from gateway.config_webhook import Webhook


class Notifications(Section):
    """Who may notify: `caller` stands under `callers:`. `signed`: besides, the Authorization header
    is the one that these credentials sign Rapid's calls with (no document of Expedia's says it).
    """

    caller: Name
    signed: bool = False


class RapidSettings(Section):
    """One Rapid account: whose recaptures they are, and how Rapid is called for them."""

    client: Name
    url: HttpsTarget
    mode: Literal["test", "live"] = "live"  # test: test tokens may go there, live ones may not
    api_key: PlainSecret
    shared_secret: PlainSecret
    customer_ip: LiteralAddress  # Rapid's header Customer-Ip
    notifications: Notifications | None = None  # None: links that were seen are all there is
    webhook: Webhook | None = None

    def secrets(self) -> dict[tuple[str, ...], PlainSecret]:
        """Every secret, by its keys in the file."""
        found: dict[tuple[str, ...], PlainSecret] = {
            ("api_key",): self.api_key,
            ("shared_secret",): self.shared_secret,
        }
        if self.webhook is not None:
            found["webhook", "secret"] = self.webhook.secret
        return found


class Recaptures(Section):
    """By system; there is one."""

    expedia_rapid: Annotated[RapidSettings | None, Field(alias="expedia-rapid")] = None
