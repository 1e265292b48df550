"""New random chunks of every codec for test_codecs.py, as the libraries write them."""

import math

import hdf5plugin
import numcodecs
import numpy as np
import zarr.codecs
from h5py import h5t
from numcodecs.checksum32 import CRC32, CRC32C, Adler32

from suites.codecs import zarr_elements
from suites.codecs.stored_chunks import StoredChunk, by_numcodecs
from suites.codecs.stored_hdf5 import (
    by_hdf5,
    by_netcdf4,
    deflate,
    fletcher32,
    hdf5_filter,
    integer_of_bits,
    lzf,
    named_by_numcodecs,
    nbit,
    plugin,
    scale_offset_of_floats,
    scale_offset_of_integers,
    shuffle,
    split_compression,
    szip,
)
from suites.codecs.stored_zarr import by_zarr

INTEGERS = [np.dtype(order + code) for code in ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"] for order in "<>"]
FLOATS = [np.dtype(order + code) for code in ["f4", "f8"] for order in "<>"]
ALL = [*INTEGERS, *FLOATS, np.dtype("<f2"), np.dtype(">f2")]
NETCDF = [*INTEGERS, *FLOATS]
BLOSC2_COMPRESSORS = {"blosclz": 0, "lz4": 1, "lz4hc": 2, "zlib": 4, "zstd": 5}  # as its filter numbers them
MANY = 100_000  # elements: enough for several blocks of any codec


def random_array(dice, dtypes=ALL, kind=None):
    """An array of values that occur several times, and whose sums fit: smooth, of any digits, or all the same."""
    dtype = dice.choice(dtypes)
    shape = random_shape(dice)
    numbers = np.random.default_rng(dice.randrange(2**32))
    kind = kind or dice.choice(["smooth", "smooth", "noise", "constant"])
    size = math.prod(shape)
    if kind == "smooth":
        values = 40 * np.sin(np.arange(size) / dice.uniform(3, 3000)) + numbers.normal(size=size)
    elif kind == "noise":
        values = numbers.uniform(-100, 100, size)
    else:
        values = np.full(size, dice.uniform(-100, 100))
    if dtype.kind == "f" and kind != "noise":
        values = np.round(values * 8) / 8
    if dtype.kind == "i":
        values = np.round(values).clip(-127, 127)
    if dtype.kind == "u":
        values = np.round(values + 100).clip(0, 255)
    return values.astype(dtype).reshape(shape)


def random_shape(dice):
    """Mostly small; now and then as large as takes several blocks."""
    if dice.random() < 0.15:
        return dice.choice([(dice.randint(MANY // 2, MANY),), (dice.randint(3, 9), 50, dice.randint(60, 200))])
    return tuple(dice.randint(1, 14) for _ in range(dice.randint(1, 4)))


def all_cases():
    """Pairs of the name of a codec, and what makes a random chunk of it."""
    yield from numcodecs_cases()
    yield from hdf5_cases()
    yield from plugin_cases()
    yield from zarr_cases()


# --- numcodecs -----------------------------------------------------------------------------------------------


def numcodecs_cases():
    for cname in ("blosclz", "lz4", "lz4hc", "zlib", "zstd"):
        yield f"blosc {cname}", lambda dice, cname=cname: shuffled(dice, random_blosc(dice, cname), seldom=True)
    for name, compressor in [
        ("zlib", lambda dice: numcodecs.Zlib(dice.randrange(10))),
        ("gzip", lambda dice: numcodecs.GZip(dice.randrange(10))),
        ("bz2", lambda dice: numcodecs.BZ2(dice.randint(1, 9))),
        ("zstd", lambda dice: numcodecs.Zstd(dice.randint(-5, 12), checksum=dice.random() < 0.5)),
        ("lz4", lambda dice: numcodecs.LZ4(dice.randint(1, 20))),
    ]:
        yield name, lambda dice, compressor=compressor: shuffled(dice, compressor(dice))
    for checksum in (CRC32, CRC32C, Adler32):
        yield (
            checksum.codec_id,
            lambda dice, checksum=checksum: summed(dice, checksum(dice.choice([None, "start", "end"]))),
        )
    yield "fletcher32", lambda dice: summed(dice, numcodecs.Fletcher32())
    for name, make in [
        ("delta", delta),
        ("fixedscaleoffset", fixed_scale_offset),
        ("quantize", quantize),
        ("bitround", bit_round),
        ("astype", as_type),
        ("packbits", pack_bits),
    ]:
        yield name, make


def random_blosc(dice, cname):
    return numcodecs.Blosc(cname, dice.randrange(10), dice.choice([-1, 0, 1, 2]), dice.choice([0, 0, 128, 1000, 4096]))


def random_compressor(dice):
    return dice.choice([None, numcodecs.Zlib(3), numcodecs.Zstd(3), random_blosc(dice, "lz4")])


def shuffled(dice, compressor, seldom=False):
    array = random_array(dice)
    filters = [numcodecs.Shuffle(array.itemsize)] if dice.random() < (0.1 if seldom else 0.5) else []
    return by_numcodecs(array, filters, compressor)


def summed(dice, checksum):
    """A checksum before or behind compression."""
    array, compressor = random_array(dice), random_compressor(dice)
    if compressor and dice.random() < 0.5:
        return by_numcodecs(array, [compressor], checksum)
    return by_numcodecs(array, [checksum], compressor)


def delta(dice):
    array = random_array(dice, dice.choice([INTEGERS, FLOATS]))
    return by_numcodecs(array, [numcodecs.Delta(array.dtype.str)], random_compressor(dice))


def fixed_scale_offset(dice):
    array = random_array(dice, FLOATS)
    as_type = dice.choice(["<i2", ">i2", "<i4", array.dtype.str])
    scaling = numcodecs.FixedScaleOffset(dice.uniform(-5, 5), dice.choice([1, 3, 7.5, 100]), array.dtype.str, as_type)
    return by_numcodecs(array, [scaling], random_compressor(dice))


def quantize(dice):
    array = random_array(dice, FLOATS)
    as_type = dice.choice([array.dtype.str, "<f4", ">f4"])
    filters = [numcodecs.Quantize(dice.randint(0, 5), array.dtype.str, as_type)]
    return by_numcodecs(array, filters, random_compressor(dice))


def bit_round(dice):
    array = random_array(dice, [np.dtype("<f4"), np.dtype("<f8")])  # no other byte order
    return by_numcodecs(array, [numcodecs.BitRound(dice.randint(1, 20))], random_compressor(dice))


def as_type(dice):
    """Numbers stored as those of another dtype that has them all."""
    array = random_array(dice, dice.choice([INTEGERS, FLOATS]))
    wider = [dtype.str for dtype in ALL if np.can_cast(array.dtype, dtype) and dtype.itemsize > 2]
    return by_numcodecs(array, [numcodecs.AsType(dice.choice(wider), array.dtype.str)], random_compressor(dice))


def pack_bits(dice):
    flags = (random_array(dice, FLOATS) > 0).view("u1")
    return by_numcodecs(flags, [numcodecs.PackBits()], random_compressor(dice))


# --- HDF5 ----------------------------------------------------------------------------------------------------


def hdf5_cases():
    yield "HDF5 shuffle, deflate, fletcher32", repacked
    yield "HDF5 deflate", lambda dice: said_somehow(dice, by_hdf5(random_array(dice), [deflate(dice.randrange(10))]))
    yield "HDF5 filters left out", left_out
    yield (
        "HDF5 lzf",
        lambda dice: by_hdf5(random_array(dice), [*some(dice, shuffle()), lzf(), *some(dice, fletcher32())]),
    )
    yield (
        "HDF5 scaleoffset of integers",
        lambda dice: by_hdf5(
            random_array(dice, INTEGERS),
            [scale_offset_of_integers(), *some(dice, deflate())],
            fill_value=dice.choice([None, 0, 5, 100]),
        ),
    )
    yield (
        "HDF5 scaleoffset of floats",
        lambda dice: by_hdf5(
            random_array(dice, FLOATS), [scale_offset_of_floats(dice.randint(-1, 4)), *some(dice, deflate())]
        ),
    )
    yield "HDF5 nbit", few_bits
    yield "HDF5 szip", random_szip
    yield (
        "netCDF4 zlib, fletcher32",
        lambda dice: by_netcdf4(
            random_array(dice, NETCDF), compression="zlib", shuffle=dice.random() < 0.7, fletcher32=True
        ),
    )
    yield (
        "netCDF4 zstd",
        lambda dice: by_netcdf4(random_array(dice, NETCDF), compression="zstd", shuffle=dice.random() < 0.7),
    )


def some(dice, step):
    return [step] if dice.random() < 0.5 else []


def repacked(dice):
    return said_somehow(dice, by_hdf5(random_array(dice), [shuffle(), deflate(), fletcher32()]))


def said_somehow(dice, chunk):
    """A pipeline can be said in several ways."""
    return dice.choice([lambda same: same, split_compression, named_by_numcodecs])(chunk)


def left_out(dice):
    filters = [shuffle(), deflate(), fletcher32()]
    return said_somehow(dice, by_hdf5(random_array(dice), filters, skipped=dice.randrange(8)))


def few_bits(dice):
    """All values are from -127 to 255, so that 9 bits do for either sign. HDF5 wants more than half of the bits."""
    array = random_array(dice, [dtype for dtype in INTEGERS if dtype.itemsize in (2, 4, 8)])
    order, sign = ("BE" if array.dtype.str[0] == ">" else "LE"), ("I" if array.dtype.kind == "i" else "U")
    whole = getattr(h5t, f"STD_{sign}{array.itemsize * 8}{order}")
    bits = dice.randint(array.itemsize * 4 + 1, array.itemsize * 8)
    file_type = integer_of_bits(whole, bits, dice.randint(0, array.itemsize * 8 - bits))
    return by_hdf5(array, [nbit(), *some(dice, deflate())], file_type=file_type)


def random_szip(dice):
    """HDF5 wants as many elements as a block has."""
    while (array := random_array(dice)).size < 32 or array.shape[-1] < 8:
        pass
    return by_hdf5(array, [*some(dice, shuffle()), szip(dice.choice(["nn", "ec"]), dice.choice([4, 8]))])


def plugin_cases():
    makers = {
        "bzip2": lambda dice: hdf5plugin.BZip2(dice.randint(1, 9)),
        "zstd": lambda dice: hdf5plugin.Zstd(dice.randint(1, 12)),
        "lz4": lambda dice: hdf5plugin.LZ4(dice.choice([0, 512, 5000])),
    }
    for cname in ("none", "lz4", "zstd"):
        makers[f"bitshuffle {cname}"] = lambda dice, cname=cname: hdf5plugin.Bitshuffle(dice.choice([0, 8, 512]), cname)
    for cname in ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"):
        makers[f"blosc {cname}"] = lambda dice, cname=cname: hdf5plugin.Blosc(
            cname, dice.randint(1, 9), dice.randrange(3)
        )
    for name, make in makers.items():
        yield f"hdf5plugin {name}", lambda dice, make=make: plugged(dice, make(dice))
    for cname, number in BLOSC2_COMPRESSORS.items():
        yield f"hdf5plugin blosc2 {cname}", lambda dice, number=number: random_blosc2(dice, number)


def plugged(dice, options):
    filters = [*some(dice, shuffle()), plugin(options), *some(dice, fletcher32())]
    return by_hdf5(random_array(dice), filters)


def random_blosc2(dice, compressor):
    """With sizes of blocks for which hdf5plugin has no name."""
    array = random_array(dice)
    block, filters = dice.choice([0, 0, 256, 2048]), dice.choice([0, 1, 1, 2, 2, 3])
    options = 0, block, 0, 0, dice.randint(1, 9), filters, compressor
    return by_hdf5(array, [hdf5_filter(hdf5plugin.Blosc2.filter_id, *options), *some(dice, fletcher32())])


# --- Zarr ----------------------------------------------------------------------------------------------------


def zarr_cases():
    yield "Zarr 2", zarr2
    yield "Zarr 3", zarr3
    yield "Zarr 3 shards", lambda dice: zarr3(dice, sharded=True)
    yield "Zarr 3 elements of numcodecs", lambda dice: changed_elements(dice, zarr_elements.of_numcodecs)
    yield "Zarr 3 scale_offset, cast_value", lambda dice: changed_elements(dice, zarr_elements.of_zarr)
    yield "Zarr 3 transpose before shards", turned_shards
    yield "never written", never_written


def zarr2(dice):
    array, order = random_array(dice), dice.choice("CF")
    options = {"order": order, "compressors": random_compressor(dice)}
    return any_of(dice, by_zarr(array, random_chunks(dice, array), 2, **options))


def zarr3(dice, sharded=False):
    array, codecs = random_array(dice), zarr.codecs
    chunks = random_chunks(dice, array)
    axes = dice.sample(range(array.ndim), array.ndim)
    shuffles = [codecs.BloscShuffle.noshuffle, codecs.BloscShuffle.shuffle, codecs.BloscShuffle.bitshuffle]
    options = {
        "filters": [codecs.TransposeCodec(order=axes)] if dice.random() < 0.4 else [],
        "compressors": dice.choice([
            [],
            [codecs.GzipCodec(level=dice.randrange(10))],
            [codecs.ZstdCodec(level=dice.randint(-5, 12), checksum=dice.random() < 0.5)],
            [codecs.BloscCodec(cname=dice.choice(["lz4", "zstd", "zlib", "blosclz"]), shuffle=dice.choice(shuffles))],
        ]) + dice.choice([[], [codecs.Crc32cCodec()]]),
    }  # fmt: skip
    if array.itemsize > 1:
        endian = "big" if array.dtype.str.startswith(">") else "little"
        options["serializer"] = codecs.BytesCodec(endian=endian)
    if sharded:
        shape = tuple(n * dice.randint(1, 3) for n in chunks)
        options["shards"] = {"shape": shape, "index_location": dice.choice(["start", "end"])}
    return any_of(dice, by_zarr(array, chunks, 3, **options))


def changed_elements(dice, chunks):
    """Codecs that change elements, in any pair of byte orders; their names with the prefix or without it."""
    numbers = np.random.default_rng(dice.randrange(2**32))
    shape = dice.randint(1, 9), dice.randint(1, 9)
    made = list(chunks(lambda dtype: numbers.integers(0, 100, shape).astype(dtype)))
    # Bytes read in another order make large numbers, of which the sum may not fit.
    made = [chunk for chunk in made if chunk[-1].dtype.kind == "f" or np.abs(chunk[-1].astype("f8")).sum() < 2**15]
    _, codecs, stored, values = dice.choice(made)
    if dice.random() < 0.5:
        codecs = [codec | {"name": codec["name"].removeprefix("numcodecs.")} for codec in codecs]
    if any("big" in codec.get("configuration", {}).values() for codec in codecs):
        values = values.astype(values.dtype.newbyteorder(">"))  # what a request says must be that of `bytes`
    return StoredChunk("zarr", values, stored, {"codecs": codecs})


def turned_shards(dice):
    """An array that was turned before it was cut into shards, as zarr-python reads it from metadata that say so."""
    array = random_array(dice)
    axes = dice.sample(range(array.ndim), array.ndim)
    turned = array.transpose(axes)
    inner = turned.shape
    options = {}
    if array.itemsize > 1:
        endian = "big" if array.dtype.str.startswith(">") else "little"
        options["serializer"] = zarr.codecs.BytesCodec(endian=endian)
    shard = by_zarr(np.ascontiguousarray(turned), inner, 3, shards=inner, **options)
    (chunk,) = shard.values()
    codecs = [{"name": "transpose", "configuration": {"order": axes}}, *chunk.codecs["codecs"]]
    return StoredChunk("zarr", array, chunk.stored, {"codecs": codecs}, chunk.place)


def random_chunks(dice, array):
    """Shorter than the array, and seldom so that they divide it; not so short that there are thousands of them."""
    return tuple(max(1, math.ceil(n / dice.randint(1, 3))) for n in array.shape)


def any_of(dice, chunks):
    return dice.choice(list(chunks.values()))


def never_written(dice):
    array = random_array(dice, kind="constant")
    fill_value = array.flat[0]
    if array.dtype.kind == "f":
        fill_value = dice.choice([fill_value, array.dtype.type("nan"), array.dtype.type("-inf")])
    array[...] = fill_value
    options = {"fill_value": fill_value, "config": {"write_empty_chunks": False}}
    (chunk,) = by_zarr(array, array.shape, dice.choice([2, 3]), **options).values()
    assert not chunk.stored
    return chunk
