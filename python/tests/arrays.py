"""Arrays in files of h5py, netCDF4 and zarr, random questions about them, and what NumPy makes of both."""

import itertools
import json
import random
from dataclasses import dataclass, field

import h5py
import netCDF4
import numpy as np
import zarr

from harness.numpy_answers import reduce
from harness.places import DOCS

DTYPES = [
    np.dtype(order + code)
    for code in ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]
    for order in "<>"
]
OPERATIONS = ("count", "min", "max", "sum", "mean", "select")
FILTERS = [
    {},
    {"compression": "gzip"},
    {"compression": "gzip", "shuffle": True},
    {"shuffle": True, "fletcher32": True},
    {"compression": "gzip", "shuffle": True, "fletcher32": True},
]
PAGE = DOCS / "how-to/chunk-files.md"


def of_page(number):
    """The function `described` of a page for users: the block of Python of that number in it."""
    block = PAGE.read_text().split("```python")[number].split("```")[0]
    names = {}
    exec(block.partition("\n")[2].partition("\nwith ")[0], names)
    return names["described"]


@dataclass(eq=False)
class Stored:
    """An array as a library reads it, packed, and its attributes."""

    name: str
    values: np.ndarray
    attributes: dict = field(default_factory=dict)

    @property
    def packed(self):
        """The elements in the native byte order, unsigned if the attributes say so."""
        values = self.values.astype(self.values.dtype.newbyteorder("="))
        return values.view(f"u{values.itemsize}") if self.attributes.get("_Unsigned") == "true" else values

    @property
    def elements(self):
        """What the elements stand for."""
        if not {"scale_factor", "add_offset"} & self.attributes.keys():
            return self.packed
        with np.errstate(all="ignore"):
            scaled = self.packed.astype("f8") * self.attributes.get("scale_factor", 1.0)
            return scaled + self.attributes.get("add_offset", 0.0)

    @property
    def is_missing(self):
        """Which elements are missing, by the packed values."""
        of_packed = {
            name: np.asarray(value).astype(self.values.dtype.newbyteorder("=")).view(self.packed.dtype)
            for name, value in self.attributes.items()
            if name.startswith(("missing", "valid", "_Fill"))
        }
        missing = np.zeros(self.values.shape, bool)
        for name in ("_FillValue", "missing_value"):
            for value in np.ravel(of_packed.get(name, [])):
                missing |= np.isnan(self.packed) if np.isnan(value) else self.packed == value
        low, high = of_packed.get("valid_range", (None, None))
        for bound in (low, of_packed.get("valid_min")):
            missing |= False if bound is None else self.packed < bound
        for bound in (high, of_packed.get("valid_max")):
            missing |= False if bound is None else self.packed > bound
        return missing


# --- Random arrays -------------------------------------------------------------------------------------------


def elements(dice, dtype, shape):
    """Elements of which no sum is more than its dtype can hold."""
    if dtype.kind == "f":
        values = dice.normal(50, 100, shape).astype(dtype)
        if dice.random() < 0.2:
            values.flat[dice.integers(values.size)] = dice.choice([np.nan, np.inf, -np.inf])
        return values
    bounds = np.iinfo(dtype)
    low, high = max(bounds.min, -(2**50)), min(bounds.max, 2**50)
    return dice.integers(low, high, shape, dtype.newbyteorder("="), endpoint=True).astype(dtype)


def attributes(dice, values):
    """How the elements are packed and which are missing, at random."""
    chosen, dtype = {}, values.dtype.newbyteorder("=")
    for name, value in (("scale_factor", 0.01), ("add_offset", 273.15)):
        if dice.random() < 0.5:
            chosen[name] = value
    is_unsigned = dtype.kind == "i" and dice.random() < 0.4
    if is_unsigned:
        chosen["_Unsigned"] = "true"
    finite = values[np.isfinite(values)].astype(dtype)
    way = dice.integers(5) if finite.size else 0
    if way == 1:
        chosen["missing_value"] = dice.choice(finite, 2)
    elif way == 2:
        low, high = np.quantile(finite.view(f"u{dtype.itemsize}") if is_unsigned else finite, [0.2, 0.9])
        if low < high - 1:
            bounds = np.array([low, high]).astype(f"u{dtype.itemsize}" if is_unsigned else dtype)
            chosen["valid_range"] = bounds.view(dtype)
    elif way == 3:
        chosen["valid_min" if dice.random() < 0.5 else "valid_max"] = dice.choice(finite)
    if dice.random() < 0.4:
        nan = dtype.kind == "f" and dice.random() < 0.5
        chosen["_FillValue"] = dtype.type(np.nan) if nan else dice.choice(values.ravel()).astype(dtype)
    return chosen


def shapes(dice):
    """Of an array and of its chunks, which need not divide it."""
    dimensions = dice.integers(1, 4)
    return tuple(dice.integers(1, 8, dimensions).tolist()), tuple(dice.integers(1, 6, dimensions).tolist())


def origins(shape, chunk_shape):
    """Where its chunks begin."""
    return itertools.product(*(range(0, length, step) for length, step in zip(shape, chunk_shape)))


def part(origin, chunk_shape):
    """The elements of a chunk, in the array."""
    return tuple(slice(start, start + step) for start, step in zip(origin, chunk_shape))


# --- Files ---------------------------------------------------------------------------------------------------


def write_with_h5py(path, number, seed):
    """Arrays with all dtypes, filters and filter masks, of which some chunks were never written."""
    dice, written = np.random.default_rng(seed), {}
    with h5py.File(path, "w") as file:
        for index in range(number):
            dtype, (shape, chunk_shape) = DTYPES[index % len(DTYPES)], shapes(dice)
            values = elements(dice, dtype, shape)
            written[f"array{index}"] = attributes(dice, values)
            fill_value = written[f"array{index}"].get("_FillValue", dice.choice(values.ravel()))
            options = {"fillvalue": fill_value}
            if index % 7:
                options |= {"chunks": chunk_shape, "maxshape": (None,) * len(shape)} | FILTERS[index % len(FILTERS)]
            dataset = file.create_dataset(f"array{index}", shape, dtype, **options)
            dataset.attrs.update(written[dataset.name[1:]])
            write_some(dice, dataset, values)
    with h5py.File(path) as file:
        return [Stored(name, file[name][...], chosen) for name, chosen in written.items()]


def write_some(dice, dataset, values):
    """Writes most chunks; some of them past the filters, which their masks say."""
    if dataset.chunks is None:
        dataset[...] = values
        return
    filters = dataset.id.get_create_plist().get_nfilters()
    for origin in origins(dataset.shape, dataset.chunks):
        inside = values[part(origin, dataset.chunks)]
        if dice.random() < 0.15:
            continue
        if filters and dice.random() < 0.3:
            chunk = np.zeros(dataset.chunks, values.dtype)
            chunk[tuple(map(slice, inside.shape))] = inside
            dataset.id.write_direct_chunk(origin, chunk.tobytes(), 2**filters - 1)
        else:
            dataset[part(origin, dataset.chunks)] = inside


def write_with_netcdf4(path, number, seed):
    """Packed variables with attributes as the conventions have them, and what that library makes of them."""
    dice, names = np.random.default_rng(seed), []
    dtypes = [dtype for dtype in DTYPES if dtype.name != "float16"]
    with netCDF4.Dataset(path, "w") as file:
        for index in range(number):
            dtype, (shape, chunk_shape) = dtypes[index % len(dtypes)], shapes(dice)
            values = elements(dice, dtype, shape)
            chosen = attributes(dice, values)
            fill_value = chosen.pop("_FillValue", values.ravel()[0])
            dimensions = [f"array{index}_{axis}" for axis in range(len(shape))]
            for dimension, length in zip(dimensions, shape):
                file.createDimension(dimension, length)
            variable = file.createVariable(
                f"array{index}",
                dtype,
                dimensions,
                endian="big" if dtype.str[0] == ">" else "little",
                chunksizes=tuple(map(min, shape, chunk_shape)),
                fill_value=fill_value,
                zlib=bool(index % 2),
                shuffle=bool(index % 3),
            )
            variable.set_auto_maskandscale(False)
            variable.setncatts(chosen)
            for origin in origins(shape, variable.chunking()):
                if dice.random() < 0.85:
                    variable[part(origin, variable.chunking())] = values[part(origin, variable.chunking())]
            names.append(variable.name)
    with netCDF4.Dataset(path) as file:
        return {name: np.ma.array(file[name][...]) for name in names}


def write_with_zarr(directory, zarr_format, number, seed):
    """Arrays of which some chunks were never written, each in a directory of its own."""
    dice, written = np.random.default_rng(seed), []
    for index in range(number):
        dtype, (shape, chunk_shape) = DTYPES[index % len(DTYPES)], shapes(dice)
        values = elements(dice, dtype, shape)
        name = f"zarr{zarr_format}-{index}"
        options = {"chunks": tuple(map(min, shape, chunk_shape)), "fill_value": values.ravel()[0]}
        options["compressors"] = [None, zarr_codecs(zarr_format)][index % 2]
        if zarr_format == 2:
            options["order"] = "CF"[index // 2 % 2]
        elif index % 3 == 0:
            options["filters"] = [zarr.codecs.TransposeCodec(order=tuple(range(len(shape)))[::-1])]
        array = zarr.create_array(
            directory / name,
            shape=shape,
            dtype=values.dtype,
            zarr_format=zarr_format,
            chunk_key_encoding={"name": "v2", "separator": "/"} if zarr_format == 2 else None,
            **options,
        )
        for origin in origins(shape, array.chunks):
            if dice.random() < 0.8:
                array[part(origin, array.chunks)] = values[part(origin, array.chunks)]
        written.append(Stored(name, array[...]))
    return written


def zarr_codecs(zarr_format):
    """A compressor of each format."""
    if zarr_format == 3:
        return zarr.codecs.ZstdCodec(level=1)
    from numcodecs import Zlib

    return Zlib(1)


def described_zarr2(directory, url):
    """The chunk file of an array of Zarr's format 2, whose names have slashes between the numbers."""
    metadata = json.loads((directory / ".zarray").read_text())
    dtype = np.dtype(metadata["dtype"])
    chunks = []
    for path in sorted(path for path in directory.rglob("[0-9]*") if path.is_file()):
        place = path.relative_to(directory).parts
        origin = [int(number) * length for number, length in zip(place, metadata["chunks"])]
        chunks.append({"url": f"{url}/{'/'.join(place)}", "origin": origin})
    return {
        "url": url,
        "dtype": dtype.newbyteorder("=").name,
        "byte_order": {">": "big"}.get(dtype.str[0], "little"),
        "shape": metadata["shape"],
        "chunk_shape": metadata["chunks"],
        "order": metadata["order"],
        "compression": metadata["compressor"],
        "filters": metadata["filters"],
        "chunks": chunks,
        "fill_value": metadata["fill_value"],
    }


# --- Questions -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """What is asked of an array; an axis or a selection of None stands for all."""

    operation: str
    axis: tuple | None = None
    selection: tuple | None = None
    keepdims: bool | None = None
    api: str = "v2"

    @classmethod
    def random(cls, dice, shape):
        """Any of them, of an array of that shape."""
        axes = [None, *(axes for n in range(len(shape) + 1) for axes in itertools.combinations(range(len(shape)), n))]
        parts = tuple(random_part(dice, length) for length in shape)
        return cls(
            dice.choice(OPERATIONS),
            dice.choice(axes),
            dice.choice([None, parts]),
            dice.choice([None, False, True]),
            dice.choice(["v1", "v2"]),
        )

    def arguments(self):
        """For reductionist-client."""
        yield from (self.operation, "--api", self.api)
        if self.axis is not None and self.operation != "select":
            yield from ("--axis", f"[{','.join(map(str, self.axis))}]")
        if self.selection is not None:
            yield from ("--selection", ",".join(map(text_of, self.selection)))
        if self.keepdims is not None:
            yield "--keepdims" if self.keepdims else "--no-keepdims"

    def expected(self, elements, is_missing):
        """Values, masked where there are none, counts, and by how much a sum may be off."""
        if self.selection is not None:
            parts = tuple(each if isinstance(each, slice) else [each] for each in self.selection)
            for axis, each in enumerate(parts):
                where = (slice(None),) * axis + (each,)
                elements, is_missing = elements[where], is_missing[where]
        if self.operation == "select":
            return np.ma.array(elements), np.asarray((~is_missing).sum()), 0.0
        if self.operation in ("sum", "mean"):
            elements = elements.astype("f8" if elements.dtype.kind == "f" else f"{elements.dtype.kind}8")
        masked = np.ma.array(elements, mask=is_missing)
        operation = "sum" if self.operation == "mean" else self.operation
        axes = range(elements.ndim) if self.axis is None else self.axis
        shape = [1 if axis in axes else n for axis, n in enumerate(elements.shape)]
        shape = shape if self.keepdims else [n for axis, n in enumerate(elements.shape) if axis not in axes]
        values, counts = (np.reshape(each, shape) for each in reduce(operation, masked, self.axis))
        if self.operation == "count":
            return np.ma.array(values), counts, 0.0
        if self.operation in ("min", "max"):
            return np.ma.array(values, mask=counts == 0), counts, 0.0
        # The client may lose what rounding takes off, of chunks that it adds.
        magnitudes = np.where(is_missing, 0, abs(elements.astype("f8")))
        tolerance = 1e-13 * magnitudes.sum(axis=self.axis, keepdims=bool(self.keepdims))
        if self.operation == "sum":
            return np.ma.array(values), counts, tolerance
        means = values.astype("f8") / np.maximum(counts, 1)
        return np.ma.array(means, mask=counts == 0), counts, tolerance / np.maximum(counts, 1)


def random_part(dice, length):
    """An index or a slice of an axis."""
    if dice.random() < 0.2:
        return dice.randrange(-length, length)
    ends = [None, *range(-length - 1, length + 2)]
    return slice(dice.choice(ends), dice.choice(ends), dice.choice([None, 1, 2, 3, -1, -2]))


def text_of(each):
    """A part of a selection as it is typed."""
    if not isinstance(each, slice):
        return str(each)
    return ":".join("" if value is None else str(value) for value in (each.start, each.stop, each.step))


# --- Ways to say it ------------------------------------------------------------------------------------------

ON_COMMAND_LINE = {
    "scale_factor": lambda value: ["--scale-factor", value],
    "add_offset": lambda value: ["--add-offset", value],
    "unsigned": lambda value: ["--unsigned"],
    "fill_value": lambda value: ["--fill-value", value],
    "byte_order": lambda value: ["--byte-order", value],
    "dtype": lambda value: ["--dtype", value],
    "filters": lambda value: [text for step in value for text in ("--filter", json.dumps(step))],
    "codecs": lambda value: ["--codecs", json.dumps(value)],
}


def spread(dice: random.Random, description):
    """The same description, whose fields stand before the chunks, on the command line or in each chunk at random."""
    description = {name: value for name, value in description.items() if value is not None}
    arguments, chunks = [], [dict(chunk) for chunk in description["chunks"]]
    are_listed = len(chunks) == sum(1 for _ in origins(description["shape"], description["chunk_shape"]))
    for name, put in ON_COMMAND_LINE.items():
        value = description.get(name)
        where = dice.choice(["file", "command line", "chunk"])
        if not value or where == "file" or (where == "chunk" and not (chunks and are_listed)):
            continue
        del description[name]
        if where == "command line":
            arguments += put(value)
        else:
            chunks = [{name: value} | chunk for chunk in chunks]
    return arguments, description | {"chunks": chunks}


def list_unwritten(description):
    """The same description, in which chunks that were never written are listed too."""
    listed = {tuple(chunk["origin"]) for chunk in description["chunks"]}
    rest = [
        {"size": 0, "origin": list(origin)}
        for origin in origins(description["shape"], description["chunk_shape"])
        if origin not in listed
    ]
    return description | {"chunks": [*description["chunks"], *rest]}


def without_grid(description):
    """The same chunks without their places, so that they are only chunks, each with what is inside the array."""
    chunks = []
    for chunk in list_unwritten(description)["chunks"]:
        lengths = zip(description["chunk_shape"], description["shape"], chunk["origin"])
        selection = [[0, min(step, length - start), 1] for step, length, start in lengths]
        chunks.append({name: value for name, value in chunk.items() if name != "origin"} | {"selection": selection})
    rest = {name: value for name, value in description.items() if name != "chunk_shape"}
    return rest | {"shape": description["chunk_shape"], "chunks": chunks}
