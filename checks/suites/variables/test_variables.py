"""Asks about parts of variables of many files, with weights and groups or without, and compares the statistics with NumPy's.

What may differ, and by how much, is said in tolerances.py. A comparison is one statistic of one request. Requests are
random; --seed and --rounds change them. --extra-files names files and
directories of files that are asked about, too, as does REDUCTIONIST_EXTRA_FILES, with colons between them.
"""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from harness.places import ENVIRONMENT, SAMPLE
from harness.service import service
from harness.stores import PUBLIC, s3_store
from reductionist import Client, Credentials, Failure
from suites.variables import hdf5_files, netcdf_files, oracle
from suites.variables.netcdf_files import COMPANIONS
from suites.variables.questions import random_question
from suites.variables.reading import numeric_variables
from suites.variables.reducing import reduction_of
from suites.variables.stand_in import stand_in
from suites.variables.tolerances import beyond, is_exact, share_of, unlike

pytestmark = pytest.mark.variables

SEED, ROUNDS = 1, 2  # unless others are given; a round is so many questions about each variable
PER_VARIABLE = {"hdf5": 1, "netcdf4": 2, "netcdf3": 2, "extra": 3}
KINDS = ("hdf5", "netcdf4", "extra")  # and netcdf3, once the service reads it
THREADS = 8
MOST_SECONDS = 150  # for all questions, if rounds are not given; what is left by then is said, and is a failure


@pytest.fixture(scope="module")
def dice(pytestconfig):
    seed = pytestconfig.getoption("seed") or SEED
    print(f"\nseed {seed}")
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def rounds(pytestconfig):
    return pytestconfig.getoption("rounds") or ROUNDS


@pytest.fixture(scope="module")
def end(rounds, ask):
    """When the time for questions is over, from the first one on."""
    return time.monotonic() + MOST_SECONDS * max(rounds / ROUNDS, 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory, dice, pytestconfig):
    """Paths of all files, by who wrote them."""
    directory = tmp_path_factory.mktemp("files")
    return {
        "hdf5": hdf5_files.write(directory, dice),
        "netcdf4": netcdf_files.write(directory, dice),
        "netcdf3": netcdf_files.write_classic(directory, dice),
        "extra": [SAMPLE, *extra_files(pytestconfig)],
    }


def extra_files(pytestconfig):
    """Paths of those that are named."""
    named = ENVIRONMENT.get("REDUCTIONIST_EXTRA_FILES", "").split(":")
    given = [*(pytestconfig.getoption("extra_files") or []), *named]
    return [path for name in given if name for path in files_of(Path(name))]


def files_of(path):
    """A file, or those of a directory."""
    return sorted(path.glob("*.nc")) + sorted(path.glob("*.h5")) if path.is_dir() else [path]


@pytest.fixture(scope="module")
def ask(request, files, pytestconfig, tmp_path_factory):
    """Asks about a file in a store: the built service, unless the stand-in is to answer."""
    paths = [path for paths in files.values() for path in paths]
    with contextlib.ExitStack() as stack:
        if pytestconfig.getoption("stand_in"):
            directory = tmp_path_factory.mktemp("links")
            for path in paths:
                (directory / path.name).symlink_to(path.resolve())
            store_url, server_url = "http://127.0.0.1:1", stack.enter_context(stand_in(directory)).url
        else:
            programs = request.getfixturevalue("programs")  # which are built when they are needed
            store_url = stack.enter_context(s3_store(programs, paths)).url
            server_url = stack.enter_context(service(programs)).url
        client = stack.enter_context(Client(server_url, Credentials(), connections=THREADS))

        def reduce(question):
            fields = question.fields | {"selection": as_in_python(question.fields.get("selection"))}
            url = f"{store_url}/{PUBLIC}/{question.file}"
            return client.reduce(url, question.variable, fields.pop("statistics"), **fields)

        yield reduce


def as_in_python(selection):
    """A selection in the words of a request, as users of the client write it."""

    def entry(part):
        return slice(*part) if isinstance(part, list) else part

    if isinstance(selection, dict):
        return {name: entry(part) for name, part in selection.items()}
    return None if selection is None else [entry(part) for part in selection]


# --- Comparing -----------------------------------------------------------------------------------------------


def differences(ask, question):
    """Of each statistic what is wrong, or nothing."""
    statistics = question.fields["statistics"]
    try:
        result = ask(question)
    except Failure as failure:
        return [f"{failure}; {question}"] + [None] * (len(statistics) - 1)
    reduction = reduction_of(question.stored, question.fields, question.others.__getitem__)
    dims = [name for name, _ in reduction.dims]
    outcomes = [] if list(result.dims) == dims else [f"dimensions {result.dims} instead of {dims}; {question}"]
    for asked in statistics:
        wrong = difference(asked, result[asked.get("as", asked["name"])], reduction, question)
        outcomes.append(f"{asked}: {wrong}; {question}" if wrong else None)
    return outcomes


def difference(asked, got, reduction, question):
    """What is wrong with a statistic, or nothing."""
    expected = np.asarray(reduction.statistic(asked))
    if is_exact(asked["name"], expected, reduction):
        return unlike(got, expected)
    share = share_of(question.fields, question.stored)
    return beyond(asked["name"], got, expected, lambda: share * with_own(reduction.scale(asked["name"]), expected))


def with_own(scale, expected):
    """For each bin, where there are some."""
    return scale[..., None] if scale.ndim < expected.ndim else scale


def compare(report, name, ask, questions, end):
    """Asks all questions, several at one time, until the time is over."""

    def in_time(question):
        return differences(ask, question) if time.monotonic() < end else ["there was no time to ask"]

    with ThreadPoolExecutor(THREADS) as pool:
        report.group(name, (each for outcomes in pool.map(in_time, questions) for each in outcomes))


# --- Tests ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_are_those_of_numpy(kind, files, ask, dice, report, rounds, end):
    for path in files[kind]:
        variables = dict(numeric_variables(path))
        questions = [
            random_question(dice, path.name, name, stored, companions(name, variables))
            for name, stored in variables.items()
            for _ in range(rounds * PER_VARIABLE[kind])
        ]
        compare(report, f"{path.name}: {len(questions)} requests", ask, questions, end)


def companions(name, variables):
    """Variables of the same group that can weigh this one or label its positions."""
    group = name.rpartition("/")[0]
    near = {other: one for other, one in variables.items() if other.rpartition("/")[0] == group}
    return {
        other: one
        for other, one in near.items()
        if other.rpartition("/")[2] in COMPANIONS and {*one.dims} <= {*near[name].dims}
    }


def test_the_oracle_reads_attributes_as_netcdf4_does(files, report):
    for path in [*files["netcdf4"], *files["netcdf3"]]:
        with netCDF4.Dataset(path) as file:
            outcomes = [attribute_difference(file, *each) for each in numeric_variables(path) if is_comparable(*each)]
            report.group(f"{path.name}: missing elements", outcomes)


def is_comparable(name, stored):
    """But for bounds of unpacked values, which netCDF4 takes for packed ones, against the conventions."""
    return stored.values.ndim == 3 and not name.endswith("unpacked_range")


def attribute_difference(file, name, stored):
    """What netCDF4 takes for missing and the oracle does not, or the other way round."""
    masked = file[name][...]
    found = oracle.elements(stored, {})
    if not np.array_equal(np.ma.getmaskarray(masked), found.is_missing):
        return f"{name}: {np.ma.getmaskarray(masked).sum()} are missing, not {found.is_missing.sum()}"
    same = np.allclose(masked.filled(0), np.where(found.is_missing, 0, found.values), rtol=1e-6)
    return None if same else f"{name}: unpacked values differ"
