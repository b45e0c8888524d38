"""The page that shows a card to a viewer: asks for the secret code, shows, hides again.

1. The right code uses the link up with the intent in the audit, in one transaction, before the card
   is opened (P36).
2. The number is in that one answer and nowhere else: not in a title, an address or a log. A viewer
   whose role is `masked` gets no number at all.
3. It is shown for a while. Then the script removes it; without scripts the browser leaves the page.
   Whoever comes back finds a link that was used.
4. It can be marked and copied only by a viewer that may copy. There is never a security code.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from starlette.responses import Response

from gateway.audit import Action, Outcome
from gateway.cards import expiry as expiries
from gateway.cards.pan import brand_of, mask
from gateway.cards.token import Token, parse_alias
from gateway.errors import (
    CodeWrong,
    GatewayError,
    NoSuchToken,
    PageLinkOver,
    RecordDamaged,
    ViewerLocked,
)
from gateway.pages.code_page import CodePage, Words
from gateway.pages.form import Form
from gateway.pages.site import Visit
from gateway.vault.cards import KeptCard
from gateway.vault.database import Connection
from gateway.vault.link import LinkKind
from gateway.vault.model import Wanted
from gateway.vault.viewer import Role, Viewer

SHOWN_SECONDS: Final = 60
_AMEX: Final = (4, 6, 5)


class RevealPage:
    """For `gateway.pages.app`."""

    kind = LinkKind.REVEAL

    def __init__(self, page: CodePage, seconds: int = SHOWN_SECONDS) -> None:
        self._page, self._seconds = page, seconds

    async def show(self, visit: Visit) -> Response:
        """The form that asks for the code."""
        return await self._page.ask(visit, _words(visit))

    async def submit(self, visit: Visit, form: Form) -> Response:
        """The card, once."""
        token = _token(visit)
        wanted = Wanted(token, frozenset({visit.link.row.product}))
        cards = self._page.vault.cards
        entry = replace(self._page.entry(visit, Action.REVEAL, Outcome.INTENT), iduser=token.iduser)

        def is_there(_: Connection, __: Viewer) -> GatewayError | None:
            return None if cards.is_known(wanted) else NoSuchToken()

        try:
            viewer = await self._page.check(visit, form, entry, is_there)
        except (CodeWrong, ViewerLocked) as refusal:
            said = refusal
        except NoSuchToken:  # forgotten meanwhile
            raise PageLinkOver from None
        else:
            card = await cards.opened(wanted, replace(entry, key=viewer.id))
            return self._shown(visit, viewer, card)
        return await self._page.refused(visit, said, _words(visit))

    def _shown(self, visit: Visit, viewer: Viewer, kept: KeptCard) -> Response:
        digits, expiry = kept.card.pan.reveal(), kept.card.expiry
        holder = kept.card.holder
        text = digits if viewer.role is Role.FULL else mask(digits)
        return self._page.site.page(
            visit,
            "card.html",
            groups=_groups(text, brand_of(digits)),
            brand=brand_of(digits),
            expiry=None if expiry is None else expiries.write(expiry, "MM/YY"),
            holder=None if holder is None else holder.reveal(),
            may_copy=viewer.may_copy,
            seconds=self._seconds,
        )


def _words(visit: Visit) -> Words:
    texts = visit.texts
    return Words(texts("reveal.title"), texts("reveal.button"), texts("reveal.why"))


def _token(visit: Visit) -> Token:
    token = parse_alias(visit.more["token"])
    if token is None:
        raise RecordDamaged
    return token


def _groups(text: str, brand: str) -> list[str]:
    """As they stand on a card, so that they are read without a mistake."""
    groups: list[str] = []
    start = 0
    sizes = _AMEX if brand == "amex" else ()
    while start < len(text):
        size = sizes[len(groups)] if len(groups) < len(sizes) else 4
        groups.append(text[start : start + size])
        start += size
    return groups
