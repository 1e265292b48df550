"""Compares what clients get from the service with what NumPy makes of the same data.

A comparison is one call of a client's function for a storage chunk (result, dtype, shape, mask and counts), an error
that has to come, or one collapse of a variable, for which a client reads a netCDF file and combines the results of its
chunks. The requests that arrive are counted, as the clients work out for themselves what they do not ask.
"""

import contextlib
import random
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.places import ROOT
from harness.processes import process
from harness.service import services
from harness.stores import s3_store, web_server
from suites.clients.files import write_files
from suites.clients.requests import ODD_KEY, PACKED, RAW_KEY, SAMPLE, random_chunks
from suites.clients.setup import Setup

pytestmark = pytest.mark.clients

SEED, ROUNDS = 1, 2  # unless others are given; rounds are random chunks of each dtype, order and encoding
# The client that speaks /v1 has an environment of its own.
ENVIRONMENT_V1 = Path(sys.prefix).with_name("clients-v1")
CLIENTS = [
    ("PyActiveStorage 0.5.0", ENVIRONMENT_V1 / "bin/python", "v1"),
    ("PyActiveStorage 0.8.0", sys.executable, "v2"),
    ("cf-python 3.21.0", sys.executable, "cf"),
]


def write_objects(directory, seed, rounds):
    """Writes everything that the stores have."""
    _, packed = random_chunks(random.Random(seed), rounds)
    (directory / PACKED).write_bytes(packed)
    for name in (SAMPLE.name, ODD_KEY, RAW_KEY):
        shutil.copy(SAMPLE, directory / name)
    write_files(directory)


@contextlib.contextmanager
def comparisons_of(name, python, module, stores, programs, report, *dice):
    """Those of a client, in its own environment and with services of its own, which count its requests."""
    with services(programs, [(), ("--keepdims",)], report, name) as (plain, keepdims):
        setup = Setup(name, *stores, plain.url, keepdims.url, *dice)
        command = [python, "-m", f"suites.clients.{module}", setup.to_argument()]
        with process(command, {"PYTHONPATH": str(ROOT / "checks")}, stdout=subprocess.PIPE) as started:
            yield started


def test_clients_find_what_numpy_does(programs, report, tmp_path, pytestconfig):
    seed = pytestconfig.getoption("seed") or SEED
    rounds = pytestconfig.getoption("rounds") or ROUNDS
    write_objects(tmp_path, seed, rounds)
    with (
        s3_store(programs, sorted(tmp_path.iterdir())) as store,
        web_server(tmp_path) as web_urls,
        ThreadPoolExecutor() as pool,
        contextlib.ExitStack() as stack,
    ):
        told = (store.url, *web_urls), programs, report, seed, rounds
        running = [stack.enter_context(comparisons_of(*client, *told)) for client in CLIENTS]
        exit_codes = list(pool.map(report.follow, running))
    assert not any(exit_codes), "not all clients came to their end"
