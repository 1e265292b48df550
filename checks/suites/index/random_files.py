"""Random HDF5 files: all versions of the format, layouts, indexes, filters and types."""

import h5py
import numpy as np
from h5py import h5d, h5p, h5s, h5t

from suites.index import libhdf5
from suites.index.files import TYPES

VERSIONS = ["earliest", "v108", "v110", "v112", "v114", "latest"]
DATASETS = 6


def make(directory, count, seed):
    paths = []
    for number in range(count):
        path = directory / f"random-{number:04}.h5"
        try:
            _file(path, np.random.default_rng([seed, number]))
        except RuntimeError as error:
            # HDF5 itself cannot make some of them larger or smaller.
            print(f"{path.name}: {error}")
            path.unlink()
        else:
            paths.append(path)
    return paths


def _file(path, random):
    version = random.choice(VERSIONS)
    user_block = int(random.choice([0, 0, 0, 512, 2048]))
    with h5py.File(path, "w", libver=(version, "latest"), userblock_size=user_block) as file:
        for number in range(DATASETS):
            parent = file.require_group(str(random.choice(["/", "a", "a/b", "c"])))
            _dataset(parent, f"dataset-{number}", random)
            for attribute in range(int(random.choice([0, 2, 12]))):
                parent[f"dataset-{number}"].attrs[f"attribute-{attribute}"] = _values((2,), random)


def _values(shape, random):
    return random.integers(-50, 50, shape).astype(str(random.choice(TYPES)))


def _dataset(parent, name, random):
    rank = int(random.integers(0, 4))
    most = [1, 600, 40, 12][rank]
    shape = tuple(int(random.integers(0 if random.random() < 0.05 else 1, most + 1)) for _ in range(rank))
    values = _values(shape, random)
    creation = h5p.create(h5p.DATASET_CREATE)
    layout = str(random.choice(["chunked", "chunked", "chunked", "contiguous", "compact"]))
    maxshape = shape
    if layout == "compact" and values.nbytes < 60000:
        creation.set_layout(h5d.COMPACT)
    elif layout == "chunked" and rank > 0:
        maxshape = _chunked(creation, shape, random)
    if random.random() < 0.5:
        creation.set_fill_value(np.array(random.integers(0, 50), values.dtype))
    kind, space = h5t.py_create(values.dtype), h5s.create_simple(shape, maxshape) if rank else h5s.create(h5s.SCALAR)
    dataset = h5py.Dataset(h5d.create(parent.id, name.encode(), kind, space, creation))
    _write(dataset, values, random)
    if maxshape != shape and all(shape) and random.random() < 0.5:
        _resize(dataset, shape, random)


def _chunked(creation, shape, random):
    """Sets chunks and filters; returns how large the dataset may become."""
    chunks = tuple(int(random.integers(1, min(max(n, 1), 7) + 1)) for n in shape)
    if random.random() < 0.15:
        chunks = tuple(max(n, 1) for n in shape)
    creation.set_chunk(chunks)
    if random.random() < 0.15:
        creation.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    elif random.random() < 0.6:
        for add in [creation.set_shuffle, lambda: creation.set_deflate(4), creation.set_fletcher32]:
            if random.random() < 0.6:
                add()
        if random.random() < 0.2:
            libhdf5.leave_edges_raw(creation)
    growing = random.random()
    if growing < 0.25:
        return shape
    if growing < 0.45:
        # Only where the chunk still fits.
        return tuple(n + int(random.integers(0, 9)) for n in shape)
    unlimited = random.random(len(shape)) < (0.5 if growing < 0.75 else 0.2)
    unlimited[int(random.integers(len(shape)))] = True
    return tuple(h5s.UNLIMITED if is_unlimited else n for n, is_unlimited in zip(shape, unlimited, strict=True))


def _write(dataset, values, random):
    if random.random() < 0.7 or values.ndim == 0 or values.size == 0:
        if random.random() < 0.9:
            dataset[...] = values
        return
    for _ in range(4):
        corner = tuple(slice(int(random.integers(n)), None) for n in values.shape)
        corner = tuple(slice(s.start, min(s.start + 5, n)) for s, n in zip(corner, values.shape, strict=True))
        dataset[corner] = values[corner]


def _resize(dataset, shape, random):
    for _ in range(2):
        limits = dataset.maxshape
        new = [
            int(random.integers(1, (most or n + 9) + 1)) if most != n else n
            for n, most in zip(shape, limits, strict=True)
        ]
        dataset.resize(new)
