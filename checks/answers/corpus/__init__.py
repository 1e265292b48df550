"""The corpus: objects, and requests about them, made by chance from a seed. A batch depends on no other one."""

import random

from ..recording import Request
from . import accidents, bad_bodies, chunks, hdf5, nowhere, places, questions, routes, vectors, zarr3

IN_BATCH = 100  # requests
CHUNKS = 16  # of a batch
KINDS = [*chunks.KINDS, (hdf5.chunk, 5), (zarr3.chunk, 4), (zarr3.never_written, 1.5)]
ASKED = [  # what a request of a batch is like
    ("question", 67),
    ("bad fields", 14),
    ("bad text", 3.5),
    ("damaged", 7),
    ("misdescribed", 5),
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
        dice = self.dice
        fallen = [chunk for chunk in made if chunk.encoded and dice.random() < 0.5]
        placed = [(chunk, self.store.add(chunk.encoded)) for chunk in made]
        broken = [(chunk, self.store.add(accidents.damaged(dice, chunk.encoded))) for chunk in fallen] or placed
        self.store.finish_object()
        for number_ in range(number):
            kind = dice.choices([kind for kind, _ in asked], [weight for _, weight in asked])[0]
            pool = broken if kind == "damaged" else placed
            self.requests.append(self.request(kind, *(pool[number_ % len(pool)])))
        return self.store.objects, self.requests

    def request(self, kind, chunk, place):
        """One request of a kind."""
        dice = self.dice
        if kind == "misdescribed":
            chunk = accidents.misdescribed(dice, chunk)
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
