"""Sums in twice the precision of float64: pairs of the nearest float64 and what its rounding left, element by element.

The algorithms are those of Dekker, "A floating-point technique for extending the available precision" (1971), and Knuth's
TwoSum. What is left means nothing beside ∞ and NaN, and is 0 there.
"""

import numpy as np

from reductionist.variables.result import Array

Pair = tuple[Array, Array]  # float64 of one shape

SPLITTER = 2.0**27 + 1  # parts a float64 into two halves of its bits


def pair_of(values: Array) -> Pair:
    """Pairs from an array whose last dimension they are, or from integers of any size."""
    if values.dtype != object:
        return (values[..., 0], values[..., 1]) if values.dtype == np.float64 else (values.astype("f8"), no(values))
    high = np.asarray(values.astype("f8"))
    left = values - np.asarray(np.frompyfunc(int, 1, 1)(high), dtype=object)
    return high, np.asarray(left, dtype=object).astype("f8")


def array_of_pair(pair: Pair) -> Array:
    """An array whose last dimension are the pairs."""
    return np.stack(pair, axis=-1)


def no(values: Array) -> Array:
    """Nothing left."""
    return np.zeros(values.shape)


def two_sum(a: Array, b: Array) -> Pair:
    """a + b, rounded, and exactly what that takes away."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def two_product(a: Array, b: Array) -> Pair:
    """a × b, rounded, and exactly what that takes away; nothing where that cannot be told."""
    product = a * b
    (a_high, a_low), (b_high, b_low) = halves(a), halves(b)
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return product, np.where(np.isfinite(error), error, 0.0)


def halves(a: Array) -> Pair:
    """The upper and the lower bits."""
    shifted = SPLITTER * a
    high = shifted - (shifted - a)
    return high, a - high


def settled(high: Array, low: Array) -> Pair:
    """The pair of the same sum."""
    total, rest = two_sum(high, low)
    is_finite = np.isfinite(total)
    return np.where(is_finite, total, high), np.where(is_finite, rest, 0.0)


def merged(a: Pair, b: Pair) -> Pair:
    """The sum of both. A pair of two negative zeros is that of no elements, and changes no other."""
    total, error = two_sum(a[0], b[0])
    are_nothing = is_negative_zero(a[1]) & is_negative_zero(b[1])
    return total, np.where(are_nothing, -0.0, a[1] + b[1] + error + 0.0)


def is_negative_zero(a: Array) -> Array:
    return np.asarray((a == 0) & np.signbit(a))


def added(a: Pair, b: Pair) -> Pair:
    """The sum of both."""
    high, error = two_sum(a[0], b[0])
    low, rest = two_sum(a[1], b[1])
    total, left = settled(high, error + low)
    return settled(total, left + rest)


def negated(a: Pair) -> Pair:
    return -a[0], -a[1]


def times(a: Pair, b: Pair) -> Pair:
    """The product of both."""
    product, error = two_product(a[0], b[0])
    return settled(product, error + (a[0] * b[1] + a[1] * b[0]))


def over(a: Pair, b: Pair) -> Pair:
    """The quotient of both; NaN or ∞ where b is 0."""
    quotient = a[0] / b[0]
    rest = added(a, negated(times((quotient, no(quotient)), b)))
    return settled(quotient, rest[0] / b[0])


def rounded(a: Pair, dtype: str = "float64") -> Array:
    """The nearest of a floating dtype, rounded once; 0 of no elements."""
    high, low = a
    is_all = ~np.isfinite(high) | ~np.isfinite(low) | (low == 0)
    nearest = np.where(is_all, np.where((high == 0) & is_negative_zero(low), 0.0, high), high + low)
    if dtype == "float64":
        return np.asarray(nearest)
    total, error = two_sum(high, low)
    is_even = np.ascontiguousarray(total).view(np.int64).reshape(total.shape) % 2 == 0
    # An odd last bit never looks like a tie to the rounding that follows.
    odd = np.nextafter(total, np.copysign(np.inf, error))
    is_inexact = ~is_all & (error != 0) & np.isfinite(nearest)
    return np.asarray(np.where(is_inexact & is_even, odd, np.where(is_inexact, total, nearest)).astype(dtype))
