"""Files that xarray writes, as models' output looks: a calendar, cell areas, basins, and values that are missing or packed."""

import cftime
import numpy as np
import xarray

SHAPE = {"time": 30, "lat": 9, "lon": 14}
ENCODINGS = {
    "tas": {"dtype": "f4", "_FillValue": np.float32(1e20), "zlib": True, "shuffle": True, "chunksizes": (7, 4, 14)},
    "pr": {"dtype": "f8", "_FillValue": np.nan, "chunksizes": (30, 2, 5)},
    "huss": {"dtype": "i2", "scale_factor": 0.005, "add_offset": 90.0, "_FillValue": -32768, "chunksizes": (4, 9, 14)},
    "snow": {"dtype": "i4", "_FillValue": -1, "zlib": True, "fletcher32": True, "chunksizes": (1, 9, 14)},
}


def write(path, dice):
    """One file; its path."""
    times = xarray.date_range("2001-02-01", periods=SHAPE["time"], freq="MS", calendar="noleap", use_cftime=True)
    lat, lon = np.linspace(-80, 80, SHAPE["lat"]), np.arange(SHAPE["lon"]) * 360.0 / SHAPE["lon"]
    variables = {name: (tuple(SHAPE), values_of(dice, name)) for name in ENCODINGS}
    areas = np.cos(np.deg2rad(lat))[:, None] * dice.uniform(0.9, 1.1, (SHAPE["lat"], SHAPE["lon"]))
    variables["areacella"] = (("lat", "lon"), areas)
    variables["basin"] = (("lat", "lon"), dice.integers(-1, 4, areas.shape).astype("i4"))
    dataset = xarray.Dataset(variables, {"time": times, "lat": lat, "lon": lon})
    engine = str(dice.choice(["netcdf4", "h5netcdf"]))
    dataset.to_netcdf(
        path, engine=engine, encoding=ENCODINGS | {"basin": {"_FillValue": None}}, unlimited_dims=["time"]
    )
    return path


def values_of(dice, name):
    """Of a dataset that xarray encodes: missing ones are NaN."""
    values = np.round(dice.normal(100, 20, tuple(SHAPE.values())), 2)
    if name == "snow":
        values = np.round(np.maximum(values - 100, 0))
    return np.where(dice.random(values.shape) < 0.15, np.nan, values)


def is_time(values):
    """Whether a coordinate of xarray's is one of dates."""
    return values.dtype.kind == "O" and values.size and isinstance(values.ravel()[0], cftime.datetime)
