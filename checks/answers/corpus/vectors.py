"""The chunks of tests/vectors, which other libraries wrote."""

import json
from pathlib import Path

import numpy as np

from .chunks import Chunk

DIRECTORY = Path(__file__).parents[3] / "tests/vectors"
NOT_OF_REQUESTS = {
    "name", "file", "decoded", "array", "written_by", "decoded_sha256", "decoded_len", "stored", "elements", "offset", "size",
}  # fmt: skip


def all_chunks():
    for index in ("vectors.json", "codecs.json", "zarr3-elements.json"):
        for vector in json.loads((DIRECTORY / index).read_text())["vectors"]:
            yield chunk(vector)


def chunk(vector):
    fields = {name: value for name, value in vector.items() if name not in NOT_OF_REQUESTS and value != []}
    decoded = read_decoded(vector)
    if "codecs" in fields:
        fields.pop("byte_order", None)
    dtype = np.dtype(vector["dtype"]).newbyteorder(order(vector))
    values = np.frombuffer(decoded[: len(decoded) // dtype.itemsize * dtype.itemsize], dtype)
    if vector.get("size") == 0:
        fields |= {"size": 0, "shape": fields.get("shape", [values.size])}
    shape = tuple(fields["shape"]) if "shape" in fields else None
    if shape is None and values.size and values.size % 4 == 0 and "codecs" not in fields:
        # The files have one dimension; questions are more interesting with two.
        shape = (4, values.size // 4)
        fields["shape"] = list(shape)
    sample = values[:: max(1, values.size // 50)].astype(vector["dtype"])
    return Chunk(encoded(vector), vector["dtype"], shape, fields, f"vector {family(vector)}", sample)


def order(vector):
    return ">" if vector.get("byte_order") == "big" else "<"


def read_decoded(vector):
    if "elements" in vector:
        return bytes.fromhex(vector["elements"])
    return (DIRECTORY / vector["decoded"]).read_bytes()


def encoded(vector):
    """The bytes of the chunk alone, whatever lies around it in its file."""
    if vector.get("size") == 0:
        return b""
    if "stored" in vector:
        return bytes.fromhex(vector["stored"])
    stored = (DIRECTORY / vector.get("file", f"{vector['name']}.enc")).read_bytes()
    start = vector.get("offset", 0)
    return stored[start : start + vector["size"]] if "size" in vector else stored[start:]


def family(vector):
    """Who wrote it, and by which codec it is read first."""
    if "codecs" in vector:
        last = vector["codecs"][-1]
        return f"zarr3 {last if isinstance(last, str) else last['name']}"
    last = vector.get("compression") or (vector.get("filters") or [{"id": "none"}])[-1]
    return f"{last['id']}"
