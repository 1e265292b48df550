"""The fields of a request about a variable, and its body."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import cbor2
import numpy as np
from numpy.typing import NDArray

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

MOST_JSON = 8 << 10  # bytes as CBOR above which a body is that, and not JSON, which is longer
JSON, CBOR = "application/json", "application/cbor"
ARRAY = 4  # a major type of CBOR
FLOAT_HEADS = {np.dtype("f2"): 0xF9, np.dtype("f4"): 0xFA, np.dtype("f8"): 0xFB}  # first bytes of items


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
    body = cbor2.dumps(fields, default=encode)
    if len(body) > MOST_JSON:
        return body, CBOR
    return json.dumps(in_json(plain(fields))), JSON


def encode(encoder: cbor2.CBOREncoder, value: Any) -> None:
    """Writes what CBOR does not know by itself: maps that are no dicts, and values of NumPy."""
    if isinstance(value, np.ndarray) and value.ndim and value.dtype in FLOAT_HEADS:
        encode_floats(encoder, value)
    elif isinstance(value, (np.ndarray, np.generic)):
        encoder.encode(value.tolist())
    elif isinstance(value, Mapping):
        encoder.encode(dict(value))
    else:
        encoder.encode(list(value))


def encode_floats(encoder: cbor2.CBOREncoder, values: NDArray[Any]) -> None:
    """Writes an array of floats as nested lists, each float as wide as it is (RFC 8949, 3.3)."""
    encoder.encode_length(ARRAY, len(values))
    if values.ndim > 1:
        for row in values:
            encode_floats(encoder, row)
        return
    items = np.empty(len(values), [("head", "u1"), ("float", values.dtype.newbyteorder(">"))])
    items["head"], items["float"] = FLOAT_HEADS[values.dtype], values
    encoder.write(items.tobytes())


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
