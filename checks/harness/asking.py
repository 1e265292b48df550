"""Requests, and their right answers: what NumPy says, in the bytes of the service's first answer."""

import base64
import http.client
import json
import ssl
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import Message
from typing import Any

import cbor2
import numpy as np

from harness.cases import BUSY, BY_NAME, MIB, Array, Case
from harness.report import WrongAnswer
from harness.stores import ACCESS_KEY, PRIVATE, SECRET_KEY

BASIC = base64.b64encode(f"{ACCESS_KEY}:{SECRET_KEY}".encode()).decode()
JSON = {"content-type": "application/json"}
HEADERS = JSON | {"authorization": f"Basic {BASIC}"}
V1_HEADERS = [f"x-activestorage-{name}" for name in ("dtype", "byte-order", "shape", "count")]

# A chunk of the quickstart's file; what is missing of it is 1e20.
SAMPLE_CHUNK: dict[str, Any] = {
    "dtype": "float32",
    "byte_order": "little",
    "offset": 14977,
    "size": 2913,
    "shape": [4, 20, 30],
    "compression": {"id": "zlib"},
    "filters": [{"id": "shuffle", "element_size": 4}],
}
SMALL = BY_NAME["max-16k"]
WHOLE_CHUNK = Case("select-16k", "16 KiB raw float32, all of it", "select", (64, 64))
# The counts of version 1 are a header: no more of them than what Python reads of one.
BUSY_AXES = replace(BUSY, title="8 MiB float32 zlib + shuffle, masked sum over two axes", axis=(1, 2))
CHUNKS = [*BY_NAME.values(), WHOLE_CHUNK]


@dataclass(frozen=True)
class Asked:
    """A request, and what it may be answered."""

    name: str
    path: str
    body: str
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=lambda: dict(HEADERS))
    weight: int = 1
    status: int = 200
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: str | None = None  # hexadecimal
    answer_begin: str | None = None  # of an answer whose end tells what was done for it
    alternatives: tuple[int, ...] = ()  # statuses of errors that will do as well
    deadline_seconds: float = 60.0

    def written(self) -> dict[str, object]:
        """As the load generator reads it."""
        return self.__dict__ | {"or": self.alternatives}


# --- Chunks --------------------------------------------------------------------------------------------------


def reduction(case: Case, store: str, dialect: str, weight: int = 1) -> Asked:
    """A case's request in one of the dialects."""
    body = case.request(store)
    if dialect == "v1":
        body = {name: value for name, value in body.items() if name not in ("interface_type", "url")}
        body |= {"source": store, "bucket": PRIVATE, "object": case.key}
    path = f"/{dialect}/{case.operation}"
    return Asked(f"{case.title}, {dialect}", path, json.dumps(body), weight=weight)


def with_answer(case: Any, asked: Asked, url: str) -> Asked:
    """The request with its right answer: the service's own, once it has been found to be what NumPy says."""
    status, headers, body = ask(asked, url)
    if status != 200:
        raise WrongAnswer(f"{asked.name}: {status} {body[:300]!r}")
    result, count = read_v1(headers, body) if asked.path.startswith("/v1/") else read_v2(body)
    right, of_numpy = case.expected
    counts = of_numpy.reshape(-1).tolist()
    if result.dtype != right.dtype or result.shape != right.shape or result.tobytes() != right.tobytes():
        raise WrongAnswer(f"{asked.name}: {result} instead of {right}")
    # One list, or in version 1 one number if everything was reduced.
    if (count if isinstance(count, list) else [count]) != counts:
        raise WrongAnswer(f"{asked.name}: wrong counts, {str(count)[:50]}… instead of {str(counts)[:50]}…")
    kept = {name: headers[name] for name in ("content-type", *V1_HEADERS) if name in headers}
    return replace(asked, answer_headers=kept, answer=body.hex())


def read_v1(headers: Message, body: bytes) -> tuple[Array, Any]:
    dtype, byte_order, shape, count = (str(headers.get(name)) for name in V1_HEADERS)
    if byte_order != "little":
        raise WrongAnswer(f"the byte order is {byte_order}")
    return np.frombuffer(body, dtype).reshape(json.loads(shape)), json.loads(count)


def read_v2(body: bytes) -> tuple[Array, Any]:
    answer = cbor2.loads(body)
    return np.frombuffer(answer["bytes"], answer["dtype"]).reshape(answer["shape"]), answer["count"]


def question(operation: str, fields: dict[str, Any], headers: dict[str, str] = JSON) -> Asked:
    """A request of version 2."""
    return Asked(operation, f"/v2/{operation}", json.dumps(fields), headers=headers)


class Connection:
    """One that is kept."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"))

    def ask(self, asked: Asked) -> tuple[int, Message, bytes]:
        """Status, headers and body of an answer."""
        self.connection.request(asked.method, asked.path, asked.body.encode(), asked.headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def close(self) -> None:
        self.connection.close()


def ask(asked: Asked, url: str, context: ssl.SSLContext | None = None) -> tuple[int, Message, bytes]:
    """Status, headers and body of an answer."""
    data = asked.body.encode() if asked.body else None
    request = urllib.request.Request(url + asked.path, data, asked.headers, method=asked.method)
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


# --- Errors --------------------------------------------------------------------------------------------------

# What is wrong with a request about a small chunk; the status, and a word that the error has to contain.
SPOILT: list[tuple[str, dict[str, Any], int, str]] = [
    ("bad JSON", {"": "{"}, 400, "JSON"),
    ("unknown field", {"colour": "blue"}, 400, "colour"),
    ("bad range", {"offset": 1 << 40}, 400, "range"),
    ("wrong size", {"size": 16381}, 400, "size"),
    ("no such key", {"object": "nowhere"}, 400, "NoSuchKey"),
    ("corrupt chunk", {"compression": {"id": "zlib"}}, 400, "zlib"),
]


def errors(store: str) -> Iterator[tuple[Asked, str]]:
    """Requests that are answered with errors, such as 404."""
    whole = reduction(SMALL, store, "v1")
    fields = json.loads(whole.body)
    for name, change, status, word in SPOILT:
        body = change.get("") or json.dumps(fields | change)
        yield replace(whole, name=name, body=body, status=status), word
    yield replace(whole, name="no such operation", path="/v1/median", status=404), "no such route"
    yield replace(whole, name="wrong method", method="GET", body="", status=405), "GET"
    text = HEADERS | {"content-type": "text/plain"}
    yield replace(whole, name="not JSON", headers=text, status=415), "application/json"
    huge = fields | {"shape": [1 << 30], "size": 4 << 30}
    yield replace(whole, name="huge chunk", body=json.dumps(huge), status=413), "limit"


def with_error(asked: Asked, word: str, url: str) -> Asked:
    """The request with the error that it is answered with, once that has been found to be of the right kind."""
    status, headers, body = ask(asked, url)
    if status != asked.status or word.lower() not in body.decode().lower():
        raise WrongAnswer(f"{asked.name}: {status} {body[:300]!r}, not {asked.status} with {word!r}")
    return replace(asked, answer_headers={"content-type": headers["content-type"]}, answer=body.hex())


# --- Mixtures ------------------------------------------------------------------------------------------------


def mixture(store: str, url: str) -> list[Asked]:
    """Chunks of all sizes, in both dialects, and errors."""
    weights = {"max-16k": 20, "sum-8m-zlib": 3, "min-8m-f64": 3, "sum-8m": 3}
    cases = [*BY_NAME.values(), WHOLE_CHUNK, BUSY_AXES]
    good = [
        with_answer(case, reduction(case, store, dialect, weights.get(case.name, 2)), url)
        for case in cases
        for dialect in ("v1", "v2")
    ]
    return good + [with_error(asked, word, url) for asked, word in errors(store)]


def small(store: str, url: str) -> Asked:
    """A request about 16 KiB."""
    return with_answer(SMALL, reduction(SMALL, store, "v2"), url)


def get(path: str) -> Asked:
    """A request that is no operation."""
    return Asked(path, path, "", method="GET", headers={})


METRICS = get("/metrics")


# --- Zeros ---------------------------------------------------------------------------------------------------


def zeros(mib: int, wbits: int) -> bytes:
    """So many MiB of zeros, encoded in a thousandth of their length."""
    compressor = zlib.compressobj(9, wbits=wbits)
    piece = bytes(MIB)
    return b"".join([*(compressor.compress(piece) for _ in range(mib)), compressor.flush()])
