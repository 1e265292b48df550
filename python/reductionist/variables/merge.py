"""One result of partial answers: of parts of a selection, each asked about with `partial`, anywhere and in any order."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from reductionist.errors import Failure, UsageError
from reductionist.variables import pairs
from reductionist.variables.question import Statistic, statistics_of
from reductionist.variables.result import Array, Partial, Read, Result

LEAST_SQUARES = 2.0**-1000  # of weights: those below have lost digits to underflow
LEAST_FREEDOM = 2.0**-96  # of a sum of weights: by so much pairs may be off

Offsets = Mapping[str, int]
Combine = Callable[[Array, Array], Array]


def merge(
    statistics: Statistic | Sequence[Statistic],
    parts: Iterable[tuple[Offsets, Partial]],
    axis: str | Sequence[str] | None = None,
    *,
    result_dtype: str | None = None,
) -> Result:
    """What the whole question would have been answered, from partial answers to the same question about parts of it.

    Each part comes with its offsets: by name of each dimension that the selection leaves, in the order of the variable's
    dimensions, the position in the whole selection at which the part begins. Parts must make up the whole, and not overlap.
    `statistics` and `axis` are what was asked of each; `axis` names the dimensions that are reduced or grouped, all if None.
    `result_dtype` is that of `sum`: float64 if not given, int64 of integers. Give "uint64" for unsigned data without weights.

    Counts, integers, `min`, `max`, `argmin`, `argmax`, `any`, `all` and histograms have the bits of the undivided answer.
    Sums of floats are rounded once, from about twice the precision of float64. `mean`, `var` and `std` follow from such sums.

    Raises:
        UsageError: if the parts do not belong together, or leave out results.
        Failure: if they are of different versions of the object, or an integer sum does not fit its dtype.
    """
    whole = Whole.of([(dict(offsets), part) for offsets, part in parts], axis)
    with np.errstate(all="ignore"):
        found = [finished(asked, whole, result_dtype) for asked in statistics_of(statistics)]
    first = whole.parts[0]
    results = {name: np.asarray(values) for name, values in found}
    return Result(first.dims, whole.shape, first.etag, read_of(whole.parts), results)


@dataclass(frozen=True)
class Whole:
    """Parts, and where the results of each lie among those of the whole."""

    parts: Sequence[Partial]
    places: Sequence[tuple[slice, ...]]
    starts: Sequence[Array]  # of each part the offsets along dimensions that are reduced
    shape: tuple[int, ...]

    @classmethod
    def of(cls, placed: Sequence[tuple[Offsets, Partial]], axis: str | Sequence[str] | None) -> "Whole":
        """Checks that the parts belong together.

        Raises:
            UsageError: if they do not.
            Failure: if they are of different versions.
        """
        if not placed:
            raise UsageError("there are no parts to merge")
        (first, part), parts = placed[0], [part for _, part in placed]
        reduced = list(first) if axis is None else [axis] if isinstance(axis, str) else list(axis)
        check(placed, reduced)
        kept = [dim if dim not in reduced else None for dim in part.dims]
        # Results of dimensions that are reduced, and of groups, are those of all parts.
        begins = [[0 if dim is None else offsets.get(dim, 0) for dim in kept] for offsets, _ in placed]
        places = [
            tuple(slice(begin, begin + length) for begin, length in zip(each, part.shape))
            for each, part in zip(begins, parts)
        ]
        shape = tuple(max(place[number].stop for place in places) for number in range(len(part.dims)))
        covered = np.zeros(shape, bool)
        for place in places:
            covered[place] = True
        if not covered.all():
            raise UsageError(f"the parts leave out {np.count_nonzero(~covered)} of {covered.size} results")
        along = [dim for dim in first if dim in reduced]
        return cls(parts, places, [np.array([offsets[dim] for dim in along], "i8") for offsets, _ in placed], shape)

    def components(self, name: str, component: str) -> list[Array]:
        """One component of each part."""
        try:
            return [part[name][component] for part in self.parts]
        except KeyError:
            raise UsageError(f"the parts have no {component} of {name!r}: was it asked of each?") from None

    def folded(self, name: str, component: str, start: Any, combine: Combine) -> Array:
        """One component of the whole."""
        arrays = self.components(name, component)
        own = arrays[0].shape[len(self.shape) :]
        total = np.full(self.shape + own, start, arrays[0].dtype)
        for place, array in zip(self.places, arrays):
            total[place] = combine(total[place], array)
        return total


def check(placed: Sequence[tuple[Offsets, Partial]], reduced: Sequence[str]) -> None:
    """Complains of parts that do not belong together."""
    first, part = placed[0]
    if any(list(offsets) != list(first) or other.dims != part.dims for offsets, other in placed):
        raise UsageError("the parts have different dimensions")
    if unknown := [dim for dim in reduced if dim not in first]:
        raise UsageError(f"the offsets name no dimension {', '.join(unknown)}")
    if any(int(offset) < 0 for offsets, _ in placed for offset in offsets.values()):
        raise UsageError("an offset is negative")
    if len({tuple(offsets.values()) for offsets, _ in placed}) < len(placed):
        raise UsageError("two parts begin at the same place")
    if len({other.etag for _, other in placed}) > 1:
        raise Failure("the parts are of different versions of the object")


def read_of(parts: Iterable[Partial]) -> Read:
    """What was done for all of them."""
    said = [part.read for part in parts]
    counts = {field.name: sum(getattr(read, field.name) for read in said) for field in fields(Read)}
    return Read(**counts | {"passes": max(read.passes for read in said)})


# --- Statistics ------------------------------------------------------------------------------------------------


def finished(asked: Statistic, whole: Whole, result_dtype: str | None) -> tuple[str, Array]:
    """The name and the values of one result."""
    known = {"name": asked} if isinstance(asked, str) else dict(asked)
    statistic, name = str(known["name"]), str(known.get("as") or known["name"])
    if statistic == "sum":
        return name, final_sum(total(whole, name, "sum"), result_dtype)
    if statistic in ("sum_of_squares", "sum_of_weights", "sum_of_squared_weights"):
        return name, pairs.rounded(pairs.pair_of(total(whole, name, statistic)))
    if statistic == "mean":
        return name, mean_of(whole, name)
    if statistic in ("var", "std"):
        variance = variance_of(whole, name, int(known.get("ddof") or 0))
        return name, variance if statistic == "var" else np.sqrt(variance)
    if statistic in ("argmin", "argmax"):
        return name, first_of(whole, name, statistic)
    if statistic in THEMSELVES:
        return name, THEMSELVES[statistic](whole, name)
    raise UsageError(f"{statistic} does not merge")


def total(whole: Whole, name: str, component: str) -> Array:
    """A sum of the whole: integers of any size, or pairs."""
    if whole.components(name, component)[0].dtype == object:
        return whole.folded(name, component, 0, np.add)
    return whole.folded(name, component, -0.0, sum_of_pairs)


def sum_of_pairs(a: Array, b: Array) -> Array:
    return pairs.array_of_pair(pairs.merged(pairs.pair_of(a), pairs.pair_of(b)))


def sum_of(whole: Whole, name: str) -> pairs.Pair:
    """The sum that a mean or a variance is made of."""
    return pairs.settled(*pairs.pair_of(total(whole, name, "sum")))


def weight_of(whole: Whole, name: str) -> pairs.Pair:
    """What a mean divides by: the sum of the weights, or the number of elements."""
    if "sum_of_weights" in whole.parts[0][name]:
        return pairs.settled(*pairs.pair_of(total(whole, name, "sum_of_weights")))
    return pairs.pair_of(whole.folded(name, "count", 0, np.add))


def mean_of(whole: Whole, name: str) -> Array:
    """NaN where no element has weight."""
    weight = weight_of(whole, name)
    return np.where(has_weight(weight), pairs.rounded(pairs.over(sum_of(whole, name), weight)), np.nan)


def has_weight(weight: pairs.Pair) -> Array:
    return np.asarray((weight[0] > 0) & np.isfinite(weight[0]))


def variance_of(whole: Whole, name: str, ddof: int) -> Array:
    """(Σx² - (Σx)²/n) / (n - ddof), and of weighted elements with what reliability weights have in place of n."""
    sums, weight = sum_of(whole, name), weight_of(whole, name)
    squares = pairs.settled(*pairs.pair_of(total(whole, name, "sum_of_squares")))
    spread = pairs.added(squares, pairs.negated(pairs.times(pairs.over(sums, weight), sums)))
    taken = np.full(weight[0].shape, float(ddof))
    off, lost = (taken, pairs.no(taken)), np.zeros(taken.shape, bool)
    if "sum_of_squared_weights" in whole.parts[0][name]:
        squared = pairs.settled(*pairs.pair_of(total(whole, name, "sum_of_squared_weights")))
        lost = squared[0] < LEAST_SQUARES
        off = pairs.times(off, pairs.over(squared, weight))
    freedom = pairs.added(weight, pairs.negated(off))
    variance = pairs.rounded(pairs.over(spread, freedom))
    # A smaller difference is what rounding leaves of none.
    is_free = (freedom[0] > weight[0] * LEAST_FREEDOM) & (whole.folded(name, "count", 0, np.add) > ddof)
    is_known = is_free & ~lost & has_weight(weight) & np.isfinite(squares[0])
    return np.where(is_known, np.where(spread[0] < 0, 0.0, variance), np.nan)


def final_sum(sums: Array, result_dtype: str | None) -> Array:
    """A sum in its dtype.

    Raises:
        Failure: if it does not fit.
        UsageError: if it is none of integers, and these are asked for.
    """
    if sums.dtype != object:
        if np.dtype(result_dtype or "f8").kind != "f":
            raise UsageError(f"sums that are pairs are floats: result_dtype is float32 or float64, not {result_dtype}")
        return pairs.rounded(pairs.pair_of(sums), result_dtype or "float64")
    dtype = np.dtype(result_dtype or "int64")
    if dtype.kind == "f":
        return pairs.rounded(pairs.pair_of(sums), dtype.name)
    bounds = np.iinfo(dtype)
    if sums.size and not (bounds.min <= sums.min() and sums.max() <= bounds.max):
        raise Failure(f"a sum does not fit {dtype.name}")
    return sums.astype(dtype)


def largest(a: Array, b: Array) -> Array:
    """The larger one: NaN above all, and +0.0 above -0.0."""
    return np.where(a == b, np.where(np.signbit(a), b, a), np.maximum(a, b))


def smallest(a: Array, b: Array) -> Array:
    """The smaller one: NaN below all, and -0.0 below +0.0."""
    return np.where(a == b, np.where(np.signbit(a), a, b), np.minimum(a, b))


def extreme_of(whole: Whole, name: str, component: str, combine: Combine) -> Array:
    dtype = whole.components(name, component)[0].dtype
    lowest, highest = (-np.inf, np.inf) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return whole.folded(name, component, lowest if combine is largest else highest, combine)


def histogram_of(whole: Whole, name: str) -> Array:
    """Counts, or sums of weights."""
    if whole.components(name, "histogram")[0].dtype == np.float64:
        return pairs.rounded(pairs.pair_of(total(whole, name, "histogram")))
    return whole.folded(name, "histogram", 0, np.add)


THEMSELVES: Mapping[str, Callable[[Whole, str], Array]] = {
    "count": lambda whole, name: whole.folded(name, "count", 0, np.add),
    "min": lambda whole, name: extreme_of(whole, name, "min", smallest),
    "max": lambda whole, name: extreme_of(whole, name, "max", largest),
    "any": lambda whole, name: whole.folded(name, "any", False, np.logical_or),
    "all": lambda whole, name: whole.folded(name, "all", True, np.logical_and),
    "histogram": histogram_of,
}


def first_of(whole: Whole, name: str, statistic: str) -> Array:
    """Where the first of the largest or smallest elements is: -1 where there are none."""
    values, positions = whole.components(name, "value"), whole.components(name, "position")
    own = positions[0].shape[-1]
    if own != len(whole.starts[0]):
        raise UsageError(f"{name!r} has positions along {own} dimensions, and {len(whole.starts[0])} are reduced")
    best = np.zeros(whole.shape, values[0].dtype)
    where = np.full((*whole.shape, own), -1, "i8")
    for place, start, value, position in zip(whole.places, whole.starts, values, positions):
        position = np.where(position < 0, -1, position + start)
        is_better = better(statistic, (best[place], where[place]), (value, position))
        best[place] = np.where(is_better, value, best[place])
        where[place] = np.where(is_better[..., None], position, where[place])
    return where


def better(statistic: str, a: tuple[Array, Array], b: tuple[Array, Array]) -> Array:
    """Whether b is to be taken and not a: it is larger or smaller, or as large and comes first. NaN is above all."""
    (value, where), (other, place) = a, b
    is_beyond = other > value if statistic == "argmax" else other < value
    is_beyond |= np.isnan(other) & ~np.isnan(value)
    is_alike = (other == value) | (np.isnan(other) & np.isnan(value))
    is_beyond |= is_alike & comes_first(place, where)
    return np.asarray(~(place < 0).any(axis=-1) & ((where < 0).any(axis=-1) | is_beyond))


def comes_first(place: Array, where: Array) -> Array:
    """Whether a place comes before another one, in C order."""
    is_first, is_same = np.zeros(place.shape[:-1], bool), np.ones(place.shape[:-1], bool)
    for index, other in zip(np.moveaxis(place, -1, 0), np.moveaxis(where, -1, 0)):
        is_first |= is_same & (index < other)
        is_same &= index == other
    return is_first
