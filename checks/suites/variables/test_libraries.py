"""Asks for statistics that xarray, flox, NumPy and cf-python have, too, of files that xarray writes and of real ones.

--seed and --rounds change what is asked; a round is a case of each kind for each variable over time, latitude and longitude.
Everything has to be the same, but for sums, means and variances of float64 (margin).
"""

import contextlib
import itertools
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import xarray

from harness.places import SAMPLE
from harness.service import service
from harness.stores import PUBLIC, s3_store
from reductionist import Client, Credentials, Failure
from suites.variables import libraries, library_files
from suites.variables.libraries import Case
from suites.variables.test_variables import extra_files
from suites.variables.tolerances import shortened

pytestmark = pytest.mark.variables

SEED, ROUNDS = 1, 2
FILES = 2  # that are written
THREADS = 8
ROUNDINGS = 256 * 2.0**-53  # of float64
DIMS = ("time", "lat", "lon")
KINDS = {
    "plain": (libraries.plain, libraries.collapsed),
    "weighted": (libraries.weighted, libraries.collapsed),
    "grouped": (libraries.grouped,),
    "by_period": (libraries.by_period, libraries.collapsed_in_groups),
}


@pytest.fixture(scope="module")
def dice(pytestconfig):
    seed = pytestconfig.getoption("seed") or SEED
    print(f"\nseed {seed}")
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def paths(tmp_path_factory, dice, pytestconfig):
    directory = tmp_path_factory.mktemp("files")
    written = [library_files.write(directory / f"xarray-{number}.nc", dice) for number in range(FILES)]
    return [*written, SAMPLE, *extra_files(pytestconfig)]


@pytest.fixture(scope="module")
def client(request, paths, pytestconfig, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        programs = request.getfixturevalue("programs")
        store = stack.enter_context(s3_store(programs, paths))
        server = stack.enter_context(service(programs))
        yield stack.enter_context(Client(server.url, Credentials(), endpoint=store.url, connections=THREADS))


# --- Cases -----------------------------------------------------------------------------------------------------


def variables(path):
    """Those over time, latitude and longitude, as xarray reads them, in float64."""
    coder = xarray.coders.CFDatetimeCoder(use_cftime=True)
    with xarray.open_dataset(path, decode_times=coder) as dataset:
        for one in dataset.data_vars.values():
            if one.dims == DIMS:
                data = one.astype("f8")
                data.encoding = one.encoding
                yield dataset.load(), data


def case_of(kind, dataset, data, path, dice):
    """What is asked of a variable; groups of times are those of its calendar."""
    count = int(dice.integers(1, 4))
    dims = tuple(dice.permutation(DIMS)[:count].tolist())
    if kind == "weighted":
        return Case(data, dims, *random_weights(dataset, dice), path=str(path))
    if kind == "grouped":
        return Case(data, dims, None, None, str(path), *random_labels(dataset, dice))
    return Case(data, dims, path=str(path))


def random_weights(dataset, dice):
    """The cosine of latitude, areas of cells, or any; as the client takes them in its ways."""
    cosine = np.cos(np.deg2rad(dataset["lat"].astype("f8")))
    kind = str(dice.choice(["by dimension", "array", "variable", "product"]))
    if kind == "variable":
        names = [name for name in ("areacella", "gw") if name in dataset]
        if names:
            name = str(dice.choice(names))
            return dataset[name].astype("f8"), name
    if kind == "array":
        areas = xarray.DataArray(dice.uniform(0, 3, (dataset.sizes["lat"], dataset.sizes["lon"])), dims=("lat", "lon"))
        return areas, areas
    if kind == "product":
        days = xarray.DataArray(dice.integers(28, 32, dataset.sizes["time"]), dims="time")
        return cosine * days, {"lat": cosine.values, "time": days.values}
    return cosine, {"lat": cosine}


def random_labels(dataset, dice):
    """Labels along one dimension or two, or of basins; how they are told, and how many there are."""
    kind = str(dice.choice(["one", "two", "variable"]))
    if kind == "variable" and "basin" in dataset:
        return dataset["basin"], {"variable": "basin", "size": 5}, 5
    dims = dice.permutation(DIMS)[: 1 if kind == "one" else 2].tolist()
    size = int(dice.integers(1, 7))
    labels = dice.integers(-1, size, [dataset.sizes[dim] for dim in dims])
    said = {"axis": dims[0], "labels": labels} if len(dims) == 1 else {"dims": dims, "labels": labels}
    return xarray.DataArray(labels, dims=dims), {**said, "size": size}, size


# --- Comparing -------------------------------------------------------------------------------------------------


def outcome(client, path, data, comparison):
    """What is wrong, or nothing."""
    about = f"{path.name} {data.name} {comparison}"
    try:
        result = client.reduce(f"s3://{PUBLIC}/{path.name}", data.name, comparison.statistic, **comparison.options)
    except Failure as failure:
        return f"{failure}; {about}"
    statistic = comparison.statistic["name"]
    got, expected = comparison.picked(result[statistic]), comparison.expected.astype("f8")
    if got.shape != expected.shape:
        return f"{got.shape} instead of {expected.shape}; {about}"
    if statistic == "std":  # where terms cancel, roots are far from each other
        got, expected = got**2, expected**2
    allowed = margin(statistic, expected, data, weighs=comparison.options.get("weights") is not None)
    if comparison.library == "flox" and statistic == "quantile":  # it rounds where between two elements one lies
        allowed = ROUNDINGS * float(abs(data).max())
    with np.errstate(invalid="ignore"):
        off = ~((abs(got - expected) <= allowed) | (got == expected) | (np.isnan(got) & np.isnan(expected)))
    return f"{shortened(got[off])} instead of {shortened(expected[off])}; {about}" if off.any() else None


def margin(statistic, expected, data, *, weighs):
    """How far sums may be away: libraries add float64 as they come, and variances are made of squares."""
    sizes = abs(np.nan_to_num(expected))
    if statistic in ("var", "std"):
        return ROUNDINGS * float((data**2).max())
    if statistic == "histogram":
        return ROUNDINGS * sizes.sum() if weighs else 0
    return ROUNDINGS * sizes if statistic in libraries.ROUNDED else 0


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_are_those_of_libraries(kind, client, paths, dice, report, pytestconfig):
    warnings.simplefilter("ignore")  # of slices of nothing
    rounds = pytestconfig.getoption("rounds") or ROUNDS
    with ThreadPoolExecutor(THREADS) as pool:
        for path in paths:
            outcomes = []
            for (dataset, data), _ in itertools.product(variables(path), range(rounds)):
                case = case_of(kind, dataset, data, path, dice)
                asked = itertools.chain.from_iterable(made(case, dice) for made in KINDS[kind])
                outcomes += pool.map(partial(outcome, client, path, data), asked)
            report.group(f"{path.name}: {kind}", outcomes)
