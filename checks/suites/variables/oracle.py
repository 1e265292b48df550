"""What NumPy makes of a variable: the right answers.

Sums are made in long doubles, whose rounding is far below what answers are compared with.
"""

import warnings
from dataclasses import dataclass

import numpy as np

STATISTICS = ("count", "sum", "mean", "min", "max", "sum_of_squares", "var", "std")
BOUNDS = ("valid_min", "valid_max", "valid_range")


@dataclass(frozen=True)
class Stored:
    """A variable as it is stored, in the machine's own byte order."""

    dims: tuple[str, ...]
    values: np.ndarray
    attributes: dict


# --- What is asked ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Elements:
    """What is selected: elements unpacked or not, which of them are missing, and how large what they are made of is."""

    dims: tuple[str, ...]
    values: np.ndarray
    is_missing: np.ndarray
    magnitude: np.ndarray


def elements(stored, fields):
    """Of the variable what a request selects."""
    unpack = fields.get("unpack", True)
    packed, attributes = stored.values, stored.attributes
    if unpack and is_unsigned(attributes) and packed.dtype.kind == "i":
        packed = packed.view(packed.dtype.str.replace("i", "u"))
    scale, offset = packing(attributes) if unpack else (None, None)
    if scale is None:
        values, magnitude = packed, abs(packed.astype(np.longdouble))
    else:
        values = packed.astype("f8") * scale + offset
        magnitude = abs(packed.astype(np.longdouble) * scale) + abs(offset)
    is_missing = missing(packed, values, attributes, fields.get("missing"))
    if fields.get("skipna") and values.dtype.kind == "f":
        is_missing = is_missing | np.isnan(values)
    keep, chosen = chosen_of(stored.dims, packed.shape, fields.get("selection"))
    return Elements(keep, *(part(each, chosen) for each in (values, is_missing, magnitude)))


def is_unsigned(attributes):
    return str(attributes.get("_Unsigned", "")).lower() == "true"


def packing(attributes):
    """Scale and offset, or neither."""
    if "scale_factor" not in attributes and "add_offset" not in attributes:
        return None, None
    return np.float64(number(attributes.get("scale_factor", 1))), np.float64(number(attributes.get("add_offset", 0)))


def number(value):
    """What an attribute of one element holds."""
    return np.asarray(value).reshape(-1)[0]


def missing(packed, values, attributes, said):
    """Which elements are, as a request says it, or the attributes if it says nothing."""
    if said is not None:
        return by_rules(packed, said)
    found = by_rules(packed, {"missing_values": equal_to(packed, attributes)})
    for name in BOUNDS:
        if name in attributes:
            of = values if is_about_unpacked(attributes, name, packed) else packed
            bound = attributes[name] if of is values else like(attributes[name], packed.dtype)
            if np.size(bound):
                found = found | by_rules(of, {name: bound})
    return found


def equal_to(packed, attributes):
    """Values that stand for missing elements."""
    for name in ("_FillValue", "missing_value"):
        if name in attributes:
            yield from like(attributes[name], packed.dtype)


def like(attribute, dtype):
    """An attribute's values in the dtype of the data, but for those that it has not. Signed ones of unsigned data are their
    bits."""
    given = np.atleast_1d(attribute)
    if given.dtype.kind not in "iuf":
        return np.empty(0, dtype)
    if dtype.kind == "u" and given.dtype.kind == "i" and given.dtype.itemsize == dtype.itemsize:
        given = given.view(dtype)
    if dtype.kind == "f":
        return given.astype(dtype)
    bounds = np.iinfo(dtype)
    return np.array(
        [
            int(value)
            for value in given
            if np.isfinite(value) and value == int(value) and bounds.min <= value <= bounds.max
        ],
        dtype,
    )


def is_about_unpacked(attributes, name, packed):
    """Whether a bound is of the type of the unpacked values, and not of the packed."""
    wide = [np.asarray(attributes[each]).dtype for each in ("scale_factor", "add_offset") if each in attributes]
    return bool(wide) and np.asarray(attributes[name]).dtype == np.result_type(*wide) != packed.dtype


def by_rules(of, rules):
    """As the field `missing` has rules."""
    found = np.zeros(of.shape, bool)
    for value in [*rules.get("missing_values", ()), *([rules["missing_value"]] if "missing_value" in rules else [])]:
        value = of.dtype.type(value)
        found |= np.isnan(of) if value != value else of == value
    low, high = rules.get("valid_range", (rules.get("valid_min"), rules.get("valid_max")))
    if low is not None:
        found |= of < of.dtype.type(number(low))
    if high is not None:
        found |= of > of.dtype.type(number(high))
    return found


# --- Selections ------------------------------------------------------------------------------------------------


def chosen_of(dims, shape, selection):
    """The dimensions that are left, and for each dimension the indices that are selected, or one."""
    by_dim = selection or {}
    if not isinstance(by_dim, dict):
        by_dim = dict(enumerate(by_dim))
    chosen = [indices_of(by_dim.get(i, by_dim.get(name)), length) for i, (name, length) in enumerate(zip(dims, shape))]
    return tuple(name for name, one in zip(dims, chosen) if not isinstance(one, int)), chosen


def indices_of(entry, length):
    if entry is None:
        return np.arange(length)
    if isinstance(entry, dict):
        return np.asarray(entry["indices"], np.int64)
    if isinstance(entry, list):
        return np.arange(length)[slice(*entry)]
    return int(entry)


def part(values, chosen):
    """Along each dimension what is selected of it; from behind, as indices take dimensions away."""
    for axis in reversed(range(len(chosen))):
        values = np.take(values, chosen[axis], axis=axis)
    return values


# --- Statistics ------------------------------------------------------------------------------------------------


def reduced_axes(stored, fields, kept):
    """The axes of what is selected that a request reduces."""
    axis = fields.get("axis")
    if axis is None:
        return tuple(range(len(kept)))
    names = [stored.dims[each] if isinstance(each, int) else each for each in axis]
    return tuple(kept.index(name) for name in names)


def statistic(name, found, how, ddof=0, result_dtype=None):
    """One of them."""
    values, present = found.values, ~found.is_missing
    count = present.sum(dtype="i8", **how)
    if name == "count":
        return count
    if name in ("min", "max"):
        return extreme(name, values, present, how)
    if name == "sum" and values.dtype.kind in "iu":
        return np.where(present, values, 0).sum(dtype="u8" if values.dtype.kind == "u" else "i8", **how)
    wide = np.where(present, values, 0).astype(np.longdouble)
    with np.errstate(all="ignore"):
        total = wide.sum(**how)
        if name == "sum":
            return total.astype(result_dtype or "f8")
        if name == "mean":
            return np.where(count > 0, total / count, np.nan).astype("f8")
        if name == "sum_of_squares":
            return (wide * wide).sum(**how).astype("f8")
        return spread(name, wide, present, count, how, ddof)


def spread(name, wide, present, count, how, ddof):
    """The variance by its definition, or its root."""
    kept = how | {"keepdims": True}
    mean = wide.sum(**kept) / np.maximum(present.sum(**kept), 1)
    squares = (np.where(present, wide - mean, 0) ** 2).sum(**how)
    var = np.where(count > ddof, squares / np.where(count > ddof, count - ddof, 1), np.nan)
    return (np.sqrt(var) if name == "std" else var).astype("f8")


def extreme(name, values, present, how):
    """The least or the largest, or the identity where there is none."""
    is_float = values.dtype.kind == "f"
    bounds = (-np.inf, np.inf) if is_float else (np.iinfo(values.dtype).min, np.iinfo(values.dtype).max)
    nothing = values.dtype.type(bounds[1] if name == "min" else bounds[0])
    filled = np.where(present, values, nothing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(filled, name)(initial=nothing, **how)


def scale_of(name, found, how):
    """How large what a statistic is made of is: roundings are measured by that where terms cancel."""
    with np.errstate(all="ignore"):
        sizes = np.where(found.is_missing | ~np.isfinite(found.magnitude), 0, found.magnitude)
        count = np.maximum((~found.is_missing).sum(**how), 1)
        squares = (sizes * sizes).sum(**how)
        return {"sum": sizes.sum(**how), "mean": sizes.sum(**how) / count, "sum_of_squares": squares}.get(
            name, np.sqrt(squares / count) if name == "std" else squares / count
        )


def how_of(stored, fields, kept):
    """NumPy's own arguments."""
    return {"axis": reduced_axes(stored, fields, kept), "keepdims": bool(fields.get("keepdims"))}
