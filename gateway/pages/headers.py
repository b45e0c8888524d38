"""The headers of every answer of the pages' port.

1. Nothing is stored, and a page's address, which holds its secret, is in no Referer.
2. A page runs the scripts and styles that its own answer marked with a nonce, shows our images, and
   loads and sends nothing else anywhere. What is smuggled into a page does not run, though it lies on
   our own origin. A form goes to the page itself; behind it a browser may be sent to where the link
   says, no further.
3. Only the origins that the product lists may frame a page.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NOTHING: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_DENIED: Final = (
    "accelerometer", "autoplay", "bluetooth", "browsing-topics", "camera", "clipboard-read",
    "display-capture", "geolocation", "gyroscope", "hid", "microphone", "midi", "payment",
    "publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
FIXED: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _NOTHING,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in _DENIED),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
HSTS: Final = "max-age=31536000"
_NONCE_BYTES: Final = 16  # 128 bits, as Content Security Policy Level 3 (7.1) wants at least
_NONCE: Final = re.compile(r"'nonce-([A-Za-z0-9_-]{22})'")  # so many bytes in base64url


def new_nonce() -> str:
    """The mark of one answer's own scripts and styles: of this answer alone, and not to be guessed."""
    return secrets.token_urlsafe(_NONCE_BYTES)


def nonce_in(source: str) -> str | None:
    """The nonce that a source of a policy names; None: it is none, or not as long as ours."""
    found = _NONCE.fullmatch(source)
    return None if found is None else found[1]


def policy(frame: Sequence[str], nonce: str, *, then: str | None = None) -> dict[str, str]:
    """The headers of one page. `frame`: the origins that may frame it; `nonce`: what its scripts and
    styles are marked with; `then`: the origin that a browser is sent to behind its form, or a scheme,
    where nobody knows which.
    """
    forms = "'self'" if then is None else f"'self' {then}"
    directives = (
        "default-src 'none'",
        f"script-src 'nonce-{nonce}'",
        f"style-src 'nonce-{nonce}'",
        "img-src 'self'",
        f"form-action {forms}",
        "base-uri 'none'",
        _framed_by(frame),
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
    return _headers(frame, directives)


def foreign(frame: Sequence[str]) -> dict[str, str]:
    """The headers of HTML that is not ours. It gets an origin of its own, which nothing else has: no
    cookie or storage of ours, no look at the page around it, nothing asked of us in our name. Its
    scripts run, for such a page sends its form by one; they reach nobody, and what they can do is what
    the page is for: send its form away, by https.
    """
    directives = (
        "sandbox allow-forms allow-scripts",
        "default-src 'none'",
        "script-src 'unsafe-inline'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "form-action https:",
        "base-uri 'none'",
        _framed_by(frame),
    )
    return _headers(frame, directives)


def _headers(frame: Sequence[str], directives: Sequence[str]) -> dict[str, str]:
    headers = {"Content-Security-Policy": "; ".join(directives)}
    if frame:  # a site that isolates itself may frame it too
        return headers | {"Cross-Origin-Resource-Policy": "cross-origin"}
    return headers | {"X-Frame-Options": "DENY"}


def _framed_by(frame: Sequence[str]) -> str:
    return f"frame-ancestors {' '.join(frame) or chr(39) + 'none' + chr(39)}"


def fixed(*, hsts: bool) -> dict[str, str]:
    """What every answer has. `hsts`: the pages have a host name of their own."""
    return FIXED | ({"Strict-Transport-Security": HSTS} if hsts else {})


class Guarded:
    """An ASGI middleware: gives every answer the headers that it has not itself."""

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        self._app, self._headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, marked)
