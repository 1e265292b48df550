"""What h5py and netCDF4 find in an HDF5 file: what the index has to say about it."""

import zlib

import h5py
import netCDF4
import numpy as np

HIDDEN = {
    "CLASS",
    "DIMENSION_LIST",
    "NAME",
    "REFERENCE_LIST",
    "_NCProperties",
    "_Netcdf4Coordinates",
    "_Netcdf4Dimid",
    "_nc3_strict",
}
NO_COORDINATE = "_nc4_non_coord_"
NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"


def describe(path, without_values=()):
    """All that a file holds, as it is compared. Values are told by a checksum of their bytes as they are stored."""
    with h5py.File(path, "r") as file:
        groups, variables = {}, {}
        _add_group(file, "", groups, variables, set(), without_values)
        described = {"groups": groups, "variables": variables}
    dimensions = _dimensions_of_netcdf(path)
    if dimensions is not None:
        described |= dimensions
    return described


def _add_group(group, prefix, groups, variables, seen, without_values):
    address = h5py.h5o.get_info(group.id).addr
    if address in seen:
        return
    seen.add(address)
    groups[prefix.removesuffix("/")] = _attributes(group)
    for name in group:
        if group.get(name, getlink=True).__class__ is not h5py.HardLink:
            continue
        item = group[name]
        path = f"{prefix}{name.removeprefix(NO_COORDINATE)}"
        if isinstance(item, h5py.Group):
            _add_group(item, f"{prefix}{name}/", groups, variables, seen, without_values)
        elif isinstance(item, h5py.Dataset) and not _is_no_variable(item):
            variables[path] = _variable(item, with_values=path not in without_values)


def _is_no_variable(dataset):
    return "NAME" in dataset.attrs and bytes(_name_of_scale(dataset)).startswith(NO_VARIABLE)


def _name_of_scale(dataset):
    name = dataset.attrs["NAME"]
    return name if isinstance(name, bytes) else str(name).encode()


def _variable(dataset, with_values):
    creation, kind = dataset.id.get_create_plist(), dataset.id.get_type()
    dtype = _number(kind)
    shape = dataset.shape
    filters = [creation.get_filter(number) for number in range(creation.get_nfilters())]
    described = {
        "shape": [] if shape is None else list(shape),
        "dtype": None if dtype is None else np.dtype(dtype).name,
        "byte_order": None if dtype is None else _byte_order(dtype),
        "chunk_shape": None if dataset.chunks is None else list(dataset.chunks),
        "filters": [[number, list(values)] for number, _, values, _ in filters],
        "attributes": _attributes(dataset),
    }
    can_be_read = dtype is not None and shape is not None and not dataset.is_virtual and not dataset.external
    if can_be_read and with_values:
        # As they are stored: h5py keeps the order of bytes.
        described["crc32"] = zlib.crc32(np.ascontiguousarray(dataset[()], dtype=dtype).tobytes())
    is_filled = creation.fill_value_defined() != h5py.h5d.FILL_VALUE_UNDEFINED
    if dtype is not None and is_filled and creation.get_fill_time() != h5py.h5d.FILL_TIME_NEVER:
        described["fill_value"] = np.asarray(dataset.fillvalue, dtype=dtype).tobytes().hex()
    return described


def _number(kind):
    """The NumPy dtype of numbers, with their byte order; None of anything else."""
    if isinstance(kind, h5py.h5t.TypeEnumID) or kind.get_class() not in (h5py.h5t.INTEGER, h5py.h5t.FLOAT):
        return None
    order = ">" if kind.get_order() == h5py.h5t.ORDER_BE else "<"
    if kind.get_class() == h5py.h5t.INTEGER:
        sign = "i" if kind.get_sign() == h5py.h5t.SGN_2 else "u"
        return np.dtype(f"{order}{sign}{kind.get_size()}") if kind.get_size() in (1, 2, 4, 8) else None
    ieee = {2: h5py.h5t.IEEE_F16LE, 4: h5py.h5t.IEEE_F32LE, 8: h5py.h5t.IEEE_F64LE}.get(kind.get_size())
    is_ieee = ieee is not None and kind.get_fields() == ieee.get_fields() and kind.get_ebias() == ieee.get_ebias()
    return np.dtype(f"{order}f{kind.get_size()}") if is_ieee else None


def _byte_order(dtype):
    return "big" if dtype.byteorder == ">" else "little"


def _attributes(item):
    """In the order in which h5py lists them: that of their making where the file keeps it."""
    return [_attribute(item, name) for name in item.attrs if name not in HIDDEN]


def _attribute(item, name):
    """`{name, shape, dtype, values}`; dtype is `text` for texts, and None for what is neither text nor number."""
    kind, space = h5py.h5a.open(item.id, name.encode()).get_type(), h5py.h5a.open(item.id, name.encode()).get_space()
    shape = [0] if space.get_simple_extent_type() == h5py.h5s.NULL else list(space.shape)
    if kind.get_class() == h5py.h5t.STRING:
        values = (
            [] if shape == [0] else [_text(value) for value in np.ravel(np.asarray(item.attrs[name], dtype=object))]
        )
        return {"name": name, "shape": shape, "dtype": "text", "values": values}
    dtype = _number(kind)
    if dtype is None:
        return {"name": name, "shape": shape, "dtype": None}
    values = [] if 0 in shape else np.ravel(item.attrs[name]).tolist()
    return {"name": name, "shape": shape, "dtype": dtype.name, "values": [_json(value) for value in values]}


def _text(value):
    return (
        value.decode(errors="replace")
        if isinstance(value, bytes)
        else str(value).encode(errors="surrogateescape").decode(errors="replace")
    )


def _json(value):
    return value if np.isfinite(value) else str(value)


def _dimensions_of_netcdf(path):
    """Names and lengths of dimensions as netCDF4 has them; None if it did not write the file."""
    with h5py.File(path, "r") as file:
        if "_NCProperties" not in file.attrs:
            return None
    with netCDF4.Dataset(path) as dataset:
        dimensions, names = {}, {}
        for prefix, group in _groups(dataset, ""):
            dimensions |= {prefix + name: len(dimension) for name, dimension in group.dimensions.items()}
            names |= {prefix + name: list(variable.dimensions) for name, variable in group.variables.items()}
    return {"dimensions": dimensions, "dims": names}


def _groups(group, prefix):
    yield prefix, group
    for name, below in group.groups.items():
        yield from _groups(below, f"{prefix}{name}/")
