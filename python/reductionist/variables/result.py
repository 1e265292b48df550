"""What answers about variables say, as NumPy arrays in the machine's own byte order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reductionist.fields import BYTE_ORDERS, DTYPES, Fields

Array = NDArray[Any]
WIDE = 16  # bytes of int128


@dataclass(frozen=True)
class Read:
    """What the service did for an answer. Bytes are those that the store sent, decoded those of the chunks' elements."""

    chunks: int = 0
    unwritten: int = 0
    requests: int = 0
    bytes: int = 0
    decoded: int = 0
    cached: int = 0
    passes: int = 1

    @classmethod
    def from_answer(cls, said: Mapping[str, Any]) -> "Read":
        """What is known here of what is said."""
        return cls(**{name: int(said[name]) for name in cls.__dataclass_fields__ if name in said})


@dataclass(frozen=True, eq=False)
class Result(Mapping[str, Array]):
    """Statistics by name, such as `result["mean"]`, and the version of the object that they are of.

    `dims` and `shape` are those of a statistic without dimensions of its own; those of a histogram or of quantiles come
    last. Where nothing is left of the elements, `count` is 0, a mean is NaN, and min and max are their identities.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    etag: str | None
    read: Read
    statistics: Mapping[str, Array]

    def __getitem__(self, name: str) -> Array:
        return self.statistics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.statistics)

    def __len__(self) -> int:
        return len(self.statistics)

    @classmethod
    def from_answer(cls, answer: Fields) -> "Result":
        """The answer of `reduce`."""
        found = {name: array_of(one) for name, one in answer["results"].items()}
        return cls(*of_all_answers(answer), found)


@dataclass(frozen=True, eq=False)
class Partial(Mapping[str, Mapping[str, Array]]):
    """What merges of statistics of a part, such as `partial["mean"]["sum"]`: reductionist.merge makes results of parts.

    Sums of integers are Python's, which have any size; other sums are pairs of float64 along the last dimension, the
    nearest one and what its rounding left.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    etag: str | None
    read: Read
    statistics: Mapping[str, Mapping[str, Array]]

    def __getitem__(self, name: str) -> Mapping[str, Array]:
        return self.statistics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.statistics)

    def __len__(self) -> int:
        return len(self.statistics)

    @classmethod
    def from_answer(cls, answer: Fields) -> "Partial":
        """The answer of `reduce` with `partial`."""
        found = {
            name: {component: array_of(one) for component, one in components.items()}
            for name, components in answer["results"].items()
        }
        return cls(*of_all_answers(answer), found)


@dataclass(frozen=True, eq=False)
class Selected:
    """Elements of a variable, unpacked unless that was not wanted, and the version of the object that they are of."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    etag: str | None
    read: Read
    values: Array

    @classmethod
    def from_answer(cls, answer: Fields) -> "Selected":
        """The answer of `select`."""
        return cls(*of_all_answers(answer), array_of(answer))


@dataclass(frozen=True)
class Variable:
    """What a file says of one of its variables. `fields` is all of the answer, such as codecs, chunks and values."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    chunk_shape: tuple[int, ...] | None
    attributes: Mapping[str, Any]
    fields: Mapping[str, Any] = field(repr=False)

    @classmethod
    def from_answer(cls, name: str, said: Fields) -> "Variable":
        """One of the variables of `describe`."""
        chunk_shape = said.get("chunk_shape")
        return cls(
            name,
            tuple(said["dims"]),
            tuple(said["shape"]),
            str(said["dtype"]),
            None if chunk_shape is None else tuple(chunk_shape),
            attributes_of(said),
            said,
        )


@dataclass(frozen=True)
class Description:
    """What a file has: dimensions and their lengths, attributes, variables by their paths without the leading slash."""

    format: str
    etag: str | None
    size: int | None  # bytes
    dimensions: Mapping[str, int]
    attributes: Mapping[str, Any]
    variables: Mapping[str, Variable]
    fields: Mapping[str, Any] = field(repr=False)

    @classmethod
    def from_answer(cls, answer: Fields) -> "Description":
        """The answer of `describe`."""
        variables = {name: Variable.from_answer(name, said) for name, said in answer["variables"].items()}
        return cls(
            str(answer["format"]),
            answer.get("etag"),
            answer.get("size"),
            answer.get("dimensions", {}),
            attributes_of(answer),
            variables,
            answer,
        )


def of_all_answers(answer: Fields) -> tuple[tuple[str, ...], tuple[int, ...], str | None, Read]:
    """Dimensions, shape, version, and what was read."""
    return tuple(answer["dims"]), tuple(answer["shape"]), answer.get("etag"), Read.from_answer(answer.get("read", {}))


def attributes_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes without their types, which stand in the answer itself."""
    return {name: attribute["value"] for name, attribute in said.get("attributes", {}).items()}


def array_of(said: Fields) -> Array:
    """An array from its dtype, byte order, shape and bytes. Integers of 128 bits are Python's, in an array of objects."""
    dtype, byte_order, shape = str(said["dtype"]), said["byte_order"], tuple(said["shape"])
    if dtype == "int128":
        return wide_integers(said["bytes"], byte_order).reshape(shape)
    if dtype not in (*DTYPES, "bool"):
        raise ValueError(f"there is no dtype {dtype!r}")
    stored = np.dtype(dtype).newbyteorder(BYTE_ORDERS[byte_order])
    return np.frombuffer(said["bytes"], stored).astype(dtype).reshape(shape)


def wide_integers(data: bytes, byte_order: Literal["little", "big"]) -> Array:
    """Integers of 16 bytes, which NumPy has no dtype for."""
    if len(data) % WIDE:
        raise ValueError(f"{len(data)} bytes are no integers of {WIDE}")
    parts = (data[at : at + WIDE] for at in range(0, len(data), WIDE))
    return np.array([int.from_bytes(part, byte_order, signed=True) for part in parts], object)
