"""Chunks of Zarr v3 whose codecs change elements, as zarr-python writes them, and what it reads of them.

Codecs of numcodecs look at the bytes of elements in the dtype that they name, whatever that of the array is. So zarr-python
brings what it reads into the byte order of the array's dtype first (from 3.2 on; before, it read another order than it had
written), and takes the values of what the outermost codec returns. `scale_offset` and `cast_value` came with 3.2, too: here
NumPy and cast-value-rs, by which zarr-python casts, encode for them. Run as a program, it makes the fixed ones that
tests/vectors.rs decodes:

    cd checks && $(./environment codecs)/bin/python -m suites.codecs.zarr_elements ../tests/vectors/zarr3-elements.json
"""

import itertools
import json
import sys
import warnings

import numcodecs
import numpy as np
import zarr
from cast_value_rs import cast_array

ORDERS = "<>"
ENDIANS = {"little": "<", "big": ">"}
RESOLVED = ("astype", "encode_dtype")  # what names the dtype of the array that a codec passes on


def written(array, filters, endian):
    """The stored chunk of an array, and its codecs. Filters are configurations of numcodecs."""
    named = {f.lower(): f for f in dir(zarr.codecs.numcodecs)}
    made = []
    for configuration in filters:
        options = dict(configuration)
        name = options.pop("id")
        made.append(
            zarr.codecs.TransposeCodec(**options)
            if name == "transpose"
            else getattr(zarr.codecs.numcodecs, named[name])(**options)
        )
    store = zarr.storage.MemoryStore()
    options = {"shape": array.shape, "chunks": array.shape, "dtype": array.dtype, "compressors": None}
    # A chunk of nothing but zeros would not be written.
    options["config"] = {"write_empty_chunks": True}
    serializer = zarr.codecs.BytesCodec(endian=endian)
    zarr.create_array(store, filters=made, serializer=serializer, fill_value=0, **options)[...] = array
    objects = {key: value.to_bytes() for key, value in store._store_dict.items()}
    (key,) = (key for key in objects if key.startswith("c"))
    return objects[key], json.loads(objects["zarr.json"])["codecs"]


def read(stored, array, filters, endian):
    """What zarr-python from 3.2 on reads of a stored chunk."""
    shapes, dtypes = [array.shape], [array.dtype]
    for configuration in filters:
        shape, dtype = shapes[-1], dtypes[-1]
        if configuration["id"] == "transpose":
            shape = tuple(shape[axis] for axis in configuration["order"])
        for field in RESOLVED:
            dtype = np.dtype(configuration.get(field) or dtype)
        shapes.append(shape)
        dtypes.append(dtype)
    values = np.frombuffer(stored, dtypes[-1].newbyteorder(ENDIANS[endian])).astype(dtypes[-1]).reshape(shapes[-1])
    for configuration, shape in zip(reversed(filters), reversed(shapes[:-1])):
        if configuration["id"] == "transpose":
            values = values.transpose(np.argsort(configuration["order"]))
        else:
            values = numcodecs.get_codec(dict(configuration)).decode(np.ascontiguousarray(values)).reshape(shape)
    return values.astype(array.dtype)


def filters_of_numcodecs():
    """Pairs of the dtype of an array and filters, in all pairs of byte orders."""
    for dtype, decoded, encoded in itertools.product(("i4", "u2", "f4"), ORDERS, ORDERS):
        yield dtype, [{"id": "astype", "encode_dtype": f"{encoded}f8", "decode_dtype": f"{decoded}{dtype}"}]
    for dtype, decoded, encoded in itertools.product(("i4", "f8"), ORDERS, (None, "<i8", ">i8", "<f8", ">f8")):
        yield dtype, [{"id": "delta", "dtype": f"{decoded}{dtype}"} | ({"astype": encoded} if encoded else {})]
    for dtype, decoded, encoded in itertools.product(("f4", "f8"), ORDERS, (None, "<i2", ">i2", "|u1", ">f4")):
        scaled = {"id": "fixedscaleoffset", "dtype": f"{decoded}{dtype}", "scale": 2, "offset": 1}
        yield dtype, [scaled | ({"astype": encoded} if encoded else {})]
    for dtype, decoded in itertools.product(("f4", "f8"), ORDERS):
        yield dtype, [{"id": "quantize", "digits": 2, "dtype": f"{decoded}{dtype}"}]
    yield "f4", [{"id": "bitround", "keepbits": 8}]
    for first, second in itertools.product(ORDERS, ORDERS):
        as_type = {"id": "astype", "encode_dtype": f"{first}i8", "decode_dtype": f"{second}i4"}
        yield "i4", [as_type, {"id": "delta", "dtype": f"{second}i8"}]
        yield "i4", [{"id": "transpose", "order": [1, 0]}, as_type, {"id": "transpose", "order": [1, 0]}]
        yield "i4", [as_type, {"id": "transpose", "order": [1, 0]}]
        yield (
            "i4",
            [{"id": "transpose", "order": [1, 0]}, {"id": "delta", "dtype": f"{first}i4", "astype": f"{second}i8"}],
        )


def of_numcodecs(make_array=None):
    """Names, dtypes, shapes, codecs, stored chunks and values."""
    for (dtype, filters), endian in itertools.product(filters_of_numcodecs(), ENDIANS):
        array = make_array(dtype) if make_array else np.array([[1, 2, 3], [100, 0, 7]], dtype)
        stored, codecs = written(array, filters, endian)
        name = " ".join([f"{array.dtype.name}:", *map(describe, filters), endian])
        yield name, codecs, stored, read(stored, array, filters, endian)


def describe(configuration):
    return " ".join(str(value) for value in configuration.values())


def of_zarr(make_array=None):
    """The same of the codecs that are Zarr's own."""
    for (dtype, scale, offset), endian in itertools.product(
        [("f4", 0.25, 5), ("f8", 0.1, -3.5), ("i4", 3, 7), ("u2", 2, 0), ("f2", 2, 1)], ENDIANS
    ):
        array = make_array(dtype) if make_array else np.array([[1, 2, 3], [100, 0, 7]], dtype)
        of_dtype = array.dtype.type
        encoded = (array - of_dtype(offset)) * of_dtype(scale)
        codecs = [{"name": "scale_offset", "configuration": {"scale": scale, "offset": offset}}]
        codecs.append({"name": "bytes", "configuration": {"endian": endian}})
        stored = encoded.astype(encoded.dtype.newbyteorder(ENDIANS[endian])).tobytes()
        yield (
            f"{array.dtype.name}: scale_offset {scale} {offset} {endian}",
            codecs,
            stored,
            encoded / of_dtype(scale) + of_dtype(offset) if array.dtype.kind == "f" else array,
        )
    for (dtype, encoded, options), endian in itertools.product(casts(), ENDIANS):
        numbers = np.array([[1, 2, 3], [100, 0, 7]], encoded)
        if encoded[0] == "f":
            numbers += np.array([[0.5, -4.5, 0.25], [0, -0.75, 1e-3]], encoded)
        values = cast_array(
            numbers,
            target_dtype=np.dtype(dtype),
            rounding_mode=options.get("rounding", "nearest-even"),
            out_of_range_mode=options.get("out_of_range"),
            scalar_map_entries=dict(options.get("scalar_map", {}).get("decode", [])) or None,
        )
        codecs = [
            {"name": "cast_value", "configuration": {"data_type": numbers.dtype.name} | options},
            {"name": "bytes"},
        ]
        if numbers.itemsize > 1:
            codecs[1]["configuration"] = {"endian": endian}
        stored = numbers.astype(numbers.dtype.newbyteorder(ENDIANS[endian])).tobytes()
        yield f"{values.dtype.name}: cast_value {numbers.dtype.name} {options} {endian}", codecs, stored, values


def casts():
    """dtypes of an array and of what it is encoded to, and options of the codec."""
    modes = ("nearest-even", "towards-zero", "towards-positive", "towards-negative", "nearest-away")
    yield from (
        ("f4", "u1", {}),
        ("f8", "i2", {}),
        ("f4", "f8", {}),
        ("i8", "i2", {}),
        ("u1", "f4", {"out_of_range": "clamp"}),
    )
    yield from (("i4", "f8", {"rounding": mode}) for mode in modes)
    yield from (("f2", "f8", {"rounding": mode}) for mode in modes)
    yield "i1", "i2", {"out_of_range": "wrap"}
    yield "f4", "i2", {"scalar_map": {"decode": [[100, -1], [7, 0.5]]}}


def main():
    warnings.filterwarnings("ignore", category=UserWarning)  # of codecs that no other library has
    vectors = []
    for name, codecs, stored, values in [*of_numcodecs(), *of_zarr()]:
        vectors.append({
            "name": name,
            "codecs": codecs,
            "dtype": values.dtype.name,
            "shape": values.shape,
            "stored": stored.hex(),
            "elements": values.tobytes().hex(),
        })  # fmt: skip
    lines = ",\n".join(json.dumps(vector, separators=(",", ":")) for vector in vectors)
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        file.write(f'{{"vectors":[\n{lines}\n]}}\n')
    print(f"{len(vectors)} vectors")


if __name__ == "__main__":
    main()
