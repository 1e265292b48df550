"""Random questions about a variable."""

from dataclasses import dataclass, field

import numpy as np

from suites.variables import oracle
from suites.variables.oracle import Stored
from suites.variables.statistics import STATISTICS

MOST_CELLS = 25_000  # of statistics that the oracle makes cell by cell
CELL_BY_CELL = ("argmin", "argmax", "quantile", "median")
MOST_BINS = 12


@dataclass(frozen=True)
class Question:
    """What is asked of which variable of which file: the fields of a request, but for the place. `others` are variables of
    the same file that weights and groups may name."""

    file: str
    variable: str
    stored: Stored
    fields: dict
    others: dict = field(default_factory=dict)

    def __str__(self):
        return f"{self.file} {self.variable} {self.stored.values.dtype}{list(self.stored.values.shape)} {self.fields}"


def random_question(dice, file, variable, stored, others=None, select=None):
    """One of them, with many statistics. `select` draws a selection, and which axes it takes away."""
    others = others or {}
    selection, dropped = (select or random_selection)(dice, stored)
    fields = {"selection": selection, "missing": random_missing(dice, stored)}
    lengths = lengths_of(stored, selection)
    if dice.random() < 0.45:
        fields["weights"] = random_weights(dice, lengths, others)
    if dice.random() < 0.45:
        fields["groups"] = random_groups(dice, lengths, others)
    fields["axis"] = random_axis(dice, stored, dropped)
    for name, share in (("keepdims", 0.3), ("skipna", 0.3)):
        if dice.random() < share:
            fields[name] = True
    if dice.random() < 0.2:
        fields["unpack"] = False
    fields = {name: value for name, value in fields.items() if value is not None}
    fields["statistics"] = random_statistics(dice, stored, fields, lengths)
    return Question(file, variable, stored, fields, others)


# --- Parts ---------------------------------------------------------------------------------------------------


def random_selection(dice, stored):
    """A selection by position or by name, or none, and the axes that it takes away."""
    shape = stored.values.shape
    if dice.random() < 0.2 or not shape:
        return None, set()
    entries = [random_entry(dice, length) for length in shape]
    dropped = {axis for axis, entry in enumerate(entries) if isinstance(entry, int)}
    if dice.random() < 0.5:
        return entries, dropped
    return {name: entry for name, entry in zip(stored.dims, entries) if entry is not None}, dropped


def random_entry(dice, length):
    """Of one dimension: all, a slice, an index, or indices in any order."""
    kind = dice.choice(["all", "slice", "back", "index", "indices", "nothing"], p=[0.2, 0.3, 0.15, 0.15, 0.15, 0.05])
    first, last = sorted(dice.integers(-length, length + 3, 2).tolist())
    if kind == "all" or (kind in ("index", "indices") and not length):
        return None
    if kind == "index":
        return int(dice.integers(-length, length))
    if kind == "indices":
        return {"indices": dice.integers(-length, length, dice.integers(1, 6)).tolist()}
    if kind == "nothing":
        return [length, length, 1]
    step = int(dice.integers(1, 4))
    if kind == "back":
        return [last if dice.random() < 0.7 else None, first if dice.random() < 0.7 else None, -step]
    return [first if dice.random() < 0.7 else None, last if dice.random() < 0.7 else None, step]


def lengths_of(stored, selection):
    """How much is selected of each dimension that is left, by its name."""
    kept, chosen = oracle.chosen_of(stored.dims, stored.values.shape, selection)
    return dict(zip(kept, (len(one) for one in chosen if not isinstance(one, int))))


def random_axis(dice, stored, dropped):
    """Some of what is left, by number or by name; or all; or none."""
    left = [axis for axis in range(stored.values.ndim) if axis not in dropped]
    if dice.random() < 0.25:
        return None
    chosen = [axis for axis in left if dice.random() < 0.5]
    return [stored.dims[axis] if dice.random() < 0.5 else axis for axis in chosen]


def random_missing(dice, stored):
    """Mostly what the attributes say; nothing; or a value or a range of the data's own."""
    values = stored.values[np.isfinite(stored.values)] if stored.values.dtype.kind == "f" else stored.values
    kind = dice.choice(["attributes", "nothing", "value", "range"], p=[0.6, 0.15, 0.15, 0.1])
    if kind == "attributes":
        return None
    if kind == "nothing" or not values.size or "_Unsigned" in stored.attributes:
        return {}
    flat = values.reshape(-1)
    low, high = sorted(flat[dice.integers(flat.size, size=2)].tolist())
    return {"missing_values": [low, high]} if kind == "value" else {"valid_range": [low, high]}


# --- Weights and groups ----------------------------------------------------------------------------------------


def random_weights(dice, lengths, others):
    """Along dimensions, over several at once, or those of a variable of floats with a part of the dimensions."""
    fitting = [name for name, one in others.items() if one.values.dtype.kind == "f" and {*one.dims} & {*lengths}]
    if fitting and dice.random() < 0.4:
        return {"variable": str(dice.choice(fitting))}
    dims = some(dice, lengths)
    if not dims:
        return None
    if dice.random() < 0.5:
        return {dim: factors(dice, lengths[dim]).tolist() for dim in dims}
    values = factors(dice, [lengths[dim] for dim in dims])
    return {"dims": dims, "values": nested_or_flat(dice, values)}


def factors(dice, shape):
    """Numbers of at least 0, some of which are 0, or 1, or whole."""
    found = np.cos(dice.uniform(-1.5, 1.5, shape)) * dice.choice([1.0, 1e-3, 5e9])
    found = np.where(dice.random(shape) < 0.1, 0.0, found)
    return np.round(found) if dice.random() < 0.2 else found


def random_groups(dice, lengths, others):
    """Along one dimension, over several at once, or those of a variable of integers."""
    fitting = [
        name for name, one in others.items() if one.values.dtype.kind in "iu" and {*one.dims} <= {*lengths} and one.dims
    ]
    if fitting and dice.random() < 0.4:
        name = str(dice.choice(fitting))
        return {"variable": name, "size": int(others[name].values.max()) + 1 + int(dice.integers(2))}
    dims = some(dice, lengths)
    if not dims:
        return None
    if len(dims) == 1 or dice.random() < 0.6:
        labels, size = labels_along(dice, lengths[dims[0]])
        return {"axis": dims[0], "labels": labels.tolist(), "size": size}
    size = int(dice.integers(1, 7))
    labels = dice.integers(-1, size, [lengths[dim] for dim in dims])
    return {"dims": dims, "labels": nested_or_flat(dice, labels), "size": size}


def labels_along(dice, length):
    """Months that repeat, seasons or years one after the other, or any labels; and how many groups there are."""
    kind = dice.choice(["months", "years", "any"])
    if kind == "months":
        return (np.arange(length) + dice.integers(12)) % 12, 12
    if kind == "years":
        return np.arange(length) // 3, (length + 2) // 3 + 1
    size = int(dice.integers(1, 9))
    return dice.integers(-1, size, length), size


def some(dice, lengths):
    """One to three dimensions in any order."""
    names = dice.permutation([*lengths]).tolist()
    return names[: int(dice.integers(1, 4))]


def nested_or_flat(dice, values):
    return values.tolist() if dice.random() < 0.5 else values.reshape(-1).tolist()


# --- Statistics ------------------------------------------------------------------------------------------------


def random_statistics(dice, stored, fields, lengths):
    """About half of those that can be asked for, some of them twice, in any order."""
    dropped = ("quantile", "median") if "weights" in fields else ()
    if cells_of(stored, fields, lengths) > MOST_CELLS:
        dropped = (*dropped, *CELL_BY_CELL)
    possible = [name for name in STATISTICS if name not in dropped]
    names = dice.permutation(possible)[: int(dice.integers(3, 10))].tolist()
    asked = [with_options(dice, name, stored, fields) for name in names]
    again = [with_options(dice, name, stored, fields) | {"as": f"another {name}"} for name in names[:2]]
    return [*asked, *again] if dice.random() < 0.3 else asked


def cells_of(stored, fields, lengths):
    """How many elements a result has, or fewer."""
    groups, axis = fields.get("groups", {}), fields.get("axis")
    reduced = [stored.dims[each] if isinstance(each, int) else each for each in axis or ()]
    kept = [length for name, length in lengths.items() if name not in reduced]
    return int(np.prod(kept if axis is not None else [], dtype="i8")) * groups.get("size", 1)


def with_options(dice, name, stored, fields):
    """A statistic with what it needs, and with what it may have."""
    if name in ("var", "std"):
        return {"name": name, "ddof": int(dice.integers(0, 2 if "weights" in fields else 3))}
    if name == "histogram":
        return {"name": name, **random_bins(dice, stored, fields)}
    if name == "quantile":
        q = dice.choice([0, 0.1, 0.25, 0.5, 1 / 3, 0.9, 0.99, 1], int(dice.integers(1, 5)))
        return {"name": name, "q": q.tolist()}
    return {"name": name}


def random_bins(dice, stored, fields):
    """Edges that are values of the data or lie between them, perhaps infinite; or equal bins."""
    found = oracle.elements(stored, {name: fields[name] for name in ("unpack",) if name in fields})
    values = found.values[~found.is_missing]
    values = values[np.isfinite(values)].astype("f8")
    low, high = (values.min(), values.max()) if values.size else (0.0, 1.0)
    if dice.random() < 0.5:
        bounds = sorted(dice.uniform(low, high, 2).tolist()) if dice.random() < 0.7 else [float(low), float(high)]
        return {"bins": int(dice.integers(1, MOST_BINS)), "range": bounds}
    edges = dice.choice(values, int(dice.integers(2, MOST_BINS))) if values.size else np.array([0.0, 1.0])
    edges = np.sort(edges + np.where(dice.random(edges.shape) < 0.5, 0, (high - low) / 7))
    if dice.random() < 0.5:
        edges[-1] = np.inf
    if dice.random() < 0.3:
        edges[0] = -np.inf
    return {"bins": edges.tolist()}
