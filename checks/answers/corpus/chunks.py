"""Chunks: encoded elements, and the fields of a request that say what they are."""

import gzip
import json
import zlib
from dataclasses import dataclass, field, replace

import numcodecs
import numpy as np
from numcodecs.checksum32 import CRC32, CRC32C, Adler32

from .values import DTYPES, FLOATS, INTEGERS, elements, random_shape, random_values


@dataclass
class Chunk:
    """A chunk as it lies in a store."""

    encoded: bytes
    dtype: str
    shape: tuple | None  # as the request says it
    fields: dict  # of a request: dtype, byte_order, shape, order and codecs
    codec: str  # for people
    values: np.ndarray = field(default_factory=lambda: np.zeros(1))  # some of its elements

    def with_fields(self, **fields):
        """The same chunk, described in another way."""
        return replace(self, fields={**self.fields, **fields})


@dataclass
class Array:
    """Elements in the order and byte order of storage."""

    flat: np.ndarray
    shape: tuple
    dtype: str
    byte_order: str
    order: str

    @classmethod
    def random(cls, dice, dtypes=DTYPES, large=0.0, shape=None):
        dtype = dice.choice(dtypes)
        shape = random_shape(dice, large) if shape is None else shape
        byte_order = "little" if dice.random() < 0.65 else "big"
        native = random_values(dice, dtype, elements(shape))
        stored = native.astype(native.dtype.newbyteorder("<" if byte_order == "little" else ">"))
        return cls(stored, shape, dtype, byte_order, "C" if dice.random() < 0.7 else "F")

    def in_shape(self):
        return self.flat.reshape(self.shape)

    def fields(self, dice):
        """What a request says of it; what goes without saying is said now and then."""
        fields = {"dtype": self.dtype}
        if self.byte_order == "big" or dice.random() < 0.6:
            fields["byte_order"] = self.byte_order
        if len(self.shape) != 1 or dice.random() < 0.85:
            fields["shape"] = list(self.shape)
        if self.order == "F" or dice.random() < 0.4:
            fields["order"] = self.order
        return fields

    def chunk(self, dice, encoded, codecs, name):
        fields = self.fields(dice) | codecs
        shape = self.shape if "shape" in fields else None
        sample = self.flat[:: max(1, self.flat.size // 50)]
        return Chunk(encoded, self.dtype, shape, fields, name, sample.astype(self.dtype))


def raw(dice, large):
    array = Array.random(dice, large=large)
    return array.chunk(dice, array.flat.tobytes(), {}, "none")


# --- Compressors ---------------------------------------------------------------------------------------------


def blosc(dice):
    cname = dice.choice(["blosclz", "lz4", "lz4hc", "zlib", "zstd"])
    return numcodecs.Blosc(
        cname, dice.randrange(10), dice.choice([-1, 0, 1, 2]), dice.choice([0, 0, 0, 128, 1000, 4096])
    )


COMPRESSORS = {
    "zlib": lambda dice: numcodecs.Zlib(dice.randrange(10)),
    "gzip": lambda dice: numcodecs.GZip(dice.randrange(10)),
    "bz2": lambda dice: numcodecs.BZ2(dice.randint(1, 9)),
    "zstd": lambda dice: numcodecs.Zstd(dice.randint(-5, 12), checksum=dice.random() < 0.5),
    "lz4": lambda dice: numcodecs.LZ4(dice.randint(1, 20)),
    "blosc": blosc,
}


def compressed(dice, large):
    """By one compressor, behind a shuffle or not."""
    name = dice.choices([*COMPRESSORS], [4, 2, 1, 2, 2, 4])[0]
    array = Array.random(dice, large=large)
    filters = []
    if dice.random() < (0.15 if name == "blosc" else 0.5):
        filters.append(numcodecs.Shuffle(shuffle_size(dice, array)))
    return by_numcodecs(dice, array, filters, COMPRESSORS[name](dice), name)


def shuffle_size(dice, array):
    """That of an element as a rule, or another one that divides the length."""
    if dice.random() < 0.75:
        return array.flat.itemsize
    return dice.choice([size for size in (1, 2, 3, 4, 5, 8, 16) if array.flat.nbytes % size == 0])


def shuffled(dice, large):
    """And nothing else, so that elements may be read where they lie."""
    array = Array.random(dice, large=large)
    return by_numcodecs(dice, array, [numcodecs.Shuffle(shuffle_size(dice, array))], None, "shuffle")


def in_members(dice, large):
    """Several members of gzip, as parallel writers make them."""
    array = Array.random(dice, large=large)
    data, cut = array.flat.tobytes(), dice.randint(0, array.flat.nbytes)
    encoded = b"".join(gzip.compress(part, 3, mtime=0) for part in (data[:cut], data[cut:]))
    return array.chunk(dice, encoded, {"compression": {"id": "gzip"}}, "gzip members")


def deflated_twice(dice, large):
    array = Array.random(dice, large=large)
    encoded = zlib.compress(zlib.compress(array.flat.tobytes(), 1), 1)
    codecs = {"filters": [{"id": "deflate"}], "compression": {"id": "zlib"}}
    return array.chunk(dice, encoded, codecs, "zlib twice")


def summed(dice, large):
    """A checksum before or behind compression."""
    array = Array.random(dice, large=large)
    checksum = dice.choice([CRC32, CRC32C, Adler32])(dice.choice([None, "start", "end"]))
    checksum = dice.choice([checksum, checksum, numcodecs.Fletcher32()])
    compressor = dice.choice([None, *COMPRESSORS.values()])
    compressor = compressor and compressor(dice)
    name = checksum.codec_id
    if compressor and dice.random() < 0.5:
        return by_numcodecs(dice, array, [compressor], checksum, name)
    return by_numcodecs(dice, array, [checksum], compressor, name)


# --- Elements ------------------------------------------------------------------------------------------------


def some_compressor(dice):
    return dice.choice([None, numcodecs.Zlib(3), numcodecs.Zstd(3), numcodecs.Blosc("lz4")])


def changed(dice, large):
    """By codecs that change elements, alone or behind each other."""
    name = dice.choice(["delta", "fixedscaleoffset", "quantize", "bitround", "astype", "packbits"])
    dtypes = {"delta": DTYPES, "astype": INTEGERS + FLOATS, "packbits": ["uint8"], "bitround": ["float32", "float64"]}
    array = Array.random(dice, dtypes.get(name, ["float32", "float64"]), large)
    if name == "bitround":  # of no other byte order
        array = replace(array, byte_order="little", flat=array.flat.astype(array.flat.dtype.newbyteorder("<")))
    if name == "packbits":
        array = replace(array, flat=(array.flat % 2).astype("u1"))
    stored = array.flat.dtype.str
    filters = [{
        "delta": lambda: numcodecs.Delta(stored),
        "fixedscaleoffset": lambda: numcodecs.FixedScaleOffset(
            dice.uniform(-5, 300), dice.choice([1, 3, 7.5, 100]), stored, dice.choice(["<i2", ">i2", "<i4", "|u1", stored])
        ),
        "quantize": lambda: numcodecs.Quantize(dice.randint(0, 5), stored, dice.choice([stored, "<f4", ">f4"])),
        "bitround": lambda: numcodecs.BitRound(dice.randint(1, 20)),
        "astype": lambda: numcodecs.AsType(dice.choice(["<f8", ">f8", "<i8", ">i4", "<f4"]), stored),
        "packbits": lambda: numcodecs.PackBits(),
    }[name]()]  # fmt: skip
    if name in ("delta", "bitround") and dice.random() < 0.4:
        filters.append(numcodecs.Shuffle(array.flat.itemsize))
    with np.errstate(all="ignore"):
        chunk = by_numcodecs(dice, array, filters, some_compressor(dice), name)
    if name == "bitround":  # there is nothing to decode, whatever rounded
        chunk.fields["filters"][0]["id"] = dice.choice(["bitround", "bitround", "quantize", "bitgroom", 32022, 32023])
    return chunk


def by_numcodecs(dice, array, filters, compressor, name):
    """A chunk as Zarr version 2 stores it."""
    data = array.flat
    for codec in [*filters, *([compressor] if compressor else [])]:
        data = codec.encode(data)
    encoded = np.asarray(data).tobytes() if isinstance(data, np.ndarray) else bytes(data)
    codecs = {}
    if filters:
        codecs["filters"] = [configuration(dice, codec) for codec in filters]
    if compressor:
        codecs["compression"] = configuration(dice, compressor)
    return array.chunk(dice, encoded, codecs, name)


SAME = {"elementsize": "element_size"}
ENCODING_ONLY = {"level", "clevel", "acceleration", "checksum", "keepbits", "blocksize"}


def configuration(dice, codec):
    """As numcodecs writes it, or with what is needed and no more."""
    written = json.loads(json.dumps(codec.get_config()))
    if dice.random() < 0.5:
        return {name: value for name, value in written.items() if value is not None}
    kept = {name: value for name, value in written.items() if name not in ENCODING_ONLY and value is not None}
    return {SAME.get(name, name): value for name, value in kept.items()}


KINDS = [(raw, 9), (compressed, 8), (shuffled, 4), (in_members, 0.5), (deflated_twice, 0.3), (summed, 3), (changed, 3)]
