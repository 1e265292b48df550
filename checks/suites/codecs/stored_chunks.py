"""Chunks as the libraries store them: what is in the store, what it holds, and how a request describes it.

This file has the chunks of numcodecs; stored_hdf5.py those of h5py and netCDF4, stored_zarr.py those of Zarr.
make_vectors.py makes golden chunks with them, test_codecs.py new ones for the running service.
"""

from dataclasses import dataclass, field

import numcodecs
import numpy as np

BY_NUMCODECS = "numcodecs"


@dataclass(eq=False)
class StoredChunk:
    """A chunk that a library wrote and read again."""

    written_by: str
    array: np.ndarray  # what the library reads, in the byte order of storage
    stored: bytes  # the object in the store, or the part of a file: all of it is the chunk unless `place` says where
    codecs: dict = field(default_factory=dict)  # fields of a request: compression, filters, filter_mask, codecs, order
    place: tuple | None = None  # offset and size of the chunk in `stored`
    decoded: bytes | None = None  # what codecs alone make of it, where that is not the array in C order

    @property
    def encoded(self):
        offset, size = self.place or (0, len(self.stored))
        return self.stored[offset : offset + size]


def dtype_fields(array):
    """The fields of a request about the dtype of an array."""
    return {"dtype": array.dtype.name, "byte_order": "big" if array.dtype.str.startswith(">") else "little"}


def by_numcodecs(array, filters=(), compressor=None, typesize=None):
    """A chunk as Zarr version 2 stores it: the filters in turn, then the compressor.

    Codecs see the array itself, as its dtype tells some of them what to do; typesize is for those that only take its
    size. The chunk holds what these codecs decode to, which is not always what was encoded.
    """
    steps = [*filters, *([compressor] if compressor else [])]
    data = array if typesize is None else array.view("u1").view(f"V{typesize}")
    for codec in steps:
        data = codec.encode(data)
    stored = np.asarray(data).tobytes() if isinstance(data, np.ndarray) else bytes(data)
    decoded = decode_with_numcodecs(stored, [codec.get_config() for codec in steps])
    dtype = decoded_dtype(array, filters)
    codecs = {}
    if filters:
        codecs["filters"] = [codec.get_config() for codec in filters]
    if compressor:
        codecs["compression"] = compressor.get_config()
    return StoredChunk(BY_NUMCODECS, np.frombuffer(decoded, dtype).reshape(array.shape), stored, codecs)


def decoded_dtype(array, filters):
    """The dtype of what is read: packed bits become bytes that are 0 or 1."""
    return np.dtype("u1") if any(codec.codec_id == "packbits" for codec in filters) else array.dtype


def decode_with_numcodecs(stored, configurations):
    """Decodes from the bytes and the configurations alone."""
    data = stored
    for configuration in reversed(configurations):
        data = numcodecs.get_codec(dict(configuration)).decode(data)
    return np.asarray(data).tobytes() if isinstance(data, np.ndarray) else bytes(data)
