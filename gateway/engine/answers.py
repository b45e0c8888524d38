"""The heads of what goes out: our own answers, and the headers that we add, drop or keep."""

from __future__ import annotations

import re
from typing import Final, Literal

from gateway.engine import http1
from gateway.errors import GatewayError, InternalError
from gateway.exchange import Counts, Exchange, Listener, Request, Response
from gateway.headers import STALE, Headers
from gateway.problem import problem, reason
from gateway.refusing.forms import refuse
from gateway.refusing.told import Told

# A reference that stays with the host that was asked (RFC 3986, 4.2). Browsers take `\\` for `/`,
# and do not see a tab.
_RELATIVE: Final = re.compile(r"(?:/(?![/\\])|[?#]|[\w.~-]+(?:[/?#]|$))[^\t]*|", re.ASCII)
_CODINGS: Final = "gzip, identity"
_CHALLENGE: Final = 'Basic realm="card-gateway"'


def narrow_codings(headers: Headers) -> None:
    """Asks upstream only for what we can read whole: gzip or nothing, and no part of a body."""
    headers.remove("Range", "If-Range", "Expect")
    if "Accept-Encoding" in headers:
        headers.set("Accept-Encoding", _CODINGS)


def reframe_request(request: Request, *, changed: bool) -> None:
    """Makes the head fit the body that goes upstream."""
    headers = request.headers
    framed = "Content-Length" in headers or "Transfer-Encoding" in headers
    headers.remove(*http1.HOP_BY_HOP)
    if changed:
        headers.remove(*STALE)
    if framed or request.body:
        headers.set("Content-Length", str(len(request.body)))
    if request.authority is not None:
        # The very target that was admitted, in whichever spelling it came.
        host = (
            f"[{request.authority.host}]"
            if ":" in request.authority.host
            else request.authority.host
        )
        default = {"http": 80, "https": 443}[request.authority.scheme]
        port = "" if request.authority.port == default else f":{request.authority.port}"
        headers.set("Host", host + port)


def reframe_response(response: Response, method: str, *, changed: bool) -> None:
    """Makes the head fit the body that goes to the caller.

    An answer to HEAD, and 204 and 304, have no body; a length there speaks of another answer's.
    """
    headers = response.headers
    headers.remove(*http1.HOP_BY_HOP)
    if changed:
        headers.remove(*STALE)
    if response.status == 204:
        headers.remove("Content-Length")
    elif changed or not (method == "HEAD" or response.status == 304):
        headers.set("Content-Length", str(len(response.body)))


def keep_to_the_gateway(headers: Headers, listener: Listener) -> None:
    """Drops what would send a client to another place than the one it asked (P08).

    Alt-Svc (RFC 7838) offers another port or protocol for the same host: nobody would look there.
    On the endpoints listener the client knows only our URL, so that an absolute Location or
    Content-Location leads past the gateway, and Refresh, which no machine needs, may.
    """
    headers.remove("Alt-Svc")
    if listener != "endpoints":
        return
    headers.remove("Refresh")
    for name in ("Location", "Content-Location"):
        if not all(_RELATIVE.fullmatch(value) for value in headers.get_all(name)):
            headers.remove(name)


def sign(exchange: Exchange, headers: Headers) -> None:
    """Adds what every answer to an exchange carries; upstream's own X-Gateway fields go.

    Of cards it says how many, and where in the message one failed and why: no more.
    """
    seconds = exchange.seconds
    timing = ", ".join(
        f"{part};dur={seconds.get(part, 0.0) * 1000:.1f}"
        for part in ("upstream", "gateway", "vault")
    )
    headers.fields = [
        *[field for field in headers if not field[0].lower().startswith(b"x-gateway-")],
        (b"X-Gateway-Exchange", exchange.id.encode("ascii")),
        (b"X-Gateway-Cards", _cards(exchange.counts).encode("ascii")),
        (b"Server-Timing", timing.encode("ascii")),
    ]


def _cards(counts: Counts) -> str:
    """`found=2 tokenized=2 failed=0`; where there is more to say, it stands behind:
    `found=2 tokenized=1 failed=1 left=1 ask_again=1 carried=1; 1.2=expiry_invalid`."""
    text = f"found={counts.found} tokenized={counts.tokenized} failed={counts.failed}"
    if counts.left or counts.ask_again or counts.failures:
        text += f" left={counts.left} ask_again={counts.ask_again}"
    if counts.carried or counts.not_carried:
        text += f" carried={counts.carried}"
    return text + "".join(f"; {one.booking}.{one.card}={one.code}" for one in counts.failures)


def refusal(
    error: GatewayError,
    *,
    exchange: Exchange | None,
    phase: Literal["request", "response"],
    close: bool,
    head_only: bool = False,
    code_as_reason: bool = False,
) -> bytes:
    """A problem answer, whole; in a channel's own words where the caller speaks its protocol, in the
    form that the route says where there is one. The code stands in `X-Gateway-Refused`, too.

    `code_as_reason` is for CONNECT, where clients show nothing else."""
    status, media_type, body = _written(error, exchange, phase)
    headers = Headers([(b"Content-Type", media_type.encode("ascii"))])
    headers.set("Content-Length", str(len(body)))
    headers.set("Cache-Control", "no-store")
    if error.retry_after is not None:
        headers.set("Retry-After", str(error.retry_after))
    if exchange:
        sign(exchange, headers)
    headers.set("X-Gateway-Refused", error.code)
    if status in (401, 407):
        headers.remove("Server-Timing")  # a stranger is not told how long a key was looked at
        headers.set("WWW-Authenticate" if status == 401 else "Proxy-Authenticate", _CHALLENGE)
    if close:
        headers.set("Connection", "close")
    phrase = error.code if code_as_reason else reason(status)
    return http1.write_response(status, phrase, headers, b"" if head_only else body)


def _written(
    error: GatewayError, exchange: Exchange | None, phase: Literal["request", "response"]
) -> tuple[int, str, bytes]:
    if exchange is None:
        return problem(error, phase=phase)
    if exchange.channel is not None:
        return exchange.channel.refusal(error, phase)
    route, request = exchange.route, exchange.request
    if route is None:
        return problem(error, exchange=exchange.id, phase=phase)
    name = route.id if exchange.let_in else ""  # a stranger is told none
    told = Told(error, phase, exchange.let_in, name, exchange.id)
    return refuse(told, route.refusals, request.headers, request.body)


# For when making an answer fails as well.
LAST_RESORT: Final = refusal(InternalError(), exchange=None, phase="response", close=True)
