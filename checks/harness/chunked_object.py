"""An object of many chunks, the requests for them, and which of several instances answers each."""

import contextlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.asking import Asked, Connection, read_v1, read_v2, with_answer
from harness.cases import Array
from harness.report import WrongAnswer
from harness.service import Service, requests_received
from harness.stores import PRIVATE

KEY = "chunks"
SHAPE = (64, 64)
CHUNK_BYTES = 4 * SHAPE[0] * SHAPE[1]


@dataclass(frozen=True, eq=False)
class Chunk:
    """One of the chunks: 16 KiB of float32. Its largest value is asked for."""

    array: Array
    number: int
    operation = "max"

    @property
    def expected(self) -> tuple[Array, Array]:
        return self.array.max(), np.asarray(self.array.size)

    def asked(self, store: str, dialect: str) -> Asked:
        """The request, with its fields in an order of their own each time."""
        fields: dict[str, Any] = {"dtype": "float32", "byte_order": "little", "shape": SHAPE}
        fields |= {"offset": self.number * CHUNK_BYTES, "size": CHUNK_BYTES}
        if dialect == "v1":
            fields |= {"source": store, "bucket": PRIVATE, "object": KEY}
        else:
            fields |= {"interface_type": "s3", "url": f"{store}/{PRIVATE}/{KEY}"}
        body = json.dumps(dict(random.sample(list(fields.items()), len(fields))))
        return Asked(f"chunk {self.number}, {dialect}", f"/{dialect}/{self.operation}", body)


def chunks(number: int) -> list[Chunk]:
    """So many chunks, no two of which are the same."""
    values = np.random.default_rng(8).normal(280, 20, (number, *SHAPE)).astype("<f4")
    return [Chunk(array, index) for index, array in enumerate(values)]


def encoded(all_chunks: Sequence[Chunk]) -> bytes:
    """The bytes in the store."""
    return b"".join(chunk.array.tobytes() for chunk in all_chunks)


def requests(all_chunks: Sequence[Chunk], store: str, url: str) -> list[Asked]:
    """The requests for all chunks in both versions, with their answers, which are what NumPy says."""
    asked = [(chunk, chunk.asked(store, dialect)) for chunk in all_chunks for dialect in ("v1", "v2")]
    return [with_answer(*each, url) for each in asked]


def received(instances: Sequence[Service]) -> list[int | None]:
    """How many operations each instance was asked for until now; None of one that is down."""
    return [
        None if instance.process.poll() is not None else sum(requests_received(instance.url).values())
        for instance in instances
    ]


@contextlib.contextmanager
def one_by_one(url: str) -> Iterator[Callable[[Chunk, Asked], None]]:
    """Asks for chunks over one connection; each answer has to be what NumPy says.

    The balancer moves requests away from an instance that is busier than others, which none is of these.
    """
    connection = Connection(url)

    def ask_for(chunk: Chunk, asked: Asked) -> None:
        status, headers, body = connection.ask(asked)
        if status != 200:
            raise WrongAnswer(f"{asked.name}: {status} {body[:300]!r}")
        result, count = read_v1(headers, body) if asked.path.startswith("/v1/") else read_v2(body)
        if (result, count) not in ((chunk.array.max(), chunk.array.size), (chunk.array.max(), [chunk.array.size])):
            raise WrongAnswer(f"{asked.name}: {result} of {count} elements")

    with contextlib.closing(connection):
        yield ask_for


def homes(all_chunks: Sequence[Chunk], instances: Sequence[Service], store: str, url: str) -> list[set[int]]:
    """Where requests for each chunk arrive, as a set of numbers of instances: there should be one in it."""
    found, before = [], received(instances)
    with one_by_one(url) as ask_for:
        for chunk in all_chunks:
            for dialect in ("v1", "v2"):
                ask_for(chunk, chunk.asked(store, dialect))
            after = received(instances)
            pairs = enumerate(zip(before, after, strict=True))
            found.append({number for number, (was, now) in pairs if was != now})
            before = after
    return found
