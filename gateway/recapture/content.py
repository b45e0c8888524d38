"""What is sealed of a recapture: the link, whom it is for, what the channel said."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, TypeVar

from gateway.recapture.clocks import Stay
from gateway.secret import Secret

T = TypeVar("T")

_SECRETS: Final = ("link", "contact", "event", "email")


@dataclass(frozen=True, slots=True)
class Content:
    """`contact` and `event` are JSON texts. `used`: the SHA-256 (hex) of the link that took a card,
    by which an answer that was made before is told from one with a new link.
    """

    stay: Stay = field(default_factory=Stay)
    link: Secret[str] | None = None
    contact: Secret[str] | None = None
    event: Secret[str] | None = None
    email: Secret[str] | None = None
    used: str = ""


def write(content: Content) -> Secret[bytes]:
    """As it is sealed."""
    said: dict[str, str] = {"used": content.used}
    for name in _SECRETS:
        value: Secret[str] | None = getattr(content, name)
        if value is not None:
            said[name] = value.reveal()
    for name in ("booked", "checkin", "checkout"):
        at: date | datetime | None = getattr(content.stay, name)
        if at is not None:
            said[name] = at.isoformat()
    return Secret(json.dumps(said).encode("ascii"))


def read(held: Secret[bytes]) -> Content:
    """Reads back what `write` wrote."""
    said: dict[str, Any] = json.loads(held.reveal())  # Any: JSON
    secrets = {name: Secret(said[name]) if name in said else None for name in _SECRETS}
    stay = Stay(
        _if(said.get("booked"), datetime.fromisoformat),
        _if(said.get("checkin"), date.fromisoformat),
        _if(said.get("checkout"), date.fromisoformat),
    )
    return Content(stay, used=said["used"], **secrets)


def digest(link: Secret[str]) -> str:
    """By which a link is recognised. Its token has more random bits than anybody can try."""
    return hashlib.sha256(link.reveal().encode()).hexdigest()


def same_link(one: Secret[str] | None, other: Secret[str]) -> bool:
    """Whether both are the same link."""
    return one is not None and digest(one) == digest(other)


def _if(text: str | None, parse: Callable[[str], T]) -> T | None:
    return None if text is None else parse(text)
