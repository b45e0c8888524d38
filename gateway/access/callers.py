"""Who pushes to an endpoint: no gateway key, but what the partner's own system can send.

Every method that the entry under `callers:` names must hold, and each is looked at whatever came of
the others; a refusal never says which one failed. Values are compared as SHA-256 digests in constant
time, so that neither content nor length shows in how long it takes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.access.admission import Admission
from gateway.codecs.xml import read_head_texts
from gateway.config import Caller, UserPassword
from gateway.errors import CallerNotAuthenticated, ConfigurationError, Problem
from gateway.exchange import Peer
from gateway.headers import Headers
from gateway.networks import Address, holds

# A push only lets messages through: whoever pushes never gets a card put in.
_SCOPES: Final = frozenset({"proxy"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller may show. `path` is as it was sent; `body` None: it is not there yet."""

    peer: Peer
    address: Address
    headers: Headers
    path: str
    body: bytes | None


class Callers:
    """The entries under `callers:`, with their secrets."""

    def __init__(self, callers: dict[str, Caller]) -> None:
        """Reads the secrets. Raises ConfigurationError for one that is absent or unsafe."""
        self._callers = {name: _Entry(name, caller) for name, caller in callers.items()}

    def needs_body(self, name: str) -> bool:
        """Whether a method stands in the body, so that `check` must be asked again with it."""
        entry = self._callers.get(name)
        return entry is not None and entry.reads_body

    def check(self, name: str, request: Request) -> Admission:
        """The caller's admission. Raises CallerNotAuthenticated, and for a body that can not be
        read MessageMalformed or MessageForbidden.

        Without a body its methods are left for the second time.
        """
        entry = self._callers.get(name)
        if entry is None or not all([*entry.outcomes(request)]):  # a list: no method is skipped
            raise CallerNotAuthenticated
        return entry.admission

    def forget(self, name: str, headers: Headers) -> None:
        """Removes the header fields in which the caller showed its secrets: they are for us alone.

        To be called once the last of its methods has been checked.
        """
        headers.remove(*self._callers[name].fields)


class _Entry:
    """One caller: its methods as functions of a request."""

    def __init__(self, name: str, caller: Caller) -> None:
        self.admission = Admission(
            client=name,
            key_id="",
            scopes=_SCOPES,
            products=frozenset(caller.products) if caller.products else None,
        )
        self.fields: list[str] = []  # header fields that hold its secrets
        self._methods: list[Callable[[Request], bool]] = []
        self._body_methods: list[Callable[[bytes], bool]] = []
        secrets = _secrets(name, caller)
        if caller.networks:
            self._methods.append(lambda request: holds(caller.networks, request.address))
        if caller.certificate is not None:
            pins = [_digest(pin.encode()) for pin in caller.certificate.sha256]
            self._methods.append(lambda request: _any_same(pins, [_fingerprint(request.peer)]))
        if caller.header is not None:
            field, value = caller.header.name, secrets["header"]
            self.fields.append(field)
            self._methods.append(lambda request: _same_one(value, request.headers.get_all(field)))
        if caller.basic is not None:
            pair = _pair(caller.basic, secrets["basic"])
            self.fields.append("Authorization")
            self._methods.append(lambda request: _basic(pair, request.headers))
        if caller.secret_path is not None:
            segment = [secrets["secret_path"]]
            self._methods.append(lambda request: _any_same(segment, _segments(request.path)))
        if caller.wsse is not None:
            token = _pair(caller.wsse, secrets["wsse"])
            self._body_methods.append(lambda body: _username_token(token, body))

    @property
    def reads_body(self) -> bool:
        return bool(self._body_methods)

    def outcomes(self, request: Request) -> Iterator[bool]:
        for method in self._methods:
            yield method(request)
        if request.body is not None:
            for body_method in self._body_methods:
                yield body_method(request.body)


def _secrets(name: str, caller: Caller) -> dict[str, bytes]:
    found, problems = {}, []
    for key, method in caller.secrets().items():
        try:
            found[key] = _digest(method.secret().reveal().encode())
        except ValueError as error:
            problems.append(Problem(f"callers.{name}.{key}", 0, str(error)))
    if problems:
        raise ConfigurationError(problems)
    return found


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()


def _pair(settings: UserPassword, password: bytes) -> tuple[bytes, bytes]:
    return _digest(settings.user.encode()), password


def _same_one(wanted: bytes, values: list[str]) -> bool:
    """Exactly one value, and the wanted one: of two, nobody knows which counts elsewhere.

    Header values come as latin-1 text; a secret beyond ASCII was sent as UTF-8.
    """
    if len(values) != 1:
        return False
    return hmac.compare_digest(wanted, _digest(values[0].strip().encode("latin-1")))


def _any_same(wanted: list[bytes], values: list[bytes]) -> bool:
    found = False
    for value in values:
        for one in wanted:
            found |= hmac.compare_digest(one, _digest(value))
    return found


def _both_same(wanted: tuple[bytes, bytes], user: bytes, password: bytes) -> bool:
    user_fits = hmac.compare_digest(wanted[0], _digest(user))
    password_fits = hmac.compare_digest(wanted[1], _digest(password))
    return user_fits and password_fits


def _basic(wanted: tuple[bytes, bytes], headers: Headers) -> bool:
    """HTTP Basic, RFC 7617: one Authorization field, UTF-8, a user without a colon."""
    values = headers.get_all("Authorization")
    pair = parse_basic(values[0]) if len(values) == 1 else None
    return pair is not None and _both_same(wanted, *pair)


def parse_basic(value: str) -> tuple[bytes, bytes] | None:
    """User and password of `Basic …`, or None when it is something else."""
    scheme, _, text = value.strip().partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        raw = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    user, colon, password = raw.partition(b":")
    return (user, password) if colon else None


def _fingerprint(peer: Peer) -> bytes:
    return (peer.certificate or "").lower().encode()


def _segments(path: str) -> list[bytes]:
    """The path's segments, percent-decoded; the query is not looked at (it ends up in logs)."""
    plain = path.partition("?")[0].encode("utf-8", "surrogatepass")
    return [unquote_to_bytes(part) for part in plain.split(b"/") if part]


def _username_token(wanted: tuple[bytes, bytes], body: bytes) -> bool:
    """WS-Security UsernameToken Profile 1.0 with PasswordText: one Username, one Password.

    A PasswordDigest does not equal the password, so it is refused like a wrong one.
    """
    # Only the SOAP header, and little of it: this is a stranger's message still.
    texts = read_head_texts(body, ("Username", "Password"), until="Header")
    users, passwords = texts.get("Username", []), texts.get("Password", [])
    if len(users) != 1 or len(passwords) != 1:
        return False
    user, password = users[0].strip(), passwords[0].strip()
    return _both_same(wanted, user.encode(), password.encode())
