"""Everything that the pages are made of, wired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address

from gateway.access.clients import Access
from gateway.config import Config
from gateway.control.port import Port
from gateway.pages import app
from gateway.pages.app import Kind
from gateway.pages.assets import Assets
from gateway.pages.links import Links
from gateway.pages.locales import Locales
from gateway.pages.site import Site
from gateway.vault.service import Vault


@dataclass(frozen=True, slots=True)
class Parts:
    """What others use of it; `port` opens pages for the kinds that it is built with."""

    links: Links
    site: Site
    config: Config
    access: Access
    clock: Callable[[], datetime]

    def port(self, *kinds: Kind) -> Port:
        """The port, which is not open yet."""
        url = self.config.pages.url
        hsts = url is not None and _has_a_name(url.host)
        application = app.build(
            self.site, self.links.table, self.access, kinds, self.clock, hsts=hsts
        )
        return Port(application, self.config.listen.pages.address, tls=self.config.pages_tls)


def build(
    config: Config, vault: Vault, access: Access, clock: Callable[[], datetime]
) -> Parts | None:
    """None where no product has pages. Raises ConfigurationError for a logo or a locale file that can
    not be used.
    """
    if not config.has_pages:
        return None
    site = Site(config, Locales(), Assets(config))
    return Parts(Links(config, vault.links, clock), site, config, access, clock)


def _has_a_name(host: str) -> bool:
    """Not on a developer's machine: there other ports of `localhost` speak plain text."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return host != "localhost"
    return False
