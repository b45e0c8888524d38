"""Which route a request takes. Built once per rule set; a look-up costs microseconds.

1. The path must read the same to everyone. Where our reading and an upstream's could differ (an
   encoded slash, dot segments, `//`, a backslash, `;`, double encoding, overlong UTF-8), the request
   is refused: it could be let in by one rule and be read as what another forbids.
2. Scheme, host and port match whole: a literal host beats `*.`, a longer `*.name` a shorter one.
3. The path matches from its first to its last character (P32): a longer literal path wins.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.errors import TargetAmbiguous
from gateway.exchange import Authority
from gateway.rules.check import weight
from gateway.rules.model import Route, RuleSet
from gateway.rules.model_addresses import PathPattern

# RFC 3986 section 3.3, without `;`: some servers cut a segment there (`/..;/`). The dot segments
# and empty segments are looked for in `_DOTTED`.
_PLAIN: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,=:@/-]*")
_ENCODED: Final = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,=:@/-]|%[0-9A-Fa-f]{2})*")
_DOTTED: Final = re.compile(r"//|/\.\.?(?:/|$)")
_OCTET: Final = re.compile(r"%([0-9A-Fa-f]{2})")
# Octets that need no encoding, or that change how a path is cut: `. / \ ; ? # %` and letters.
_NEVER_ENCODED: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/\\;?#\x7f"
) | frozenset(range(32))
_DOUBLE: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_QUERY: Final = re.compile(r"[!-\"$-~]*")  # printable ASCII without blank and `#`
_CUTS: Final = frozenset("/\\.;?#%")


@dataclass(frozen=True, slots=True)
class _Candidate:
    route: Route
    pattern: PathPattern
    prefix: str
    regex: re.Pattern[str]


def allows(route: Route, authority: Authority, stands_for: str, path: str) -> bool:
    """Whether a route's `to:` takes this target, which the request itself has named.

    Arguments as for `Matcher.to`. Raises `TargetAmbiguous`.
    """
    to, bare = route.to, _unambiguous(path)
    return (
        to is not None
        and to.host.matches(stands_for)
        and to.scheme == authority.scheme
        and (to.port == authority.port or stands_for != authority.host)
        and _candidate(route, to.path).regex.fullmatch(bare) is not None
    )


class Matcher:
    """Finds routes. Immutable: new rules come with a new one."""

    def __init__(self, rules: RuleSet) -> None:
        self._hosts: dict[str, list[_Candidate]] = {}
        self._below: dict[str, list[_Candidate]] = {}
        self._at: list[_Candidate] = []
        for route in rules.routes:
            if route.at is not None:
                self._at.append(_candidate(route, route.at))
            elif route.to is not None:
                index = self._below if route.to.host.any_below else self._hosts
                index.setdefault(route.to.host.host, []).append(_candidate(route, route.to.path))
        for candidates in (*self._hosts.values(), *self._below.values(), self._at):
            candidates.sort(key=lambda one: weight(one.pattern), reverse=True)

    def knows(self, host: str) -> bool:
        """Whether some route goes to a (normalised) host: CONNECT is admitted for such only."""
        return any(self._of_host(host))

    def to(self, method: str, authority: Authority, stands_for: str, path: str) -> Route | None:
        """The route of a request that came through the proxy, or None.

        `authority` is where it goes; `stands_for` is the host whose routes apply: the same one, or
        the partner's where gateway.yaml names a stand-in (whose port is then its own).
        Raises `TargetAmbiguous`.
        """
        bare = _unambiguous(path)
        same = stands_for == authority.host
        for candidates in self._of_host(stands_for):
            for one in _fitting(candidates, method, bare):
                to = one.route.to
                if (
                    to is not None
                    and to.scheme == authority.scheme
                    and (to.port == authority.port or not same)
                ):
                    return one.route
        return None

    def at(self, method: str, path: str) -> tuple[Route, Authority | None, str] | None:
        """The route of a request to a URL of the gateway, where it goes and with which path.

        The query is kept. The request itself says where to, where the route has a protocol of its
        own: then no authority is given. None when there is no such route. Raises `TargetAmbiguous`.
        """
        bare = _unambiguous(path)
        for one in _fitting(self._at, method, bare):
            if one.route.protocol is not None:
                return one.route, None, path
            forward, match = one.route.forward, one.regex.fullmatch(bare)
            if forward is not None and match is not None:
                authority = Authority(forward.scheme, forward.host, forward.port)
                filled = _fill(forward.path, match.groups())
                return one.route, authority, filled + path[len(bare) :]
        return None

    def _of_host(self, host: str) -> Iterator[Sequence[_Candidate]]:
        """The candidates of a host, the most literal first."""
        if host in self._hosts:
            yield self._hosts[host]
        if not self._below or ":" in host:
            return
        dot = host.find(".")
        while dot > 0:
            below = self._below.get(host[dot + 1 :])
            if below is not None:
                yield below
            dot = host.find(".", dot + 1)


def _candidate(route: Route, pattern: PathPattern) -> _Candidate:
    parts = []
    for segment in pattern.text.split("/"):
        if segment == "**":
            parts.append("(.*)")
        elif segment == "*":
            parts.append("([^/]+)")
        else:
            parts.append(re.escape(segment))
    return _Candidate(route, pattern, pattern.text[: pattern.literal], re.compile("/".join(parts)))


def _fitting(candidates: Sequence[_Candidate], method: str, path: str) -> Iterator[_Candidate]:
    for one in candidates:
        if (
            path.startswith(one.prefix)
            and method in one.route.methods
            and one.regex.fullmatch(path)
        ):
            yield one


def _fill(path: str, found: Sequence[str]) -> str:
    """`path` with its stars filled: `**` by the last that was found, `*` by the others in order."""
    values = iter(found)
    parts = []
    for segment in path.split("/"):
        if segment == "**":
            parts.append(found[-1])
        else:
            parts.append(next(values) if segment == "*" else segment)
    return "/".join(parts)


def _unambiguous(path: str) -> str:
    """The path without its query. Raises `TargetAmbiguous` where two readers could differ."""
    bare, _, query = path.partition("?")
    if not _QUERY.fullmatch(query) or _DOTTED.search(bare):
        raise TargetAmbiguous
    if _PLAIN.fullmatch(bare):
        return bare
    if not _ENCODED.fullmatch(bare):
        raise TargetAmbiguous
    if any(int(octet, 16) in _NEVER_ENCODED for octet in _OCTET.findall(bare)):
        raise TargetAmbiguous
    raw = unquote_to_bytes(bare)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise TargetAmbiguous from None
    if _DOUBLE.search(raw) or not _stays_whole(text):
        raise TargetAmbiguous
    return bare


def _stays_whole(text: str) -> bool:
    """Whether no sign turns into one that cuts a path when a reader folds it (U+FF0F into `/`)."""
    folded = "".join(sign for sign in text if not sign.isascii())
    return not _CUTS & set(unicodedata.normalize("NFKC", folded))
