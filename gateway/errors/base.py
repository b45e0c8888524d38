"""What every refusal is.

No text ever contains input. A subclass is a contract with callers: its `code` never changes.
`status` is what the caller gets when the fault is in what the caller sent. `upstream_status` is
what the caller gets when the same fault is found in what the other side answered.
"""

from __future__ import annotations

from typing import ClassVar


class GatewayError(Exception):
    """Base of all refusals. Raise a subclass; catch this one."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    upstream_status: ClassVar[int] = 502
    text: ClassVar[str] = "The gateway could not handle this message, so it was not forwarded."
    action: ClassVar[str] = "Report the exchange id to whoever runs the gateway."
    # Seconds, where the same request may succeed then; a partner's own words where they are passed on.
    retry_after: int | str | None = None

    def __init__(self) -> None:
        super().__init__(self.code)


class InternalError(GatewayError):
    """What the boundary's guard turns every unforeseen exception into."""
