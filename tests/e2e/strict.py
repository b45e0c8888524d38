"""What the gateway with small limits (`strict` in conftest.py) is made of, and what it may not show."""

from __future__ import annotations

CANARY = "4539148803436467"  # passes Luhn, stands nowhere else
SLOW_SECONDS = 2  # what a handshake takes on a busy machine is within it
LIMITS = {"request_seconds": SLOW_SECONDS, "head": "16 KiB", "body": "256 KiB"}
