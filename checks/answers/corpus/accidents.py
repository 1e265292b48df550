"""Chunks after an accident: of their bytes, or of what a request says of them."""

from dataclasses import replace

from .bad_bodies import ZARR

DTYPES = ["int8", "int16", "uint32", "float16", "float32", "float64", "uint64"]
COMPRESSIONS = ["zlib", "gzip", "bz2", "zstd", "lz4", "blosc", "blosc2", "lzf", "hdf5_lz4"]


def damaged(dice, encoded):
    """The bytes of a chunk, some of them changed, gone or added."""
    data = bytearray(encoded)
    # Headers have more to be misread than what follows.
    at = dice.randrange(len(data) if dice.random() < 0.6 else min(len(data), 24))
    kind = dice.choice(["cut", "cut", "bit", "byte", "bytes", "zeros", "ones", "longer", "gone"])
    if kind == "cut":
        del data[max(1, at) :]
    elif kind == "bit":
        data[at] ^= 1 << dice.randrange(8)
    elif kind == "byte":
        data[at] = dice.randrange(256)
    elif kind == "bytes":
        for _ in range(4):
            data[dice.randrange(min(len(data), 48))] = dice.choice([0, 1, 2, 4, 255, dice.randrange(256)])
    elif kind in ("zeros", "ones"):
        run = data[at : at + 16]
        data[at : at + 16] = (b"\0" if kind == "zeros" else b"\xff") * len(run)
    elif kind == "longer":
        data += dice.randbytes(dice.choice([1, 4, 50]))
    elif len(data) > 1:
        del data[at : at + dice.choice([1, 2, 7])]
    return bytes(data) or b"x"


def misdescribed(dice, chunk):
    """A chunk that is not what the request says."""
    fields = dice.choice(MISTAKES)(dice, chunk.fields)
    fields = {name: value for name, value in (chunk.fields | fields).items() if value is not None}
    shape = tuple(fields["shape"]) if "shape" in fields else None
    return replace(chunk, dtype=fields["dtype"], shape=shape, fields=fields)


def other_shape(dice, fields):
    if not fields.get("shape"):
        return {"shape": [dice.randint(1, 100)]}
    shape = list(fields["shape"])
    at = dice.randrange(len(shape))
    shape[at] = max(1, shape[at] + dice.choice([-1, 1, 5, 100]))
    return {"shape": shape}


def other_dtype(dice, _):
    return {"dtype": dice.choice(DTYPES)}


def other_byte_order(dice, _):
    return {"byte_order": dice.choice(["little", "big"])}


def other_compression(dice, _):
    return {"compression": {"id": dice.choice(COMPRESSIONS)}}


def other_mask(dice, _):
    return {"filter_mask": dice.choice([1, 2, 3, 2**31, 2**32 - 1])}


def no_codecs(dice, _):
    return {"filters": None, "compression": None}


def another_filter(dice, fields):
    size = dice.choice([1, 2, 3, 4, 7, 8, 4096])
    return {"filters": [*fields.get("filters", []), {"id": "shuffle", "element_size": size}]}


def other_order_of_filters(dice, fields):
    return {"filters": fields.get("filters", [])[::-1]}


def other_client_data(dice, fields):
    """Filters of HDF5 with one of their numbers changed, or without the last ones."""
    return {"filters": [other_numbers(dice, codec) for codec in fields.get("filters", [])]}


def other_numbers(dice, codec):
    values = list(codec.get("cd_values", []))
    if values and dice.random() < 0.7:
        values[dice.randrange(len(values))] = dice.choice([0, 1, 2, 3, 5, 8, 33, 64, 1000, 2**31, 2**32 - 1])
    else:
        values = values[: dice.randrange(len(values) + 1)]
    return codec | {"cd_values": values} if "cd_values" in codec else codec


def other_codecs(dice, _):
    return {"codecs": dice.choice(ZARR)}


MISTAKES = [
    *(other_shape, other_dtype, other_byte_order, other_compression, other_mask, no_codecs, another_filter),
    *(other_order_of_filters, other_client_data, other_client_data, other_codecs),
]
