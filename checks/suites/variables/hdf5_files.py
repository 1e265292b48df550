"""Files by h5py: what the HDF5 library writes of superblocks, groups, layouts, chunk indexes and filters."""

from dataclasses import dataclass, field

import h5py
import numpy as np

VERSIONS = ("earliest", "v108", "v110", "v112", "latest")
DTYPES = [
    f"{order}{code}" for code in ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"] for order in "<>"
]
FILTERS = [
    {},
    {"compression": "gzip", "compression_opts": 4, "shuffle": True},
    {"compression": "gzip", "fletcher32": True},
    {"compression": "lzf", "shuffle": True},
    {"shuffle": True, "fletcher32": True},
]
# What decides about the chunk index: lengths, lengths of chunks, and which dimensions may grow.
GROWTH = {
    "fixed": ((11, 7, 9), (4, 3, 9), None),  # fixed array, or implicit where chunks are allocated at once
    "one_chunk": ((5, 6), (5, 6), None),
    "one_grows": ((13, 8), (2, 3), (None, 8)),  # extensible array
    "last_grows": ((6, 17), (4, 2), (6, None)),
    "two_grow": ((10, 9, 4), (3, 2, 4), (None, None, 4)),  # B-tree of version 2
    "many": ((700, 3), (2, 3), (None, 3)),  # several blocks of an index
    "one_dimension": ((101,), (10,), None),
}


@dataclass
class Written:
    """A dataset to be: its values where they are written, and how it is stored."""

    values: np.ndarray
    how: dict = field(default_factory=dict)
    is_partial: bool = False  # some chunks are never written
    shrink_to: tuple | None = None


def random_values(dice, dtype, shape):
    """Values of which sums fit; floats are a few times NaN, and infinite less often."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        values = np.round(dice.normal(10, 60, shape), 2).astype(dtype)
        if dice.random() < 0.4:
            values[dice.random(shape) < 0.05] = np.nan
        if dice.random() < 0.15:
            values[dice.random(shape) < 0.02] = np.inf * dice.choice([-1, 1])
        return values
    bounds = np.iinfo(dtype)
    low, high = max(bounds.min, -(2**40)), min(bounds.max, 2**40)
    return dice.integers(low, high, shape, endpoint=True).astype(dtype)


def chunked(dice, name):
    """A dataset of chunks."""
    shape, chunks, maxshape = GROWTH[name]
    values = random_values(dice, dice.choice(DTYPES), shape)
    how = {"chunks": chunks, "maxshape": maxshape} | FILTERS[dice.integers(len(FILTERS))]
    if dice.random() < 0.6:
        how["fillvalue"] = values.dtype.type(dice.integers(0, 100))
    shrink_to = tuple(max(1, n - 3) for n in shape) if maxshape and all(n is None for n in maxshape) else None
    return Written(values, how, bool(dice.random() < 0.4), shrink_to)


def datasets(dice):
    """By their paths."""
    found = {f"chunked/{name}": chunked(dice, name) for name in GROWTH}
    found |= {f"chunked/more/{name}": chunked(dice, name) for name in GROWTH}
    for code in DTYPES:
        found[f"dtypes/{code.replace('<', 'little_').replace('>', 'big_')}"] = Written(
            random_values(dice, code, (6, 5))
        )
    shape = (8, 10)
    shrunk = Written(random_values(dice, "<f4", shape), {"chunks": (3, 3), "maxshape": (None, None)}, shrink_to=(4, 5))
    empty = {"chunks": (2, 4), "maxshape": (None, 4), "fillvalue": 3}
    return found | {
        "contiguous": Written(random_values(dice, "<f8", shape)),
        "scalar": Written(random_values(dice, "<i4", ())),
        "shrunk": shrunk,
        "empty": Written(np.zeros((0, 4), "<i2"), empty),
        "unwritten": Written(np.zeros((0, 0), "<f4"), {"shape": (9, 7), "chunks": (4, 4), "fillvalue": -1.5}),
    }


def write(directory, dice):
    """A file in each version of the format; the paths of the files."""
    paths = []
    for version in VERSIONS:
        path = directory / f"h5py-{version}.h5"
        options = {"userblock_size": 1024} if version == "v110" else {}
        with h5py.File(path, "w", libver=(version, version if version != "earliest" else "v108"), **options) as file:
            for name, written in datasets(dice).items():
                write_dataset(file, name, written, dice)
            write_compact(file, random_values(dice, "<f4", (4, 6)))
            write_at_once(file, random_values(dice, "<i4", (9, 6)))
            write_attributes(file, dice)
        paths.append(path)
    return paths


def write_dataset(file, name, written, dice):
    values, how = written.values, {name: value for name, value in written.how.items() if value is not None}
    how = {"shape": values.shape, "dtype": values.dtype} | how
    dataset = file.create_dataset(name, **how)
    if written.is_partial:
        first = (slice(values.shape[0] // 2), *[slice(None)] * (values.ndim - 1))
        dataset[first] = values[first]
    elif values.size:
        dataset[...] = values
    if written.shrink_to:
        dataset.resize(written.shrink_to)
    if dice.random() < 0.3 and values.size and values.dtype.kind != "f":
        dataset.attrs["_FillValue"] = values.reshape(-1)[:1]


def write_compact(file, values):
    """Inside the header."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple(values.shape)
    made = h5py.h5d.create(file.id, b"compact", h5py.h5t.py_create(values.dtype), space, layout)
    h5py.Dataset(made)[...] = values


def write_at_once(file, values):
    """Chunks that have their places before they are written: newer versions need no index for them."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_chunk((4, 4))
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    space = h5py.h5s.create_simple(values.shape)
    made = h5py.h5d.create(file.id, b"at_once", h5py.h5t.py_create(values.dtype), space, layout)
    h5py.Dataset(made)[...] = values


def write_attributes(file, dice):
    """So many attributes that they are stored apart from the header where the version can."""
    values = random_values(dice, "<f4", (7, 7))
    values[2:4] = 1e20
    dataset = file.create_dataset("attributes", data=values, chunks=(3, 7), compression="gzip")
    for number in range(30):
        dataset.attrs[f"note_{number}"] = f"text {number}"
    dataset.attrs["missing_value"] = np.float64(1e20)  # rounds to that of the data
    dataset.attrs["valid_min"] = np.float32(-500)
