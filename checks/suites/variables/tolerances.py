"""What may differ from the right answers, and by how much.

Counts, integers, truths, extremes, places, bins and quantiles have to be the same. Other floats may differ from the right
ones by ULPS of their last places, and by a share of what they are made of: a sum of terms that cancel has their rounding.
The service adds in twice the precision of float64, NumPy in long doubles here.
"""

import numpy as np

from suites.variables import oracle

ULPS = 4
OF_LONG_DOUBLES = 2.0**-58  # 64 bits, and what adding up to a million of them adds
OF_DOUBLES = 2.0**-51  # each term is rounded: unpacked values, products of several weights
SAME = ("count", "min", "max", "argmin", "argmax", "any", "all", "quantile", "median")


def is_exact(name, expected, reduction):
    """Whether a statistic has to be the same."""
    return name in SAME or expected.dtype.kind in "iub" or (name == "histogram" and reduction.weights is None)


def share_of(fields, stored):
    """How exact terms are."""
    is_packed = fields.get("unpack", True) and oracle.packing(stored.attributes)[0] is not None
    weights = fields.get("weights") or {}
    is_product = len(weights) > 1 and "values" not in weights and "variable" not in weights
    return OF_DOUBLES if is_packed or is_product else OF_LONG_DOUBLES


def unlike(got, expected):
    """What is wrong with what has to be the same, or nothing."""
    if wrong := another_form(got, expected):
        return wrong
    is_float = expected.dtype.kind == "f"
    if np.array_equal(got, expected, equal_nan=is_float):
        return None
    off = (got != expected) & ~(is_float & np.isnan(got) & np.isnan(expected))
    return f"{shortened(got[off])} instead of {shortened(expected[off])}"


def beyond(name, got, expected, margin):
    """What is wrong with floats that may be rounded, or nothing. Roots are compared by their squares, as terms cancel there."""
    if wrong := another_form(got, expected):
        return wrong
    with np.errstate(invalid="ignore", over="ignore"):
        one, other, ulps = (got * got, expected * expected, 2 * ULPS) if name == "std" else (got, expected, ULPS)
        allowed = ulps * np.spacing(abs(other)) + margin()
        off = ~((abs(one - other) <= allowed) | (got == expected) | (np.isnan(got) & np.isnan(expected)))
    return f"{shortened(got[off])} instead of {shortened(expected[off])}" if off.any() else None


def another_form(got, expected):
    if (got.dtype, got.shape) != (expected.dtype, expected.shape):
        return f"{got.dtype} {got.shape} instead of {expected.dtype} {expected.shape}"
    return None


def shortened(values):
    return np.array2string(np.asarray(values), threshold=6, edgeitems=2).replace("\n", " ")
