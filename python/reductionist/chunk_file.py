"""A file that says where chunks are, and what they hold. docs/how-to/chunk-files.md describes it for its writers.

Nothing in it is passed over: a name that has no meaning here would be a wrong result there.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reductionist.errors import UsageError
from reductionist.fields import FIELDS, OPTIONS_V2, RANGE, RESULT, Fields, merged, slices, without
from reductionist.grid import Grid, Origin, range_of

NOTES = ("notes", "file", "variable")  # for people
SAMPLE_NOTES = ("expected", "axis0", "select_sample")  # what the quickstart reads of its own description
OF_CHUNK = (*FIELDS, "origin", "notes")
OF_FILE = (*without(RANGE, dict.fromkeys(FIELDS)), "chunk_shape", "chunks", *NOTES)


@dataclass(frozen=True)
class Chunk:
    """One of the chunks: what the file says of it, how to call it, and its place in the array, if there is a grid."""

    said: Fields
    label: str
    origin: Origin | None

    @property
    def fields(self) -> Fields:
        """The fields of a request that it has of its own."""
        return without(("origin", "notes"), self.said)


@dataclass(frozen=True)
class ChunkFile:
    """What is said of all chunks, each chunk, and the grid that they are of, if it is told."""

    fields: Fields
    chunks: list[Chunk]
    grid: Grid | None


def read(path: str) -> ChunkFile:
    """The file of that name; standard input if it is `-`.

    Raises:
        UsageError: that says what is wrong with the file.
    """
    name = "standard input" if path == "-" else path
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        # NaN and the infinities become strings, as the service wants them.
        content = json.loads(text, parse_constant=str, object_pairs_hook=unrepeated)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"--chunks: {name} cannot be read: {error}") from None
    try:
        return from_json(content)
    except UsageError as error:
        raise UsageError(f"--chunks: {name}: {error}") from None


def unrepeated(pairs: list[tuple[str, Any]]) -> Fields:
    """An object, none of whose names stands there twice."""
    names = [name for name, _ in pairs]
    repeated = {name for name in names if names.count(name) > 1} if len({*names}) < len(names) else set()
    if repeated:
        raise ValueError(f"{', '.join(sorted(repeated))} is given more than once")
    return dict(pairs)


def from_json(content: Any) -> ChunkFile:
    """A list of chunks, or an object that says before them what holds for all."""
    said = content if isinstance(content, dict) else {"chunks": content}
    refuse_unknown(said, (*OF_FILE, *SAMPLE_NOTES))
    chunks = said.get("chunks")
    is_array = said.get("chunk_shape") is not None  # of which no chunk need have been written
    if not isinstance(chunks, list) or not (chunks or is_array):
        raise UsageError("there is no list of chunks")
    shared = without(("chunk_shape", "chunks", *NOTES, *SAMPLE_NOTES), said)
    grid = None
    if is_array:
        grid = Grid.from_json(shared.get("shape"), said["chunk_shape"])
        shared["shape"] = said["chunk_shape"]
    read_chunks = [read_chunk(index, chunk, grid) for index, chunk in enumerate(chunks)]
    refuse_repeated(read_chunks)
    return ChunkFile(shared, read_chunks, grid)


def refuse_unknown(said: Fields, known: Iterable[str]) -> None:
    """Complains of a name that has no meaning."""
    unknown = [name for name in said if name not in known]
    if unknown:
        shown = ", ".join(name for name in known if name not in SAMPLE_NOTES)
        raise UsageError(f"unknown field {', '.join(unknown)}; the fields are {shown}")


def read_chunk(index: int, said: Any, grid: Grid | None) -> Chunk:
    """One chunk, checked."""
    try:
        if not isinstance(said, dict) or not is_located(said):
            raise UsageError("is no object with offset and size, or with a url of its own, or with size 0")
        refuse_unknown(said, OF_CHUNK)
        return Chunk(said, label(index, said), place_in(grid, said))
    except UsageError as error:
        raise UsageError(f"chunk {index}: {error}") from None


def is_located(said: Fields) -> bool:
    """Whether it is said which bytes to read: a range, all of an object of its own, or none."""
    given = merged(said)
    return {*RANGE} <= given.keys() or "url" in given or "object" in given or given.get("size") == 0


def label(index: int, said: Fields) -> str:
    """What to call a chunk in messages."""
    for name in ("offset", "origin", "url", "object"):
        if said.get(name) is not None:
            return f"chunk {index} ({name} {said[name]})"
    return f"chunk {index}"


def place_in(grid: Grid | None, said: Fields) -> Origin | None:
    """Where a chunk is in its grid. With a grid, its own fields must not contradict it."""
    if grid is None:
        if said.get("origin") is not None:
            raise UsageError("origin needs shape and chunk_shape of the array before the chunks")
        return None
    if said.get("origin") is None:
        raise UsageError("has no origin, which all chunks of an array need")
    origin = grid.origin(said["origin"])
    if said.get("shape", list(grid.chunk_shape)) != list(grid.chunk_shape):
        raise UsageError("has a shape that is not chunk_shape")
    ill_placed = [name for name in (*RESULT, *OPTIONS_V2) if said.get(name) is not None]
    if ill_placed:
        raise UsageError(f"{', '.join(ill_placed)} of a part of an array must hold for all of it")
    if said.get("selection") is not None and not is_whole(grid, origin, said["selection"]):
        raise UsageError("has a selection other than what is inside the array; --selection selects of the array")
    return origin


def is_whole(grid: Grid, origin: Origin, selection: Any) -> bool:
    """Whether a selection of a chunk is what of it is inside the array."""
    if not isinstance(selection, list) or len(selection) != len(grid.shape):
        return False
    parts = slices(selection, list(grid.chunk_shape))
    return list(map(range_of, parts, grid.chunk_shape)) == grid.whole_selection(origin)


def refuse_repeated(chunks: list[Chunk]) -> None:
    """Complains of a part of the array that would count twice."""
    seen: dict[Origin, Chunk] = {}
    for chunk in chunks:
        if chunk.origin is not None and seen.setdefault(chunk.origin, chunk) is not chunk:
            raise UsageError(f"{chunk.label} and {seen[chunk.origin].label} have the same origin")
