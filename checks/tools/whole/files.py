"""Files of a variable in chunks of 16 KiB, so many as a model's output has of them, and what reads them elsewhere."""

import json
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np

VARIABLE = "tas"
CHUNK_SHAPE = (1, 64, 64)  # float32: 16 KiB
SHAPES = {340: (34, 64, 640), 3_400: (34, 640, 640), 34_000: (340, 640, 640)}  # by the number of chunks
LARGE = "elements-100000000"  # a file of so many elements
LARGE_SHAPE, LARGE_CHUNK = (100, 1000, 1000), (1, 500, 1000)  # float32: 2 MB
SERIES = "months-1200"  # a file of a hundred years
SERIES_SHAPE, SERIES_CHUNK = (1200, 96, 192), (120, 32, 64)  # float32: 1 MB
FILL = 1e20


def path_of(directory: Path, chunks: int) -> Path:
    """Where the file of so many chunks is."""
    return directory / f"chunks-{chunks}.nc"


def references_of(directory: Path, chunks: int) -> Path:
    """Where kerchunk's references to it are."""
    return directory / f"chunks-{chunks}.json"


def make(directory: Path, numbers: list[int]) -> None:
    """Writes the files that are not there yet; the largest is half a GB when it is decoded."""
    directory.mkdir(parents=True, exist_ok=True)
    for chunks in numbers:
        path = path_of(directory, chunks)
        if not path.exists():
            unfinished = path.with_suffix(".part")
            write(unfinished, SHAPES[chunks])
            unfinished.rename(path)


def make_large(directory: Path) -> Path:
    """Writes the file of 10⁸ elements, 400 MB when it is decoded, if it is not there yet; its path."""
    return make_one(directory / f"{LARGE}.nc", LARGE_SHAPE, LARGE_CHUNK)


def make_series(directory: Path) -> Path:
    """Writes the file of a hundred years of months, 88 MB when it is decoded, if it is not there yet; its path."""
    return make_one(directory / f"{SERIES}.nc", SERIES_SHAPE, SERIES_CHUNK)


def make_one(path: Path, shape: tuple[int, int, int], chunk_shape: tuple[int, int, int]) -> Path:
    """Writes a file if it is not there yet; its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        unfinished = path.with_suffix(".part")
        write(unfinished, shape, chunk_shape)
        unfinished.rename(path)
    return path


def write(path: Path, shape: tuple[int, int, int], chunk_shape: tuple[int, int, int] = CHUNK_SHAPE) -> None:
    """Temperatures, step by step; a twentieth is missing."""
    dice = np.random.default_rng(11)
    north = np.linspace(-np.pi / 2, np.pi / 2, shape[1])[:, None]
    how: dict[str, Any] = {"zlib": True, "complevel": 1, "shuffle": True, "chunksizes": chunk_shape, "fill_value": FILL}
    with netCDF4.Dataset(path, "w") as file:
        for name, length in zip(("time", "lat", "lon"), (None, *shape[1:])):
            file.createDimension(name, length)
        variable = file.createVariable(VARIABLE, "f4", ("time", "lat", "lon"), **how)
        for step in range(shape[0]):
            values = 250 + 40 * np.cos(north) + 5 * np.sin(step / 6) + dice.normal(0, 2, shape[1:])
            values = np.round(values * 16) / 16  # as archives round them
            values[dice.random(shape[1:]) < 0.05] = FILL
            variable[step] = values


def make_references(path: Path, url: str, to: Path) -> None:
    """Has kerchunk list the chunks of a file that is at the URL."""
    from kerchunk.hdf import SingleHdf5ToZarr

    with path.open("rb") as file:
        to.write_text(json.dumps(SingleHdf5ToZarr(file, url).translate()))


def chunk_requests(path: Path, url: str) -> list[str]:
    """The bodies of requests for the sum of each chunk."""
    shared = {
        "interface_type": "http",
        "url": url,
        "dtype": "float32",
        "byte_order": "little",
        "shape": CHUNK_SHAPE,
        "compression": {"id": "zlib"},
        "filters": [{"id": "shuffle", "element_size": 4}],
        "missing": {"missing_value": FILL},
    }
    with h5py.File(path) as file:
        of = file[VARIABLE].id
        infos = [of.get_chunk_info(number) for number in range(of.get_num_chunks())]
    return [json.dumps(shared | {"offset": info.byte_offset, "size": info.size}) for info in infos]
