"""Part of a variable, as Python and NumPy write it."""

from collections.abc import Mapping, Sequence
from operator import index
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from reductionist.errors import UsageError

Indices = SupportsIndex | slice | range | Sequence[Any] | NDArray[Any] | Mapping[str, Any] | None
Selection = Mapping[str, Indices] | Sequence[Indices] | Indices

# One dimension in the words of a request: all, [start, stop, step], one index, or {"indices": …}.
Part = None | int | list[int | None] | dict[str, list[int]]


def selected(selection: Selection) -> dict[str, Part] | list[Part] | None:
    """A selection in the words of a request.

    A mapping is by names of dimensions, and leaves the others whole; a tuple or list has one entry for each dimension.
    Anything else is the entry of the only dimension.

    Raises:
        UsageError: that says what an entry is not.
    """
    if selection is None:
        return None
    if isinstance(selection, Mapping):
        return {name: part(entry) for name, entry in selection.items()}
    if isinstance(selection, (tuple, list)):
        return [part(entry) for entry in selection]
    return [part(selection)]


def part(entry: Any) -> Part:
    """One dimension: `None`, a slice, a range, an index, or indices in any order; booleans choose as in NumPy."""
    if entry is None:
        return None
    if isinstance(entry, slice):
        return [None if bound is None else integer(bound) for bound in (entry.start, entry.stop, entry.step)]
    if isinstance(entry, range):
        return from_range(entry)
    if isinstance(entry, Mapping):
        return {"indices": indices(entry.get("indices"))}
    if entry is Ellipsis:
        raise UsageError("a selection has no ...: name the dimensions, as in {'time': slice(0, 10)}")
    if isinstance(entry, (list, tuple)) or np.ndim(entry):
        return {"indices": indices(entry)}
    return integer(entry)


def from_range(entry: range) -> list[int | None] | dict[str, list[int]]:
    """A range as a slice that takes the same, wherever the dimension ends; negative indices as what they are."""
    if not entry or min(entry[0], entry[-1]) < 0:
        return {"indices": list(entry)}
    stop = entry[-1] + (1 if entry.step > 0 else -1)
    return [entry[0], stop if stop >= 0 else None, entry.step]


def indices(entry: Any) -> list[int]:
    """A list or array of integers, or of booleans."""
    values = np.asarray(entry)
    if values.ndim != 1 or (values.size and values.dtype.kind not in "iub"):
        raise UsageError(f"{shortened(entry)} in the selection is no list of indices")
    if values.dtype.kind == "b":
        values = np.flatnonzero(values)
    chosen: list[int] = values.tolist()
    return chosen


def integer(value: Any) -> int:
    """An index. True and False are none."""
    if not isinstance(value, (bool, np.bool_)):
        try:
            return index(value)
        except TypeError:
            pass
    raise UsageError(f"{shortened(value)} in the selection is no index, slice or list of indices")


def shortened(value: Any) -> str:
    """A value in a message."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
