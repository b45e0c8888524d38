"""The YAML that would allow what was refused. Pure: rows in, text to paste out.

A row's host and path were chosen by a peer. They come out only as what the file's own grammar
allows in a plain scalar; everything else becomes `*`, or a quoted, escaped text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.authority import normalize_host
from gateway.errors import (
    GatewayError,
    NetworkNotAllowed,
    RouteUnknown,
    TargetAmbiguous,
    UpstreamForbidden,
)
from gateway.networks import is_private, parse_address, parse_networks
from gateway.rules.model import Pack
from gateway.vault.rows import RefusalRow

_SEGMENT: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]+")
_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9./:_~-]*")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]+")
_NOT_TEXT: Final = frozenset(
    {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
)  # in YAML
_LONGEST_NAME: Final = 40  # of a system or a route, see rules/schema_words.py


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Text to paste, and into which file. Empty `yaml`: nothing would allow it; `why` says so."""

    file: str
    yaml: str
    why: str = ""


def suggest(row: RefusalRow) -> Suggestion:
    """What would let the refused request through, next time."""
    known = _BY_CODE.get(row.code)
    if known is None:
        return Suggestion("", "", "Nothing in the configuration would allow this.")
    return known(row)


def suggest_routes(rows: Sequence[RefusalRow], pack: Pack | None) -> Suggestion:
    """What would let refused requests to one host through: `rows` differ in method and path.

    `pack` is the one that has routes to that host already, where there is one: it gets more of them.
    """
    first = rows[0]
    if len(rows) == 1 and pack is None:
        return suggest(first)
    host = _host(first)
    if first.listener == "endpoints":
        return suggest(first)
    if host is None:
        return Suggestion("", "", "The target is not the name of a host.")
    methods: dict[str, set[str]] = {}
    for row in rows:
        methods.setdefault(_path(row.path), set()).add(_method(row.method))
    why = "" if first.scheme == "https" else "It came as http://; a target is always https."
    taken = {route.name for route in pack.routes} if pack else set[str]()
    routes = []
    for path, allowed in sorted(methods.items()):
        name = _unused(_word(path, "all"), taken)
        routes += _route_lines(name, host + _port(first), path, sorted(allowed))
    if pack is not None:
        why = f"Under its `routes:`, beside those there. {why}".strip()
        return Suggestion(pack.file, "\n".join(routes), why)
    system = _word(host, "partner")
    head = [f"system: {_plain(system)}", "about: what this is", "routes:"]
    return Suggestion(f"rules/{system}.yaml", "\n".join([*head, *routes]), why)


def _unused(name: str, taken: set[str]) -> str:
    """`name`, with a number where another route has it; notes it down."""
    unused, number = name, 1
    while unused in taken:
        number += 1
        unused = f"{name[: _LONGEST_NAME - 4]}-{number}"
    taken.add(unused)
    return unused


def _route_lines(name: str, place: str, path: str, methods: Sequence[str]) -> list[str]:
    return [
        f"  - name: {_plain(name)}",
        f"    to: {_plain(f'https://{place}{path}')}",
        f"    methods: [{', '.join(methods)}]",
    ]


def quoted(text: str) -> str:
    """A peer's text for a terminal: printable ASCII, escapes for the rest."""
    return json.dumps(text)[1:-1]


def _route(row: RefusalRow) -> Suggestion:
    if row.listener == "endpoints":
        return _endpoint(row)
    host = _host(row)
    if host is None:
        return Suggestion("", "", "The target is not the name of a host.")
    if row.method == "CONNECT":
        return _connect(row, host)
    system, path = _word(host, "partner"), _path(row.path)
    why = "" if row.scheme == "https" else "It came as http://; a target is always https."
    return Suggestion(
        f"rules/{system}.yaml", _pack(system, host, _port(row), path, row.method), why
    )


def _connect(row: RefusalRow, host: str) -> Suggestion:
    """The paths are not known yet: either a pack for all of them, or a blind tunnel."""
    system = _word(host, "partner")
    tunnel = f"tunnel: [{_plain(host + _port(row))}]"
    pack = _pack(system, host, _port(row), "/**", "POST")
    why = (
        "If cards may be in it, the pack. If never, pass it blind (nothing is inspected), "
        f"in gateway.yaml:  {tunnel}"
    )
    return Suggestion(f"rules/{system}.yaml", pack, why)


def _endpoint(row: RefusalRow) -> Suggestion:
    system, path = _word(row.path, "pushes"), _path(row.path)
    lines = [
        f"system: {_plain(system)}",
        "about: what this is",
        "routes:",
        f"  - name: {_plain(_word(path, 'push'))}",
        f"    at: {_plain(path)}",
        '    forward: "{pms}/path-of-the-pms"      # as often a * as in at:, or none',
        f"    methods: [{_method(row.method)}]",
        "    auth: channel-manager                 # an entry under callers: in gateway.yaml, or key",
    ]
    return Suggestion(f"rules/{system}.yaml", "\n".join(lines))


def _pack(system: str, host: str, port: str, path: str, method: str) -> str:
    lines = [
        f"system: {_plain(system)}",
        "about: what this is",
        "routes:",
        *_route_lines(_word(path, "all"), host + port, path, [_method(method)]),
    ]
    return "\n".join(lines)


def _client(row: RefusalRow) -> Suggestion:
    """`client` holds the peer's address, for no client is known."""
    try:
        address = parse_networks(row.client)[0]
    except ValueError:
        return Suggestion("", "", "The address is not known any more.")
    lines = ["clients:", "  new-client:", f'    networks: ["{address.network_address}"]']
    why = "" if is_private(address) else "A public address: is it really one of yours?"
    return Suggestion("gateway.yaml", "\n".join(lines), why)


def _egress(row: RefusalRow) -> Suggestion:
    host = _host(row)
    if host is None:
        return Suggestion("", "", "The target is not the name of a host.")
    try:
        network = str(parse_address(host))
    except ValueError:
        network = "10.0.0.0/8"
    lines = [
        "egress:",
        "  private:",
        f"    - host: {_plain(host)}",
        f'      networks: ["{network}"]      # the private network that it resolves to',
    ]
    return Suggestion("gateway.yaml", "\n".join(lines), "Only if it is one of your own hosts.")


_BY_CODE: Final[Mapping[str, Callable[[RefusalRow], Suggestion]]] = {
    RouteUnknown.code: _route,
    NetworkNotAllowed.code: _client,
    UpstreamForbidden.code: _egress,
}


def meaning(code: str) -> str:
    """The fixed text of a code that can be lifted, or nothing."""
    kinds: Sequence[type[GatewayError]] = (RouteUnknown, NetworkNotAllowed, UpstreamForbidden)
    return next((kind.text for kind in kinds if kind.code == code), "")


def _host(row: RefusalRow) -> str | None:
    try:
        host = normalize_host(row.host)
    except TargetAmbiguous:
        return None
    return f"[{host}]" if ":" in host else host


def _port(row: RefusalRow) -> str:
    return "" if row.port in {0, 443} else f":{row.port}"


def _path(path: str) -> str:
    """The path with `*` for what a rule can not say, or what was masked (long digits)."""
    segments = path.removeprefix("/").split("/")
    last = len(segments) - 1
    kept = [
        one if _SEGMENT.fullmatch(one) and one not in {".", ".."} else "*"
        for one in segments[:last]
    ]
    tail = segments[last]
    kept.append(tail if not tail or _SEGMENT.fullmatch(tail) else "*")
    return "/" + "/".join(kept)


def _word(text: str, otherwise: str) -> str:
    """A name of the form that systems and routes have, made of `text`."""
    word = _NOT_IN_NAMES.sub("-", text.lower()).strip("-").lstrip("0123456789-")
    return word[-_LONGEST_NAME:].strip("-").lstrip("0123456789-") or otherwise


def _method(method: str) -> str:
    return method if method in _METHODS else "POST"


def _plain(text: str) -> str:
    """A YAML scalar: quoted where a plain one could be read as something else."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT
    return text if plain else json.dumps(text)
