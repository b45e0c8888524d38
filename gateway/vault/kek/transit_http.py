"""One call to HashiCorp Vault or OpenBao, and what its refusals mean.

1. TLS with the server's name verified, no redirect followed, no proxy of the environment: the token
   goes to one host.
2. Nothing that the server answered comes into an error, a log or a label.
3. What may pass (sealed, unreachable, busy, not caught up) is worth another try; what will not (no
   right, no such key, a ciphertext of another key) is not.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from gateway.secret import Secret
from gateway.trust import upstream_context

_SECONDS: Final = 10.0
_LONGEST: Final = 64 * 1024
# 429 and 473 come from a standby, 412 from one that has not caught up, 472 and 474 from a secondary.
_PASSING: Final = frozenset({412, 429, 472, 473, 474, 500, 502, 503, 504})

_RESTORE: Final = "Name that key, or restore the wrapped file from its backup."
# What the errors of an answer may say → what we say, what to do.
_PHRASES: Final = (
    ("message authentication failed", "its key did not wrap this key-encryption key", _RESTORE),
    ("invalid ciphertext", "its key did not wrap this key-encryption key", _RESTORE),
    (
        "disallowed by policy",
        "the version of its key that wrapped this is not allowed any more",
        "Lower the key's min_decryption_version.",
    ),
    ("key not found", "it has no such transit key", "Make it, or restore it from a backup."),
)
_STATUSES: Final = {
    403: (
        "it gives no right to this: the token has expired, or its policy lacks the path",
        "The policy stands in docs/keys.md.",
    ),
    404: ("it has no secrets engine or login method there", "Check `mount` and `namespace`."),
    503: ("it is sealed, or has no active node", "Unseal it."),
}


class Refused(Exception):
    """What a call ended in instead of an answer: what to tell, what to do, whether to try again.
    `status` is 0 where there was no answer.
    """

    def __init__(self, status: int, message: str, hint: str = "", *, again: bool = False) -> None:
        super().__init__(message)
        self.status, self.message, self.hint, self.again = status, message, hint, again


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is, and whom to believe that it is."""

    base: str  # https://host[:port]
    namespace: str | None
    ca: Path | None

    def call(
        self, path: str, body: Mapping[str, str], token: Secret[str] | None
    ) -> dict[str, Any]:  # Any: JSON
        """POSTs `body` to /v1/`path`. Raises Refused for anything but a JSON object with status 2xx."""
        headers = {"X-Vault-Request": "true"}
        if self.namespace is not None:
            headers["X-Vault-Namespace"] = self.namespace
        if token is not None:
            headers["X-Vault-Token"] = token.reveal()
        try:
            status, content = self._post(path, body, headers)
        except httpx.HTTPError as error:
            refused = _unreachable(error)
        except (OSError, ValueError):  # the CA's file; ssl.SSLError is an OSError
            message = "the authority under `ca` can not be read"
            refused = Refused(0, message, "It is a file of certificates in PEM form.")
        else:
            if status == 204:
                return {}
            if 200 <= status < 300:
                return _object(content, status)
            refused = _meaning(status, content)
        # Raised here: what was caught holds the request, and with it the token.
        raise refused

    def _post(
        self, path: str, body: Mapping[str, str], headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        until = time.monotonic() + _SECONDS
        client = httpx.Client(
            verify=upstream_context(self.ca), trust_env=False, timeout=_SECONDS
        )  # redirects are not followed by default
        with (
            client,
            client.stream("POST", f"{self.base}/v1/{path}", json=body, headers=headers) as answer,
        ):
            content = b""
            for part in answer.iter_bytes():
                content += part
                if len(content) > _LONGEST or time.monotonic() > until:
                    raise httpx.ReadTimeout("too long")
            return answer.status_code, content


def _object(content: bytes, status: int) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    raise Refused(status, "its answer is not one of Vault's", "Does `url` name the right server?")


def _unreachable(error: httpx.HTTPError) -> Refused:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            message = "its certificate is not trusted, or is another host's"
            return Refused(0, message, "Name its authority under `ca`.")
        cause = cause.__cause__ or cause.__context__
    return Refused(0, "it can not be reached", "Is it running, and may we reach it?", again=True)


def _meaning(status: int, content: bytes) -> Refused:
    # Some versions answer 500 to a ciphertext of another key, however often it is tried.
    said = content.decode("utf-8", "replace")
    for phrase, message, hint in _PHRASES:
        if phrase in said:
            return Refused(status, message, hint)
    if 300 <= status < 400:
        message = "it answers with a redirect, which is not followed: the token is for one host"
        return Refused(
            status, message, "Name the active node, or a balancer before it, under `url`."
        )
    message, hint = _STATUSES.get(status, (f"it answers with status {status}", ""))
    return Refused(status, message, hint, again=status in _PASSING)
