"""The chunks that are asked for, the requests, and what NumPy makes of them."""

import functools
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

MISSING = 1e20
MIN, MAX = 150.0, 350.0  # of what is valid
KIB, MIB = 1 << 10, 1 << 20

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """A request for a chunk, and how cheap it shall be.

    `limit_factor` is how many times the CPU time of the limit the service may take: a bare GET, and bare inflate if the
    chunk is compressed. `earlier_ms` is what an earlier server of this kind took.
    """

    name: str
    title: str
    operation: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    codec: str | None = None
    shuffled: bool = False
    missing: str | None = None  # missing_value or valid_range
    axis: tuple[int, ...] | None = None
    step: int = 1  # of the selection, along each axis
    limit_factor: float | None = None
    earlier_ms: float | None = None
    peak_mib: float | None = None

    @property
    def key(self) -> str:
        return self.name

    @functools.cached_property
    def array(self) -> Array:
        """Temperatures on a grid with weather in them, rounded as archives round them; every eighth may be missing.

        They are made as in benches/codec.rs.
        """
        index = np.arange(np.prod(self.shape))
        row, column = np.divmod(index, 512)
        weather = np.random.default_rng(7).integers(0, 64, index.size)
        climate = 273 + 20 * np.sin(row / 300) + 5 * np.cos(column / 40)
        values = np.round(climate * 16 + weather) / 16
        if self.missing:
            values[(index + index // (128 * 128)) % 8 == 3] = MISSING  # not the same ones in each plane
        array: Array = values.astype(self.dtype).reshape(self.shape)
        return array

    @functools.cached_property
    def encoded(self) -> bytes:
        """The bytes in the store."""
        raw = self.array.tobytes()
        if self.shuffled:
            raw = np.frombuffer(raw, "u1").reshape(-1, self.array.itemsize).T.tobytes()
        if not self.codec:
            return raw
        compressor = zlib.compressobj(4, wbits={"zlib": 15, "gzip": 31}[self.codec])
        return compressor.compress(raw) + compressor.flush()

    def request(self, store: str) -> dict[str, Any]:
        """The body of a request to /v2 about the chunk in a store."""
        fields: dict[str, Any] = {
            "interface_type": "s3",
            "url": f"{store}/private/{self.key}",
            "dtype": self.dtype,
            "byte_order": "little",
            "offset": 0,
            "size": len(self.encoded),
            "shape": self.shape,
            "order": "C",
        }
        if self.codec:
            fields["compression"] = {"id": self.codec}
        if self.shuffled:
            fields["filters"] = [{"id": "shuffle", "element_size": self.array.itemsize}]
        if self.missing:
            fields["missing"] = {self.missing: MISSING if self.missing == "missing_value" else [MIN, MAX]}
        if self.step != 1:
            fields["selection"] = [[0, length, self.step] for length in self.shape]
        if self.axis is not None:
            fields["axis"] = self.axis
        return fields

    def decode(self, encoded: bytes) -> Array:
        """The array from its bytes in the store, as a client does it that has NumPy alone."""
        raw = zlib.decompress(encoded, wbits={"zlib": 15, "gzip": 31}[self.codec]) if self.codec else encoded
        if self.shuffled:
            raw = np.frombuffer(raw, "u1").reshape(np.dtype(self.dtype).itemsize, -1).T.tobytes()
        return np.frombuffer(raw, self.dtype).reshape(self.shape)

    def reduce(self, array: Array) -> tuple[Array, Array]:
        """What NumPy makes of the array: result and counts. Floats are summed in float64."""
        array = array[tuple(slice(None, None, self.step) for _ in self.shape)]
        if self.missing == "missing_value":
            array = np.ma.masked_equal(array, np.dtype(self.dtype).type(MISSING))
        if self.missing == "valid_range":
            array = np.ma.masked_outside(array, MIN, MAX)
        if self.operation == "sum":
            result = array.sum(axis=self.axis, dtype="float64")
        else:
            result = getattr(array, self.operation)(axis=self.axis)
        counts = np.asarray(np.ma.count(array, axis=self.axis))
        return np.ma.filled(result, np.nan).astype(self.dtype), counts

    @functools.cached_property
    def expected(self) -> tuple[Array, Array]:
        """What NumPy makes of it: result and counts."""
        if self.operation == "select":
            return self.array, np.asarray(self.array.size)
        return self.reduce(self.array)


ALL = [
    Case("max-16k", "16 KiB raw float32, max", "max", (64, 64), limit_factor=2.5, earlier_ms=0.24),
    Case("sum-1m", "1 MiB raw float32, sum", "sum", (16, 128, 128), limit_factor=1.4, earlier_ms=0.73),
    Case(
        "sum-1m-zlib",
        "1 MiB float32 zlib + shuffle, masked sum",
        "sum",
        (16, 128, 128),
        codec="zlib",
        shuffled=True,
        missing="missing_value",
        limit_factor=1.25,
        earlier_ms=3.7,
    ),
    Case(
        "max-4m-zlib-axis",
        "4 MiB float32 zlib + shuffle, masked max over axis 0",
        "max",
        (64, 128, 128),
        codec="zlib",
        shuffled=True,
        missing="missing_value",
        axis=(0,),
        earlier_ms=13.8,
    ),
    Case(
        "min-8m-f64",
        "8 MiB raw float64, min with a valid range",
        "min",
        (16, 256, 256),
        dtype="float64",
        missing="valid_range",
        earlier_ms=6.1,
        peak_mib=8 * 8 + 40,
    ),
    Case(
        "sum-1m-gzip",
        "1 MiB float32 gzip, sum of every second along each axis",
        "sum",
        (16, 128, 128),
        codec="gzip",
        step=2,
        earlier_ms=4.1,
    ),
    Case("sum-8m", "8 MiB raw float32, sum", "sum", (32, 256, 256), peak_mib=8 * 8 + 40),
]

# What keeps the service busy while others want answers.
BUSY = Case(
    "sum-8m-zlib",
    "8 MiB float32 zlib + shuffle, masked sum",
    "sum",
    (32, 256, 256),
    codec="zlib",
    shuffled=True,
    missing="missing_value",
)

BY_NAME = {case.name: case for case in [*ALL, BUSY]}
QUICK = ["max-16k", "sum-1m", "sum-1m-zlib", "sum-8m"]
