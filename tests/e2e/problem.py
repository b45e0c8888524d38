"""What every problem answer of the gateway has in common."""

from __future__ import annotations

import re

COUNTS = r"found=\d+ tokenized=\d+ failed=\d+( left=\d+ ask_again=\d+)?(; \d+\.\d+=\w+)*"
TIMES = r"upstream;dur=[\d.]+, gateway;dur=[\d.]+, vault;dur=[\d.]+"


def check_problem(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Gateway-Exchange"] == answer.json()["exchange"]
    assert re.fullmatch(COUNTS, answer.headers["X-Gateway-Cards"])
    assert re.fullmatch(TIMES, answer.headers["Server-Timing"])
