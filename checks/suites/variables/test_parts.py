"""Asks about parts of what is selected of a variable, merges the answers in any order, and compares with NumPy's of the whole.

Parts end at edges of chunks or anywhere. What may differ is what may differ of an undivided answer (tolerances.py). --seed and
--rounds change what is asked.
"""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from harness.places import SAMPLE
from harness.service import service
from harness.stores import PUBLIC, s3_store
from reductionist import Client, Credentials, Failure, UsageError, merge
from suites.variables import hdf5_files, netcdf_files
from suites.variables.questions import random_question
from suites.variables.reading import numeric_variables
from suites.variables.reducing import reduction_of
from suites.variables.test_variables import companions, difference, extra_files

pytestmark = pytest.mark.variables

SEED, ROUNDS = 1, 1
THREADS = 8
DO_NOT_MERGE = ("quantile", "median")


@pytest.fixture(scope="module")
def dice(pytestconfig):
    seed = pytestconfig.getoption("seed") or SEED
    print(f"\nseed {seed}")
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def paths(tmp_path_factory, dice, pytestconfig):
    directory = tmp_path_factory.mktemp("files")
    hdf5 = hdf5_files.write(directory, dice)[-1]
    return [hdf5, *netcdf_files.write(directory, dice), SAMPLE, *extra_files(pytestconfig)]


@pytest.fixture(scope="module")
def client(programs, paths):
    with (
        s3_store(programs, paths) as store,
        service(programs) as server,
        Client(server.url, Credentials(), endpoint=store.url, connections=THREADS) as client,
    ):
        yield client


# --- Parts -----------------------------------------------------------------------------------------------------


def contiguous(dice, stored):
    """A selection of one stretch of each dimension, in the words of a request; none takes a dimension away."""
    begins = [int(dice.integers(0, max(length // 2, 1))) for length in stored.values.shape]
    return [[begin, length, 1] for begin, length in zip(begins, stored.values.shape)], set()


def cut(dice, question):
    """Positions within the selection, of each dimension from where to where, in any order."""
    lengths = [stop - start for start, stop, _ in question.fields["selection"]]
    places = [sorted({0, length, *dice.integers(0, length + 1, 2).tolist()}) for length in lengths]
    parts = [*itertools.product(*(itertools.pairwise(each) for each in places))]
    return [parts[number] for number in dice.permutation(len(parts))]


def fields_of(question, part):
    """The fields of a request about a part: weights and labels are by position within its selection."""
    fields = dict(question.fields)
    fields["selection"] = [
        slice(start + first, start + last) for (start, _, _), (first, last) in zip(fields["selection"], part)
    ]
    along = {name: slice(*of) for name, of in zip(question.stored.dims, part)}
    lengths = {name: stop - start for name, (start, stop, _) in zip(question.stored.dims, question.fields["selection"])}
    for name, key in (("weights", "values"), ("groups", "labels")):
        if said := fields.get(name):
            fields[name] = taken(said, key, along, lengths)
    return fields


def taken(said, key, along, lengths):
    """Of weights or labels what is of a part."""
    if "variable" in said:
        return said
    if key not in said:
        return {dim: values[along[dim]] for dim, values in said.items()}
    dims = [said["axis"]] if "axis" in said else said["dims"]
    values = np.reshape(said[key], [lengths[dim] for dim in dims])
    return said | {key: values[tuple(along[dim] for dim in dims)]}


# --- Comparing -------------------------------------------------------------------------------------------------


def outcomes_of(client, question, parts):
    """Of each statistic what is wrong, or nothing."""
    statistics = question.fields["statistics"]
    reduction = reduction_of(question.stored, question.fields, question.others.__getitem__)
    about = f"{len(parts)} parts, of {question}"
    try:
        placed = [(offsets_of(question, part), ask(client, question, part)) for part in parts]
        axis = [question.stored.dims[axis] for axis in reduction.axes]
        is_unsigned = reduction.found.values.dtype.kind == "u" and reduction.weights is None
        merged = merge(statistics, placed, axis, result_dtype="uint64" if is_unsigned else None)
    except (Failure, UsageError) as failure:
        return [f"{failure}; {about}"] + [None] * (len(statistics) - 1)
    wrongs = (difference(asked, merged[name_of(asked)], reduction, question) for asked in statistics)
    return [f"{asked}: {wrong}; {about}" if wrong else None for asked, wrong in zip(statistics, wrongs)]


def offsets_of(question, part):
    return dict(zip(question.stored.dims, (first for first, _ in part)))


def ask(client, question, part):
    fields = fields_of(question, part)
    return client.reduce_partially(
        f"s3://{PUBLIC}/{question.file}", question.variable, fields.pop("statistics"), **fields
    )


def name_of(asked):
    return asked.get("as", asked["name"])


def questions_about(dice, path, rounds):
    """Random ones, of statistics that merge."""
    variables = dict(numeric_variables(path))
    for (name, stored), _ in itertools.product(variables.items(), range(rounds)):
        if not stored.values.size or not stored.dims:
            continue
        found = random_question(dice, path.name, name, stored, companions(name, variables), contiguous)
        statistics = [asked for asked in found.fields["statistics"] if asked["name"] not in DO_NOT_MERGE]
        if statistics:
            yield replace(found, fields=found.fields | {"statistics": statistics})


def test_parts_merge_to_the_whole(client, paths, dice, report, pytestconfig):
    rounds = pytestconfig.getoption("rounds") or ROUNDS
    with ThreadPoolExecutor(THREADS) as pool:
        for path in paths:
            questions = [*questions_about(dice, path, rounds)]
            parts = [cut(dice, question) for question in questions]
            outcomes = pool.map(partial(outcomes_of, client), questions, parts)
            title = f"{path.name}: {sum(map(len, parts))} parts of {len(questions)}"
            report.group(title, itertools.chain.from_iterable(outcomes))
