"""Runs examples/dask with two instances of the service behind HAProxy, and compares with NumPy."""

import json
import math
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass

import netCDF4
import numpy as np
import pytest

from harness.places import EXAMPLES
from harness.processes import process
from harness.proxy import haproxy
from harness.report import Failure
from harness.service import requests_received, services
from harness.stores import PUBLIC, s3_store

pytestmark = pytest.mark.dask

LIMIT_SECONDS = 120  # of an example

SHAPE, CHUNKS = (48, 60, 80), (4, 30, 40)
STORED = math.prod(-(-length // chunk) for length, chunk in zip(SHAPE, CHUNKS, strict=True))
FILE, VARIABLE, MISSING = "temperature.nc", "tas", np.float32(1e20)


def temperatures():
    """Of which every eighth is missing."""
    dice = np.random.default_rng(6)
    values = (280 + 20 * dice.standard_normal(SHAPE)).astype("f4")
    return np.ma.masked_where(dice.random(SHAPE) < 1 / 8, values)


def write(path, values):
    with netCDF4.Dataset(path, "w") as file:
        for name, length in zip(("time", "lat", "lon"), SHAPE, strict=True):
            file.createDimension(name, length)
            coordinate = file.createVariable(name, "f8", (name,))
            coordinate.standard_name = {"time": "time", "lat": "latitude", "lon": "longitude"}[name]
            coordinate.units = {"time": "days since 2000-01-01", "lat": "degrees_north", "lon": "degrees_east"}[name]
            coordinate[:] = np.arange(length)
        stored = {"zlib": True, "shuffle": True, "chunksizes": CHUNKS, "fill_value": MISSING}
        variable = file.createVariable(VARIABLE, "f4", ("time", "lat", "lon"), **stored)
        variable.standard_name, variable.units = "air_temperature", "K"
        variable[:] = values


@dataclass(frozen=True)
class Example:
    """A program, what it is to print, and the requests that have to arrive for it."""

    program: str
    arguments: list
    expected: dict
    operations: tuple

    def run(self, url):
        command = [sys.executable, EXAMPLES / "dask" / self.program, "--service", url, *self.arguments, VARIABLE]
        with tempfile.TemporaryFile("w+") as log, process(command, stdout=subprocess.PIPE, stderr=log) as started:
            output, _ = started.communicate(timeout=LIMIT_SECONDS)
            log.seek(0)
            errors = log.read()
        if started.returncode:
            raise Failure(f"{self.program} failed:\n{output[-1000:]}\n{errors[-3000:]}")
        return json.loads(output.splitlines()[-1])

    def check(self, report, instances, url):
        before, begin = [requests_received(each.url) for each in instances], time.monotonic()
        got = self.run(url)
        report.say(f"{self.program}: {time.monotonic() - begin:.0f} s, {shortened(got)}")
        for name, value in self.expected.items():
            # Clients add the sums of chunks in float32.
            same = np.shape(got[name]) == np.shape(value) and np.allclose(got[name], value, rtol=2e-6, atol=0)
            report.check(f"{self.program}: {name} is what NumPy says", same)
        came = [requests_received(each.url) - was for each, was in zip(instances, before, strict=True)]
        for number, of_instance in enumerate(came, 1):
            report.say(f"instance {number}: {dict(of_instance)}")
        total = sum(came, Counter())
        each_chunk = total == dict.fromkeys(self.operations, STORED)
        report.check(f"{self.program}: a request for each chunk", each_chunk, dict(total))
        report.check(f"{self.program}: all instances have a share", all(of_instance for of_instance in came))


def shortened(got):
    def of(value):
        return f"of shape {np.shape(value)}" if np.ndim(value) else f"{value:.5f}"

    return ", ".join(f"{name} {of(value)}" for name, value in got.items())


def examples(store_url):
    """Both, with what NumPy makes of the values."""
    values = temperatures()
    exact = values.astype("f8")
    mean, largest = exact.mean().item(), exact.max(axis=0).filled(np.nan)
    in_bucket = ["--store", store_url, f"{PUBLIC}/{FILE}"]
    return [
        Example("active.py", in_bucket, {"max": exact.max().item(), "mean": mean}, ("/v2/max", "/v2/sum")),
        Example(
            "cf_field.py",
            [f"{store_url}/{PUBLIC}/{FILE}"],
            {"mean": mean, "max over time": largest},
            ("/v2/sum", "/v2/max"),
        ),
    ]


def test_examples_find_what_numpy_does(programs, report, tmp_path):
    file = tmp_path / FILE
    write(file, temperatures())
    flags = "--keepdims", "--shutdown-delay=0"
    with (
        s3_store(programs, [file]) as store,
        services(programs, [flags, flags], report) as instances,
        haproxy(instances) as proxy,
    ):
        for example in examples(store.url):
            example.check(report, instances, proxy.url)
