"""Student's t distribution: how far off a mean of few may be."""

from __future__ import annotations

from math import exp, lgamma, log, log1p

_TINY = 1e-300
_TERMS = 300
_CLOSE = 1e-14
_HALVINGS = 200


def t_quantile(probability: float, degrees: float) -> float:
    """Answer the value below which t falls with a probability (0 to 1, both excluded)."""
    if not (0 < probability < 1 and degrees > 0):
        message = f"no quantile of {probability:g} with {degrees:g} degrees of freedom"
        raise ValueError(message)
    if probability < 0.5:  # noqa: PLR2004 - the middle
        return -t_quantile(1 - probability, degrees)
    low, high = 0.0, 1.0
    while t_below(high, degrees) < probability:
        low, high = high, high * 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if t_below(middle, degrees) < probability else (low, middle)
    return (low + high) / 2


def t_below(value: float, degrees: float) -> float:
    """Answer the probability that t is below a value."""
    tail = _incomplete_beta(degrees / (degrees + value * value), degrees / 2, 0.5) / 2
    return 1 - tail if value > 0 else tail


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Answer the regularised incomplete beta function, by its continued fraction (Lentz)."""
    if x <= 0 or x >= 1:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(1 - x, b, a)
    front = exp(a * log(x) + b * log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b)) / a
    c, d = 1.0, 1 / _safe(1 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, _TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _safe(1 + term * d)
            c = _safe(1 + term / c)
            fraction *= c * d
        if abs(c * d - 1) < _CLOSE:
            break
    return front * fraction


def _safe(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
