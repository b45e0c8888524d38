"""The page on which a viewer puts another secret code in the place of its own.

1. The code that it has is asked for, and counted, as before a card is shown: whoever has the link alone
   has five tries.
2. A new code that may not be chosen is told before that, and costs no try: it says nothing of the
   other.
3. The new code, the use of the link and the audit entry are one transaction. The key of the one-time
   passwords stays.
4. A link counts for the viewer as it was when the link was made, as with `setup.py`.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import Response

from gateway.audit import Action, Outcome
from gateway.errors import CodeWrong, GatewayError, PageLinkOver, ViewerLocked
from gateway.pages.code_page import CODE, CodePage, Words, is_unchanged
from gateway.pages.form import Form
from gateway.pages.site import Visit
from gateway.vault.database import Connection
from gateway.vault.viewer import Viewer
from gateway.viewers.codes import is_same


class ChangePage:
    """For `gateway.pages.setup`."""

    def __init__(self, page: CodePage) -> None:
        self._page = page

    def is_meant(self, visit: Visit) -> bool:
        """Whether the link is for a viewer that has a code."""
        return visit.more.get("has_code") is True

    async def show(self, visit: Visit) -> Response:
        """The form."""
        await self._page.unchanged(visit)
        return await self._page.ask(visit, _words(visit))

    async def submit(self, visit: Visit, form: Form) -> Response:
        """Takes a new code that is good enough, with the present one."""
        viewer, new = await self._page.unchanged(visit), form.secret("new")
        wrong = self._page.weakness(viewer, new, again=form.secret("again"))
        if wrong is None and is_same(new, form.secret(CODE)):
            wrong = "code_as_before"
        if wrong is not None:
            return await self._page.ask(visit, _words(visit), wrong)

        def act(_: Connection, now: Viewer) -> GatewayError | None:
            return None if is_unchanged(visit, now) else PageLinkOver()

        entry = self._page.entry(visit, Action.VIEWER_CHANGE, Outcome.DONE)
        try:
            await self._page.check(visit, form, replace(entry, subject=viewer.id), act, chosen=new)
        except (CodeWrong, ViewerLocked) as refusal:
            said = refusal
        else:
            texts = [visit.texts("change.done_why")]
            title = visit.texts("change.done")
            return self._page.site.page(visit, "said.html", title=title, texts=texts)
        await self._page.unchanged(visit)
        return await self._page.refused(visit, said, _words(visit))


def _words(visit: Visit) -> Words:
    texts = visit.texts
    return Words(texts("change.title"), texts("change.button"), texts("change.why"), "change.html")
