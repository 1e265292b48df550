"""Collapses of variables, which clients work out from what the service makes of each storage chunk."""

import itertools
from dataclasses import dataclass

import numpy as np

from harness.numpy_answers import identity
from harness.service import requests_received
from suites.clients.files import Variable

METHODS = ("min", "max", "sum", "mean")
# Parts of a variable of SHAPE. Five, so that in turns each meets each method and set of axes.
PARTS = [
    (slice(None),) * 3,
    (slice(2, 9), slice(1, 8), slice(3, 13)),  # along no chunk's edge
    (slice(None), slice(4, 8), slice(6, 12)),  # along chunks' edges
    (slice(None, None, 7), slice(-4, None), slice(0, 14, 5)),  # passes over chunks
    (slice(0, 2), slice(3, 5), slice(5, 7)),
]
AXES = [axes for n in (1, 2, 3) for axes in itertools.combinations(range(3), n)]


@dataclass(eq=False)
class Collapse:
    """What a client is asked for; an axis of None stands for all. The result keeps its dimensions."""

    variable: Variable
    method: str
    part: tuple = PARTS[0]
    axis: tuple | None = None

    @property
    def expected(self):
        """What NumPy makes of it."""
        masked = self.variable.masked[self.part]
        over = {"axis": self.axis, "keepdims": True}
        if self.method in ("min", "max"):
            return np.ma.array(getattr(masked, self.method)(**over))
        total = np.ma.array(masked.sum(dtype=f"{masked.dtype.kind}8", **over))
        return total if self.method == "sum" else total / masked.count(**over)

    @property
    def expected_unmasked(self):
        """The same, if the client does not mask where there are several counts, but for a mean: that has none."""
        expected = self.expected
        if self.method == "mean":
            return expected
        return np.ma.array(expected.filled(identity(self.method, self.variable.array.dtype)))

    def requests(self, blocks=None):
        """How many chunks it touches: so many requests have to be sent.

        A client that cuts the part into blocks of these lengths touches a chunk once for each of its blocks.
        """
        number = 1
        for axis, (part, chunk_len) in enumerate(zip(self.part, self.variable.chunk_shape)):
            places = np.arange(self.variable.array.shape[axis])[part] // chunk_len
            cuts = np.cumsum(blocks[axis])[:-1] if blocks else []
            number *= sum(np.unique(block).size for block in np.split(places, cuts))
        return number

    def difference(self, service, dialect, call, expected, blocks=None):
        """What is wrong with the result of a call, or with the requests that it sent to the service."""
        before = requests_received(service)
        try:
            got = call()
        except Exception as error:  # the client's own, or what it cannot make sense of
            got = error
        sent = dict(requests_received(service) - before)
        operation = "sum" if self.method == "mean" else self.method
        expected_requests = {f"/{dialect}/{operation}": self.requests(blocks)}
        if sent == expected_requests and self.is_close(got, expected):
            return None
        return (
            f"{self.method} of {self.variable.name} over {self.axis}, part {self.part}\n"
            f"    expected {expected_requests} {expected}\n    got      {sent} {got!r}"
        )

    def is_close(self, got, expected):
        """Whether a result is the expected one: exactly, but for sums of floats and for means."""
        if isinstance(got, Exception) or got.shape != expected.shape:
            return False
        if not np.array_equal(np.ma.getmaskarray(got), np.ma.getmaskarray(expected)):
            return False
        got, expected = np.ma.filled(got, 0), np.ma.filled(expected, 0)
        with np.errstate(invalid="ignore"):
            return bool(np.all((got == expected) | (abs(got - expected) <= self.tolerance * abs(expected))))

    @property
    def tolerance(self):
        """The relative error of a client that adds the sums of chunks in the dtype of the data, or in float64."""
        dtype = self.variable.array.dtype
        if dtype.kind == "f" and self.method in ("sum", "mean"):
            return 16 * np.finfo(dtype).eps
        return 16 * np.finfo("f8").eps if self.method == "mean" else 0
