"""The fields of a request about a variable, and its body."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import cbor2
import numpy as np

from reductionist.errors import UsageError
from reductionist.fields import Fields

STATISTICS = (
    *("count", "sum", "mean", "min", "max", "argmin", "argmax", "var", "std", "sum_of_squares", "any", "all"),
    *("histogram", "quantile", "median", "sum_of_weights", "sum_of_squared_weights"),
)
Statistic = str | Mapping[str, Any]
Axis = int | str | Sequence[int | str] | None
Format = Literal["hdf5", "netcdf3", "zarr", "kerchunk"]
FORMATS: tuple[Format, ...] = ("hdf5", "netcdf3", "zarr", "kerchunk")

MOST_JSON = 16 << 10  # bytes of a body above which it is CBOR, which is shorter and sooner read
JSON, CBOR = "application/json", "application/cbor"


def subject(variable: str | None, array: Any, chunks: Any, urls: Any) -> Fields:
    """What is asked about: a variable of the object, or an array and where its chunks lie.

    Raises:
        UsageError: if it is neither, or both.
    """
    if (variable is None) == (array is None):
        raise UsageError("either a variable is named, or an array and its chunks are given")
    if (array is None) != (chunks is None):
        raise UsageError("an array needs its chunks, and chunks their array")
    if urls is not None and chunks is None:
        raise UsageError("urls are those of chunks")
    return without_none({"variable": variable, "array": array, "chunks": chunks, "urls": urls})


def statistics_of(statistics: Statistic | Sequence[Statistic]) -> list[Any]:
    """One or several statistics, each a name or a map with a name."""
    several = [statistics] if isinstance(statistics, (str, Mapping)) else list(statistics)
    if not several:
        raise UsageError("no statistic is asked for")
    return several


def axes_of(axis: Axis) -> Any:
    """One or several dimensions by number or name; None is all that are left, [] none."""
    if axis is None or isinstance(axis, (str, int, np.integer)):
        return axis if axis is None else [axis]
    return list(axis)


def without_none(fields: Fields) -> Fields:
    """The fields that are given."""
    return {name: value for name, value in fields.items() if value is not None}


def body_of(fields: Fields) -> tuple[str | bytes, str]:
    """A body and its content type: JSON, or CBOR where that would be large."""
    plain_fields = plain(fields)
    text = json.dumps(in_json(plain_fields))
    if len(text) <= MOST_JSON:
        return text, JSON
    return cbor2.dumps(plain_fields), CBOR


def plain(value: Any) -> Any:
    """Values without NumPy's types, in maps and lists."""
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def in_json(value: Any) -> Any:
    """The floats that JSON does not have as strings, which the service understands."""
    if isinstance(value, dict):
        return {name: in_json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [in_json(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
