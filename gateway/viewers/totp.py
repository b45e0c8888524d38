"""One-time passwords by time (RFC 6238): six digits, thirty seconds, SHA-1, as every app has them."""

from __future__ import annotations

import hmac
import re
from datetime import datetime
from typing import Final

import pyotp

from gateway.secret import Secret

_ISSUER: Final = "Card gateway"
_AROUND: Final = (0, -1, 1)  # steps: a clock may be wrong, a person slow
_FORM: Final = re.compile(r"[0-9]{6}")


def new_secret() -> Secret[str]:
    """160 random bits, in base32."""
    return Secret(pyotp.random_base32())


def provisioning_uri(secret: Secret[str], name: str) -> Secret[str]:
    """What an authenticator app is given."""
    uri = pyotp.TOTP(secret.reveal()).provisioning_uri(name=name, issuer_name=_ISSUER)
    return Secret(uri)


def step_of(secret: Secret[str], password: str, now: datetime, after: int) -> int | None:
    """The step whose password this is, later than the step `after`, whose password was used; None:
    it is none of now.
    """
    typed = password.replace(" ", "")
    if not _FORM.fullmatch(typed):
        return None
    made = pyotp.TOTP(secret.reveal())
    current = made.timecode(now)
    found = None
    for around in _AROUND:
        step = current + around
        same = hmac.compare_digest(made.generate_otp(step), typed)
        if same and step > after and found is None:
            found = step
    return found
