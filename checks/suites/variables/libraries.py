"""What xarray, flox, NumPy and cf-python make of a variable, beside the request that asks the same of the service.

A case has weights or groups or neither; each library is asked for what it can.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cf
import flox
import numpy as np
import xarray

ROUNDED = ("sum", "mean", "var", "std", "sum_of_squares", "sum_of_weights", "sum_of_squared_weights")


def as_it_is(got):
    return got


@dataclass(frozen=True)
class Comparison:
    """What a library says, and what of the service's answer that is. `picked` takes it from the result."""

    library: str
    statistic: dict
    expected: np.ndarray
    options: dict
    picked: Callable = as_it_is

    def __str__(self):
        return f"{self.library}: {self.statistic} {self.options}"


@dataclass(frozen=True)
class Case:
    """A variable as xarray reads it, in float64, and what is asked of it. Weights are xarray's, labels of its dimensions."""

    data: xarray.DataArray
    dims: tuple[str, ...]
    weights: xarray.DataArray | None = None
    weights_said: object = None
    path: str = ""
    labels: xarray.DataArray | None = None
    groups_said: object = None
    size: int = 0

    @property
    def options(self):
        said = {"weights": self.weights_said, "groups": self.groups_said}
        given = {name: value for name, value in said.items() if value is not None}
        return {"axis": [*self.dims], "skipna": True, **given}


def weights_of(case):
    """A weight for each element."""
    return case.weights.broadcast_like(case.data).transpose(*case.data.dims).values


# --- Without weights and groups --------------------------------------------------------------------------------


def plain(case, dice):
    """Of xarray's own methods, and NumPy's."""
    data, dims, options = case.data, [*case.dims], case.options
    count = data.count(dims)

    def compare(statistic, expected, **more):
        return Comparison("xarray", statistic, np.asarray(expected), options, **more)

    yield compare({"name": "count"}, count)
    for name in ("sum", "mean"):
        yield compare({"name": name}, getattr(data, name)(dims, skipna=True))
    for name in ("min", "max"):  # of nothing NaN in xarray, the identity here
        yield compare({"name": name}, getattr(data, name)(dims), picked=lambda got: np.where(count > 0, got, np.nan))
    ddof = int(dice.integers(2))
    for name in ("var", "std"):
        yield compare({"name": name, "ddof": ddof}, getattr(data, name)(dims, skipna=True, ddof=ddof))
    yield compare({"name": "sum_of_squares"}, (data**2).sum(dims))
    yield compare({"name": "any"}, ((data != 0) & data.notnull()).any(dims))
    yield compare({"name": "all"}, ((data != 0) | data.isnull()).all(dims))
    q = [0.0, 0.1, 0.5, 0.75, 1.0]
    yield compare({"name": "quantile", "q": q}, data.quantile(q, dims).transpose(..., "quantile"))
    yield compare({"name": "median"}, data.median(dims))
    yield from extremes(case, count)
    yield from numpy_histograms(case, dice)
    if data.encoding.get("dtype", data.dtype).kind != "f":  # a request bounds what is stored, and integers by integers
        return
    low, high = np.nanquantile(data, [0.2, 0.7])
    warm = data.where((data >= low) & (data <= high))
    for name in ("mean", "count"):
        expected = getattr(warm, name)(dims)
        yield Comparison("xarray where", {"name": name}, np.asarray(expected), options | within(case, low, high))


def within(case, low, high):
    """A range as the field `missing` has it, for what is not packed."""
    return {"missing": {"valid_range": [float(low), float(high)]}, **case.options}


def extremes(case, count):
    """Places of the least and the largest; xarray has none of nothing, which is left out here."""
    order = [dim for dim in case.data.dims if dim in case.dims]
    for name, filled in (("argmin", np.inf), ("argmax", -np.inf)):
        places = getattr(case.data.fillna(filled), name)(order)
        expected = np.stack([np.asarray(places[dim]) for dim in order], axis=-1)
        there = np.asarray(count)[..., None] > 0
        yield Comparison("xarray", {"name": name}, np.where(there, expected, -1), case.options)


def numpy_histograms(case, dice):
    """Of a whole variable; weights as long doubles, as bins are what is between two sums of all weights up to an edge."""
    values = case.data.values
    is_there = ~np.isnan(values)
    weights = None if case.weights is None else weights_of(case).astype(np.longdouble)[is_there]
    low, high = sorted(dice.choice(values[is_there], 2).tolist())
    for bins in ({"bins": [low, (low + high) / 2, high, np.inf]}, {"bins": 7, "range": [low - 1, high]}):
        expected = np.histogram(values[is_there], **bins, weights=weights)[0]
        yield Comparison("NumPy", {"name": "histogram", **bins}, expected, case.options | {"axis": None})


# --- Weights ---------------------------------------------------------------------------------------------------


def weighted(case, dice):
    """Of xarray's weighted; where nothing is left its sum of weights is NaN, and 0 here."""
    dims, weights = [*case.dims], case.weights
    of_weights = case.data.weighted(weights)
    for name in ("sum", "mean", "var", "std"):
        expected = getattr(of_weights, name)(dims)
        yield Comparison("xarray weighted", {"name": name}, np.asarray(expected), case.options)
    expected = of_weights.sum_of_weights(dims).fillna(0)
    yield Comparison("xarray weighted", {"name": "sum_of_weights"}, np.asarray(expected), case.options)
    yield from numpy_histograms(case, dice)


# --- Groups ----------------------------------------------------------------------------------------------------

FLOX = {
    "count": ("count", {}),
    "sum": ("nansum", {}),
    "mean": ("nanmean", {}),
    "min": ("nanmin", {}),
    "max": ("nanmax", {}),
    "var": ("nanvar", {"ddof": 1}),
    "std": ("nanstd", {"ddof": 0}),
    "median": ("nanmedian", {}),
    "quantile": ("nanquantile", {"q": 0.9}),  # several at once fail where a group has no member
}


def grouped(case, _):
    """Of flox: the new dimension is its last one, and where the first of those grouped stood here."""
    data, over = case.data, (*case.labels.dims, *(dim for dim in case.dims if dim not in case.labels.dims))
    kept = [dim for dim in data.dims if dim not in over]
    values = data.transpose(*kept, *over).values
    labels = case.labels.expand_dims({dim: data.sizes[dim] for dim in over if dim not in case.labels.dims})
    labels = labels.transpose(*over).values
    first = min(data.dims.index(dim) for dim in case.labels.dims)
    place = sum(data.dims.index(dim) < first for dim in kept)
    for name, (func, how) in FLOX.items():
        found, _ = flox.groupby_reduce(
            values,
            labels,
            func=func,
            expected_groups=np.arange(case.size),
            fill_value=0 if name in ("count", "sum") else np.nan,
            finalize_kwargs=how or None,
        )
        expected = np.moveaxis(found, len(kept), place)
        if name == "quantile":
            how, expected = {"q": [how["q"]]}, expected[..., None]
        is_extreme = name in ("min", "max")
        picked = without_identities if is_extreme else as_it_is
        yield Comparison("flox", {"name": name, **how}, expected, case.options, picked)


def without_identities(got):
    """Of nothing the extremes of libraries are NaN."""
    if got.dtype.kind == "f":
        return np.where(np.isinf(got), np.nan, got)
    bounds = np.iinfo(got.dtype)
    return np.where((got == bounds.min) | (got == bounds.max), np.nan, got)


def by_period(case, dice):
    """Of xarray's groupby over the parts of a date: what there is of months, seasons, years."""
    period = str(dice.choice(["month", "season", "year"]))
    times = case.data["time"].dt
    names, labels = np.unique(getattr(times, period).values, return_inverse=True)
    others = tuple(dim for dim in case.dims if dim != "time")
    options = case.options | {"groups": ("time", labels), "axis": [*others]}
    by = case.data.groupby(f"time.{period}")
    for name in ("sum", "mean", "max", "count", "std", "median"):
        found = getattr(by, name)(("time", *others)).sel({period: names})
        found = found.transpose(*(period if dim == "time" else dim for dim in case.data.dims if dim not in others))
        picked = without_identities if name == "max" else as_it_is
        yield Comparison(f"xarray groupby {period}", {"name": name}, np.asarray(found), options, picked)


# --- cf-python -------------------------------------------------------------------------------------------------

CF = [
    ("sample_size", "count", {}),
    ("sum", "sum", {}),
    ("mean", "mean", {}),
    ("minimum", "min", {}),
    ("maximum", "max", {}),
    ("var", "var", {"ddof": 1}),
    ("var", "std", {"ddof": 0}),  # as sd is NaN where rounding makes a variance negative
    ("sum_of_squares", "sum_of_squares", {}),
    ("sum_of_weights", "sum_of_weights", {}),
    ("sum_of_weights2", "sum_of_squared_weights", {}),
    ("median", "median", {}),
]
WITH_WEIGHTS = ("sum", "mean", "var", "sum_of_squares", "sum_of_weights", "sum_of_weights2")
OF_GROUPS = {"sum": "sum", "mean": "mean", "maximum": "max", "sample_size": "count"}


def collapsed(case, _):
    """Of the methods that cf-python collapses data with."""
    data = cf.Data(np.ma.masked_invalid(case.data.values))
    axes = [case.data.dims.index(dim) for dim in case.dims]
    weights = None if case.weights is None else weights_of(case)
    for method, name, how in CF:
        if (method == "median" and weights is not None) or ("weights" in name and weights is None):
            continue
        how_here = how if method not in WITH_WEIGHTS else {"weights": weights, **how}
        found = getattr(data, method)(axes=axes, squeeze=True, **how_here)
        yield Comparison("cf-python", {"name": name, **how}, filled(found, name), case.options, nothing_as_nan(name))


def collapsed_in_groups(case, dice):
    """Of a field: so many times after one another are a group; it leaves out what is not a full one."""
    of_field = cf.read(case.path, select=f"ncvar%{case.data.name}")[0]
    of_field.set_data(cf.Data(np.ma.masked_invalid(case.data.values)))
    number, length = int(dice.integers(2, 8)), case.data.sizes["time"]
    labels = np.arange(length) // number
    labels = np.where(labels < length // number, labels, -1)
    options = {"skipna": True, "axis": [], "groups": ("time", labels)}
    for method, name in OF_GROUPS.items():
        found = of_field.collapse(method, axes="T", group=number).data
        yield Comparison("cf-python in groups", {"name": name}, filled(found, name), options, nothing_as_nan(name))


def filled(found, name):
    """Of nothing cf-python has no value: NaN, or 0 of sums."""
    values = np.ma.asarray(found.array)
    if "sum" in name or name == "count":
        return values.filled(0)
    filled_values = values.astype("f8").filled(np.nan)
    return np.sqrt(np.maximum(filled_values, 0)) if name == "std" else filled_values


def nothing_as_nan(name):
    """What is compared of a statistic."""
    return without_identities if name in ("min", "max") else as_it_is
