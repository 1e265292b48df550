"""What a request selects of a variable, and what of it is missing."""

from dataclasses import dataclass

import numpy as np

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
