"""Chunks as HDF5 stores them, with the filters of HDF5, h5py and hdf5plugin, and with filters left out."""

import h5py
import hdf5plugin
import numpy as np
from h5py import h5d, h5p, h5s, h5t, h5z

from .chunks import Array
from .values import FLOATS, INTEGERS, elements, random_shape

DEFLATE, SHUFFLE, FLETCHER32, NBIT, SCALE_OFFSET, LZF = 1, 2, 3, 5, 6, 32000
NUMCODECS = {  # as numcodecs writes them
    DEFLATE: lambda values: {"id": "zlib", "level": values[0]},
    SHUFFLE: lambda values: {"id": "shuffle", "elementsize": values[0]},
    FLETCHER32: lambda values: {"id": "fletcher32"},
}
NAMES = {
    DEFLATE: ["zlib", "deflate"],
    SHUFFLE: ["shuffle", "shuffle_simd"],
    FLETCHER32: ["fletcher32"],
    4: ["szip"],
    NBIT: ["nbit"],
    SCALE_OFFSET: ["scaleoffset"],
    307: ["bz2", "bzip2"],
    LZF: ["lzf"],
    32001: ["blosc"],
    32004: ["hdf5_lz4"],
    32008: ["bitshuffle"],
    32015: ["zstd"],
    32026: ["blosc2"],
}


def any_filter(number, *cd_values):
    """Puts a filter at the end of a pipeline. A chunk that it does not make smaller may go without it."""
    return lambda pipeline: pipeline.set_filter(number, h5z.FLAG_OPTIONAL, cd_values)


def plugin(options):
    return any_filter(options.filter_id, *options.filter_options)


def fletcher32(pipeline):
    pipeline.set_fletcher32()


def some(dice, filter_):
    return [filter_] if dice.random() < 0.5 else []


def usual(dice):
    return [any_filter(SHUFFLE), any_filter(DEFLATE, dice.randrange(10)), *some(dice, fletcher32)]


def plugged(dice):
    codecs = ["blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"]
    plugins = [
        lambda: hdf5plugin.BZip2(dice.randint(1, 9)),
        lambda: hdf5plugin.Zstd(dice.randint(1, 12)),
        lambda: hdf5plugin.LZ4(dice.choice([0, 512, 5000])),
        lambda: hdf5plugin.Bitshuffle(dice.choice([0, 8, 512]), dice.choice(["none", "lz4", "zstd"])),
        lambda: hdf5plugin.Blosc(dice.choice(codecs), dice.randint(1, 9), dice.randrange(3)),
    ]
    return [*some(dice, any_filter(SHUFFLE)), plugin(dice.choice(plugins)()), *some(dice, fletcher32)]


def blosc2(dice):
    """With sizes of blocks for which hdf5plugin has no name."""
    compressor, block = dice.choice([0, 1, 2, 4, 5]), dice.choice([0, 0, 256, 2048])
    options = 0, block, 0, 0, dice.randint(1, 9), dice.choice([0, 1, 1, 2, 2, 3]), compressor
    return [any_filter(hdf5plugin.Blosc2.filter_id, *options), *some(dice, fletcher32)]


def szip(dice):
    mask = dice.choice([h5z.SZIP_NN_OPTION_MASK, h5z.SZIP_EC_OPTION_MASK])
    return [*some(dice, any_filter(SHUFFLE)), lambda pipeline: pipeline.set_szip(mask, dice.choice([4, 8]))]


KINDS = [
    ("deflate", usual, None, 4),
    ("lzf", lambda dice: [*some(dice, any_filter(SHUFFLE)), any_filter(LZF), *some(dice, fletcher32)], None, 1),
    ("plugins", plugged, None, 5),
    ("blosc2", blosc2, None, 2),
    ("szip", szip, None, 1),
    ("nbit", lambda dice: [any_filter(NBIT), *some(dice, any_filter(DEFLATE, 4))], INTEGERS, 1),
    ("scaleoffset", lambda dice: [lambda pipeline: pipeline.set_scaleoffset(h5z.SO_INT, 0)], INTEGERS, 1),
    (
        "scaleoffset",
        lambda dice: [any_filter(SCALE_OFFSET, h5z.SO_FLOAT_DSCALE, dice.randint(-1, 4) % 2**32)],
        FLOATS[1:],
        1,
    ),
]


def chunk(dice, large):
    """A chunk of a dataset that has no other one."""
    name, make, dtypes, _ = dice.choices(KINDS, [weight for *_, weight in KINDS])[0]
    shape = random_shape(dice, large)
    while not shape or (name == "szip" and (elements(shape) < 32 or shape[-1] < 8)):
        shape = random_shape(dice, large)
    array = Array.random(dice, *([dtypes] if dtypes else []), shape=shape)
    array.order = "C"
    filters = make(dice)
    stored, mask, listed = write(array.in_shape(), filters)
    if mask == 0 and dice.random() < 0.2:
        mask = dice.randrange(1, 1 << len(filters))
        kept = [step for number, step in enumerate(filters) if not mask >> number & 1]
        stored, more, _ = write(array.in_shape(), kept)
        if more:  # an optional filter left itself out: its number is another one here
            stored, mask, listed = write(array.in_shape(), filters)
        elif dice.random() < 0.3:
            mask |= 0xFFFF_0000
    codecs = said_somehow(dice, listed)
    if mask or dice.random() < 0.1:
        codecs["filter_mask"] = mask
    return array.chunk(dice, stored, codecs, f"hdf5 {name}")


def write(array, filters):
    """The bytes of the chunk, its filter mask, and the filters as the file lists them."""
    with h5py.File("in-memory", "w", driver="core", backing_store=False) as file:
        pipeline = h5p.create(h5p.DATASET_CREATE)
        pipeline.set_chunk(array.shape)
        for put in filters:
            put(pipeline)
        space = h5s.create_simple(array.shape)
        dataset = h5d.create(file.id, b"data", h5t.py_create(array.dtype), space, pipeline)
        with np.errstate(all="ignore"):
            dataset.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(array))
        file.flush()
        mask, stored = dataset.read_direct_chunk((0,) * array.ndim)
        pipeline = dataset.get_create_plist()
        listed = [pipeline.get_filter(number) for number in range(pipeline.get_nfilters())]
        return bytes(stored), mask, [{"id": number, "cd_values": list(values)} for number, _, values, _ in listed]


def said_somehow(dice, listed):
    """A pipeline can be said in several ways."""
    way = dice.choice(["file", "file", "split", "numcodecs", "names"])
    if way == "split" and listed:
        return {"filters": listed[:-1], "compression": listed[-1]}
    if way == "numcodecs" and all(step["id"] in NUMCODECS for step in listed):
        return {"filters": [NUMCODECS[step["id"]](step["cd_values"]) for step in listed]}
    if way == "names":
        return {"filters": [step | {"id": dice.choice(NAMES.get(step["id"], [step["id"]]))} for step in listed]}
    return {"filters": listed}
