"""The suite itself: wrong numbers are told, rounding is none, and the right answers are those of NumPy."""

from dataclasses import replace

import numpy as np
import pytest

from suites.variables.oracle import Elements, Stored, elements
from suites.variables.reducing import Groups, Reduction, reduction_of
from suites.variables.statistics import STATISTICS
from suites.variables.tolerances import OF_LONG_DOUBLES, SAME, beyond, is_exact, unlike

pytestmark = pytest.mark.variables

ONE = np.float64(280.0)
FLOATS = ("sum", "mean", "sum_of_squares", "var", "std", "sum_of_weights", "sum_of_squared_weights")


def wrong(name, got, expected=ONE):
    return beyond(name, np.asarray(got), np.asarray(expected), lambda: OF_LONG_DOUBLES * np.longdouble(280))


def reduction(values, is_missing=False, axes=None, weights=None, groups=None):
    values = np.asarray(values)
    dims = tuple(f"x{axis}" for axis in range(values.ndim))
    found = Elements(dims, values, np.broadcast_to(is_missing, values.shape), abs(values))
    axes = tuple(range(values.ndim)) if axes is None else axes
    return Reduction(found, axes, False, None if weights is None else np.broadcast_to(weights, values.shape), groups)


def test_what_has_to_be_the_same_differs_by_its_last_bit():
    assert unlike(ONE, ONE) is None
    assert unlike(np.asarray(np.nextafter(ONE, 0)), np.asarray(ONE))
    assert unlike(np.asarray([np.nan, 1]), np.asarray([np.nan, 1])) is None
    assert unlike(np.asarray(np.nan), np.asarray(1.0))
    for name in STATISTICS:
        assert is_exact(name, np.zeros(1), reduction([1.0])) == (name in (*SAME, "histogram"))


@pytest.mark.parametrize("name", FLOATS)
def test_floats_may_differ_by_rounding_and_by_no_more(name):
    assert wrong(name, ONE * (1 + 2**-51)) is None
    assert wrong(name, ONE * (1 + 5e-14))
    assert wrong(name, np.nan)
    assert wrong(name, ONE, np.nan)
    assert wrong(name, np.inf)


def test_another_dtype_or_shape_is_wrong():
    assert wrong("sum", np.float32(280))
    assert wrong("sum", np.full(1, 280.0))
    assert unlike(np.int64(281), np.int64(280))
    assert unlike(np.bool_(True), np.uint8(1))


def test_a_variance_is_that_of_its_definition():
    values = np.array([1.0, 2.0, 4.0, -7.0])
    found = reduction(values, values < 0)
    np.testing.assert_allclose(found.statistic({"name": "var", "ddof": 1}), np.var([1, 2, 4], ddof=1), rtol=1e-15)
    assert np.isnan(found.statistic({"name": "var", "ddof": 3}))


def test_weights_count_as_often_as_they_say():
    values, weights = np.array([1.0, 2.0, 4.0, 8.0]), np.array([1, 3, 0, 2])
    weighted, repeated = reduction(values, weights=weights), reduction(np.repeat(values, weights))
    for name in ("sum", "mean", "sum_of_squares", "var", "std"):
        np.testing.assert_allclose(weighted.statistic({"name": name}), repeated.statistic({"name": name}), rtol=1e-15)
    assert weighted.statistic({"name": "sum_of_weights"}) == 6
    assert weighted.statistic({"name": "sum_of_squared_weights"}) == 14
    assert weighted.statistic({"name": "histogram", "bins": [1, 2, 8]}).tolist() == [1, 5]


def test_groups_are_what_is_selected_of_them():
    values = np.random.default_rng(1).normal(size=(7, 4, 3))
    labels = np.array([0, 2, 0, -1, 2, 2, 0])
    groups = Groups(labels[:, None, None], (0,), 4, "x0")
    for name in ("sum", "count", "max", "argmax", "median"):
        got = reduction(values, axes=(0, 2), groups=groups).statistic({"name": name})
        for number in (0, 2):
            of_group = reduction(values[labels == number], axes=(0, 2)).statistic({"name": name})
            if name == "argmax":
                of_group[..., 0] = np.flatnonzero(labels == number)[of_group[..., 0]]
            np.testing.assert_array_equal(got[number], of_group)
        assert (np.isnan(got[1]) | (got[1] <= 0)).all()


def test_one_dimension_stands_for_several_that_are_grouped():
    values = np.arange(24.0).reshape(2, 3, 4)
    labels = np.array([[0, 1, 1, 0], [1, 1, -1, 0], [0, 0, 0, 0]])
    found = reduction(values, axes=(1, 2), groups=Groups(labels[None], (1, 2), 2, "basin"))
    assert found.dims == [("x0", 2), ("basin", 2)]
    expected = [[values[at][labels == number].sum() for number in (0, 1)] for at in (0, 1)]
    assert found.statistic({"name": "sum"}).tolist() == expected
    kept = replace(found, axes=(0, 1, 2), keepdims=True)
    assert kept.statistic({"name": "sum"}).shape == (1, 2) == tuple(length for _, length in kept.dims)


def test_places_bins_and_quantiles_are_those_of_numpy():
    values = np.round(np.random.default_rng(2).normal(size=(5, 6)), 1)
    found = reduction(values, values == 0.5, axes=(1,))
    for row, there, got in zip(values, values != 0.5, found.statistic({"name": "histogram", "bins": [-1, 0.2, 1]})):
        assert got.tolist() == np.histogram(row[there], [-1, 0.2, 1])[0].tolist()
    assert found.statistic({"name": "argmin"})[:, 0].tolist() == np.ma.masked_equal(values, 0.5).argmin(axis=1).tolist()
    with_nan = np.where(values == values.max(), np.nan, values)
    assert reduction(with_nan).statistic({"name": "argmin"}).tolist() == [*np.argwhere(np.isnan(with_nan))[0]]
    assert np.isnan(reduction(with_nan).statistic({"name": "median"}))
    assert reduction(values).statistic({"name": "quantile", "q": [0.3]}).tolist() == [np.quantile(values, 0.3)]


def test_nothing_has_a_count_of_0_and_no_place():
    nothing = reduction(np.zeros((0, 3)), axes=(0,))
    expected = {"count": 0, "sum": 0, "max": -np.inf, "argmax": -1, "any": 0, "all": 1}
    for name, value in expected.items():
        assert (nothing.statistic({"name": name}) == value).all()
    for name in ("mean", "var", "median"):
        assert np.isnan(nothing.statistic({"name": name})).all()


def test_attributes_that_no_element_can_equal_make_nothing_missing():
    stored = Stored(("x",), np.array([1, 2], "i2"), {"_FillValue": np.int32(65537), "missing_value": np.float32(1.5)})
    assert not elements(stored, {}).is_missing.any()
    stored = Stored(("x",), np.array([1e20, 2], "f4"), {"missing_value": np.float64(1e20)})
    assert elements(stored, {}).is_missing.tolist() == [True, False]


def test_weights_and_labels_of_variables_follow_the_selection():
    stored = Stored(("t", "y"), np.arange(12.0).reshape(4, 3), {})
    others = {"w": Stored(("y",), np.array([1.0, 2, 3]), {}), "g": Stored(("t",), np.array([0, 0, 1, 1]), {})}
    fields = {
        "selection": {"y": [None, None, -1], "t": [1, 4, 1]},
        "weights": {"variable": "w"},
        "groups": {"variable": "g", "size": 2},
    }
    found = reduction_of(stored, fields, others.__getitem__)
    assert found.statistic({"name": "sum"}).tolist() == [
        [3 * 1 + 4 * 2 + 5 * 3][0],
        6 + 9 + 2 * (7 + 10) + 3 * (8 + 11),
    ]
