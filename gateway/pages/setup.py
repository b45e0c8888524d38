"""The page on which a viewer chooses its secret code, which the PMS never sees: the first one here,
another one in its place in `change.py`.

1. A link counts for the viewer as it was when the link was made: one from before a code was chosen, or
   taken, opens nothing.
2. The code, the use of the link and the audit entry are one transaction.
3. The key of the one-time passwords is made with the code, and shown in that one answer.
"""

from __future__ import annotations

from starlette.responses import Response

from gateway.audit import Action, Outcome
from gateway.errors import GatewayError, PageLinkOver, ViewerNotReady
from gateway.pages.change import ChangePage
from gateway.pages.code_page import CodePage, is_unchanged
from gateway.pages.form import Form
from gateway.pages.links import hold
from gateway.pages.site import Visit
from gateway.vault.database import Connection
from gateway.vault.link import LinkKind
from gateway.vault.viewer import SecretCode, State, Viewer
from gateway.viewers import totp
from gateway.viewers.codes import SHORTEST, Codes


class SetupPage:
    """For `gateway.pages.app`."""

    kind = LinkKind.SETUP

    def __init__(self, page: CodePage, codes: Codes) -> None:
        self._page, self._codes, self._change = page, codes, ChangePage(page)

    async def show(self, visit: Visit) -> Response:
        """The form."""
        if self._change.is_meant(visit):
            return await self._change.show(visit)
        return self._form(visit, await self._viewer(visit))

    async def submit(self, visit: Visit, form: Form) -> Response:
        """Takes a code that is good enough, and was typed twice alike."""
        if self._change.is_meant(visit):
            return await self._change.submit(visit, form)
        viewer, code = await self._viewer(visit), form.secret("code")
        wrong = self._page.weakness(viewer, code, again=form.secret("again"))
        if wrong is not None:
            return self._form(visit, viewer, wrong)
        secret = totp.new_secret() if viewer.totp else None
        with self._codes.place():
            hashed = await self._codes.hash(code)
        links, id = self._page.vault.links, visit.link.row.id

        def use(connection: Connection, now: Viewer) -> GatewayError | None:
            if not is_unchanged(visit, now):
                return ViewerNotReady()
            refusal = links.check(connection, id)
            if refusal is None:
                links.use(connection, id, hold(visit.about, visit.more))
            return refusal

        entry = self._page.entry(visit, Action.VIEWER_CHOOSE, Outcome.DONE)
        made = SecretCode(hashed, secret)
        try:
            await self._page.vault.viewer_codes.choose(viewer.id, made, entry, use)
        except ViewerNotReady:
            raise PageLinkOver from None
        key = uri = None
        if secret is not None:
            name = f"{viewer.name} ({self._page.site.name(viewer.product)})"
            key, uri = secret.reveal(), totp.provisioning_uri(secret, name).reveal()
        return self._page.site.page(visit, "chosen.html", key=key, uri=uri)

    async def _viewer(self, visit: Visit) -> Viewer:
        viewer = await self._page.unchanged(visit)
        if viewer.state is not State.INVITED:
            raise PageLinkOver
        return viewer

    def _form(self, visit: Visit, viewer: Viewer, wrong: str | None = None) -> Response:
        return self._page.site.page(
            visit, "setup.html", status=200 if wrong is None else 422,
            viewer=viewer, least=SHORTEST,
            wrong=None if wrong is None else visit.texts(f"setup.{wrong}", least=SHORTEST),
        )  # fmt: skip
