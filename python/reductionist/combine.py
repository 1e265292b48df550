"""One result of the answers for many chunks.

Sums of integers are exact. The sum of the floats of each chunk has been rounded to float64 by the service; adding them
here keeps what further rounding takes off.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from reductionist.answers import Answer, Array
from reductionist.errors import Failure
from reductionist.fields import FLOATS, PLACE_V1
from reductionist.grid import Region
from reductionist.plan import Task, Whole


class State(Protocol):
    """What is known of the result so far."""

    def add(self, region: Region, values: Array) -> None:
        """Adds the answer for one chunk, which is about that region of the result."""

    def finish(self) -> Array:
        """The result."""


class Extreme:
    """The least or the largest. NaN wins over numbers, as in NumPy."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, better: np.ufunc) -> None:
        least, most = (-np.inf, np.inf) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        self.better = better
        self.found = np.full(shape, most if better is np.minimum else least, dtype)

    def add(self, region: Region, values: Array) -> None:
        self.found[region] = self.better(self.found[region], values)

    def finish(self) -> Array:
        return self.found


class FloatSum:
    """A sum in float64, beside which stands what rounding took off it (Neumaier's summation)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.total, self.lost = np.zeros(shape), np.zeros(shape)

    def add(self, region: Region, values: Array) -> None:
        before, value = self.total[region], values.astype(np.float64)
        with np.errstate(all="ignore"):  # infinities of both signs make NaN, as in the service
            total = before + value
            is_larger = abs(before) >= abs(value)
            lost = np.where(is_larger, (before - total) + value, (value - total) + before)
            self.total[region] = total
            self.lost[region] += lost

    def finish(self) -> Array:
        with np.errstate(all="ignore"):
            return np.where(np.isfinite(self.lost), self.total + self.lost, self.total)


class IntegerSum:
    """A sum in two halves of 32 bits each, which have room for the carries of 2³¹ chunks."""

    def __init__(self, shape: tuple[int, ...], widest: type[np.integer]) -> None:
        self.widest = widest
        self.high, self.low = np.zeros(shape, np.int64), np.zeros(shape, np.int64)

    def add(self, region: Region, values: Array) -> None:
        wide = values.astype(self.widest)
        self.high[region] += (wide >> 32).astype(np.int64)
        self.low[region] += (wide & 0xFFFFFFFF).astype(np.int64)

    def finish(self) -> Array:
        high, low = self.high + (self.low >> 32), self.low & 0xFFFFFFFF
        bounds = np.iinfo(self.widest)
        if np.any((high < bounds.min >> 32) | (high > bounds.max >> 32)):
            raise does_not_fit(self.widest.__name__)
        return np.asarray((high.astype(self.widest) << 32) | low.astype(self.widest))


class Placed:
    """The selected elements themselves."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.values = np.zeros(shape, dtype)

    def add(self, region: Region, values: Array) -> None:
        self.values[region] = values

    def finish(self) -> Array:
        return self.values


def state(operation: str, shape: tuple[int, ...], dtype: np.dtype) -> State:
    """What to begin with."""
    if operation in ("min", "max"):
        return Extreme(shape, dtype, np.minimum if operation == "min" else np.maximum)
    if operation == "select":
        return Placed(shape, dtype)
    if dtype.kind == "f":
        return FloatSum(shape)
    return IntegerSum(shape, np.int64 if dtype.kind == "i" else np.uint64)


def combined(operation: str, whole: Whole, tasks: Sequence[Task], answers: Sequence[Answer], seconds: float) -> Answer:
    """The answer for all chunks together, which took so long.

    Raises:
        Failure: if the answers are not about one version of an object, or make no one result.
    """
    etag = only_etag(tasks, answers)
    found = state(operation, whole.shape, common_dtype(answers))
    for task, answer in zip(tasks, answers):
        found.add(task.region, answer.values.reshape(lengths(task.region)))
    values = found.finish()
    if operation == "sum" and whole.result_dtype is not None:
        values = rounded(values, whole.result_dtype)
    values = values.reshape(whole.shape_as(answers[0].values.shape))
    if operation == "select":
        counts = np.sum([answer.counts for answer in answers])
    else:
        counts = all_counts(whole, tasks, answers).reshape(values.shape)
    return Answer(values, counts, seconds, sum(answer.received for answer in answers), etag)


def lengths(region: Region) -> tuple[int, ...]:
    """The shape of a region."""
    return tuple(where.stop - where.start for where in region)


def all_counts(whole: Whole, tasks: Sequence[Task], answers: Sequence[Answer]) -> Array:
    """How many elements are not missing, for each value of the result."""
    counts = np.zeros(whole.shape, np.int64)
    for task, answer in zip(tasks, answers):
        counts[task.region] += answer.counts.reshape(lengths(task.region))
    return counts


def only_etag(tasks: Sequence[Task], answers: Sequence[Answer]) -> str | None:
    """The version of the object that all answers are about, if there is but one object and its version is known."""
    versions: dict[tuple[object, ...], str] = {}
    for task, answer in zip(tasks, answers):
        place = tuple(task.request.get(name) for name in (*PLACE_V1, "url"))
        if answer.etag is not None and versions.setdefault(place, answer.etag) != answer.etag:
            causes = [f"{task.label} is of {answer.etag}, chunks before it are of {versions[place]}"]
            raise Failure("the object was replaced while its chunks were read: make the chunk file anew", causes)
    return next(iter(versions.values())) if len(versions) == 1 else None


def common_dtype(answers: Sequence[Answer]) -> np.dtype:
    """The dtype that holds what all answers do."""
    dtypes = {answer.values.dtype for answer in answers}
    if len({dtype.kind for dtype in dtypes}) > 1:
        names = ", ".join(sorted(dtype.name for dtype in dtypes))
        raise Failure(f"the results of the chunks are of different kinds, which make no one result: {names}")
    return np.result_type(*dtypes)


def rounded(values: Array, dtype: str) -> Array:
    """A sum in the dtype asked for."""
    if dtype in FLOATS:
        with np.errstate(over="ignore"):  # it becomes infinite, as in the service
            return values.astype(dtype)
    bounds = np.iinfo(dtype)
    if np.any((values < bounds.min) | (values > bounds.max)):
        raise does_not_fit(dtype)
    return values.astype(dtype)


def does_not_fit(dtype: str) -> Failure:
    """Of a sum of integers."""
    return Failure(f"the sum of all chunks does not fit {dtype}: use --result-dtype float64")
