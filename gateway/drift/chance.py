"""How often chance alone does what was seen. Pure arithmetic, exact for small numbers.

What a share is going to be is never known, only how it was: `k` of `m`. So a new count is compared with what
a share that is unknown but for these would bring (the beta-binomial distribution, every share as likely
beforehand): with little history nothing is surprising, and with few new ones neither.
"""

from __future__ import annotations

from math import exp, lgamma
from typing import Final

_ENOUGH: Final = (
    20_000  # of more, so many in the same proportion: they say enough, and take no longer
)
_NOTHING: Final = 1e-12  # of the sum: what is left is as small


def at_most(x: int, n: int, k: int, m: int) -> float:
    """The chance of `x` or fewer of `n`, where it was `k` of `m` before. 0 <= x <= n, 0 <= k <= m."""
    if n > _ENOUGH:
        x, n = x * _ENOUGH // n, _ENOUGH
    if x >= n:
        return 1.0
    # Above the mean the terms from there on may all be too small for a float: those beyond it are summed.
    if x * (m + 2) > n * (k + 1):
        return max(0.0, 1.0 - at_most(n - x - 1, n, m - k, m))
    term = exp(
        _log_choose(n, x) + _log_beta(k + 1 + x, m - k + 1 + n - x) - _log_beta(k + 1, m - k + 1)
    )
    total = 0.0
    for j in range(x, -1, -1):
        total += term
        if j == 0 or term <= total * _NOTHING:
            break
        term *= j * (m - k + n - j + 1) / ((n - j + 1) * (k + j))
    return min(total, 1.0)


def at_least(x: int, n: int, k: int, m: int) -> float:
    """The chance of `x` or more of `n`, where it was `k` of `m` before."""
    return at_most(n - x, n, m - k, m)


def quiet_for(gap: int, events: int, span: int) -> float:
    """The chance that nothing happens for `gap` hours, where `events` hours of `span` had something."""
    return (span / (span + gap)) ** events if span > 0 else 1.0


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _log_beta(a: int, b: int) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
