"""The gateway's own answers: fixed words, one shape, for every error there is."""

from __future__ import annotations

import json

import pytest

from gateway import errors
from gateway.problem import problem, reason

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.GatewayError)
]

# What these know besides is for whoever operates the gateway, not for who calls it.
TOLD = {errors.VaultSealed: ("transit", errors.Problem("/state/kek.transit", 0, "it said 403"))}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("phase", ["request", "response"])
def test_every_error_has_an_answer(kind, phase):
    error = kind(*TOLD.get(kind, ()))
    status, media_type, body = problem(error, exchange="abc-1234", phase=phase)
    assert media_type == "application/problem+json"
    assert status == (kind.status if phase == "request" else kind.upstream_status)
    assert json.loads(body) == {
        "type": f"https://card-gateway.invalid/errors/{kind.code}",
        "title": kind.text,
        "status": status,
        "code": kind.code,
        "detail": kind.action,
        "exchange": "abc-1234",
    }
    assert reason(status) or status == 499


def test_codes_are_unique():
    """A subclass without a code of its own is the same refusal to whoever gets it."""
    codes = [kind.code for kind in KINDS if "code" in vars(kind)]
    assert len(set(codes)) == len(codes)
