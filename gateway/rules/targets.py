"""`to:`, `at:` and `forward:` — parsed strictly: what looks like a pattern and is none is an error.

    to       https://api.stripe.com/v1/**        one host, or `*.` and a name: any host below it
    at       /siteminder/**                      a path of the gateway itself
    forward  https://ws.siteminder.com/a/**      or `{variable}/a/**`, from gateway.yaml

A path is anchored. `*` is one whole segment; a closing `**` is any rest, behind the slash. Literal
segments hold only letters, digits and `-._~`: every other character can be spelled in two ways
(`%3A`), and then two readers of one path would disagree.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from gateway.authority import normalize_host
from gateway.errors import TargetAmbiguous
from gateway.rules.model_addresses import Forward, HostPattern, PathPattern, Target

_URL: Final = re.compile(r"(?P<scheme>[^:/?#]+)://(?P<authority>[^/]*)(?P<path>/.*)?", re.DOTALL)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>.*))?")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._~-]+")
_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_PORTS: Final = {"http": 80, "https": 443}
_SCHEMES: Final[dict[str, Literal["http", "https"]]] = {"http": "http", "https": "https"}


class TargetError(ValueError):
    """A target does not follow the language above; its text says how."""


def parse_target(text: str) -> Target:
    """Parses `to:`. Raises `TargetError`."""
    scheme, authority, path = _split(text)
    if scheme != "https":
        raise TargetError("`to` must start with https://, for nothing else is verified")
    any_below = authority.startswith("*.")
    host, port = _host_and_port(authority[2:] if any_below else authority, scheme)
    if any_below and (re.fullmatch(r"[0-9.]+", host) or ":" in host or "." not in host):
        raise TargetError("`*.` wants a domain name of two labels or more behind it")
    return Target(scheme, HostPattern(host, any_below), port, parse_path_pattern(path))


def parse_path_pattern(path: str) -> PathPattern:
    """Parses the path of `to:`, or `at:`. Raises `TargetError`."""
    if not path.startswith("/"):
        raise TargetError("a path starts with /")
    if "?" in path or "#" in path:
        raise TargetError("a path ends before ? and #; the query is not looked at")
    segments = path[1:].split("/")
    for place, segment in enumerate(segments):
        last = place == len(segments) - 1
        if segment == "**" and not last:
            raise TargetError("`**` stands only at the end of a path")
        if segment in {"*", "**"} or (last and not segment):
            continue
        if segment in {"", ".", ".."}:
            raise TargetError("a path has no empty segment, no `.` and no `..`")
        if "*" in segment:
            raise TargetError("`*` is a whole segment, `**` whole and the last")
        if not _SEGMENT.fullmatch(segment):
            raise TargetError(
                f"`{segment}` holds a sign that a URL may spell in two ways; write `*` for it"
            )
    star = path.find("*")
    return PathPattern(path, len(path) if star < 0 else star)


def parse_forward(text: str, at: PathPattern, variables: Mapping[str, str]) -> Forward:
    """Parses `forward:` beside its `at:`. Raises `TargetError`."""
    scheme, authority, path = _split(_fill(text, variables))
    host, port = _host_and_port(authority, scheme)
    forward = parse_path_pattern(path).text
    if forward.endswith("/**") != at.text.endswith("/**"):
        raise TargetError("`at` and `forward` both end in /**, or neither does")
    given, taken = _single_stars(at.text), _single_stars(forward)
    if taken and taken != given:
        raise TargetError("`forward` has as many `*` as `at` (filled in order), or none")
    return Forward(scheme, host, port, forward)


def _fill(text: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        try:
            return variables[match[1]].rstrip("/")
        except KeyError:
            known = ", ".join(sorted(variables)) or "none"
            raise TargetError(
                f"`{match[0]}` is not among the variables of gateway.yaml (there: {known})"
            ) from None

    return _VARIABLE.sub(value, text)


def _split(text: str) -> tuple[Literal["http", "https"], str, str]:
    match = _URL.fullmatch(text)
    scheme = _SCHEMES.get(match["scheme"].lower()) if match else None
    if match is None or scheme is None:
        raise TargetError("write a whole URL: https://host/path")
    if match["path"] is None:
        raise TargetError("write a path: /** behind the host allows every path")
    return scheme, match["authority"], match["path"]


def _host_and_port(authority: str, scheme: Literal["http", "https"]) -> tuple[str, int]:
    if "@" in authority:
        raise TargetError("a URL with a user name is not allowed")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise TargetError("this is no host name")
    if "*" in match["host"]:
        raise TargetError("write one host, or `*.` and a domain name; a bare `*` allows everything")
    port = _PORTS[scheme]
    if match["port"] is not None:
        if not re.fullmatch(r"[1-9][0-9]{0,4}", match["port"]) or int(match["port"]) > 65535:
            raise TargetError("a port is a number from 1 to 65535")
        port = int(match["port"])
    try:
        return normalize_host(match["host"]), port
    except TargetAmbiguous:
        raise TargetError("this is no host name") from None


def _single_stars(path: str) -> int:
    return path.split("/").count("*")
