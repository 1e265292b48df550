"""The suite itself: wrong numbers are told, and rounding is none."""

import numpy as np
import pytest

from suites.variables.oracle import Elements, Stored, elements, statistic
from suites.variables.test_variables import difference

pytestmark = pytest.mark.variables

ONE = np.float64(280.0)


def wrong(name, got, expected=ONE):
    return difference(name, np.asarray(got), np.asarray(expected), lambda: np.longdouble(280))


@pytest.mark.parametrize("name", ["count", "min", "max"])
def test_what_has_to_be_the_same_differs_by_its_last_bit(name):
    assert wrong(name, ONE) is None
    assert wrong(name, np.nextafter(ONE, 0))


@pytest.mark.parametrize("name", ["sum", "mean", "sum_of_squares", "var", "std"])
def test_floats_may_differ_by_rounding_and_by_no_more(name):
    assert wrong(name, ONE * (1 + 5e-13)) is None
    assert wrong(name, ONE * (1 + 5e-12))
    assert wrong(name, np.nan)
    assert wrong(name, ONE, np.nan)
    assert wrong(name, np.inf)


def test_another_dtype_or_shape_is_wrong():
    assert wrong("sum", np.float32(280))
    assert wrong("sum", np.full(1, 280.0))
    assert wrong("sum", np.int64(281), np.int64(280))


def test_a_variance_is_that_of_its_definition():
    values = np.array([1.0, 2.0, 4.0, -7.0])
    found = Elements(("x",), values, values < 0, abs(values))
    how = {"axis": (0,), "keepdims": False}
    np.testing.assert_allclose(statistic("var", found, how, 1), np.var([1, 2, 4], ddof=1), rtol=1e-15)
    assert np.isnan(statistic("var", found, how, 3))


def test_attributes_that_no_element_can_equal_make_nothing_missing():
    stored = Stored(("x",), np.array([1, 2], "i2"), {"_FillValue": np.int32(65537), "missing_value": np.float32(1.5)})
    assert not elements(stored, {}).is_missing.any()
    stored = Stored(("x",), np.array([1e20, 2], "f4"), {"missing_value": np.float64(1e20)})
    assert elements(stored, {}).is_missing.tolist() == [True, False]
