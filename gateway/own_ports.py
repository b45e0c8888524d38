"""What is served on the gateway's own ports: the calls of the control API, and the guests' and viewers' pages.

Put together of what `assembly.py` built. Where the ports are, and when they open, is `worker.py`'s.
"""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from gateway.access.old_tokens import Naming
from gateway.assembly import Assembly
from gateway.control import api
from gateway.control.captures import CaptureCalls
from gateway.control.cards import CardCalls
from gateway.control.charges import ChargeCalls
from gateway.control.collections import CollectionCalls
from gateway.control.exchanges import Exchanges
from gateway.control.notices import NoticeCalls
from gateway.control.notifications import NotificationCalls
from gateway.control.port import Port
from gateway.control.processors import ProcessorCalls
from gateway.control.recaptures import RecaptureCalls
from gateway.control.reveal_links import RevealCalls
from gateway.control.viewer_links import ViewerLinks
from gateway.control.viewers import ViewerCalls
from gateway.pages import viewing
from gateway.pages.app import Kind
from gateway.pages.capture import Capture
from gateway.pages.challenge import ChallengePage


def mount_control(made: Assembly, app: FastAPI) -> None:
    """Puts the control API into `app`."""
    api.mount(app, made.access, _calls(made))
    rapid = made.recaptures
    if rapid is not None and rapid.settings.notifications is not None:
        # Apart from the API: whoever notifies holds no gateway key.
        calls = NotificationCalls(rapid, rapid.settings.notifications, made.access, made.clock)
        app.include_router(calls.router, prefix=api.PREFIX)


def pages_port(made: Assembly) -> Port | None:
    """The port of the pages, not open yet; None where no product has pages."""
    if made.pages is None:
        return None
    completion = None if made.recaptures is None else made.recaptures.completion
    kinds: list[Kind] = [
        Capture(
            site=made.pages.site,
            vault=made.vault,
            access=made.access,
            completion=completion,
            processors=made.processors.processors,
            clock=made.clock,
        ),
        ChallengePage(made.pages.site, made.charges.passing, made.clock),
        *viewing.build(made.pages.site, made.vault, made.codes, made.clock),
    ]
    return made.pages.port(*kinds)


def _calls(made: Assembly) -> list[APIRouter]:
    clock, guessing = made.clock, made.guessing
    naming = Naming(made.access, made.vault)
    cards = CardCalls(made.vault, made.access, guessing, made.metrics, clock)
    calls = [
        Exchanges(made.vault.answers, made.replay, made.vault.requests, clock).router,
        cards.router,
        ProcessorCalls(made.processors, made.vault.credentials, made.access, clock).router,
        NoticeCalls(made.vault.notices, made.access, clock).router,
        ChargeCalls(
            made.charges.charges,
            access=made.access,
            naming=naming,
            guessing=guessing,
            clock=clock,
        ).router,
        CollectionCalls(
            made.collections.collections,
            access=made.access,
            naming=naming,
            guessing=guessing,
            clock=clock,
        ).router,
    ]
    if made.recaptures is not None:
        calls.append(
            RecaptureCalls(
                made.recaptures, access=made.access, guessing=guessing, clock=clock
            ).router
        )
    if made.pages is not None:
        captures = CaptureCalls(
            links=made.pages.links,
            locales=made.pages.site.locales,
            access=made.access,
            cards=cards,
            recaptures=None if made.recaptures is None else made.recaptures.recaptures,
            requests=made.vault.requests,
            clock=clock,
        )
        calls.append(captures.router)
        links = made.pages.links
        calls += [
            ViewerCalls(made.vault, ViewerLinks(links, clock), made.access, clock).router,
            RevealCalls(made.vault, links, made.access, guessing, clock).router,
        ]
    return calls
