"""What PyActiveStorage is made to ask: of the chunks of the sample netCDF file, and of random chunks."""

import itertools
import json
import math

import numcodecs
import numpy as np

from harness.numpy_answers import NOTHING_MISSING, Chunk, Request
from harness.places import SAMPLE
from suites.clients.files import Variable

ODD_KEY = "tas 50% +é&#.nc"  # the sample once more, under a key that has to be encoded in a URL
RAW_KEY = "tas 50% +é&.nc"  # and once more, under one that is understood in a URL as it is
PACKED = "chunks.bin"  # all random chunks, with other bytes between them

OPERATIONS = ("min", "max", "sum", "mean", "count", "select")  # for a mean the client asks for the sum
# The client cannot send dtypes of 8 bits: it does not know what to make of their byte order, "|".
DTYPES = [np.dtype(order + code) for code in ["i2", "i4", "i8", "u2", "u4", "u8", "f2", "f4", "f8"] for order in "<>"]
ENCODINGS = list(itertools.product((None, numcodecs.Zlib, numcodecs.GZip), ("plain", "shuffled")))


# --- The sample ----------------------------------------------------------------------------------------------


def sample_chunks():
    """The chunks of the sample as its description says, each with the selection that leaves out padding."""
    description = json.loads(SAMPLE.with_suffix(".json").read_text())
    file_bytes = SAMPLE.read_bytes()
    whole = np.empty(description["shape"], "<f4")
    chunks = []
    for place in description["chunks"]:
        encoded = file_bytes[place["offset"] : place["offset"] + place["size"]]
        decoded = numcodecs.Shuffle(4).decode(numcodecs.Zlib().decode(encoded))
        shape = tuple(description["chunk_shape"])
        array = np.frombuffer(decoded, "<f4").reshape(shape)
        codecs = {"compression": numcodecs.Zlib(), "filters": [numcodecs.Shuffle(4)]}
        chunk = Chunk(SAMPLE.name, place["offset"], place["size"], array, shape, **codecs)
        selection = tuple(slice(*parts) for parts in place["selection"])
        part = array[selection]
        whole[tuple(slice(o, o + n) for o, n in zip(place["origin"], part.shape))] = part
        chunks.append((chunk, selection))
    return chunks, np.ma.masked_equal(whole, np.float32(1e20))


def sample_requests(chunks):
    """Every chunk, selection, form of missing data and operation."""
    fill = np.float32(1e20)
    missing_forms = [
        NOTHING_MISSING,
        (fill, None, None, None),
        (fill, fill, None, None),
        (None, 1e20, None, None),
        (None, np.array([fill]), None, None),
        (None, [1e20, 250.0, "NaN"], None, None),
        (None, (fill, np.float32(250.0)), None, None),
        (None, None, np.float32(240.0), None),
        (None, None, None, 300),
        (None, None, 240.0, 300.0),
        (None, None, 1e21, None),  # nothing is left
    ]
    for (chunk, inner), missing, operation in itertools.product(chunks, missing_forms, OPERATIONS):
        stepped = (slice(None), 3, slice(None, None, -2))
        reversed_ = (slice(-3, None), slice(15, 2, -4), slice(20, 7))
        for selection in (None, inner, stepped, reversed_):
            yield Request(chunk, operation, missing, selection)


def sample_requests_over_axes(chunks):
    """Every chunk, set of axes and operation."""
    missing = (None, None, None, np.float32(240.0))
    sets = [(0,), (1,), (2, 0), (-1, 1), (), (0, 1, 2), None]
    for (chunk, inner), axis, operation in itertools.product(chunks, sets, OPERATIONS):
        yield Request(chunk, operation, missing, inner, axis)


def sample_variable():
    """The sample's variable as a whole."""
    _, whole = sample_chunks()
    return Variable("tas", whole.data, (4, 20, 30), attributes={"_FillValue": np.float32(1e20)})


# --- Random chunks and requests ------------------------------------------------------------------------------


def random_chunks(dice, rounds):
    """Chunks of every dtype, byte order, order and encoding, and the object that they lie in."""
    packed = bytearray()
    chunks = []
    for dtype, order, (codec_type, layout), _ in itertools.product(DTYPES, "CF", ENCODINGS, range(rounds)):
        array = random_array(dice, dtype)
        compression = codec_type and codec_type(level=dice.randrange(10))
        filters = [numcodecs.Shuffle(dtype.itemsize)] if layout == "shuffled" else []
        encoded = array.tobytes(order)
        for codec in filters + [compression] * bool(compression):
            encoded = bytes(codec.encode(encoded))
        packed += dice.randbytes(dice.randrange(9))
        shape = None if array.ndim == 1 and dice.random() < 0.5 else array.shape
        chunks.append(Chunk(PACKED, len(packed), len(encoded), array, shape, order, compression, filters))
        packed += encoded
    return chunks, bytes(packed) + b"the end"


def random_array(dice, dtype):
    """An array in which values occur several times; of some integer arrays the sum does not fit."""
    shape = [dice.randint(1, 8) for _ in range(dice.randint(1, 4))]
    numpy_dice = np.random.default_rng(dice.randrange(2**32))
    pool_len = dice.randint(2, 40)
    if dtype.kind == "f":
        decades = {2: 2, 4: 7, 8: 12}[dtype.itemsize]
        pool = numpy_dice.normal(size=pool_len) * 10.0 ** numpy_dice.integers(-decades, decades, pool_len)
        special = dice.sample([np.nan, np.inf, -np.inf, -0.0, 0.0], dice.choice([0, 0, 1, 2]))
        pool = np.concatenate([pool, -pool, special])
    else:
        info = np.iinfo(dtype)
        largest = dice.choice([20, info.max // math.prod(shape), info.max])
        native = dtype.newbyteorder("=")
        pool = numpy_dice.integers(max(info.min, -largest), largest, pool_len, native, endpoint=True)
    return numpy_dice.choice(pool, shape).astype(dtype)


def random_missing(dice, array):
    """One of the forms of missing data that the client can send, of values that the array has."""
    # The client takes 0 for nothing; JSON has neither NaN nor infinity.
    values = sorted({value for value in array.ravel().tolist() if value and math.isfinite(value)})
    if len(values) < 2:
        return NOTHING_MISSING
    low, high = sorted(dice.sample(values, 2))
    if array.dtype.itemsize == 4 and array.dtype.kind == "f":
        low, high = np.float32(low), np.float32(high)
    listed = [high, low, values, (low, high)]
    if array.dtype.kind == "f":
        listed += [["NaN", high], ["Infinity", "-Infinity"], np.array([low], np.result_type(array.dtype, "f4"))]
    value = dice.choice(listed)
    forms = [NOTHING_MISSING, (low, value, None, None), (None, None, low, None), (None, None, None, high)]
    return dice.choice([*forms, (None, None, low, high), *3 * [(None, value, None, None)]])


def random_selection(dice, chunk):
    """A number or slice for each axis, of any sign, inside the axis or not; or nothing."""
    if chunk.shape is None or dice.random() < 0.2:
        return None

    return tuple(random_part(dice, n) for n in chunk.shape)


def random_part(dice, n):
    """A part of an axis of n elements. No negative number: the client makes the empty slice [-1, 0, 1] of -1."""
    start, stop = (dice.choice([None, dice.randint(-n - 2, n + 2)]) for _ in range(2))
    anything = slice(start, stop, dice.choice([None, -3, -2, -1, 1, 2, 3]))
    nearly_all = slice(dice.randint(0, 1), dice.choice([None, n]), dice.choice([None, 1, 2]))
    return dice.choice([slice(None), dice.randrange(n), nearly_all, nearly_all, anything])


def all_axes(chunk):
    """As the client's users give them: every axis."""
    return chunk.shape and tuple(range(len(chunk.shape)))


def random_axis(dice, chunk):
    """Some axes in any order, some counted from the end; or all."""
    if chunk.shape is None or dice.random() < 0.1:
        return None
    ndim = len(chunk.shape)
    axes = dice.sample(range(ndim), dice.randint(0, ndim))
    return tuple(axis - dice.choice([0, 0, ndim]) for axis in axes)


def random_requests(dice, chunks, axis_of):
    """For each chunk one combination of everything else, with every operation."""
    for chunk in chunks:
        of_all = random_missing(dice, chunk.array), random_selection(dice, chunk), axis_of(chunk)
        yield from (Request(chunk, operation, *of_all) for operation in OPERATIONS)
