"""Variables as h5py and netCDF4-python read them, packed and with everything that may be missing."""

import h5py
import numpy as np

from suites.variables.oracle import Stored

MOST_ELEMENTS = 20_000_000  # of a variable
# Attributes that the HDF5 and netCDF libraries keep for themselves.
OF_LIBRARIES = {
    "CLASS",
    "NAME",
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_NCProperties",
}

NO_VARIABLE = (
    b"This is a netCDF dimension but not a netCDF variable"  # as the netCDF library marks what is a length alone
)


def numeric_variables(path):
    """Names and contents of the variables of a file that can be reduced."""
    if not h5py.is_hdf5(path):
        yield from classic_variables(path)
        return
    names = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: names.append(name) if is_numeric(item) else None)
        for name in names:
            yield name, of_dataset(file[name])


def is_numeric(item):
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "iuf" or item.size > MOST_ELEMENTS:
        return False
    return not item.attrs.get("NAME", b"").startswith(NO_VARIABLE)


def of_dataset(dataset):
    return Stored(dims_of(dataset), native(dataset[()]), attributes_of(dataset))


def native(values):
    """In the machine's own byte order."""
    values = np.asarray(values)
    return values.astype(values.dtype.newbyteorder("="))


def attributes_of(item):
    """Text that is stored with a fixed length is text, too."""
    kept = {name: value for name, value in item.attrs.items() if name not in OF_LIBRARIES}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in kept.items()}


def dims_of(dataset):
    """The names of its dimension scales; a scale of one dimension is its own."""
    if dataset.is_scale and dataset.ndim == 1:
        return (dataset.name.rpartition("/")[2],)
    return tuple(name_of_scale(dimension) or f"dim_{axis}" for axis, dimension in enumerate(dataset.dims))


def name_of_scale(dimension):
    return dimension[0].name.rpartition("/")[2] if len(dimension) else None


def classic_variables(path):
    """Those of a netCDF-3 file."""
    import netCDF4  # takes as long as everything else when a stand-in starts

    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        for name, variable in file.variables.items():
            if variable.dtype != "S1":
                yield name, Stored(variable.dimensions, native(variable[...]), variable.__dict__)
