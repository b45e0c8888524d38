"""The bank of the sandbox: the page on which a guest agrees to a payment, or does not.

GET  …   the page; it changes nothing
POST …   with `outcome=ok` or `outcome=ko` the guest has answered; without, a form has led here
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response


def here(request: Request) -> str:
    """Where a browser on this machine reaches this simulator: its names are in no DNS."""
    return f"https://127.0.0.1:{request.scope['server'][1]}"


async def sent(request: Request) -> dict[str, str]:
    """The fields of the form that came."""
    return dict(parse_qsl((await request.body()).decode("latin-1")))


async def answered(request: Request) -> bool | None:
    """Whether the guest agreed; None: they have not answered yet."""
    return {"ok": True, "ko": False}.get((await sent(request)).get("outcome", ""))


def asks(back: str = "") -> Response:
    """The page. `back`: where the guest's answer goes, as the form said that led here."""
    return _page(
        "The sandbox's bank",
        '<p>Is this payment yours?</p><form method="post">'
        f'<input type="hidden" name="TermUrl" value="{escape(back)}">'
        '<button name="outcome" value="ok">Approve</button> '
        '<button name="outcome" value="ko">Decline</button></form>',
    )


def says(text: str, status: int = 200) -> Response:
    """The end, where nobody is sent on."""
    return _page(text, "", status)


def sends_on(url: str) -> Response:
    """To whoever asked for the authentication."""
    return RedirectResponse(url, 303)


def posts_on(url: str, fields: Mapping[str, str]) -> Response:
    """The same, as an ACS does it: by a form that sends itself."""
    return HTMLResponse(form(url, fields))


def form(url: str, fields: Mapping[str, str]) -> str:
    """A form that sends itself, or is sent by whoever has no scripts."""
    inputs = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    return (
        f'<form name="downloadform3D" method="post" action="{escape(url)}">{inputs}'
        "<button>Go on</button></form><script>document.downloadform3D.submit()</script>"
    )


def _page(title: str, rest: str, status: int = 200) -> Response:
    head = '<!doctype html><meta name="viewport" content="width=device-width">'
    title = escape(title)
    return HTMLResponse(f"{head}<title>{title}</title><h1>{title}</h1>{rest}", status)
