"""What NumPy makes of elements: one number, or several, of each of many cells.

A cell is what one element of a result is made of: its elements in C order. Sums are made in long doubles, whose rounding is far
below what answers are compared with.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

WIDE = np.longdouble
LEAST = 2.0**-48


@dataclass(frozen=True)
class Cells:
    """Cells by elements: values, unpacked or not, which are there, and weights, if there are any."""

    values: np.ndarray
    present: np.ndarray
    weights: np.ndarray | None
    lengths: tuple[int, ...]  # of the dimensions that a cell is made of

    @property
    def count(self):
        return self.present.sum(axis=1, dtype="i8")

    @property
    def wide(self):
        """Values, 0 where they are missing."""
        return np.where(self.present, self.values, 0).astype(WIDE)

    @property
    def factors(self):
        """Weights, 0 where values are missing."""
        weights = np.ones(self.values.shape) if self.weights is None else self.weights
        return np.where(self.present, weights, 0).astype(WIDE)

    def rows(self):
        """Of each cell the elements that are there, and their weights."""
        for values, present, factors in zip(self.values, self.present, self.factors):
            yield values[present], factors[present].astype("f8")


# --- Sums ----------------------------------------------------------------------------------------------------


def count(cells, _):
    return cells.count


def total(cells, asked):
    kind = cells.values.dtype.kind
    if cells.weights is None and kind in "iu":
        return np.where(cells.present, cells.values, 0).sum(axis=1, dtype="u8" if kind == "u" else "i8")
    return (cells.wide * cells.factors).sum(axis=1).astype(asked.get("result_dtype") or "f8")


def mean(cells, _):
    weight = cells.factors.sum(axis=1)
    return np.where(cells.count > 0, (cells.wide * cells.factors).sum(axis=1) / weight, np.nan).astype("f8")


def sum_of_squares(cells, _):
    return (cells.wide * cells.wide * cells.factors).sum(axis=1).astype("f8")


def var(cells, asked):
    """By its definition; with weights and ddof, those of reliability: NaN where these leave nothing but rounding."""
    ddof, factors, weight = asked.get("ddof", 0), cells.factors, cells.factors.sum(axis=1)
    middle = (cells.wide * factors).sum(axis=1) / weight
    apart = np.where(cells.present, cells.wide - middle[:, None], 0)
    divisor = weight - ddof * (factors * factors).sum(axis=1) / weight
    found = (factors * apart * apart).sum(axis=1) / divisor
    return np.where((cells.count > ddof) & (divisor > LEAST * weight), found, np.nan).astype("f8")


def std(cells, asked):
    return np.sqrt(var(cells, asked))


def sum_of_weights(cells, _):
    return cells.factors.sum(axis=1).astype("f8")


def sum_of_squared_weights(cells, _):
    return (cells.factors * cells.factors).sum(axis=1).astype("f8")


# --- Order ---------------------------------------------------------------------------------------------------


def identities(dtype):
    """What min and max are of nothing."""
    if dtype.kind == "f":
        return dtype.type(np.inf), dtype.type(-np.inf)
    return np.iinfo(dtype).max, np.iinfo(dtype).min


def least(cells, _):
    nothing = identities(cells.values.dtype)[0]
    return np.where(cells.present, cells.values, nothing).min(axis=1, initial=nothing)


def largest(cells, _):
    nothing = identities(cells.values.dtype)[1]
    return np.where(cells.present, cells.values, nothing).max(axis=1, initial=nothing)


def first_least(cells, _):
    return first(cells, np.argmin)


def first_largest(cells, _):
    return first(cells, np.argmax)


def first(cells, place):
    """Indices of the first element that is the least or the largest of a cell; -1 of nothing."""
    found = np.full((len(cells.values), len(cells.lengths)), -1, "i8")
    for cell, (values, present) in enumerate(zip(cells.values, cells.present)):
        if present.any():
            at = np.flatnonzero(present)[place(values[present])]
            found[cell] = np.unravel_index(at, cells.lengths)
    return found


def any_of(cells, _):
    return (cells.present & (cells.values != 0)).any(axis=1)


def all_of(cells, _):
    return (~cells.present | (cells.values != 0)).all(axis=1)


def histogram(cells, asked):
    """Each bin holds its lower edge, the last one both; numbers or weights of elements."""
    edges, values = edges_of(asked), exact(cells.values)
    summed = cells.present.astype("i8") if cells.weights is None else cells.factors
    found = np.zeros((len(values), len(edges) - 1), "i8" if cells.weights is None else "f8")
    for number, (low, high) in enumerate(pairwise(edges)):
        is_last = number == len(edges) - 2
        inside = (values >= low) & ((values <= high) if is_last else (values < high))
        found[:, number] = np.where(inside, summed, 0).sum(axis=1)
    return found


def edges_of(asked):
    """Edges are float64, whatever the values are; one value has bins around it."""
    if "range" not in asked:
        return np.array(asked["bins"], "f8")
    low, high = asked["range"]
    apart = 0.5 if low == high else 0
    return np.linspace(low - apart, high + apart, asked["bins"] + 1)


def exact(values):
    """Numbers that are compared with float64 as they are: integers of 64 bits would be rounded."""
    return values.astype(WIDE if values.dtype.kind in "iu" else "f8")


def quantile(cells, asked):
    wanted = np.array(asked["q"], "f8")
    rows = [np.quantile(values.astype("f8"), wanted) if values.size else wanted * np.nan for values, _ in cells.rows()]
    return np.array(rows, "f8").reshape(len(cells.values), wanted.size)


def median(cells, _):
    return quantile(cells, {"q": [0.5]})[:, 0]


STATISTICS = {
    "count": count,
    "sum": total,
    "mean": mean,
    "min": least,
    "max": largest,
    "argmin": first_least,
    "argmax": first_largest,
    "var": var,
    "std": std,
    "sum_of_squares": sum_of_squares,
    "any": any_of,
    "all": all_of,
    "histogram": histogram,
    "quantile": quantile,
    "median": median,
    "sum_of_weights": sum_of_weights,
    "sum_of_squared_weights": sum_of_squared_weights,
}
