"""The requests whose cost is compared: those of scripts/bench, from 16 KiB to 8 MiB."""

import zlib
from dataclasses import dataclass

import numpy as np

from .servers import S3

MISSING = 1e20
MIN, MAX = 150.0, 350.0  # of what is valid


@dataclass(frozen=True)
class Case:
    """A chunk, and a request about it."""

    name: str
    operation: str
    shape: tuple
    dtype: str = "float32"
    codec: str | None = None
    shuffled: bool = False
    missing: str | None = None  # missing_value or valid_range
    axis: tuple | None = None
    step: int = 1  # of the selection, along each axis

    def array(self):
        """Temperatures on a grid with weather in them, rounded as archives round them; every eighth may be missing."""
        index = np.arange(np.prod(self.shape))
        row, column = np.divmod(index, 512)
        weather = np.random.default_rng(7).integers(0, 64, index.size)
        climate = 273 + 20 * np.sin(row / 300) + 5 * np.cos(column / 40)
        values = np.round(climate * 16 + weather) / 16
        if self.missing:
            values[(index + index // (128 * 128)) % 8 == 3] = MISSING
        return values.astype(self.dtype).reshape(self.shape)

    def encoded(self):
        array = self.array()
        raw = array.tobytes()
        if self.shuffled:
            raw = np.frombuffer(raw, "u1").reshape(-1, array.itemsize).T.tobytes()
        if not self.codec:
            return raw
        compressor = zlib.compressobj(4, wbits={"zlib": 15, "gzip": 31}[self.codec])
        return compressor.compress(raw) + compressor.flush()

    def body(self, size):
        """The fields of a request to /v2 about an object of that size."""
        fields = {
            "interface_type": "s3",
            "url": f"http://127.0.0.1:{S3}/private/{self.name}",
            "dtype": self.dtype,
            "byte_order": "little",
            "offset": 0,
            "size": size,
            "shape": self.shape,
            "order": "C",
        }
        if self.codec:
            fields["compression"] = {"id": self.codec}
        if self.shuffled:
            fields["filters"] = [{"id": "shuffle", "element_size": np.dtype(self.dtype).itemsize}]
        if self.missing:
            fields["missing"] = {self.missing: MISSING if self.missing == "missing_value" else [MIN, MAX]}
        if self.step != 1:
            fields["selection"] = [[0, length, self.step] for length in self.shape]
        if self.axis is not None:
            fields["axis"] = self.axis
        return fields


PACKED = {"codec": "zlib", "shuffled": True, "missing": "missing_value"}

CASES = [
    Case("max-16k", "max", (64, 64)),
    Case("sum-1m", "sum", (16, 128, 128)),
    Case("sum-1m-zlib", "sum", (16, 128, 128), **PACKED),
    Case("sum-1m-gzip", "sum", (16, 128, 128), codec="gzip", step=2),
    Case("max-4m-zlib-axis", "max", (64, 128, 128), axis=(0,), **PACKED),
    Case("min-8m-f64", "min", (16, 256, 256), dtype="float64", missing="valid_range"),
    Case("sum-8m", "sum", (32, 256, 256)),
    Case("sum-8m-zlib", "sum", (32, 256, 256), **PACKED),
]
