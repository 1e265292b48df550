"""netCDF4 files for the clients to read, written by the libraries that people write them with."""

import itertools
import math
from dataclasses import dataclass, field

import numpy as np

from harness.numpy_answers import mask

NETCDF4_FILE = "netcdf4.nc"  # by the netCDF library
H5PY_FILE = "h5py.nc"  # by h5py: what the netCDF library does not write
UNSUPPORTED_FILE = "unsupported.nc"  # by h5py: what the clients do not read

DIMENSIONS, SHAPE = ("time", "lat", "lon"), (12, 10, 14)
EDGES, EVEN, ROWS = (5, 4, 6), (6, 5, 7), (1, 10, 14)  # chunks that divide the shape, and that do not
DTYPES = [np.dtype(order + code) for code in ["i2", "i4", "i8", "u2", "u4", "u8", "f4", "f8"] for order in "<>"]
STORAGES = {  # arguments of the netCDF library
    "contiguous": {"contiguous": True},
    "chunked": {},
    "zlib": {"zlib": True, "shuffle": False},
    "shuffled": {"zlib": True, "shuffle": True},
}


@dataclass(eq=False)
class Variable:
    """A variable of a file: its elements as they are stored, missing ones too, and how they are stored."""

    name: str
    array: np.ndarray
    chunk_shape: tuple
    storage: dict = field(default_factory=dict)
    attributes: dict = field(default_factory=dict)

    @property
    def masked(self):
        """The elements as clients take them, by the attributes that they send to the service."""
        of_range = dict(zip(("valid_min", "valid_max"), self.attributes.get("valid_range", ())))
        values = self.attributes | of_range
        names = ("_FillValue", "missing_value", "valid_min", "valid_max")
        return mask(self.array.astype(self.array.dtype.newbyteorder("=")), [values.get(name) for name in names])


# --- What is in the files ------------------------------------------------------------------------------------


def netcdf4_variables():
    """Every dtype, byte order and storage; chunk shapes and attributes of missing data in turns."""
    dice = np.random.default_rng(4)
    chunk_shapes = itertools.cycle([EDGES, EVEN, ROWS, SHAPE])
    turns = {kind: itertools.cycle(range(len(missing_attributes(np.dtype(kind + "4"))))) for kind in "iuf"}
    variables = []
    for dtype, (storage, arguments) in itertools.product(DTYPES, STORAGES.items()):
        chunk_shape = SHAPE if storage == "contiguous" else next(chunk_shapes)
        attributes = missing_attributes(dtype)[next(turns[dtype.kind])]
        name = f"{dtype.name}_{'big' if dtype.byteorder == '>' else 'little'}_{storage}"
        array = random_elements(dice, dtype, attributes)
        variables.append(Variable(name, array, chunk_shape, arguments, attributes))
    fill = np.float32(1e20)
    nothing = np.full(SHAPE, fill)
    variables.append(Variable("nothing_left", nothing, EVEN, STORAGES["shuffled"], {"_FillValue": fill}))
    return variables


def h5py_variables():
    """float16, which the netCDF library does not know."""
    dice = np.random.default_rng(5)
    shuffled = {"compression": "gzip", "shuffle": True}
    for byte_order, name in (("<", "little"), (">", "big")):
        array = random_elements(dice, np.dtype(f"{byte_order}f2"), {})
        yield Variable(f"float16_{name}", array, EDGES, shuffled)


def narrow_sums_variable():
    """Integers whose sum is outside their dtype."""
    return Variable("narrow_sums", np.arange(math.prod(SHAPE), dtype="<i2").reshape(SHAPE), SHAPE)


def missing_attributes(dtype):
    """Ways to say what is missing."""
    if dtype.kind != "f":
        # The clients cannot send integers that an attribute holds, but for 0, which they take for no value.
        return [{}, {"_FillValue": dtype.type(0)}]
    fill, other, low, high = (dtype.type(value) for value in (1e20, -999, -20, 300))
    valid_range = np.array([low, high])
    return [
        {},
        {"_FillValue": fill},
        {"missing_value": fill},
        {"_FillValue": fill, "missing_value": fill},
        {"valid_min": low},
        {"valid_max": high},
        {"valid_min": low, "valid_max": high},
        {"valid_range": valid_range},
        # Of these the clients send but a part, as mask() does.
        {"_FillValue": fill, "missing_value": other},
        {"_FillValue": fill, "valid_range": valid_range},
        {"valid_min": dtype.type(0), "valid_max": high},
    ]


def random_elements(dice, dtype, attributes):
    """Elements of which a good part is missing. Sums fit the dtype, as the clients keep partial sums in it.

    They do not cancel out either: few elements are negative.
    """
    if dtype.kind == "f":
        scale = 10 if dtype.itemsize == 2 else 1
        array = dice.uniform(-50 / scale, 350 / scale, SHAPE)
    else:
        largest = np.iinfo(dtype).max // math.prod(SHAPE)
        smallest = -(largest // 8) if dtype.kind == "i" else 0
        array = dice.integers(smallest, largest, SHAPE, dtype.newbyteorder("="), endpoint=True)
    array = array.astype(dtype)
    for name in ("_FillValue", "missing_value"):
        if name in attributes:
            array[dice.random(SHAPE) < 0.2] = attributes[name]
    return array


# --- Writing -------------------------------------------------------------------------------------------------


def write_files(directory):
    """Writes all files, with libraries that not every client's environment has."""
    write_with_netcdf4(directory / NETCDF4_FILE)
    write_with_h5py(directory / H5PY_FILE)
    write_unsupported(directory / UNSUPPORTED_FILE)


def write_with_netcdf4(path):
    import netCDF4

    with netCDF4.Dataset(path, "w") as file:
        for dimension in zip(DIMENSIONS, SHAPE):
            file.createDimension(*dimension)
        for variable in netcdf4_variables():
            attributes = dict(variable.attributes)
            arguments = variable.storage | {
                "chunksizes": None if "contiguous" in variable.storage else variable.chunk_shape,
                "endian": "big" if variable.array.dtype.byteorder == ">" else "little",
                "fill_value": attributes.pop("_FillValue", None),
            }
            written = file.createVariable(variable.name, variable.array.dtype, DIMENSIONS, **arguments)
            written.set_auto_maskandscale(False)
            written.setncatts(attributes)
            written[:] = variable.array


def write_with_h5py(path):
    import h5py

    with h5py.File(path, "w") as file:
        for variable in h5py_variables():
            file.create_dataset(variable.name, data=variable.array, chunks=variable.chunk_shape, **variable.storage)


def write_unsupported(path):
    """Variables of which the clients cannot ask the service, or not without an error; v2.py says why."""
    import h5py

    narrow_sums = narrow_sums_variable()
    array = narrow_sums.array
    with h5py.File(path, "w") as file:
        file.create_dataset(narrow_sums.name, data=array)

        def add(name, dtype="f4", attributes=(), **storage):
            dataset = file.create_dataset(name, data=array.astype(dtype), chunks=EVEN, **storage)
            dataset.attrs.update(attributes)

        add("int8", "i1")
        add("integer_fill", "i4", {"_FillValue": np.int32(-1)})
        add("nan_fill", attributes={"_FillValue": np.float32("nan")})
        add("missing_values", attributes={"missing_value": np.array([1, 2], "f4")})
        add("shuffled_only", shuffle=True)
        add("checksummed", compression="gzip", fletcher32=True)
        half_written = file.create_dataset("half_written", SHAPE, "f4", chunks=EVEN)
        half_written[: EVEN[0]] = 1
