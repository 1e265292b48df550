"""Compares what the service makes of chunks of every codec with what NumPy makes of the same data.

The libraries write new random chunks each time, and read them back to know what is in them; whole files follow, of which
every chunk is asked for, by its byte range. A comparison is one request: result, dtype, shape and counts.
"""

import json
import math
import random
import re
from dataclasses import dataclass, field, replace

import cbor2
import numpy as np
import pytest

from harness.asking import Connection, question
from harness.numpy_answers import NOTHING_MISSING, Request
from harness.service import service
from harness.stores import PUBLIC, s3_store
from suites.codecs.cases import all_cases
from suites.codecs.files import FILL, all_files
from suites.codecs.stored_chunks import StoredChunk, dtype_fields

pytestmark = [
    pytest.mark.codecs,
    pytest.mark.filterwarnings("ignore::UserWarning:zarr"),  # of codecs that no other library has
]

ROUNDS = 8  # random chunks of each codec, unless another number is given
OPERATIONS = ("count", "min", "max", "sum", "select")
PACKED = "chunks.bin"  # all random chunks, with other bytes between them
DAMAGED = "damaged.bin"  # the same, but for a bit of each chunk of these codecs:
CHECKSUMS = ("crc32", "crc32c", "adler32", "fletcher32", "HDF5 shuffle, deflate, fletcher32")


@dataclass(eq=False)
class Placed:
    """A chunk, the object that has it, and where. What NumPy is asked about has these names too."""

    chunk: StoredChunk
    object: str
    offset: int
    size: int
    array: np.ndarray = field(init=False)
    order: str = field(init=False)

    def __post_init__(self):
        self.array, self.order = self.chunk.array, self.chunk.codecs.get("order", "C")

    def fields(self):
        """The fields of a request that say which chunk it is."""
        fields = {"shape": list(self.array.shape), "offset": self.offset, "size": self.size}
        return self.chunk.codecs | dtype_fields(self.array) | fields


class Client:
    """Asks the service, over one connection that is kept."""

    def __init__(self, service_url, store_url):
        self.connection = Connection(service_url)
        self.store_url = store_url

    def body(self, request):
        chunk = request.chunk
        body = {"interface_type": "s3", "url": f"{self.store_url}/{PUBLIC}/{chunk.object}"} | chunk.fields()
        if request.selection is not None:
            body["selection"] = [[part.start, part.stop, part.step] for part in request.selection]
        if request.axis is not None and request.operation != "select":
            body["axis"] = list(request.axis)
        return body | missing_fields(request.missing)

    def ask(self, request):
        """The answer, or a text that says what went wrong."""
        status, _, content = self.connection.ask(question(request.operation, self.body(request)))
        return cbor2.loads(content) if status == 200 else f"{status}: {content.decode()[:300]}"

    def trust(self, chunk):
        """What is wrong if the service takes a chunk of which a bit is wrong for what it was, or nothing. A bit may mean
        nothing, such as those that fill the last byte of a deflate stream: then all elements have to be right."""
        request = Request(chunk, "select")
        answer = self.ask(request)
        if isinstance(answer, str):
            problem = None if "400: " in answer and "cannot be decoded" in answer else answer
        else:
            problem = wrong(request, answer)
        return problem and f"a damaged chunk: {problem[:200]}; {json.dumps(chunk.fields())}"

    def difference(self, request):
        """What is wrong with an answer, or nothing."""
        answer = self.ask(request)
        problem = answer if isinstance(answer, str) else wrong(request, answer)
        if problem:
            return f"{request.operation}: {' '.join(problem.split())}; {json.dumps(self.body(request))}"
        return None


def missing_fields(missing):
    """The field of a request for the four values of which NumPy is told."""
    _, missing_value, low, high = missing
    if isinstance(missing_value, list):
        return {"missing": {"missing_values": missing_value}}
    given = {"missing_value": missing_value, "valid_min": low, "valid_max": high}
    given = {name: value for name, value in given.items() if value is not None}
    return {"missing": given} if given else {}


def wrong(request, answer):
    """What NumPy finds otherwise, or nothing."""
    if isinstance(request.expected, OverflowError):
        return "a sum that does not fit was answered"
    result, counts = request.expected
    shape = [] if request.operation != "select" and request.axis is None else list(np.shape(result))
    dtype = np.dtype(answer["dtype"]).newbyteorder(answer["byte_order"])
    order = request.chunk.order
    if answer["dtype"] != np.asarray(result).dtype.name or answer["shape"] != shape:
        return f"{answer['dtype']} {answer['shape']} instead of {np.asarray(result).dtype.name} {shape}"
    given = np.frombuffer(answer["bytes"], dtype).reshape(shape, order=order)
    if not np.array_equal(given, result, equal_nan=dtype.kind == "f"):
        return f"{some_of(given)} instead of {some_of(result)}"
    given = np.array(answer["count"], "i8")
    expected = np.ravel(counts, order=order)
    return None if np.array_equal(given, expected) else f"counts {some_of(given)} instead of {some_of(expected)}"


def some_of(values):
    return np.ravel(values)[:5].tolist()


# --- Random chunks -------------------------------------------------------------------------------------------


def random_chunks(dice, rounds):
    """Chunks of every codec by its name, and the object that they lie in."""
    packed, chunks = bytearray(), {}
    for name, make in all_cases():
        for _ in range(rounds):
            chunk = make(dice)
            packed += dice.randbytes(dice.randrange(9))
            offset = len(packed) + (chunk.place[0] if chunk.place else 0)
            packed += chunk.stored
            chunks.setdefault(name, []).append(Placed(chunk, PACKED, offset, len(chunk.encoded)))
    return chunks, bytes(packed) + b"the end"


def random_requests(dice, chunks):
    """Every operation on each chunk."""
    for chunk in chunks:
        for operation in OPERATIONS:
            selection = None if dice.random() < 0.3 else tuple(random_part(dice, n) for n in chunk.array.shape)
            # NumPy's answers over axes are made element by element.
            over_axes = chunk.array.size < 5000 and dice.random() < 0.6
            axes = range(-chunk.array.ndim, 0)
            axis = tuple(dice.sample(axes, dice.randint(0, len(axes)))) if over_axes else None
            yield Request(chunk, operation, random_missing(dice, chunk.array), selection, axis)


def random_part(dice, n):
    """A slice of an axis of n elements, of any sign, inside the axis or not."""
    step = dice.choice([None, 1, 1, 2, -1, -2, 5])
    ends = [None, None, *(dice.randint(-n - 2, n + 2) for _ in range(2))]
    return slice(dice.choice(ends), dice.choice(ends), step)


def random_missing(dice, array):
    """Now and then some form of missing data, of values that the array has: NumPy is told with 0 that there is none."""
    some = array.ravel()[:1000].tolist()
    values = sorted({value for value in some if value and math.isfinite(value)})
    if len(values) < 2 or dice.random() < 0.5:
        return NOTHING_MISSING
    low, high = sorted(dice.sample(values, 2))
    forms = [(None, low, None, None), (None, [low, high], None, None), (None, None, low, None)]
    return dice.choice([*forms, (None, None, None, high), (None, None, low, high)])


def test_random_chunks_of_every_codec(programs, report, tmp_path, seed, pytestconfig):
    report.say(f"seed {seed}")
    chunks, packed = random_chunks(random.Random(seed), pytestconfig.getoption("rounds") or ROUNDS)
    paths = [tmp_path / PACKED, tmp_path / DAMAGED]
    paths[0].write_bytes(packed)
    paths[1].write_bytes(damage(packed, chunks))
    dice = random.Random(seed)
    with s3_store(programs, paths) as store, service(programs, report=report, name="codecs") as server:
        client = Client(server.url, store.url)
        for name, placed in chunks.items():
            report.group(name, map(client.difference, random_requests(dice, placed)))
        damaged = [replace(chunk, object=DAMAGED) for name in CHECKSUMS for chunk in chunks[name] if chunk.size > 200]
        report.group("chunks with checksums and a wrong bit", map(client.trust, damaged))


def damage(packed, chunks):
    """The object of all chunks, with a wrong bit in the middle of those that have checksums."""
    packed = bytearray(packed)
    for name in CHECKSUMS:
        for chunk in chunks[name]:
            if chunk.size:
                packed[chunk.offset + chunk.size // 2] ^= 16
    return bytes(packed)


# --- Whole files ---------------------------------------------------------------------------------------------


def test_whole_files(programs, report, tmp_path, seed):
    report.say(f"seed {seed}")
    for file in all_files(seed, tmp_path):
        placed, paths = place_objects(file, tmp_path)
        with s3_store(programs, paths) as store, service(programs, report=report, name=file.name) as server:
            client = Client(server.url, store.url)
            report.group(f"{file.name}: chunks", map(client.difference, requests_of_file(seed, placed)))
            report.group(f"{file.name}: the whole variable", differences_of_whole(client, file, placed))
        for path in paths:
            path.unlink()


def place_objects(file, directory):
    """Writes the objects of a file, and says which chunk is where in them, with the part inside the array."""
    names, placed = {}, []
    prefix = re.sub(r"\W+", "-", file.name)
    for chunk, selection in file.chunks:
        if chunk.stored not in names:
            names[chunk.stored] = f"{prefix}-{len(names)}"
            (directory / names[chunk.stored]).write_bytes(chunk.stored)
        offset, size = chunk.place or (0, len(chunk.stored))
        placed.append((Placed(chunk, names[chunk.stored], offset, size), selection))
    return placed, [directory / name for name in names.values()]


def requests_of_file(seed, placed):
    """Every operation on each chunk: all of it, and a random part over an axis; where chunks are many, on some."""
    dice = random.Random(seed)
    missing = (None, float(FILL), None, None)
    for chunk, inner in dice.sample(placed, min(len(placed), 6)):
        for operation in OPERATIONS:
            yield Request(chunk, operation, missing, inner)
            starts = [dice.randrange(n // 2) for n in chunk.array.shape]
            part = tuple(slice(start, start + dice.randint(1, 9), 2) for start in starts)
            yield Request(chunk, operation, missing, part, (dice.randrange(3),))


def differences_of_whole(client, file, placed):
    """Combines the answers for all chunks, as clients do."""
    present = np.ma.masked_equal(file.values, FILL).compressed()
    missing = (None, float(FILL), None, None)
    for operation, combine, expected in [
        ("count", sum, present.size),
        ("min", min, present.min()),
        ("max", max, present.max()),
        ("sum", sum, math.fsum(present.tolist())),
    ]:
        answers = [client.ask(Request(chunk, operation, missing, inner)) for chunk, inner in placed]
        refused = [answer for answer in answers if isinstance(answer, str)]
        if refused:
            yield f"{operation}: {refused[0]}"
            continue
        parts = [np.frombuffer(answer["bytes"], answer["dtype"])[0] for answer in answers if answer["count"] != [0]]
        result = combine(map(float, parts))
        # The sum of a chunk is rounded to a float32; these do not add up to the last digit.
        same = math.isclose(result, expected, rel_tol=1e-6) if operation == "sum" else result == expected
        yield None if same else f"{operation}: {result} instead of {expected}"
