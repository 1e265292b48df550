"""What an answer of the service says, in either dialect."""

import json
from dataclasses import dataclass
from typing import Any

import cbor2
import numpy as np
import requests
from numpy.typing import NDArray

from reductionist.fields import BYTE_ORDERS, DTYPES, Dialect, Order

Array = NDArray[Any]

NOT_AN_ANSWER = (KeyError, TypeError, ValueError, OverflowError, cbor2.CBORDecodeError)


@dataclass(frozen=True)
class Answer:
    """A result, its counts, which are of its shape but for `select`, what it took, and the version of the object."""

    values: Array
    counts: Array
    seconds: float
    received: int
    etag: str | None = None


def read(response: requests.Response, dialect: Dialect, order: Order, operation: str, seconds: float) -> Answer:
    """The answer that a response is, of a request in that order.

    Raises:
        one of NOT_AN_ANSWER: if it is none.
    """
    values, shape, counts = (read_v1 if dialect == "v1" else read_v2)(response)
    # Counts come as one number, as a list in the order of the values, or nested.
    shape_of_counts = () if operation == "select" else tuple(shape)
    return Answer(
        values.reshape(tuple(shape), order=order),
        np.array(counts, np.int64).reshape(shape_of_counts, order=order),
        seconds,
        len(response.content),
        response.headers.get("x-activestorage-etag"),
    )


def read_v1(response: requests.Response) -> tuple[Array, Any, Any]:
    """Values, shape and counts: the body, and what headers say."""
    header = {name: response.headers[f"x-activestorage-{name}"] for name in ("dtype", "byte-order", "shape", "count")}
    values = array(response.content, header["dtype"], header["byte-order"])
    return values, json.loads(header["shape"]), json.loads(header["count"])


def read_v2(response: requests.Response) -> tuple[Array, Any, Any]:
    """The same from a CBOR map, in which shape and counts are lists or bytes."""
    answer = cbor2.loads(response.content)
    byte_order = answer["byte_order"]
    values = array(answer["bytes"], answer["dtype"], byte_order)
    shape = answer["shape"] or array(answer["shape_as_bytes"], "uint64", byte_order).tolist()
    counts = answer["count"] or array(answer["count_as_bytes"], "int64", byte_order)
    return values, shape, counts


def array(data: bytes, dtype: str, byte_order: str) -> Array:
    """Elements in the machine's own byte order."""
    if dtype not in DTYPES:
        raise ValueError(f"there is no dtype {dtype!r}")
    stored = np.dtype(dtype).newbyteorder(BYTE_ORDERS[byte_order])
    return np.frombuffer(data, stored).astype(dtype)
