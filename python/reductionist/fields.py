"""The fields of a request, in the words of the service's two dialects."""

import re
from collections.abc import Iterable
from typing import Any, Literal
from urllib.parse import unquote

from reductionist.errors import UsageError

Fields = dict[str, Any]
Dialect = Literal["v1", "v2"]
Order = Literal["C", "F"]

OPERATIONS = ("count", "min", "max", "sum", "mean", "select")
DIALECTS: tuple[Dialect, ...] = ("v1", "v2")
DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64")
FLOATS = ("float16", "float32", "float64")
BYTE_ORDERS: dict[str, Literal["<", ">"]] = {"little": "<", "big": ">"}

PLACE_V1 = ("source", "bucket", "object")
PLACE_V2 = ("url", "interface_type")
OPTIONS_V2 = ("option_shape_as_bytes", "option_count_as_bytes", "option_disable_chunk_cache")
RANGE = ("offset", "size")
RESULT = ("axis", "result_dtype", "keepdims")
CONTENT = (
    *("dtype", "byte_order", "shape", "order", "selection", "missing", "fill_value", "etag"),
    *("compression", "filters", "filter_mask", "codecs", "scale_factor", "add_offset", "unsigned"),
)
FIELDS = (*PLACE_V1, *PLACE_V2, *OPTIONS_V2, *RANGE, *CONTENT, *RESULT)
MISSING = ("missing_value", "missing_values", "valid_min", "valid_max", "valid_range")


def merged(*layers: Fields) -> Fields:
    """One set of fields, in which later ones win. A null of a later one takes an earlier field away."""
    together: Fields = {}
    for layer in layers:
        together |= layer
    return {name: value for name, value in together.items() if value is not None}


def request(fields: Fields, operation: str, dialect: Dialect, *, is_partial: bool = False) -> Fields:
    """A request in a dialect; one of several whose results are combined, if it is partial.

    Raises:
        UsageError: if the place of the object or the dtype is not given as the dialect wants it, or a field has no use.
    """
    if "dtype" not in fields:
        raise UsageError("--dtype is required")
    if operation == "select" and "axis" in fields:
        raise UsageError("select reduces no axis: --axis has no use")
    fields = place_v1(fields) if dialect == "v1" else place_v2(fields)
    if operation == "mean" or (operation == "sum" and is_partial):
        fields = fields | widest_sum(fields, operation)
    if isinstance(fields.get("selection"), list):
        fields["selection"] = slices(fields["selection"], fields.get("shape"))
    return fields


def widest_sum(fields: Fields, operation: str) -> Fields:
    """The result_dtype of a sum that is not the end: nothing is rounded to a narrower dtype before the end."""
    wanted = fields.get("result_dtype")
    if operation == "mean" and wanted not in (None, "float32", "float64"):
        raise UsageError("a mean is a float64, or a float32 with --result-dtype float32")
    widest = "float64" if operation == "mean" else widest_dtype(fields)
    is_of_kind = wanted is None or str(wanted).rstrip("0123456789") == widest.rstrip("0123456789")
    return {"result_dtype": widest} if is_of_kind or operation == "mean" else {}


def widest_dtype(fields: Fields) -> str:
    """The widest dtype of the kind that a sum is of."""
    dtype = str(fields["dtype"])
    if dtype in FLOATS or "scale_factor" in fields or "add_offset" in fields:
        return "float64"
    is_unsigned = dtype.startswith("u") or fields.get("unsigned") is True
    return "uint64" if is_unsigned else "int64"


def place_v1(fields: Fields) -> Fields:
    """Makes source, bucket and object of a URL."""
    alien = [name for name in OPTIONS_V2 if name in fields]
    if fields.get("interface_type", "s3") != "s3" or alien:
        raise UsageError("--api v1 reads S3 stores only, and knows neither --*-as-bytes nor --no-chunk-cache")
    place = [name for name in PLACE_V1 if name in fields]
    if "url" not in fields and len(place) == len(PLACE_V1):
        return without(PLACE_V2, fields)
    if "url" not in fields or place:
        raise UsageError("--api v1 needs --source, --bucket and --object, or --url in their place")
    split = re.fullmatch("(https?://[^/?#]+)/+([^/?#]+)/+([^?#]+)", str(fields["url"]), re.IGNORECASE)
    if not split:
        raise UsageError("--api v1 needs a --url of the form http(s)://STORE/BUCKET/KEY, percent-encoded")
    source, bucket, key = split.groups()
    return without(PLACE_V2, fields) | dict(zip(PLACE_V1, (source, unquote(bucket), unquote(key))))


def place_v2(fields: Fields) -> Fields:
    """Adds how the URL is read if that was not said."""
    if any(name in fields for name in PLACE_V1):
        raise UsageError("--source, --bucket and --object are for --api v1; give --url")
    if "url" not in fields:
        raise UsageError("--url is required")
    is_file = str(fields["url"]).startswith("file:")
    return {"interface_type": "file" if is_file else "s3"} | fields


def without(names: Iterable[str], fields: Fields) -> Fields:
    """The fields but for some."""
    return {name: value for name, value in fields.items() if name not in names}


def slices(parts: list[Any], shape: Any) -> list[Any]:
    """A selection with a slice of one element in place of each index, which must be inside the shape, as in NumPy."""
    whole = list(parts)
    lengths = shape if isinstance(shape, list) and all(type(length) is int for length in shape) else []
    for dimension, index in enumerate(parts):
        if type(index) is not int:
            continue
        if dimension < len(lengths) and not -lengths[dimension] <= index < lengths[dimension]:
            raise UsageError(f"index {index} of the selection is outside dimension {dimension} of shape {shape}")
        whole[dimension] = [index, index + 1 or None, 1]
    return whole
