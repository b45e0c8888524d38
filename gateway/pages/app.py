"""The pages' port: which page answers, and what stands around each.

1. A link is found by its secret; one that is not open gets the one answer that all of them get.
2. GET shows a page and changes nothing. POST does what the page is for.
3. A form counts only if it holds the page's token and was not sent by another site's page.
4. No cookie is set, so that none can be missed inside a frame. Nothing of a request is logged: its
   path holds the secret.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Final, Protocol, runtime_checkable

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway.access.clients import Access
from gateway.errors import GatewayError, NetworkNotAllowed, PageLinkOver, RequestInvalid
from gateway.headers import Headers
from gateway.pages.assets import PREFIX
from gateway.pages.form import Form, read_form
from gateway.pages.headers import Guarded, fixed
from gateway.pages.links import PATHS
from gateway.pages.site import Site, Visit
from gateway.secret import Secret
from gateway.vault.link import LinkKind, LinkState, OpenLink
from gateway.vault.links import LinkTable

TOKEN_FIELD: Final = "form_token"  # noqa: S105  # the field's name
_OUR_OWN: Final = {"same-origin", "none"}  # of Sec-Fetch-Site; older browsers do not send it
_FOR_A_YEAR: Final = "public, max-age=31536000, immutable"


class Kind(Protocol):
    """What the links of one kind open."""

    kind: LinkKind

    async def show(self, visit: Visit) -> Response:
        """The page. Changes nothing: scanners of mail open links too."""

    async def submit(self, visit: Visit, form: Form) -> Response:
        """What the page is for; the form's token was checked."""


@runtime_checkable
class Returning(Kind, Protocol):
    """One that sends its visitor elsewhere, from where they come back."""

    async def back(self, visit: Visit, request: Request) -> Response:
        """Where they stand, whatever became of the link meanwhile."""


class _Pages:
    def __init__(
        self,
        site: Site,
        table: LinkTable,
        access: Access,
        kinds: Iterable[Kind],
        *,
        clock: Callable[[], datetime],
        headers: Mapping[str, str],
    ) -> None:
        self._site, self._table, self._access, self._clock = site, table, access, clock
        self._headers = headers
        self._kinds = {PATHS[kind.kind]: kind for kind in kinds}

    async def page(self, request: Request) -> Response:
        secret = Secret(request.path_params["secret"])
        kind, link = await self._found(request, secret)
        if kind is None or link is None:
            return self._site.over(request)
        if link.row.state_at(self._clock()) is not LinkState.OPEN:
            return self._site.over(request, link)
        visit = self._site.visit(link, secret, request, self._origin(request))
        if request.method != "POST":
            return await kind.show(visit)
        if request.headers.get("sec-fetch-site", "same-origin") not in _OUR_OWN:
            raise RequestInvalid
        form = await read_form(request)
        if not hmac.compare_digest(form.text(TOKEN_FIELD).encode(), visit.form_token.encode()):
            raise RequestInvalid
        return await kind.submit(visit, form)

    async def back(self, request: Request) -> Response:
        """Comes from another site, and counts for nothing: of a form that it brings not a byte is read.
        It changes nothing, whoever sends it; so it needs no token, and is done as often as it comes.
        """
        secret = Secret(request.path_params["secret"])
        kind, link = await self._found(request, secret)
        if link is None or not isinstance(kind, Returning):
            return self._site.over(request)
        if request.method == "POST":
            return RedirectResponse(request.url.path, 303)
        visit = self._site.visit(link, secret, request, self._origin(request))
        return await kind.back(visit, request)

    async def static(self, request: Request) -> Response:
        asset = self._site.assets.at(PREFIX + request.path_params["name"])
        if asset is None:
            return self._site.over(request)
        return Response(
            asset.content, media_type=asset.media_type, headers={"Cache-Control": _FOR_A_YEAR}
        )

    async def other(self, request: Request, _: Exception) -> Response:
        return self._site.over(request)

    async def refused(self, request: Request, error: Exception) -> Response:
        if isinstance(error, PageLinkOver):  # meanwhile
            return self._site.over(request, request.state.link)
        answer = self._site.failed(request, error)
        # What nobody foresaw is answered outside of every middleware.
        for name, value in self._headers.items():
            answer.headers.setdefault(name, value)
        return answer

    async def _found(
        self, request: Request, secret: Secret[str]
    ) -> tuple[Kind | None, OpenLink | None]:
        """What the link opens, and the link, whatever its state; None, where it opens nothing."""
        kind = self._kinds.get(request.path_params["kind"])
        link = None if kind is None else await self._table.by_secret(secret)
        if kind is None or link is None or link.row.kind is not kind.kind:
            return None, None
        if not self._site.has(link.row.product):
            return None, None
        request.state.link = link
        return kind, link

    def _origin(self, request: Request) -> str:
        if request.client is None:
            raise NetworkNotAllowed
        address = ip_address(request.client.host)
        return str(self._access.client_of(address, Headers(request.headers.raw)))


def build(
    site: Site,
    table: LinkTable,
    access: Access,
    kinds: Iterable[Kind],
    clock: Callable[[], datetime],
    *,
    hsts: bool,
) -> FastAPI:
    """The application. `hsts`: the pages have a host name of their own, reached by TLS alone."""
    headers = fixed(hsts=hsts)
    pages = _Pages(site, table, access, kinds, clock=clock, headers=headers)
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Guarded, headers=headers)],
    )
    app.add_route(PREFIX + "{name}", pages.static, methods=["GET"])
    app.add_route("/{kind}/{secret}", pages.page, methods=["GET", "POST"])
    app.add_route("/{kind}/{secret}/back", pages.back, methods=["GET", "POST"])
    app.add_exception_handler(HTTPException, pages.other)
    app.add_exception_handler(GatewayError, pages.refused)
    app.add_exception_handler(Exception, pages.refused)
    return app
