"""The corpus: objects, and requests about them, made by chance from a seed. A batch depends on no other one."""

import random

from ..recording import Request
from . import bad_bodies, chunks, hdf5, nowhere, places, questions, routes, vectors, zarr3

IN_BATCH = 100  # requests
CHUNKS = 16  # of a batch
KINDS = [*chunks.KINDS, (hdf5.chunk, 5), (zarr3.chunk, 4), (zarr3.never_written, 1.5)]
ASKED = [  # what a request of a batch is like
    ("question", 68),
    ("bad fields", 14),
    ("bad text", 3.5),
    ("damaged", 6),
    ("misdescribed", 4),
    ("wrong way", 5),
    ("head", 1.5),
    ("framing", 0.6),
]
OF_VECTOR = [("question", 80), ("damaged", 12), ("misdescribed", 8)]
ASKED_OF_VECTOR = 4


def batches(number, seed):
    """Pairs of objects and requests, until there are so many requests."""
    fixed = list(routes.fixed())
    yield {}, fixed
    made, known = len(fixed), list(vectors.all_chunks())
    for start in range(0, len(known), 25):
        batch = Batch(f"{seed} vectors {start}", f"v{start}")
        yield batch.made(known[start : start + 25], OF_VECTOR, ASKED_OF_VECTOR * len(known[start : start + 25]))
        made += len(batch.requests)
    for count in range((max(0, number - made) + IN_BATCH - 1) // IN_BATCH):
        batch = Batch(f"{seed} {count}", f"b{count}")
        yield batch.made(batch.random_chunks(large=0.02), ASKED, IN_BATCH)


class Batch:
    """Chunks, the objects that they lie in, and requests."""

    def __init__(self, seed, name):
        self.dice = random.Random(seed)
        self.store = places.Objects(self.dice, name)
        self.requests = []

    def random_chunks(self, large):
        makers = self.dice.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS], k=CHUNKS)
        return [make(self.dice, large) for make in makers]

    def made(self, made, asked, number):
        """The objects and requests about these chunks."""
        damaged = [(chunk, damage(self.dice, chunk)) for chunk in made if chunk.encoded and self.dice.random() < 0.5]
        placed = [(chunk, self.store.add(chunk.encoded)) for chunk in made]
        broken = [(chunk, self.store.add(encoded)) for chunk, encoded in damaged] or placed
        self.store.finish_object()
        for number_ in range(number):
            kind = self.dice.choices([kind for kind, _ in asked], [weight for _, weight in asked])[0]
            pool = broken if kind == "damaged" else placed
            self.requests.append(self.request(kind, *(pool[number_ % len(pool)])))
        return self.store.objects, self.requests

    def request(self, kind, chunk, place):
        """One request of a kind."""
        dice = self.dice
        if kind == "misdescribed":
            chunk = misdescribed(dice, chunk)
        way = nowhere.wrong_way(dice, place) if kind == "wrong way" else places.random_way(dice, place)
        operation, question = questions.random_question(dice, chunk, way.dialect)
        fields = {**way.fields, **part_of_object(dice, chunk, place), **chunk.fields, **question}
        if dice.random() < 0.12:
            fields["etag"] = etag(dice, way)
        service = places.service_of(dice, way)
        if kind == "bad fields":
            body = bad_bodies.with_wrong_fields(dice, fields)
        elif kind == "bad text":
            body = bad_bodies.wrong_text(dice, fields)
        else:
            body = bad_bodies.written(bad_bodies.texts(fields), dice if dice.random() < 0.2 else None).encode()
        labels = {
            "kind": kind,
            "operation": operation,
            "dtype": chunk.dtype,
            "codec": chunk.codec,
            "dialect": way.dialect,
            "interface": way.interface,
        }
        path = f"/{way.dialect}/{operation}" + ("/" if dice.random() < 0.03 else "")
        request = Request(service, "POST", path, [*way.headers, routes.JSON], body, labels)
        change = {"head": routes.other_head, "framing": routes.other_framing}.get(kind)
        return change(dice, request) if change else request


def part_of_object(dice, chunk, place):
    """Offset and size; what goes without saying is not said now and then."""
    if chunk.fields.get("size") == 0:
        return {"offset": place.offset} if dice.random() < 0.3 else {}
    part = {"offset": place.offset, "size": place.size}
    if place.offset == 0 and dice.random() < 0.4:
        del part["offset"]
    if place.is_last and "codecs" not in chunk.fields and dice.random() < 0.3:
        del part["size"]
    return part


def etag(dice, way):
    """Of the version that is there, or of another one."""
    version = way.version or '"0123456789abcdef"'
    wrong = ['"0123456789abcdef"', 'W/"x"', "something", version[:-2] + '"']
    return dice.choice([version, version, version, version.strip('"'), dice.choice(wrong)])


def damage(dice, chunk):
    """The bytes of a chunk after an accident."""
    data = bytearray(chunk.encoded)
    at = dice.randrange(len(data)) if dice.random() < 0.6 else dice.randrange(min(len(data), 24))
    kind = dice.choice(["cut", "cut", "bit", "byte", "byte", "zeros", "longer", "gone", "ones"])
    if kind == "cut":
        del data[max(1, at) :]
    elif kind == "bit":
        data[at] ^= 1 << dice.randrange(8)
    elif kind == "byte":
        data[at] = dice.randrange(256)
    elif kind == "zeros":
        data[at : at + 16] = bytes(len(data[at : at + 16]))
    elif kind == "ones":
        data[at : at + 4] = b"\xff" * len(data[at : at + 4])
    elif kind == "longer":
        data += dice.randbytes(dice.choice([1, 4, 50]))
    elif len(data) > 1:
        del data[at : at + dice.choice([1, 2, 7])]
    return bytes(data) or b"x"


def misdescribed(dice, chunk):
    """A chunk that is not what the request says."""
    fields = dict(chunk.fields)
    kind = dice.choice(
        ["shape", "dtype", "compression", "filters", "mask", "element size", "byte order", "swap", "codecs"]
    )
    if kind == "shape" and fields.get("shape"):
        at = dice.randrange(len(fields["shape"]))
        shape = list(fields["shape"])
        shape[at] = max(1, shape[at] + dice.choice([-1, 1, 5, 100]))
        fields["shape"] = shape
    elif kind == "dtype":
        fields["dtype"] = dice.choice(["int8", "int16", "uint32", "float16", "float32", "float64", "uint64"])
    elif kind == "compression":
        fields["compression"] = {
            "id": dice.choice(["zlib", "gzip", "bz2", "zstd", "lz4", "blosc", "blosc2", "lzf", "hdf5_lz4"])
        }
    elif kind == "mask":
        fields["filter_mask"] = dice.choice([1, 2, 3, 2**31, 2**32 - 1])
    elif kind == "element size":
        fields["filters"] = [
            *fields.get("filters", []),
            {"id": "shuffle", "element_size": dice.choice([1, 2, 3, 4, 7, 8, 4096])},
        ]
    elif kind == "byte order":
        fields["byte_order"] = dice.choice(["little", "big"])
    elif kind == "swap" and len(fields.get("filters", [])) > 1:
        fields["filters"] = fields["filters"][::-1]
    elif kind == "codecs":
        fields["codecs"] = dice.choice(bad_bodies.ZARR)
    else:
        fields.pop("filters", None)
        fields.pop("compression", None)
    shape = tuple(fields["shape"]) if "shape" in fields else None
    return chunks.Chunk(
        chunk.encoded,
        fields["dtype"] if isinstance(fields["dtype"], str) else chunk.dtype,
        shape,
        fields,
        chunk.codec,
        chunk.values,
    )
