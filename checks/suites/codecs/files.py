"""Whole files for test_codecs.py, as climate data are kept, and their chunks as they lie in them."""

import itertools
from dataclasses import dataclass

import h5py
import numcodecs
import numpy as np
import zarr.codecs

from suites.codecs.stored_chunks import StoredChunk
from suites.codecs.stored_hdf5 import BY_H5PY, listed_filters
from suites.codecs.stored_zarr import by_zarr

FILL = np.float32(1e20)
SHAPE = (40, 192, 288)  # time, lat, lon: does not end where a chunk ends
CHUNK = (19, 192, 288)  # 4 MiB of float32
SMALL_CHUNK = (8, 64, 96)  # of a shard


@dataclass
class File:
    """A variable: its values, and its chunks, each with the part that is inside the array."""

    name: str
    values: np.ndarray
    chunks: list  # pairs of a StoredChunk and a selection


def temperature(seed, shape=SHAPE):
    """Air temperature in K as a model gives it, without data on a tenth of the grid."""
    dice = np.random.default_rng(seed)
    time, lat, lon = np.meshgrid(*(np.linspace(0, 2 * np.pi, n) for n in shape), indexing="ij")
    kelvin = 243 + 57 * np.sin(lat / 2) ** 2 - 12 * np.cos(lat / 2) * np.cos(time) + 3 * np.sin(3 * lon + time)
    values = (kelvin + dice.normal(0, 0.75, shape)).astype("<f4")
    values[:, np.sin(3 * lat[0] + dice.uniform()) * np.sin(2 * lon[0]) > 0.8] = FILL
    return values


def all_files(seed, directory):
    """Makes the files one by one, as they are large."""
    yield repacked(temperature(seed), directory / "repacked.nc")
    blosc, zstd = {"compressors": numcodecs.Blosc()}, {"compressors": zarr.codecs.ZstdCodec(level=3)}
    for name, zarr_format, chunk_shape, options in [
        ("Zarr 2, Blosc", 2, CHUNK, blosc),
        ("Zarr 3, zstd", 3, CHUNK, zstd),
        ("Zarr 3, shards", 3, SMALL_CHUNK, zstd | {"shards": (16, 192, 288)}),
    ]:
        values = temperature(seed + 1)
        chunks = by_zarr(values, chunk_shape, zarr_format, fill_value=FILL, **options)
        yield File(name, values, [(chunk, inside(place, chunk_shape)) for place, chunk in chunks.items()])


def inside(place, chunk_shape):
    """The selection of a chunk, by its place in the grid of chunks, that is inside the array."""
    return tuple(slice(0, min(step, n - number * step)) for number, n, step in zip(place, SHAPE, chunk_shape))


def repacked(values, path):
    """A file as cmip7repack writes it."""
    options = {"shuffle": True, "compression": "gzip", "compression_opts": 4, "fletcher32": True}
    with h5py.File(path, "w") as file:
        file.create_dataset("tas", data=values, chunks=CHUNK, fillvalue=FILL, **options)
    content = path.read_bytes()
    chunks = []
    with h5py.File(path) as file:
        dataset = file["tas"].id
        codecs = {"filters": listed_filters(dataset)}
        for origin in itertools.product(*(range(0, n, step) for n, step in zip(SHAPE, CHUNK))):
            stored = dataset.get_chunk_info_by_coord(origin)
            assert stored.filter_mask == 0
            array = np.full(CHUNK, FILL)
            part = file["tas"][tuple(slice(start, start + step) for start, step in zip(origin, CHUNK))]
            array[tuple(slice(0, n) for n in part.shape)] = part
            place = stored.byte_offset, stored.size
            selection = tuple(slice(0, n) for n in part.shape)
            chunks.append((StoredChunk(BY_H5PY, array, content, codecs, place), selection))
    return File("HDF5 of cmip7repack", values, chunks)
