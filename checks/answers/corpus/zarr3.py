"""Chunks with the list of codecs that `zarr.json` of Zarr version 3 has."""

import numcodecs
import numpy as np

from .chunks import COMPRESSORS, Array
from .values import INTEGERS

OF_BYTES = {  # names that need no prefix are Zarr's own
    "gzip": numcodecs.GZip(4),
    "zstd": numcodecs.Zstd(3),
    "blosc": numcodecs.Blosc("lz4", 5, 1),
    "crc32c": numcodecs.checksum32.CRC32C(location="end"),
    "numcodecs.zlib": numcodecs.Zlib(4),
    "numcodecs.bz2": numcodecs.BZ2(4),
    "numcodecs.lz4": numcodecs.LZ4(),
    "numcodecs.fletcher32": numcodecs.Fletcher32(),
    "numcodecs.adler32": numcodecs.checksum32.Adler32(),
    "numcodecs.crc32": numcodecs.checksum32.CRC32(),
}


def chunk(dice, large):
    """Turned axes, changed elements, bytes in one order, codecs of bytes; inside a shard now and then."""
    array = Array.random(dice, large=large)
    array.order = "C"
    data, codecs = array.in_shape().astype(array.dtype), []
    if data.ndim and dice.random() < 0.4:
        codecs.append({"name": "transpose", "configuration": {"order": dice.sample(range(data.ndim), data.ndim)}})
        data = data.transpose(codecs[-1]["configuration"]["order"])
    if dice.random() < 0.25:
        data, codec = changed(dice, data)
        codecs += codec
    outer = len(codecs) if dice.random() < 0.8 else 0
    endian = dice.choice(["little", "big"])
    codecs.append({"name": "bytes"} if data.itemsize == 1 else {"name": "bytes", "configuration": {"endian": endian}})
    encoded = data.astype(data.dtype.newbyteorder({"little": "<", "big": ">"}[endian])).tobytes()
    for _ in range(dice.choice([0, 1, 1, 1, 2, 3])):
        encoded, codec = encoded_bytes(dice, encoded, data.itemsize)
        codecs.append(codec)
    sharded = dice.random() < 0.25
    if sharded:
        inner = list(data.shape) if outer else list(array.shape)
        codecs = [*codecs[:outer], shard(dice, inner, codecs[outer:])]
    made = array.chunk(dice, encoded, {"codecs": codecs}, "zarr3 shard" if sharded else "zarr3")
    made.fields.pop("order", None)
    made.fields.pop("byte_order", None)
    if array.shape:
        made.fields["shape"], made.shape = list(array.shape), array.shape
    return made


def changed(dice, data):
    """Elements changed one by one, and the codec that undoes it."""
    name = dice.choice(["astype", "delta", "fixedscaleoffset", "scale_offset", "cast_value"])
    dtype = data.dtype.str
    with np.errstate(all="ignore"):
        if name == "scale_offset":
            scale, offset = (2, 1) if data.dtype.kind in "iu" else dice.choice([(0.5, 3), (0.1, -3.5), (4, 0)])
            data = ((data - data.dtype.type(offset)) * data.dtype.type(scale)).astype(data.dtype)
            return data, [{"name": name, "configuration": {"scale": scale, "offset": offset}}]
        if name == "cast_value":
            wider = np.dtype(
                "float64" if data.dtype.kind == "f" else "int64" if data.dtype.name != "uint64" else "uint64"
            )
            return data.astype(wider), [{"name": name, "configuration": cast(dice, wider.name)}]
        if (name == "fixedscaleoffset" and data.dtype.kind != "f") or (
            name == "delta" and data.dtype.name not in INTEGERS
        ):
            name = "astype"
        codec = {
            "astype": lambda: numcodecs.AsType("<f8", dtype),
            "delta": lambda: numcodecs.Delta(dtype),
            "fixedscaleoffset": lambda: numcodecs.FixedScaleOffset(1.5, 100, dtype, "<i4"),
        }[name]()
        encoded = codec.encode(np.ascontiguousarray(data)).reshape(data.shape)
    configuration = {key: value for key, value in codec.get_config().items() if key != "id"}
    prefix = dice.choice(["numcodecs.", ""])
    return np.asarray(encoded), [{"name": f"{prefix}{name}", "configuration": configuration}]


def cast(dice, data_type):
    options = {"data_type": data_type}
    if dice.random() < 0.5:
        options["rounding"] = dice.choice(
            ["nearest-even", "towards-zero", "towards-positive", "towards-negative", "nearest-away"]
        )
    if dice.random() < 0.5:
        options["out_of_range"] = dice.choice(["clamp", "wrap"])
    if dice.random() < 0.2:
        options["scalar_map"] = {"decode": [[1, 2], [5, 7]]}
    return options


def encoded_bytes(dice, data, itemsize):
    """By one codec of bytes, and its configuration."""
    if dice.random() < 0.25 and len(data) % itemsize == 0:
        codec = numcodecs.Shuffle(itemsize)
        size = dice.choice(["elementsize", "element_size"])
        return bytes(codec.encode(data)), {"name": "numcodecs.shuffle", "configuration": {size: itemsize}}
    name = dice.choice([*OF_BYTES])
    codec = OF_BYTES[name]
    configuration = {key: value for key, value in codec.get_config().items() if key not in ("id", "location")}
    if name == "blosc":
        configuration = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": itemsize, "blocksize": 0}
    if dice.random() < 0.3:
        name = name.removeprefix("numcodecs.")
    written = {"name": name, "configuration": configuration}
    return bytes(codec.encode(data)), written if configuration or dice.random() < 0.5 else {"name": name}


def shard(dice, shape, codecs):
    index = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
    configuration = {"chunk_shape": shape, "codecs": codecs, "index_codecs": index}
    if dice.random() < 0.5:
        configuration["index_location"] = dice.choice(["start", "end"])
    return {"name": "sharding_indexed", "configuration": configuration}


def never_written(dice, large):
    """The fields of a chunk that has no bytes, whatever its codecs are."""
    array = Array.random(dice, large=large)
    value = array.flat[0].item() if array.flat.size else 0
    if isinstance(value, float):
        special = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
        value = special.get(repr(value), value)
        value = dice.choice(
            [value, value, "NaN", "0x" + array.flat[:1].astype(array.flat.dtype.newbyteorder(">")).tobytes().hex()]
        )
    fields = {"size": 0, "fill_value": value, "shape": list(array.shape)}
    if dice.random() < 0.3:
        fields["compression"] = {"id": dice.choice([*COMPRESSORS])}
    if dice.random() < 0.2:
        fields["filters"] = [{"id": "shuffle", "element_size": array.flat.itemsize}]
    made = array.chunk(dice, b"", fields, "never written")
    made.shape = array.shape
    return made
