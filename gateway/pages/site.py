"""How pages look: templates, words, each product's name and logo. One way from values to a page."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gateway.config import Config
from gateway.config_pages import ProductPages
from gateway.pages.about import About
from gateway.pages.assets import Assets
from gateway.pages.headers import foreign, new_nonce, policy
from gateway.pages.links import held
from gateway.pages.locales import Locales, Texts
from gateway.secret import Secret
from gateway.vault.link import OpenLink

DIRECTORY: Final = Path(__file__).parent / "templates"
_TOKEN_LABEL: Final = b"card-gateway form 1\0"

# What a visitor is told to do, by the status of what went wrong.
_TEXTS: Final = {503: "failed.later", 429: "failed.wait"}

Json = Any  # what JSON may be


@dataclass(frozen=True, slots=True)
class Visit:
    """A browser at the page of a link that is open."""

    link: OpenLink
    secret: Secret[str]
    texts: Texts
    origin: str  # the browser's address
    about: About
    more: dict[str, Json] = field(repr=False)

    @property
    def form_token(self) -> str:
        """What the page's form sends back: bound to this link, and known to whoever got the page."""
        message = _TOKEN_LABEL + self.link.row.id.encode()
        return hmac.digest(self.secret.reveal().encode(), message, "sha256").hex()


class Site:
    """The pages' common part."""

    def __init__(self, config: Config, locales: Locales, assets: Assets) -> None:
        self.locales, self.assets = locales, assets
        self._faces: dict[str, ProductPages] = {
            name: product.pages
            for name, product in config.products.items()
            if product.pages is not None
        }
        self._templates = Environment(
            loader=FileSystemLoader(DIRECTORY),
            autoescape=True,
            auto_reload=False,  # templates are those that the process started with
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals["asset"] = assets.named

    def has(self, product: str) -> bool:
        """Whether the product has pages: a link may be older than what gateway.yaml says now."""
        return product in self._faces

    def visit(self, link: OpenLink, secret: Secret[str], request: Request, origin: str) -> Visit:
        """What a page's code is given."""
        about, more = held(link)
        face = self._faces.get(link.row.product)
        wanted = (link.row.language, None if face is None else face.language)
        texts = self.locales.choose(wanted, request.headers.get("accept-language", ""))
        return Visit(link, secret, texts, origin, about, more)

    def page(
        self,
        visit: Visit,
        template: str,
        *,
        status: int = 200,
        then: str | None = None,
        **values: object,
    ) -> Response:
        """A page of the product. `then`: where a browser is sent to behind the form."""
        product = visit.link.row.product
        face, amount = self._faces[product], visit.about.amount
        common = {
            "hotel": face.name,
            "logo": self.assets.logo(product),
            "about": visit.about,
            "amount": None if amount is None else amount.written(visit.texts),
            "form_token": visit.form_token,
        }
        frame = self._frame(product)
        return self._answer(template, visit.texts, common | values, status, frame=frame, then=then)

    def foreign(self, visit: Visit, html: str) -> Response:
        """A page that is not ours, shut away from whatever is."""
        return HTMLResponse(html, headers=foreign(self._frame(visit.link.row.product)))

    def name(self, product: str) -> str:
        """How guests know the hotel."""
        return self._faces[product].name

    def over(self, request: Request, link: OpenLink | None = None) -> Response:
        """The one answer to a link that opens nothing: unknown, used, expired, withdrawn. It tells
        nothing of the hotel. Only who may frame it differs: whoever sent a real link's secret gets it
        where the page itself would have stood.
        """
        frame = () if link is None else self._frame(link.row.product)
        return self._plain(request, "over.html", 404, frame)

    def failed(self, request: Request, error: Exception) -> Response:
        """A page could not be shown, or what it sent could not be taken: nothing was done."""
        status = getattr(error, "status", 500)
        text = _TEXTS.get(status, "failed.again")
        link: OpenLink | None = getattr(request.state, "link", None)
        frame = () if link is None else self._frame(link.row.product)
        return self._plain(request, "failed.html", status, frame, text=text)

    def _plain(
        self, request: Request, template: str, status: int, frame: tuple[str, ...], **values: object
    ) -> Response:
        texts = self.locales.choose((), request.headers.get("accept-language", ""))
        return self._answer(template, texts, values, status, frame=frame)

    def _answer(
        self,
        template: str,
        texts: Texts,
        values: dict[str, object],
        status: int,
        *,
        frame: tuple[str, ...],
        then: str | None = None,
    ) -> Response:
        """One answer; its nonce stands in its policy and its tags, and is used for no other."""
        nonce = new_nonce()
        html = self._templates.get_template(template).render(
            t=texts, language=texts.language, nonce=nonce, **values
        )
        return HTMLResponse(html, status, policy(frame, nonce, then=then))

    def _frame(self, product: str) -> tuple[str, ...]:
        face = self._faces.get(product)
        return () if face is None else tuple(one.base for one in face.origins)
