"""What can be set at the simulated Rapid, and its clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.sandbox.rapid_signature import Credentials


@dataclass(slots=True)
class RapidSettings:
    """`failing` are card numbers that no pre-authorisation takes. `verifies` off: a card waits for
    the control call. `webhook` empty: the partner gets no notifications. `retry_seconds` are the
    pauses before a notification is tried again; after the last it is undelivered.
    """

    credentials: Credentials = field(
        default_factory=lambda: Credentials("sandbox-key", "sandbox-secret")
    )
    failing: frozenset[str] = field(default=frozenset({"4000000000000002"}), repr=False)
    verifies: bool = True
    webhook: str = ""
    webhook_ca: Path | None = None
    retry_seconds: tuple[float, ...] = (5.0, 30.0, 300.0)


class Clock:
    """The time by which links and deadlines run: the machine's, and what it was put forward."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """In UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Puts it forward."""
        self._ahead += timedelta(seconds=seconds)


def stamped(when: datetime) -> str:
    """As Rapid writes a time: `2025-06-11T21:56:40.242Z`."""
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
