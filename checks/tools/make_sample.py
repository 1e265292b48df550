"""Makes the netCDF4 file of the quickstart, and the description that goes with it.

  temperature.nc    Synthetic near-surface air temperature `tas(time, lat, lon)`, 12 months on a grid of
                    40 x 50. Compressed, shuffled and chunked as climate data usually is: the grid does
                    not divide evenly along `lon`, so the last chunks there are partly padding. About a
                    seventh of the elements are missing.
  temperature.json  Where the chunks of `tas` are in the file, how they are encoded, and what NumPy makes
                    of the data, to compare with what the service answers.

Both are checked in; run this only to change them. It needs the packages of uv.lock, in
exactly these versions to write the same bytes again:

    cd checks && $(./environment codecs)/bin/python -m tools.make_sample

The suite `clients` compares all of it with NumPy, the chunks without any HDF5 library.
"""

import argparse
import itertools
import json
import math
import textwrap
from pathlib import Path

import h5py
import netCDF4
import numpy as np

from harness.places import SAMPLE

FILE = "temperature.nc"
DESCRIPTION = "temperature.json"
VARIABLE = "tas"
SHAPE = (12, 40, 50)  # time, lat, lon
CHUNK_SHAPE = (4, 20, 30)  # lon: one whole chunk, and one of 20 columns and 10 of padding
FILL_VALUE = np.float32(1e20)  # the missing value that CMIP data use
SEED = 20010101

# All temperatures are multiples of this many K. Their low bits are zero, which compresses well, and the
# sum of any one chunk needs no more than the 24 bits of a float32: it is exact, in whatever order it is
# added, and so is the float64 sum of the whole variable. Results can be compared with `==`.
PRECISION = 1 / 16

# What `select_sample` picks from the first chunk: start, end, stride per axis.
SAMPLE_SELECTION = [[0, 2, 1], [5, 8, 1], [3, 13, 3]]


def make_coordinates():
    """Middle of each month in days, and the centres of the grid cells in degrees."""
    n_time, n_lat, n_lon = SHAPE
    time = (np.arange(n_time) + 0.5) * 30.0
    lat = -90 + (np.arange(n_lat) + 0.5) * (180 / n_lat)
    lon = (np.arange(n_lon) + 0.5) * (360 / n_lon)
    return time, lat, lon


def make_temperature(time, lat, lon):
    """Temperature in K: warm tropics, seasons that are opposite in the hemispheres, some weather."""
    t, y, x = np.meshgrid(2 * np.pi * time / 360, np.radians(lat), np.radians(lon), indexing="ij")
    climate = 243 + 57 * np.cos(y) ** 2
    season = -12 * np.sin(y) * np.cos(t)  # northern winter in January
    waves = 3 * np.cos(y) * np.sin(3 * x + t)
    weather = np.random.default_rng(SEED).normal(0, 0.75, SHAPE)
    kelvin = climate + season + waves + weather
    return (np.round(kelvin / PRECISION) * PRECISION).astype(np.float32)


def make_missing(time, lat, lon):
    """True where there is no data: on two continents always, and in a gap that moves east by the month."""

    def ellipse(lat_centre, lon_centre, lat_radius, lon_radius):
        return ((y - lat_centre) / lat_radius) ** 2 + ((x - lon_centre) / lon_radius) ** 2 < 1

    t, y, x = np.meshgrid(time, lat, lon, indexing="ij")
    south = ellipse(-46, 84, 24, 46)
    north = ellipse(40, 225, 26, 58)
    gap = ellipse(0, 40 + 0.75 * t, 16, 22)
    return south | north | gap


def write_netcdf(path):
    """Writes the file with the netCDF4 library, as a model's output or a reanalysis would be."""
    time, lat, lon = make_coordinates()
    data = np.ma.masked_array(make_temperature(time, lat, lon), mask=make_missing(time, lat, lon))

    with netCDF4.Dataset(path, "w", format="NETCDF4") as nc:
        nc.Conventions = "CF-1.8"
        nc.title = "Synthetic near-surface air temperature"

        for name, values, standard_name, axis, units in [
            ("time", time, "time", "T", "days since 2001-01-01"),
            ("lat", lat, "latitude", "Y", "degrees_north"),
            ("lon", lon, "longitude", "X", "degrees_east"),
        ]:
            nc.createDimension(name, len(values))
            coordinate = nc.createVariable(name, "f8", (name,), endian="little")
            coordinate.setncatts({"standard_name": standard_name, "axis": axis, "units": units})
            coordinate[:] = values
        nc["time"].calendar = "360_day"

        tas = nc.createVariable(
            VARIABLE,
            "f4",
            ("time", "lat", "lon"),
            endian="little",
            chunksizes=CHUNK_SHAPE,
            compression="zlib",
            complevel=4,
            shuffle=True,
            fill_value=FILL_VALUE,
        )
        tas.standard_name = "air_temperature"
        tas.long_name = "Near-surface air temperature"
        tas.units = "K"
        tas.missing_value = FILL_VALUE
        tas[:] = data


def read_masked(path):
    """The whole variable as the netCDF4 library gives it: a masked array."""
    with netCDF4.Dataset(path) as nc:
        return nc[VARIABLE][:]


def describe_chunks(dataset):
    """One entry for each chunk, in C order of their place in the array."""
    chunks = []
    for origin in itertools.product(*(range(0, n, step) for n, step in zip(SHAPE, CHUNK_SHAPE))):
        # HDF5 stores every chunk in full. The selection leaves out what lies beyond the array's end: a
        # request without `missing` would take that padding for data.
        selection = [[0, min(step, n - start), 1] for start, n, step in zip(origin, SHAPE, CHUNK_SHAPE)]
        stored = dataset.id.get_chunk_info_by_coord(origin)
        assert stored.byte_offset is not None, f"chunk at {origin} was never written"
        assert stored.filter_mask == 0, f"chunk at {origin} skipped a filter"
        chunks.append(
            {"offset": stored.byte_offset, "size": stored.size, "origin": list(origin), "selection": selection}
        )
    assert len(chunks) == dataset.id.get_num_chunks()
    return chunks


def describe(path):
    """Everything that a client of the service needs to know of the file, and the answers to expect."""
    data = read_masked(path)
    wide = data.astype(np.float64)
    assert data.dtype == np.float32 and data.shape == SHAPE

    with h5py.File(path) as file:
        dataset = file[VARIABLE]
        assert dataset.dtype == np.dtype("<f4")
        assert (dataset.shape, dataset.chunks) == (SHAPE, CHUNK_SHAPE)
        # HDF5 calls it gzip and means a zlib stream.
        assert (dataset.compression, dataset.shuffle, dataset.fletcher32) == ("gzip", True, False)
        chunks = describe_chunks(dataset)

    sample = data.filled(FILL_VALUE)[tuple(slice(*s) for s in SAMPLE_SELECTION)]
    assert 0 < np.count_nonzero(sample == FILL_VALUE) < sample.size

    # NumPy masks the sum of nothing. Here it is 0, so that sums of parts can be added up.
    axis0_sum = wide.sum(axis=0).filled(0.0)
    axis0_count = data.count(axis=0)
    assert set(np.unique(axis0_count)) >= {0, SHAPE[0]}

    return {
        "file": FILE,
        "variable": VARIABLE,
        "dtype": "float32",
        "byte_order": "little",
        "shape": list(SHAPE),
        "chunk_shape": list(CHUNK_SHAPE),
        "order": "C",
        "compression": {"id": "zlib"},
        "filters": [{"id": "shuffle", "element_size": 4}],
        "missing": {"missing_value": float(FILL_VALUE)},
        "chunks": chunks,
        "expected": {
            "count": int(data.count()),
            "min": float(data.min()),
            "max": float(data.max()),
            "sum": float(wide.sum()),
            "mean": float(wide.mean()),
        },
        "axis0": {
            "shape": list(axis0_sum.shape),
            "sum": axis0_sum.ravel().tolist(),
            "count": axis0_count.ravel().tolist(),
        },
        "select_sample": {
            "chunk": 0,
            "selection": SAMPLE_SELECTION,
            "shape": list(sample.shape),
            "count": int(np.count_nonzero(sample != FILL_VALUE)),
            "values": [float(value) for value in sample.ravel()],
        },
    }


def to_json(value, indent=""):
    """JSON with short things on one line and long lists of numbers wrapped, so that it can be read."""
    one_line = json.dumps(value, allow_nan=False)
    inner = indent + "  "
    if len(inner) + len(one_line) <= 110 or not isinstance(value, (dict, list)):
        return one_line
    if isinstance(value, dict):
        items = [f"{inner}{json.dumps(key)}: {to_json(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value[0], (dict, list)):
        return "[\n" + ",\n".join(inner + to_json(item, inner) for item in value) + f"\n{indent}]"
    numbers = textwrap.fill(one_line[1:-1], 110, initial_indent=inner, subsequent_indent=inner)
    return f"[\n{numbers}\n{indent}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out-dir",
        type=Path,
        default=SAMPLE.parent,
        help="where to write both files (default: examples/quickstart of this repository)",
    )
    directory = parser.parse_args().out_dir
    directory.mkdir(parents=True, exist_ok=True)

    write_netcdf(directory / FILE)
    description = describe(directory / FILE)
    (directory / DESCRIPTION).write_text(to_json(description) + "\n")

    missing = 1 - description["expected"]["count"] / math.prod(SHAPE)
    print(f"{len(description['chunks'])} chunks, {missing:.1%} missing, {description['expected']}")
    for name in (FILE, DESCRIPTION):
        print(f"{(directory / name).stat().st_size:>8} bytes  {name}")


if __name__ == "__main__":
    main()
