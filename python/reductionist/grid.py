"""The chunks of an array, and what of each of them belongs to a selection of the array."""

import itertools
import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reductionist.errors import UsageError
from reductionist.fields import slices

Origin = tuple[int, ...]
Region = tuple[slice, ...]

MAX_LENGTH = 2**63 - 1  # what Python's ranges can count
MAX_PARTS = 10_000_000  # more requests than anybody would wait for


@dataclass(frozen=True)
class Part:
    """What of one chunk is selected, and where that stands among all that is selected of the array."""

    origin: Origin
    selection: list[list[int | None]]
    region: Region


@dataclass(frozen=True)
class Grid:
    """An array that is cut into chunks of one shape. Those at its far edges are stored in full, padding included."""

    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]

    @classmethod
    def from_json(cls, shape: Any, chunk_shape: Any) -> "Grid":
        """A grid of lists of lengths.

        Raises:
            UsageError: if these are no lists of as many lengths, each at least 1.
        """
        for name, lengths in (("shape", shape), ("chunk_shape", chunk_shape)):
            if not is_list_of_integers(lengths) or not all(1 <= length <= MAX_LENGTH for length in lengths):
                raise UsageError(f"{name} is not a list of lengths, each at least 1")
        if len(shape) != len(chunk_shape):
            raise UsageError(f"shape has {len(shape)} dimensions, chunk_shape has {len(chunk_shape)}")
        return cls(tuple(shape), tuple(chunk_shape))

    def origin(self, value: Any) -> Origin:
        """The first element of a chunk in the array.

        Raises:
            UsageError: if no chunk of the grid begins there.
        """
        if not is_list_of_integers(value) or len(value) != len(self.shape):
            raise UsageError(f"origin is not a list of {len(self.shape)} integers")
        cuts = zip(value, self.shape, self.chunk_shape)
        if not all(0 <= start < end and start % step == 0 for start, end, step in cuts):
            raise UsageError(f"no chunk of {list(self.chunk_shape)} begins at {value} in {list(self.shape)}")
        return tuple(value)

    def selected(self, selection: Any) -> list[range]:
        """The indices along each axis that a selection of the array takes; all of them if it is None.

        Raises:
            UsageError: if it is not one slice or index for each axis.
        """
        if selection is None:
            return [range(length) for length in self.shape]
        if not isinstance(selection, list) or len(selection) != len(self.shape):
            raise UsageError(f"the selection has not one slice for each of the {len(self.shape)} dimensions")
        return list(map(range_of, slices(selection, list(self.shape)), self.shape))

    def parts(self, selected: list[range]) -> Iterator[Part]:
        """What each chunk has of it. Where nothing is selected there is one part with nothing in it, too.

        Raises:
            UsageError: if it is of more chunks than can be asked about.
        """
        if math.prod(map(most_parts, selected, self.chunk_shape)) > MAX_PARTS:
            raise UsageError(f"more than {MAX_PARTS} chunks of {list(self.chunk_shape)} are selected")
        along_axes = [list(self.along(*axis)) for axis in zip(selected, self.chunk_shape)]
        for pieces in itertools.product(*along_axes):
            origin = tuple(start for start, _ in pieces)
            region = tuple(region for _, region in pieces)
            steps = (chosen[piece] for chosen, piece in zip(selected, region))
            selection = [slice_of(step, start) for step, start in zip(steps, origin)]
            yield Part(origin, selection, region)

    @staticmethod
    def along(selected: range, step: int) -> Iterator[tuple[int, slice]]:
        """Along one axis: where chunks begin, and which of the selected indices each has."""
        if not selected:
            yield 0, slice(0, 0)
            return
        rest = selected
        while rest:
            start = rest[0] // step * step
            piece = positions(selected, start, start + step)
            yield start, piece
            rest = selected[piece.stop :]

    def whole_selection(self, origin: Origin) -> list[range]:
        """The indices in a chunk that are inside the array."""
        cuts = zip(origin, self.shape, self.chunk_shape)
        return [range(min(step, end - start)) for start, end, step in cuts]


def most_parts(selected: range, step: int) -> int:
    """How many chunks along an axis there may be with selected indices."""
    if not selected:
        return 1
    first, last = sorted((selected[0], selected[-1]))
    return min(len(selected), last // step - first // step + 1)


def positions(selected: range, start: int, end: int) -> slice:
    """Where among selected indices those from start to end stand."""
    if selected.step > 0:
        return slice(bisect_left(selected, start), bisect_left(selected, end))
    mirrored = positions(selected[::-1], start, end)
    return slice(len(selected) - mirrored.stop, len(selected) - mirrored.start)


def slice_of(indices: range, origin: int) -> list[int | None]:
    """Indices of an array as a slice of the chunk that begins at an origin."""
    if not indices:
        return [0, 0, 1]
    start = indices[0] - origin
    end = start + len(indices) * indices.step
    return [start, end if end >= 0 else None, indices.step]


def range_of(part: Any, length: int) -> range:
    """The indices that `[start, end, stride]`, or null, takes of an axis."""
    if part is None:
        return range(length)
    is_slice = isinstance(part, list) and len(part) == 3
    if not is_slice or not all(value is None or type(value) is int for value in part) or part[2] == 0:
        raise UsageError(f"{part} in the selection is no index, and not [start, end, stride] with a stride but 0")
    return range(*slice(*part).indices(length))


def is_list_of_integers(value: Any) -> bool:
    """Whether it is; true and false are none."""
    return isinstance(value, list) and all(type(item) is int for item in value)
