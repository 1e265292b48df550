"""Chunks as zarr-python stores them, in both formats, and the fields of a request that its metadata make."""

import itertools
import json
import math

import numpy as np
import zarr

from suites.codecs.stored_chunks import StoredChunk

BY_ZARR = "zarr"
NEVER_WRITTEN = 2**64 - 1  # offset and size in the index of a shard


def by_zarr(array, chunk_shape, zarr_format, shards=None, **options):
    """All chunks of an array, by their place in the grid of chunks."""
    store = zarr.storage.MemoryStore()
    options = {"shape": array.shape, "dtype": array.dtype, "chunks": chunk_shape, "shards": shards} | options
    zarr.create_array(store, zarr_format=zarr_format, **options)[...] = array
    objects = {key: value.to_bytes() for key, value in store._store_dict.items()}
    values = zarr.open_array(store, mode="r")[...].astype(array.dtype)
    return dict(chunks_of(objects, values, zarr_format))


def chunks_of(objects, values, zarr_format):
    """Pairs of place and chunk, from the objects of a store and the values of the array as the library reads them."""
    metadata = json.loads(objects[".zarray" if zarr_format == 2 else "zarr.json"])
    fields, chunk_shape, fill_value = describe(metadata)
    grid = [range(math.ceil(n / step)) for n, step in zip(metadata["shape"], chunk_shape)]
    for place in itertools.product(*grid):
        array = whole_chunk(values, place, chunk_shape, fill_value)
        found = find(objects, metadata, place, chunk_shape)
        if found is None:
            never_written = fields | {"fill_value": metadata["fill_value"]}
            yield place, StoredChunk(BY_ZARR, array, b"", never_written)
        else:
            key, where = found
            stored_order = storage_order(fields, array)
            decoded = None if stored_order == array.tobytes() else stored_order
            yield place, StoredChunk(BY_ZARR, array, objects[key], fields, where, decoded)


def describe(metadata):
    """The fields of a request that hold for all chunks, the shape of a chunk, the fill value as a number."""
    fill_value = float(metadata["fill_value"] or 0)  # NaN is a string
    if metadata["zarr_format"] == 3:
        chunk_shape = metadata["chunk_grid"]["configuration"]["chunk_shape"]
        for codec in metadata["codecs"]:
            if codec["name"] == "sharding_indexed":
                chunk_shape = codec["configuration"]["chunk_shape"]
        return {"codecs": metadata["codecs"]}, chunk_shape, fill_value
    fields = {name: metadata[name] for name in ("filters",) if metadata[name]}
    fields |= {"compression": metadata["compressor"]} if metadata["compressor"] else {}
    fields |= {"order": "F"} if metadata["order"] == "F" else {}
    return fields, metadata["chunks"], fill_value


def whole_chunk(values, place, chunk_shape, fill_value):
    """A chunk with all its elements: beyond the end of the array, both formats store the fill value."""
    chunk = np.full(chunk_shape, fill_value, values.dtype)
    starts = [number * step for number, step in zip(place, chunk_shape)]
    part = values[tuple(slice(start, start + step) for start, step in zip(starts, chunk_shape))]
    chunk[tuple(slice(0, n) for n in part.shape)] = part
    return chunk


def find(objects, metadata, place, chunk_shape):
    """The key of the object that has a chunk, and offset and size in it unless it is all of it."""
    if metadata["zarr_format"] == 2:
        key = metadata["dimension_separator"].join(map(str, place))
        return (key, None) if key in objects else None
    shard_shape = metadata["chunk_grid"]["configuration"]["chunk_shape"]
    inner = [n // step for n, step in zip(shard_shape, chunk_shape)]  # chunks of a shard along each axis
    key = "/".join(["c", *(str(number // n) for number, n in zip(place, inner))])
    if key not in objects:
        return None
    sharding = next((codec for codec in metadata["codecs"] if codec["name"] == "sharding_indexed"), None)
    if sharding is None:
        return key, None
    position = np.ravel_multi_index([number % n for number, n in zip(place, inner)], inner)
    offset, size = read_index(objects[key], math.prod(inner), sharding["configuration"])[position]
    return None if offset == NEVER_WRITTEN else (key, (int(offset), int(size)))


def read_index(shard, chunks, configuration):
    """Offset and size of each chunk of a shard: its index is uncompressed, with a checksum of 4 bytes behind it."""
    assert [codec["name"] for codec in configuration["index_codecs"]] == ["bytes", "crc32c"]
    size = 16 * chunks + 4
    index = shard[-size:] if configuration["index_location"] == "end" else shard[:size]
    return np.frombuffer(index[:-4], "<u8").reshape(chunks, 2)


def storage_order(fields, array):
    """The bytes of a chunk in the order in which its axes are stored."""
    if fields.get("order") == "F":
        return array.tobytes("F")
    for codec in all_codecs(fields.get("codecs", [])):
        if codec["name"] == "transpose":
            return array.transpose(codec["configuration"]["order"]).tobytes()
    return array.tobytes()


def all_codecs(codecs):
    """The codecs of a chain, and those of the chunks inside a shard."""
    for codec in codecs:
        yield codec
        if codec["name"] == "sharding_indexed":
            yield from all_codecs(codec["configuration"]["codecs"])
