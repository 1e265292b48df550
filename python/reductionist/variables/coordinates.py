"""Weights and groups that a command line names, made of the file's own coordinates."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reductionist.errors import Failure, UsageError
from reductionist.variables.client import Client
from reductionist.variables.groups import Groups
from reductionist.variables.result import Array
from reductionist.variables.selection import Selection
from reductionist.variables.weights import Weights

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
SEASONS = ["DJF", "MAM", "JJA", "SON"]


@dataclass(frozen=True)
class Coordinates:
    """One-dimensional variables of a file, of which only what is selected counts. `place` is how the file is read."""

    client: Client
    url: str
    selection: Mapping[str, Any]
    place: Mapping[str, Any]

    def values(self, name: str) -> Array:
        """Of a coordinate: one for each position that is selected of its dimension."""
        dim = dim_of(name)
        part: Selection = {dim: self.selection[dim]} if dim in self.selection else None
        return self.client.select(self.url, name, part, **self.place).values

    def attributes(self, name: str) -> Mapping[str, Any]:
        """Of a coordinate."""
        found = self.client.describe(self.url, name, **self.place)
        return next(iter(found.variables.values())).attributes


def dim_of(name: str) -> str:
    """The dimension of a coordinate: it has its name, without groups."""
    return name.rpartition("/")[2]


# --- Weights -------------------------------------------------------------------------------------------------


def weights_named(text: str, coordinates: Coordinates) -> Weights:
    """`areacella` is a variable, `cos(lat)` the cosine of a latitude in degrees."""
    cosine = re.fullmatch(r"cos\((.+)\)", text)
    if not cosine:
        return text
    return {dim_of(cosine[1]): np.cos(np.deg2rad(coordinates.values(cosine[1]).astype("f8")))}


# --- Groups --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Periods:
    """Which group each position of a dimension of times belongs to, and what the groups are called."""

    dim: str
    labels: Array
    names: list[str]

    def groups(self) -> Groups:
        """As a question has them: also those that no position belongs to."""
        return {"axis": self.dim, "labels": self.labels, "size": len(self.names)}


def months(times: Array) -> tuple[Array, list[str]]:
    """Months of any year."""
    return numbers(times, lambda time: time.month - 1), MONTHS


def seasons(times: Array) -> tuple[Array, list[str]]:
    """Winter is December to February, of any years."""
    return numbers(times, lambda time: time.month % 12 // 3), SEASONS


def years(times: Array) -> tuple[Array, list[str]]:
    """From the first to the last one."""
    found = numbers(times, lambda time: time.year)
    first, last = int(found.min(initial=found[0])), int(found.max(initial=found[0]))
    return found - first, [str(year) for year in range(first, last + 1)]


def numbers(times: Array, number: Callable[[Any], int]) -> Array:
    """One for each time."""
    return np.array([number(time) for time in times], "i8")


PERIODS: dict[str, Callable[[Array], tuple[Array, list[str]]]] = {"month": months, "season": seasons, "year": years}


def periods_named(named: tuple[str, str], coordinates: Coordinates) -> Periods:
    """Groups by a coordinate and a period, such as `time` and `month`, by its attributes `units` and `calendar`."""
    coordinate, period = named
    times = times_of(coordinates.values(coordinate), coordinates.attributes(coordinate), coordinate)
    return Periods(dim_of(coordinate), *PERIODS[period](times))


def times_of(values: Array, attributes: Mapping[str, Any], name: str) -> Array:
    """Dates in the calendar of a coordinate.

    Raises:
        UsageError: if cftime is not installed, or there are no times to tell.
        Failure: if they are none.
    """
    try:
        import cftime
    except ImportError:
        raise UsageError("--groups needs cftime: pip install cftime") from None
    if values.ndim != 1 or not values.size:
        raise UsageError(f"{name} has not one time for each position that is selected")
    try:
        calendar = attributes.get("calendar", "standard")
        dates = cftime.num2date(values, attributes["units"], calendar, only_use_cftime_datetimes=True)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Failure(f"{name} has no times that are understood", [repr(error)]) from None
    return np.asarray(dates)
