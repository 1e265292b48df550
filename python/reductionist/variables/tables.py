"""Answers about variables, for people and for machines."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from reductionist.variables.question import in_json, plain
from reductionist.variables.result import Array, Description, Read, Result, Selected, Variable

MOST_ROWS = 40  # of a table; longer ones lack their middle
ENDS = MOST_ROWS // 2

Names = Mapping[str, Sequence[str]]  # of groups, by the dimension that they are along
NO_NAMES: Names = {}


# --- For machines --------------------------------------------------------------------------------------------


def result_object(result: Result, names: Names = NO_NAMES) -> dict[str, Any]:
    """Statistics and what they are of, for JSON."""
    groups = {"groups": names} if names else {}
    return of_all(result) | groups | {"statistics": {name: in_json(values.tolist()) for name, values in result.items()}}


def selected_object(found: Selected) -> dict[str, Any]:
    """Elements, for JSON."""
    return of_all(found) | {"dtype": found.values.dtype.name, "values": in_json(found.values.tolist())}


def of_all(answer: Result | Selected) -> dict[str, Any]:
    """What all answers have."""
    return {"dims": answer.dims, "shape": answer.shape, "etag": answer.etag, "read": vars(answer.read)}


def description_object(found: Description) -> Any:
    """A description as the service gave it, for JSON."""
    return in_json(plain(found.fields))


# --- For people ----------------------------------------------------------------------------------------------


def result_text(result: Result, names: Names = NO_NAMES) -> str:
    """A line for each statistic of one number, or a line for each element along one dimension; else arrays."""
    with_own_dims = any(values.shape != result.shape for values in result.values())
    if len(result.shape) == 1 and not with_own_dims:
        shown = column_table(result.dims[0], result, names.get(result.dims[0]))
    else:
        lists = [f"{dim}: {', '.join(groups)}\n" for dim, groups in names.items()]
        shown = "\n".join([*lists, *(titled(name, values) for name, values in result.items())])
    return "\n".join([shown, "", f"of {shape_text(result.dims, result.shape)}; {read_text(result.read)}"])


def selected_text(found: Selected) -> str:
    """Elements as NumPy shows them."""
    return "\n".join(
        [str(found.values), "", f"{shape_text(found.dims, found.shape)}, {found.values.dtype}; {read_text(found.read)}"]
    )


def titled(name: str, values: Array) -> str:
    """A number behind its name, or an array below it."""
    return f"{name}\n{values!s}" if values.ndim else f"{name:<7} {values!s}"


def column_table(dim: str, columns: Mapping[str, Array], names: Sequence[str] | None) -> str:
    """A row for each element along a dimension, the middle left out where there are many."""
    length = len(next(iter(columns.values())))
    chosen = [*range(length)] if length <= MOST_ROWS else [*range(ENDS), *range(length - ENDS, length)]
    rows = [
        [names[index] if names else str(index), *(str(values[index]) for values in columns.values())]
        for index in chosen
    ]
    if length > MOST_ROWS:
        rows.insert(ENDS, ["…"] * (1 + len(columns)))
    return aligned([[dim, *columns], *rows])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns that end at one place each."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows)


def shape_text(dims: Iterable[str], shape: Iterable[int]) -> str:
    """`time 12 × lat 40`, or `one number`."""
    return " × ".join(f"{name} {length}" for name, length in zip(dims, shape)) or "one number"


def read_text(read: Read) -> str:
    """What it took."""
    parts = [f"{read.chunks} chunks", f"{size_text(read.bytes)} in {read.requests} requests"]
    parts += [f"{read.unwritten} never written"] if read.unwritten else []
    parts += [f"{read.cached} cached"] if read.cached else []
    parts += [f"{read.passes} passes"] if read.passes > 1 else []
    return f"read {', '.join(parts)}"


def size_text(count: int) -> str:
    """Bytes in a unit that people read."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"


def description_text(found: Description, *, alone: bool) -> str:
    """A line for each variable; of one alone, all that is told of it."""
    head = ", ".join(
        [found.format, *([size_text(found.size)] if found.size else []), *([found.etag] if found.etag else [])]
    )
    if alone and found.variables:
        (variable, *_) = found.variables.values()
        return f"{head}\n\n{variable_text(variable)}"
    rows = [[v.name, v.dtype, shape_text(v.dims, v.shape), chunks_text(v)] for v in found.variables.values()]
    widths = [max([0, *map(len, column)]) for column in zip(*rows)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
    return "\n".join([head, "", *lines])


def variable_text(variable: Variable) -> str:
    """How a variable is stored, and its attributes."""
    rows = {
        "dtype": variable.dtype,
        "shape": shape_text(variable.dims, variable.shape),
        "chunks": chunks_text(variable),
        **{
            name: size_text(variable.fields[name])
            for name in ("stored_bytes", "decoded_bytes")
            if name in variable.fields
        },
    }
    lines = [variable.name, *(f"  {name:<14} {value}" for name, value in rows.items())]
    return "\n".join([*lines, *(f"  :{name} = {value!r}" for name, value in variable.attributes.items())])


def chunks_text(variable: Variable) -> str:
    """`12 chunks of 4 × 20 × 30`."""
    if variable.chunk_shape is None:
        return ""
    count = variable.fields.get("chunk_count")
    lengths = " × ".join(map(str, variable.chunk_shape))
    return f"chunks of {lengths}" if count is None else f"{np.int64(count)} chunks of {lengths}"
