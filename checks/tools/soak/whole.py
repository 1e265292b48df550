"""Whole variables that the soak asks about: their files, and what NumPy makes of them."""

import functools
import json
from dataclasses import dataclass, field, replace

import cbor2
import h5py
import numpy as np

from harness.asking import JSON, Asked, ask
from harness.report import WrongAnswer
from harness.stores import PUBLIC

VARIABLE, FILL = "tas", np.float32(1e20)
STATISTICS = ["count", "sum", "mean", "min", "max", "std"]
READ = b"\x64read"  # begins the last entry of an answer, which tells how it was read
SAME = 1e-9  # relative; variances are of sums of squares


@dataclass(frozen=True)
class WholeVariable:
    """A variable of float32 in a file of its own; a twentieth is missing."""

    key: str
    title: str
    shape: tuple[int, int, int]
    chunks: tuple[int, int, int]
    how: dict = field(default_factory=dict, hash=False)
    first: float = 250.0  # about which values lie

    @functools.cached_property
    def values(self):
        dice = np.random.default_rng(11)
        values = np.round(self.first + dice.normal(0, 20, self.shape), 2).astype("f4")
        values[dice.random(self.shape) < 0.05] = FILL
        return values

    def write(self, directory):
        path = directory / self.key
        with h5py.File(path, "w", libver="latest") as file:
            variable = file.create_dataset(VARIABLE, data=self.values, chunks=self.chunks, fillvalue=FILL, **self.how)
            variable.attrs["_FillValue"] = FILL
        return path

    def question(self, url, interface_type="s3", **fields):
        """A request for all statistics."""
        return self._asked("reduce", url, interface_type, {"statistics": STATISTICS} | fields)

    def selection(self, url, interface_type="s3", **fields):
        """A request for elements."""
        return self._asked("select", url, interface_type, fields)

    def _asked(self, route, url, interface_type, fields):
        body = {"interface_type": interface_type, "url": url, "variable": VARIABLE} | fields
        title = f"{self.title}, {route} {json.dumps(fields.get('axis', fields.get('selection')))}"
        return Asked(title, f"/variables/v1/{route}", json.dumps(body), headers=dict(JSON))

    def wrong(self, answer, axis=None):
        """What is wrong with an answer about all of it; None if nothing is."""
        axis = None if axis is None else tuple(axis)
        valid = np.ma.masked_equal(self.values, FILL)
        wide = valid.astype("f8")
        right = {
            "count": valid.count(axis),
            "sum": wide.sum(axis),
            "mean": wide.mean(axis),
            "min": valid.min(axis),
            "max": valid.max(axis),
            "std": wide.std(axis),
        }
        for name, expected in right.items():
            told = np.frombuffer(answer["results"][name]["bytes"], answer["results"][name]["dtype"])
            exact = name in ("count", "min", "max")
            expected = np.ma.getdata(expected).reshape(-1)
            is_right = told.shape == expected.shape and (
                np.array_equal(told, expected) if exact else np.allclose(told, expected, rtol=SAME, atol=0)
            )
            if not is_right:
                return f"{self.key}: {name} is {told[:3]}…, not {expected[:3]}…"
        return None


# Thousands of chunks of 16 KiB, and a few large ones that have to be inflated.
MANY = WholeVariable("many.h5", "3,200 chunks of 16 KiB", (50, 512, 512), (1, 64, 64))
LARGE = WholeVariable(
    "large.h5", "8 compressed chunks of 8 MiB", (16, 1024, 1024), (2, 1024, 1024), {"compression": 1, "shuffle": True}
)
FEW = WholeVariable("few.h5", "16 compressed chunks", (16, 64, 64), (1, 64, 64), {"compression": 1, "shuffle": True})
VARIABLES = [MANY, LARGE, FEW]


def url_of(variable, store):
    """Where everybody may read it."""
    return f"{store}/{PUBLIC}/{variable.key}"


def with_whole_answer(variable, store, url, axis=None):
    """A request for statistics with its right answer, up to what it tells of reading: the service's own, once that has
    been found to be what NumPy says."""
    asked = variable.question(url_of(variable, store), axis=axis)
    answer = first_answer(asked, url)
    if problem := variable.wrong(cbor2.loads(answer), axis):
        raise WrongAnswer(problem)
    return begun(asked, answer)


def with_elements(variable, store, url, first, last):
    """A request for elements along the first dimension, with its right answer."""
    asked = variable.selection(url_of(variable, store), selection=[[first, last, None], None, None])
    answer = first_answer(asked, url)
    # Elements are as they are stored: nothing unpacks them.
    if cbor2.loads(answer)["bytes"] != variable.values[first:last].tobytes():
        raise WrongAnswer(f"{asked.name}: other elements")
    return begun(asked, answer)


def first_answer(asked, url):
    status, _, body = ask(asked, url)
    if status != 200:
        raise WrongAnswer(f"{asked.name}: {status} {body[:300]!r}")
    return body


def begun(asked, answer):
    """The request with the beginning of its answer, which is the same every time."""
    headers = {"content-type": "application/cbor"}
    return replace(asked, answer_headers=headers, answer_begin=answer[: answer.rindex(READ)].hex())
