"""The page on which a viewer says, with its own secret code, that another one is unlocked or is to
choose a new code: the second person of the property, whom nobody else can play.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import Response

from gateway.audit import Action, Outcome
from gateway.errors import (
    CodeWrong,
    GatewayError,
    PageLinkOver,
    SecondPersonRequired,
    ViewerLocked,
    ViewerNotReady,
    ViewerUnknown,
)
from gateway.pages.code_page import CodePage, Words
from gateway.pages.form import Form
from gateway.pages.site import Visit
from gateway.vault.database import Connection
from gateway.vault.link import LinkKind
from gateway.vault.viewer import Viewer

UNLOCK, RESET = "unlock", "reset"


class ApprovePage:
    """For `gateway.pages.app`."""

    kind = LinkKind.APPROVE

    def __init__(self, page: CodePage) -> None:
        self._page = page

    async def show(self, visit: Visit) -> Response:
        """What is to be done with whom, and the form."""
        return await self._page.ask(visit, _words(visit))

    async def submit(self, visit: Visit, form: Form) -> Response:
        """Does it."""
        codes, change = self._page.vault.viewer_codes, visit.more["change"]
        action = Action.VIEWER_UNLOCK if change == UNLOCK else Action.VIEWER_RESET
        entry = self._page.entry(visit, action, Outcome.DONE)
        entry = replace(entry, subject=visit.more["other"])

        def act(connection: Connection, by: Viewer) -> GatewayError | None:
            do = codes.unlock if change == UNLOCK else codes.reset
            return do(connection, visit.more["other"], by)

        try:
            await self._page.check(visit, form, entry, act)
        except (CodeWrong, ViewerLocked) as refusal:
            said = refusal
        except (
            SecondPersonRequired,
            ViewerNotReady,
            ViewerUnknown,
        ):  # it is another's turn, or done
            raise PageLinkOver from None
        else:
            text = visit.texts(f"approve.{change}_done", name=visit.more["name"])
            return self._page.site.page(
                visit, "said.html", title=visit.texts("approve.done"), texts=[text]
            )
        return await self._page.refused(visit, said, _words(visit))


def _words(visit: Visit) -> Words:
    change, name = visit.more["change"], visit.more["name"]
    texts = visit.texts
    return Words(
        texts(f"approve.{change}", name=name),
        texts("approve.button"),
        texts(f"approve.{change}_why", name=name),
    )
