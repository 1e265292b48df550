"""Requests of PyActiveStorage for parts of storage chunks, and what NumPy makes of them."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Masked = np.ma.MaskedArray[Any, Any]

NOTHING_MISSING = (None, None, None, None)  # fill value, missing value, valid minimum, valid maximum


@dataclass(eq=False)
class Chunk:
    """A storage chunk: where it is, how it is encoded, what it holds, and the shape that the client gives, if any."""

    object: str
    offset: int
    size: int
    array: np.ndarray[Any, Any]
    shape: tuple[int, ...] | None
    order: str = "C"
    compression: Any = None
    filters: list[Any] = field(default_factory=list)


@dataclass(eq=False)
class Request:
    """What the client is asked for; an axis of None stands for all, and so does a selection of None."""

    chunk: Any  # a Chunk, or what has its names
    operation: str
    missing: tuple[Any, ...] = NOTHING_MISSING
    selection: tuple[Any, ...] | None = None
    axis: tuple[int, ...] | None = None

    def arguments(self) -> dict[str, Any]:
        """Arguments of the client's `reduce_chunk`, but for the service and the place of the object."""
        of_chunk = ("offset", "size", "shape", "order", "compression", "filters")
        return {name: getattr(self.chunk, name) for name in of_chunk} | {
            "dtype": self.chunk.array.dtype,
            "missing": self.missing,
            "chunk_selection": self.selection,
            "axis": self.axis,
            "operation": self.operation,
        }

    @functools.cached_property
    def selected(self) -> Array:
        """The selected elements, in the native byte order."""
        array: Array = self.chunk.array.astype(self.chunk.array.dtype.newbyteorder("="))
        if self.selection is None:
            return array
        selected: Array = array[tuple(s if isinstance(s, slice) else slice(s, s + 1) for s in self.selection)]
        return selected

    @functools.cached_property
    def kept_shape(self) -> tuple[int, ...]:
        """The shape of the result if reduced axes are kept."""
        shape: tuple[int, ...] = self.selected.shape
        if self.operation == "select":
            return shape
        reduced = range(len(shape)) if self.axis is None else [axis % len(shape) for axis in self.axis]
        return tuple(1 if axis in reduced else length for axis, length in enumerate(shape))

    @functools.cached_property
    def expected(self) -> Any:
        """Result and counts, or the OverflowError of an integer sum that its dtype cannot hold."""
        masked = mask(self.selected, self.missing)
        if self.operation == "select":
            return self.selected, int(masked.count())
        try:
            return reduce(self.operation, masked, self.axis)
        except OverflowError as error:
            return error


def mask(array: Array, missing: Sequence[Any]) -> Masked:
    """The array with its missing elements masked, by those of the four values that the client sends.

    It sends no more than one of the first two, and the others only without them; and it takes 0 for no value.
    """
    fill_value, missing_value, valid_min, valid_max = missing
    listed = fill_value or missing_value
    masked = np.ma.array(array)
    if not listed:
        masked = np.ma.masked_less(masked, valid_min) if valid_min else masked
        return np.ma.masked_greater(masked, valid_max) if valid_max else masked
    for value in listed if isinstance(listed, (list, tuple, np.ndarray)) else [listed]:
        number = float(value) if isinstance(value, str) else value
        masked = np.ma.masked_where(np.isnan(array) if np.isnan(number) else array == number, masked)
    return masked


def reduce(operation: str, masked: Masked, axis: tuple[int, ...] | None) -> tuple[Array, Any]:
    """Result and counts of a reduction over some axes, or over all: then the count is one number."""
    reduced = list(range(masked.ndim)) if axis is None else [a % masked.ndim for a in axis]
    kept = [a for a in range(masked.ndim) if a not in reduced]
    shape = [masked.shape[a] for a in kept]
    lane_len = math.prod(masked.shape[a] for a in reduced)
    lanes = masked.transpose(kept + reduced).reshape([*shape, lane_len])
    results = np.empty(shape, result_dtype(operation, masked.dtype))
    for index in np.ndindex(*shape):
        results[index] = reduce_lane(operation, lanes[index].compressed(), results.dtype)
    counts = (~np.ma.getmaskarray(lanes)).sum(axis=-1)
    return results, counts if kept else int(counts)


def result_dtype(operation: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of a result: that of the data but for counts, and for sums of narrow data."""
    if operation == "count":
        return np.dtype("int64")
    if operation in ("sum", "mean") and dtype.itemsize < 4:
        return np.dtype({"i": "int64", "u": "uint64", "f": "float32"}[dtype.kind])
    return dtype


def reduce_lane(operation: str, lane: Array, dtype: np.dtype[Any]) -> Any:
    """The result for elements none of which is missing. Integer sums are exact, and may be too large for the dtype."""
    if operation == "count":
        return lane.size
    if operation in ("min", "max"):
        return getattr(np, operation)(lane, initial=identity(operation, lane.dtype))
    return sum(lane.tolist()) if lane.dtype.kind != "f" else float_sum(lane.astype("f8"), dtype)


def float_sum(elements: Array, dtype: np.dtype[Any]) -> Any:
    """The sum, rounded once: what NumPy would give if it added without rounding errors."""
    if not np.isfinite(elements).all():
        with np.errstate(invalid="ignore"):
            return elements.sum()
    total = math.fsum(elements)
    rest = math.fsum([*elements, -total])  # what a float64 cannot hold
    near = dtype.type(total)
    candidates = near, np.nextafter(near, dtype.type(-np.inf)), np.nextafter(near, dtype.type(np.inf))
    return min(candidates, key=lambda candidate: abs(Fraction(float(candidate)) - Fraction(total) - Fraction(rest)))


def identity(operation: str, dtype: np.dtype[Any]) -> Any:
    """The sum, minimum or maximum of nothing."""
    if operation == "sum":
        return 0
    if dtype.kind == "f":
        return np.inf if operation == "min" else -np.inf
    return np.iinfo(dtype).max if operation == "min" else np.iinfo(dtype).min
