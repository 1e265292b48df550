"""What to ask about several chunks, and where in the result each answer belongs."""

from dataclasses import dataclass
from typing import Any

from reductionist.chunk_file import Chunk, ChunkFile
from reductionist.errors import UsageError
from reductionist.fields import RANGE, Dialect, Fields, merged, request
from reductionist.grid import Grid, Origin, Part, Region


@dataclass(frozen=True)
class Task:
    """One request: what its chunk is called, what the file says of it, and where in the result its answer belongs."""

    label: str
    said: Fields
    request: Fields
    result_dtype: str | None  # asked for by the user, if not by the request
    region: Region = ()


@dataclass(frozen=True)
class Whole:
    """The one result of all answers: its shape, in which reduced axes have length 1, and the dtype asked for, if any.

    The shape is () where the chunks are no known parts of an array: then all of them are reduced to one element.
    """

    shape: tuple[int, ...] = ()
    is_reduced: tuple[bool, ...] = ()
    result_dtype: str | None = None

    def shape_as(self, answered: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the result if one answer has this shape: with reduced axes, or without them."""
        if not self.shape or len(answered) == len(self.shape):
            return self.shape or answered
        return tuple(length for length, is_reduced in zip(self.shape, self.is_reduced) if not is_reduced)


@dataclass(frozen=True)
class Plan:
    """The tasks in the order of their chunks; without a whole, each answer stands for itself."""

    tasks: list[Task]
    whole: Whole | None


def plan(file: ChunkFile, given: Fields, operation: str, dialect: Dialect) -> Plan:
    """What to ask about the chunks of a file. The fields that are given win over those of all chunks.

    Raises:
        UsageError: if fields are missing, have no use or contradict each other.
    """
    refuse_unused(file, given)
    if file.grid is not None:
        return of_array(file, file.grid, given, operation, dialect)
    return of_chunks(file, given, operation, dialect)


def refuse_unused(file: ChunkFile, given: Fields) -> None:
    """Complains of what stands on the command line and would change nothing."""
    alone = [f"--{name}" for name in RANGE if name in given]
    if alone:
        raise UsageError(f"--chunks: {' and '.join(alone)} belong to each chunk in the file")
    if file.grid is not None and "shape" in given:
        raise UsageError("--chunks: --shape says what chunk_shape in the file does")
    consumed = ("selection",) if file.grid is not None else ()
    for name in (name for name in given if name not in consumed):
        if file.chunks and all(chunk.fields.get(name) is not None for chunk in file.chunks):
            raise UsageError(f"--chunks: {name} is given but never used: every chunk in the file has its own")


def of_chunks(file: ChunkFile, given: Fields, operation: str, dialect: Dialect) -> Plan:
    """Chunks that are not known to be parts of an array: one result, if all of each is reduced."""
    fields = [merged(file.fields, given, chunk.fields) for chunk in file.chunks]
    is_one = operation != "select" and all("axis" not in each for each in fields)
    tasks = []
    for chunk, each in zip(file.chunks, fields):
        body = asked(chunk.label, each, operation, dialect, is_partial=is_one)
        tasks.append(Task(chunk.label, chunk.said, body, each.get("result_dtype")))
    return Plan(tasks, Whole(result_dtype=only_result_dtype(fields)) if is_one else None)


def only_result_dtype(fields: list[Fields]) -> str | None:
    """The dtype that all chunks want for their result."""
    first = fields[0].get("result_dtype")
    if any(each.get("result_dtype") != first for each in fields):
        raise UsageError("--chunks: the chunks have different result_dtypes; one result has one")
    return first


def of_array(file: ChunkFile, grid: Grid, given: Fields, operation: str, dialect: Dialect) -> Plan:
    """Chunks of an array, and a result in the index space of what is selected of it."""
    shared = merged(file.fields, given)
    selected = grid.selected(shared.pop("selection", None))
    is_reduced = (False,) * len(grid.shape) if operation == "select" else reduced_axes(shared.get("axis"), grid)
    chunks = {chunk.origin: chunk for chunk in file.chunks}
    result_dtype = shared.get("result_dtype")
    tasks = []
    for part in grid.parts(selected):
        chunk = chunks.get(part.origin) or unwritten(part.origin, shared)
        fields = merged(shared, chunk.fields, {"selection": part.selection})
        body = asked(chunk.label, fields, operation, dialect, is_partial=True)
        tasks.append(Task(chunk.label, chunk.said, body, result_dtype, region_of(part, is_reduced)))
    lengths = (1 if reduced else len(chosen) for chosen, reduced in zip(selected, is_reduced))
    return Plan(tasks, Whole(tuple(lengths), is_reduced, result_dtype))


def asked(label: str, fields: Fields, operation: str, dialect: Dialect, *, is_partial: bool) -> Fields:
    """The request about one chunk."""
    try:
        return request(fields, operation, dialect, is_partial=is_partial)
    except UsageError as error:
        raise UsageError(f"{label}: {error}") from None


def unwritten(origin: Origin, shared: Fields) -> Chunk:
    """A chunk that the file does not list: if it is known what its elements are, it was never written."""
    if "fill_value" not in shared:
        raise UsageError(
            f"--chunks: no chunk with origin {list(origin)} is listed; "
            "if it was never written, give fill_value, which its elements are then"
        )
    return Chunk({"size": 0}, f"chunk with origin {list(origin)}, which is not listed", origin)


def reduced_axes(axis: Any, grid: Grid) -> tuple[bool, ...]:
    """For each axis of the array, whether it is reduced."""
    dimensions = len(grid.shape)
    if axis is None:
        return (True,) * dimensions
    axes = axis if isinstance(axis, list) else [axis]
    if not all(type(each) is int and -dimensions <= each < dimensions for each in axes):
        raise UsageError(f"axis {axis} is not of an array of {dimensions} dimensions")
    from_start = [each % dimensions for each in axes]
    if len({*from_start}) < len(axes):
        raise UsageError(f"axis {axis} has an axis more than once")
    return tuple(each in from_start for each in range(dimensions))


def region_of(part: Part, is_reduced: tuple[bool, ...]) -> Region:
    """Where the answer for a part belongs in the result."""
    return tuple(slice(0, 1) if reduced else where for where, reduced in zip(part.region, is_reduced))
