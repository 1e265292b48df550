"""Files by netCDF4-python: groups, unlimited dimensions, and what attributes say of missing and packed values."""

import netCDF4
import numpy as np

from suites.variables.hdf5_files import random_values

SHAPE = {"time": 14, "lat": 9, "lon": 12}
STORED = [
    {"zlib": True, "shuffle": True, "complevel": 1, "chunksizes": (4, 4, 12)},
    {"zlib": True, "shuffle": False, "fletcher32": True, "chunksizes": (1, 9, 12)},
    {"chunksizes": (5, 2, 7)},
]
COMPANIONS = ("areacella", "gw", "basin", "season")
CLASSIC = ("NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA")
# dtype, fill value, attributes, what some elements are made
VARIABLES = {
    "plain": ("f4", 1e20, {}, ()),
    "filled": ("f4", -999.0, {}, (-999.0,)),
    "nan_filled": ("f8", np.nan, {}, (np.nan,)),
    "several_missing": ("f4", 1e20, {"missing_value": np.array([-1, -2], "f4")}, (-1, -2, 1e20)),
    "valid_range": ("f4", 1e20, {"valid_range": np.array([-50, 90], "f4")}, (1e20, -60)),
    "valid_bounds": (
        "i4",
        -(2**31),
        {"valid_min": np.int32(-(2**39) >> 20), "valid_max": np.int32(2**30)},
        (-(2**31),),
    ),
    "packed": ("i2", -32768, {"scale_factor": 0.01, "add_offset": 273.15}, (-32768,)),
    "packed_range": (
        "i2",
        -32768,
        {"scale_factor": 0.5, "valid_range": np.array([-999, 20000], "i2")},
        (-32768, -30000),
    ),
    "packed_unpacked_range": ("i2", -1, {"scale_factor": np.float64(0.5), "valid_max": np.float64(300.0)}, (-1,)),
    "offset": ("u1", 255, {"add_offset": np.float32(10)}, (255,)),
    "unsigned": ("i1", -1, {"_Unsigned": "true"}, (-1,)),
    "unsigned_packed": ("i1", -1, {"_Unsigned": "true", "scale_factor": np.float64(0.1)}, (-1, -128)),
    "big_numbers": ("i8", -1, {}, (-1,)),
    "small": ("u2", 65535, {}, (65535,)),
}


def write(directory, dice):
    """Paths of the files."""
    models = {"netcdf4": "NETCDF4", "netcdf4-classic": "NETCDF4_CLASSIC"}
    return [write_netcdf4(directory / f"{name}.nc", model, dice) for name, model in models.items()]


def write_classic(directory, dice):
    """Paths of files that are no HDF5."""
    return [write_netcdf3(directory / f"{model.lower()}.nc", model, dice) for model in CLASSIC]


def write_netcdf4(path, model, dice):
    with netCDF4.Dataset(path, "w", format=model) as file:
        groups = [file] if model != "NETCDF4" else [file, file.createGroup("inner"), file.createGroup("a/b")]
        for number, group in enumerate(groups):
            make_dimensions(group, is_unlimited=number != 1)
            write_companions(group, dice)
            for name, about in VARIABLES.items():
                if model == "NETCDF4" or about[0] in ("f4", "f8", "i1", "i2", "i4"):
                    stored = STORED[dice.integers(len(STORED))]
                    endian = dice.choice(["little", "big", "native"])
                    write_variable(group, name, about, dice, endian=str(endian), **stored)
    return path


def write_companions(group, dice):
    """What variables can be weighted by, and what labels their positions."""
    areas = np.cos(dice.uniform(-1.5, 1.5, (SHAPE["lat"], SHAPE["lon"])))
    weights = {"areacella": (("lat", "lon"), "f4", areas), "gw": (("lat",), "f8", areas[:, 0])}
    basins = dice.integers(-1, 5, (SHAPE["lon"], SHAPE["lat"]))
    labels = {"basin": (("lon", "lat"), "i4", basins), "season": (("time",), "i1", np.arange(SHAPE["time"]) % 12 // 3)}
    for name, (dims, dtype, values) in (weights | labels).items():
        how = {} if len(dims) == 1 else {"zlib": True, "chunksizes": (4, 5)}
        group.createVariable(name, dtype, dims, fill_value=False, **how)[:] = values


def write_netcdf3(path, model, dice):
    with netCDF4.Dataset(path, "w", format=model) as file:
        make_dimensions(file, is_unlimited=True)
        for name, about in VARIABLES.items():
            if model == "NETCDF3_64BIT_DATA" or about[0] in ("f4", "f8", "i1", "i2", "i4"):
                write_variable(file, name, about, dice)
        file.createVariable("fixed", "f4", ("lat", "lon"))[:] = random_values(dice, "f4", (9, 12))
    return path


def make_dimensions(group, *, is_unlimited):
    for name, length in SHAPE.items():
        group.createDimension(name, None if name == "time" and is_unlimited else length)
        group.createVariable(name, "f8", (name,))[:] = np.arange(length) / 2


def write_variable(group, name, about, dice, **stored):
    dtype, fill, attributes, special = about
    shape = tuple(SHAPE.values())
    values = random_values(dice, dtype, shape)
    values[~np.isfinite(values)] = 0
    for value in special:
        values[dice.random(shape) < 0.1] = np.dtype(dtype).type(value)
    endian = stored.pop("endian", "native")
    ordered = np.dtype(dtype).newbyteorder({"little": "<", "big": ">", "native": "="}[endian])
    variable = group.createVariable(name, ordered, tuple(SHAPE), fill_value=fill, endian=endian, **stored)
    variable.set_auto_maskandscale(False)
    variable.setncatts(attributes)
    variable[:] = values
