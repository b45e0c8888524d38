"""Links to our pages, as those make them who want a page opened.

made = links.make(NewLink(LinkKind.REVEAL, client, product, None, expires, About(), {...}))
links.table.insert(connection, made.link, made.secret, entry)    # in a transaction of theirs
await links.create(made, entry, once, answer)                    # or in one of its own
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gateway.audit import Entry
from gateway.config import Config
from gateway.errors import PagesOff
from gateway.exchange import new_id
from gateway.pages.about import About
from gateway.secret import Secret
from gateway.vault.idempotency import Once
from gateway.vault.link import LinkKind, LinkState, OpenLink, PageLink
from gateway.vault.links import Guard, LinkTable, new_secret

# The first segment of a page's path; the second is the secret.
PATHS: Final = {
    LinkKind.CAPTURE: "c",
    LinkKind.REVEAL: "r",
    LinkKind.CHALLENGE: "s",
    LinkKind.SETUP: "v",
    LinkKind.APPROVE: "a",
}

Json = Any  # what JSON may be


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to be made. `more`: what its page has to know besides."""

    kind: LinkKind
    client: str
    product: str
    language: str | None
    expires: datetime
    about: About
    more: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Made:
    """A link that is not kept yet, and its URL, which nobody is ever told again."""

    link: OpenLink
    secret: Secret[str]
    url: Secret[str]


class Links:
    """All kinds of them."""

    def __init__(self, config: Config, table: LinkTable, clock: Callable[[], datetime]) -> None:
        self.table, self._clock = table, clock
        self._products = {
            name: product.pages
            for name, product in config.products.items()
            if product.pages is not None
        }
        url, port = config.pages.url, config.listen.pages.address.port
        self._base = None if url is None else url.base
        if port:
            self.listens_on(port)

    @property
    def base(self) -> str:
        """What every link starts with. Raises RuntimeError where the port may be any and is not open
        yet: nobody is to be sent to a page that is elsewhere.
        """
        if self._base is None:
            raise RuntimeError("the pages' port is not open yet")
        return self._base

    def listens_on(self, port: int) -> None:
        """Where the pages' port is, for links without a public address."""
        self._base = self._base or f"https://localhost:{port}"

    def has(self, product: str) -> bool:
        """Whether the product has pages."""
        return product in self._products

    def address(self, kind: LinkKind, secret: Secret[str]) -> Secret[str]:
        """The URL of a link with this secret, whether it is kept already or not."""
        return Secret(f"{self.base}/{PATHS[kind]}/{secret.reveal()}")

    def origins(self, product: str) -> frozenset[str]:
        """The origins that the product lists. Raises PagesOff."""
        if not self.has(product):
            raise PagesOff
        return frozenset(one.base for one in self._products[product].origins)

    def make(self, new: NewLink) -> Made:
        """A link, with a new id and a new secret. Raises PagesOff."""
        if not self.has(new.product):
            raise PagesOff
        now, secret = self._clock(), new_secret()
        row = PageLink(
            new_id(), new.kind, new.client, new.product, new.language, LinkState.OPEN, now,
            new.expires, now,
        )  # fmt: skip
        held = hold(new.about, new.more)
        return Made(OpenLink(row, held), secret, self.address(new.kind, secret))

    async def create(
        self,
        made: Made,
        entry: Entry,
        once: Once | None,
        answer: bytes,
        guard: Guard | None = None,
    ) -> bytes:
        """Keeps it, durable: see `LinkTable.create`."""
        return await self.table.create(made.link, made.secret, entry, once, answer, guard)


def hold(about: About, more: Mapping[str, Json]) -> Secret[bytes]:
    """What is sealed of a link. Raises ValueError where `more` has an `about` of its own."""
    if "about" in more:
        raise ValueError("a link has one `about`")
    return Secret(json.dumps({"about": about.json(), **more}).encode("ascii"))


def held(link: OpenLink) -> tuple[About, dict[str, Json]]:
    """Reads back what `hold` wrote."""
    said = json.loads(link.held.reveal())
    return About.of(said.pop("about")), said
