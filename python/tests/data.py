"""The data that is asked about, what NumPy makes of it, and command lines that ask."""

import json
import shlex
import zlib

import numpy as np

from harness.places import SAMPLE
from running import at_service, url

DESCRIPTION = json.loads(SAMPLE.with_suffix(".json").read_text())
FILL = np.float32(1e20)
ODD_KEY = "tas 50% +é&#?.nc"  # the sample once more, under a key that has to be encoded in a URL

INTEGERS = np.array([2**62 + 1, -5, 2**53 + 1, 7, 7, -(2**63), 2**53, 0], ">i8").reshape(2, 2, 2)
UNSIGNED = np.array([2**64 - 1, 2**63, 3], "<u8")
SPECIAL = np.array([np.nan, np.inf, -np.inf, 1.5, -1 / 3], "<f8")
PACKED = np.array([-32768, 12, -3], "<i2")
FILES = {"integers.bin": INTEGERS, "unsigned.bin": UNSIGNED, "special.bin": SPECIAL, "packed.bin": PACKED}


# --- The data, and what NumPy makes of it --------------------------------------------------------------------


def decoded(chunk):
    """One storage chunk of the sample."""
    encoded = SAMPLE.read_bytes()[chunk["offset"] : chunk["offset"] + chunk["size"]]
    planes = np.frombuffer(zlib.decompress(encoded), np.uint8).reshape(4, -1)
    return np.frombuffer(planes.T.tobytes(), "<f4").reshape(DESCRIPTION["chunk_shape"])


def masked(values):
    return np.ma.array(values, mask=values == FILL)


CHUNK = masked(decoded(DESCRIPTION["chunks"][0]))


def whole_variable():
    """The array that all chunks make up."""
    array = np.empty(DESCRIPTION["shape"], "<f4")
    for chunk in DESCRIPTION["chunks"]:
        part = decoded(chunk)[tuple(slice(*parts) for parts in chunk["selection"])]
        array[tuple(slice(start, start + length) for start, length in zip(chunk["origin"], part.shape))] = part
    return masked(array)


def of_numpy(operation, data, axis=None, keepdims=False):
    """What the client should print as JSON for float32 data."""
    present = ~np.ma.getmaskarray(data)
    how = {"axis": axis, "keepdims": keepdims}
    counts = present.sum(**how)
    if operation == "select":
        values, counts = data.data, present.sum()
    elif operation == "count":
        values = counts
    elif operation == "sum":
        values = data.filled(0).sum(dtype="f8", **how).astype("f4")
    elif operation == "mean":
        values = np.ma.array(data.filled(0).sum(dtype="f8", **how) / np.maximum(counts, 1), mask=counts == 0)
    else:
        nothing = np.inf if operation == "min" else -np.inf
        reduced = getattr(data.filled(nothing), operation)(initial=nothing, **how)
        values = np.ma.array(reduced, mask=counts == 0)
    return {
        "operation": operation,
        "result": values.tolist(),
        "count": counts.tolist(),
        "dtype": values.dtype.name,
        "shape": list(values.shape),
        "all_missing": not counts.any(),
        "nan": bool(np.isnan(np.ma.compressed(values)).any()),
    }


# --- Command lines ---------------------------------------------------------------------------------------------


SAMPLE_CHUNK = shlex.split(
    "--dtype float32 --byte-order little --offset 14977 --size 2913 --shape 4,20,30 --compression zlib --shuffle 4"
)
MISSING = ["--missing-value", "1e20"]


def of_chunk(*arguments, api="v2"):
    """Arguments that ask about the first chunk of the sample."""
    return at_service("--url", url(), *SAMPLE_CHUNK, *arguments, api=api)


def of_file(name, *arguments, api="v2"):
    """Arguments that ask about one of the small files."""
    array = FILES[name]
    order = "little" if array.dtype.str[0] == "<" else "big"
    return at_service("--url", url(name), "--dtype", array.dtype.name, "--byte-order", order, *arguments, api=api)
