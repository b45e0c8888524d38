"""The header that signs a call: `Authorization: EAN apikey=…,signature=…,timestamp=…`.

The signature is the hex SHA-512 of key, secret and UNIX seconds, one behind the other; five minutes
of drift are taken (Expedia's "Signature authentication"). It signs no part of the message.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final

from gateway.sandbox.rapid_errors import RapidError

DRIFT_SECONDS: Final = 300
_SCHEME: Final = re.compile(r"EAN\s+(.+)", re.IGNORECASE)
_PAIR: Final = re.compile(
    r"\s*(apikey|signature|timestamp)\s*=\s*([A-Za-z0-9._-]+)\s*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a partner shares with Rapid."""

    api_key: str
    secret: str = field(repr=False)

    def header(self, now: float) -> str:
        """The Authorization header of a call at `now` (UNIX seconds)."""
        stamp = str(int(now))
        return f"EAN apikey={self.api_key},signature={self._signature(stamp)},timestamp={stamp}"

    def check(self, header: str | None, now: float) -> None:
        """Raises RapidError 401 unless `header` is one that these credentials made around `now`."""
        said = _pairs(header or "")
        stamp = said.get("timestamp", "")
        good = (
            set(said) == {"apikey", "signature", "timestamp"}
            and hmac.compare_digest(said["apikey"], self.api_key)
            and hmac.compare_digest(said["signature"].lower(), self._signature(stamp))
            and stamp.isdigit()
            and abs(int(stamp) - now) <= DRIFT_SECONDS
        )
        if not good:
            raise _unauthenticated(said, now)

    def _signature(self, stamp: str) -> str:
        return hashlib.sha512(f"{self.api_key}{self.secret}{stamp}".encode()).hexdigest()


def _pairs(header: str) -> dict[str, str]:
    """The names (in small letters) and values; empty for anything that is no such header."""
    match = _SCHEME.fullmatch(header.strip())
    if match is None:
        return {}
    pairs = [_PAIR.fullmatch(part) for part in match[1].split(",")]
    said = {pair[1].lower(): pair[2] for pair in pairs if pair}
    return said if len(said) == len(pairs) else {}


def _unauthenticated(said: dict[str, str], now: float) -> RapidError:
    text = (
        "Data required to authenticate your request is missing or inaccurate. Ensure that your "
        "request follows the guidelines in our documentation."
    )
    fields = [
        {"name": name, "type": "header", "value": said[name]}
        for name in ("apikey", "signature", "timestamp")
        if name in said
    ]
    fields.append({"name": "servertimestamp", "type": "server", "value": str(int(now))})
    example = "EAN apikey=yourAPIKey,signature=sha512Hash,timestamp=yourUNIXTimestamp"
    return RapidError(
        401, "request_unauthenticated", text, fields=fields, headers={"www-authenticate": example}
    )
