"""Partial answers about parts of a variable, and what they merge to."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from harness.places import SAMPLE
from reductionist import Client, Failure, Partial, ServiceError, UsageError, merge
from reductionist.variables import pairs
from running import Servers

URL = f"s3://public/{SAMPLE.name}"
HISTOGRAM = {"name": "histogram", "bins": [-math.inf, 250, 273.15, 300]}
EXACT = ["count", "min", "max", "argmin", "argmax", "any", "all", HISTOGRAM, "sum", "sum_of_squares"]
NEAR = ["mean", "var", "std", {"name": "var", "ddof": 1, "as": "sample variance"}]
RANGES = {"time": [(0, 4), (4, 8), (8, 12)], "lat": [(0, 20), (20, 40)], "lon": [(0, 30), (30, 50)]}  # chunks


@pytest.fixture(scope="module")
def client():
    with Client(f"http://{Servers.service}", endpoint=Servers.store) as client:
        yield client


def partial(results, dims=(), etag="1"):
    """A partial answer of a service that has these components."""
    described = {
        name: {component: described_of(values) for component, values in components.items()}
        for name, components in results.items()
    }
    first = next(iter(next(iter(results.values())).values()))
    shape = np.shape(first)[: len(dims)]
    return Partial.from_answer({"dims": list(dims), "shape": list(shape), "etag": etag, "results": described})


def described_of(values):
    values = np.asarray(values)
    if values.dtype == object:
        content = b"".join(int(value).to_bytes(16, "big", signed=True) for value in values.flat)
        return {"dtype": "int128", "byte_order": "big", "shape": list(values.shape), "bytes": content}
    return {"dtype": values.dtype.name, "byte_order": "little", "shape": list(values.shape), "bytes": values.tobytes()}


def integer(value):
    return np.array(value, dtype=object)


@pytest.mark.parametrize("axis", [None, "time", ["lat", "lon"], []])
@pytest.mark.parametrize("keepdims", [False, True])
def test_parts_merged_in_any_order_are_the_whole(client, axis, keepdims):
    asked = {"axis": axis, "keepdims": keepdims}
    whole = client.reduce(URL, "tas", EXACT + NEAR, **asked)
    parts = []
    for ranges in itertools.product(*RANGES.values()):
        selection = {dim: slice(*part) for dim, part in zip(RANGES, ranges)}
        offsets = {dim: begin for dim, (begin, _) in zip(RANGES, ranges)}
        parts.append((offsets, client.reduce_partially(URL, "tas", EXACT + NEAR, selection=selection, **asked)))
    for order in (parts, parts[::-1], parts[5:] + parts[:5]):
        merged = merge(EXACT + NEAR, order, axis)
        assert (merged.dims, merged.shape, merged.etag) == (whole.dims, whole.shape, whole.etag)
        assert merged.read.chunks == 12
        for name, values in whole.items():
            assert (merged[name].dtype, merged[name].shape) == (values.dtype, values.shape), name
            if name in ("mean", "var", "std", "sample variance"):
                np.testing.assert_allclose(merged[name], values, rtol=1e-15, err_msg=name)
            else:
                assert merged[name].tobytes() == values.tobytes(), name


def test_parts_of_a_selection_with_steps_have_positions_within_it(client):
    whole = client.reduce(
        URL, "tas", ["argmax", "sum"], selection={"time": slice(None, None, -1), "lat": slice(3, 33, 2)}
    )
    parts = [
        (
            {"time": begin, "lat": 0, "lon": 0},
            client.reduce_partially(
                URL,
                "tas",
                ["argmax", "sum"],
                selection={"time": range(11 - begin, 5 - begin, -1), "lat": slice(3, 33, 2)},
            ),
        )
        for begin in (6, 0)
    ]
    merged = merge(["argmax", "sum"], parts)
    assert merged["argmax"].tolist() == whole["argmax"].tolist()
    assert merged["sum"] == whole["sum"]


def test_what_does_not_merge_is_refused(client):
    with pytest.raises(ServiceError, match="result_dtype"):
        client.ask(
            "reduce",
            client.reduction(URL, "tas", "sum", {}) | {"partial": True, "result_dtype": "float32"},
            False,
            Partial.from_answer,
        )
    with pytest.raises(UsageError, match="median does not merge"):
        merge("median", [({}, partial({"median": {"value": 1.0}}))])


def test_sums_of_integers_are_exact_and_those_that_do_not_fit_are_errors():
    large = 2**63 - 1
    parts = [({"x": at}, partial({"sum": {"sum": integer(value)}})) for at, value in enumerate((large, large, -large))]
    assert merge("sum", parts)["sum"] == large
    assert merge("sum", parts)["sum"].dtype == np.int64
    with pytest.raises(Failure, match="does not fit int64"):
        merge("sum", parts[:2])
    assert merge("sum", parts[:2], result_dtype="uint64")["sum"] == 2 * large
    means = [({"x": at}, partial({"m": {"sum": integer(2**100), "count": 2}})) for at in (0, 1)]
    assert merge({"name": "mean", "as": "m"}, means)["m"] == 2.0**99


def test_pairs_are_no_integers():
    parts = [({"x": at}, partial({"sum": {"sum": [1.5, 0.0]}})) for at in (0, 1)]
    with pytest.raises(UsageError, match="float32 or float64, not uint64"):
        merge("sum", parts, result_dtype="uint64")


def test_sums_of_floats_are_rounded_once():
    values = np.random.default_rng(5).normal(size=40) * 10.0 ** np.arange(-20, 20)
    parts = [({"x": at}, partial({"sum": {"sum": [value, value * 2.0**-60]}})) for at, value in enumerate(values)]
    exact = sum(Fraction(value) * (1 + Fraction(1, 2**60)) for value in values.tolist())
    assert merge("sum", parts)["sum"] == float(exact)
    # Just above and just below the middle of two float32 neighbours, by less than float64 can show.
    for left, nearest in ((1e-30, 1 + 2.0**-23), (-1e-30, 1.0), (0.0, 1.0)):
        sums = [({}, partial({"sum": {"sum": [1 + 2.0**-24, left]}}))]
        assert merge("sum", sums, result_dtype="float32")["sum"] == np.float32(nearest)


def test_what_cancels_leaves_the_last_bits():
    parts = [({"x": at}, partial({"sum": {"sum": [value, 0.0]}})) for at, value in enumerate((1e100, 1.0, -1e100))]
    assert merge("sum", parts)["sum"] == 1.0
    equal = {"sum": [3e8 + 0.1, 0.0], "sum_of_squares": list(map(float, square(3e8 + 0.1))), "count": 1}
    assert merge("std", [({"x": at}, partial({"std": equal})) for at in range(7)])["std"] == 0.0


def square(value):
    return pairs.two_product(np.array(value), np.array(value))


def test_infinities_nan_and_signs_of_zero_are_those_of_numpy():
    def merged(*sums):
        return merge("sum", [({"x": at}, partial({"sum": {"sum": list(pair)}})) for at, pair in enumerate(sums)])["sum"]

    nothing, inf = (-0.0, -0.0), math.inf
    assert merged((inf, 0.0), (1.0, 0.0)) == inf
    assert np.isnan(merged((inf, 0.0), (-inf, 0.0)))
    assert np.isnan(merged((math.nan, 0.0), (1.0, 0.0)))
    assert np.signbit(merged(nothing, (-0.0, 0.0), nothing))
    assert not np.signbit(merged(nothing, nothing))
    assert not np.signbit(merged((-0.0, 0.0), (0.0, 0.0)))
    assert np.isnan(merge("mean", [({}, partial({"mean": {"sum": [*nothing], "count": 0}}))])["mean"])
    for a, b in ((0.0, -0.0), (-0.0, 0.0)):
        parts = [({"x": at}, partial({"max": {"max": v}, "min": {"min": v}})) for at, v in enumerate((a, b))]
        found = merge(["max", "min"], parts)
        assert (np.signbit(found["max"]), np.signbit(found["min"])) == (False, True)


def test_the_first_of_equal_elements_is_found_and_nan_wins():
    def found(*parts):
        placed = [
            ({"y": y, "x": x}, partial({"argmax": {"value": value, "position": position}}))
            for y, x, value, position in parts
        ]
        return merge("argmax", placed)["argmax"].tolist()

    assert found((0, 5, 1.0, [3, 0]), (0, 0, 1.0, [3, 1]), (2, 0, 1.0, [1, 0])) == [3, 0]
    assert found((0, 0, 1.0, [0, 0]), (4, 4, math.nan, [1, 1]), (9, 9, math.nan, [0, 0])) == [5, 5]
    assert found((0, 0, -math.inf, [-1, -1]), (1, 1, -math.inf, [0, 2])) == [1, 3]
    assert found((0, 0, -math.inf, [-1, -1]), (1, 1, -math.inf, [-1, -1])) == [-1, -1]


def test_weights_stand_in_place_of_counts():
    weights, values = np.array([0.5, 1.5, 2.0]), np.array([1.0, 2.0, 4.0])

    def one(weight, value):
        sums = {"sum": weight * value, "sum_of_squares": weight * value**2}
        sums |= {"sum_of_weights": weight, "sum_of_squared_weights": weight**2}
        return {name: [total, 0.0] for name, total in sums.items()} | {"count": 1}

    parts = [
        ({"x": at}, partial({"var": one(w, v), "mean": one(w, v)})) for at, (w, v) in enumerate(zip(weights, values))
    ]
    found = merge([{"name": "var", "ddof": 1}, "mean"], parts)
    np.testing.assert_allclose(found["var"], np.cov(values, aweights=weights, ddof=1), rtol=1e-15)
    np.testing.assert_allclose(found["mean"], np.average(values, weights=weights), rtol=1e-15)
    weightless = [({"x": 0}, partial({"var": one(0.0, 1.0), "mean": one(0.0, 1.0)}))]
    assert all(np.isnan(value) for value in merge([{"name": "var", "ddof": 1}, "mean"], weightless).values())


def test_results_of_groups_are_those_of_all_parts():
    parts = [({"t": at}, partial({"count": {"count": [at, 1]}}, ["t"])) for at in (0, 5)]
    assert merge("count", parts, "t")["count"].tolist() == [5, 2]
    assert merge("count", [({"t": 0}, parts[0][1]), ({"t": 2}, parts[1][1])], [])["count"].tolist() == [0, 1, 5, 1]


def test_parts_that_do_not_belong_together_are_refused():
    def count(**options):
        return partial({"count": {"count": np.array([1, 2])}}, ["x"], **options)

    for parts, axis, error, text in (
        ([], None, UsageError, "no parts"),
        ([({"x": 0}, count()), ({"x": 0}, count())], "x", UsageError, "same place"),
        ([({"x": 0}, count()), ({"x": 3}, count())], [], UsageError, "leave out 1 of 5"),
        ([({"x": 0}, count()), ({"y": 3}, count())], [], UsageError, "different dimensions"),
        ([({"x": 0}, count())], "y", UsageError, "no dimension y"),
        ([({"x": -1}, count())], "x", UsageError, "negative"),
        ([({"x": 0}, count()), ({"x": 2}, count(etag="2"))], [], Failure, "different versions"),
    ):
        with pytest.raises(error, match=text):
            merge("count", parts, axis)
    with pytest.raises(UsageError, match="no sum of 'sum'"):
        merge("sum", [({"x": 0}, count())], [])
