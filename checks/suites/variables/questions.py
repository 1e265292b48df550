"""Random questions about a variable."""

from dataclasses import dataclass

import numpy as np

from suites.variables.oracle import STATISTICS, Stored


@dataclass(frozen=True)
class Question:
    """What is asked of which variable of which file: the fields of a request, but for the place."""

    file: str
    variable: str
    stored: Stored
    fields: dict

    def __str__(self):
        return f"{self.file} {self.variable} {list(self.stored.values.shape)} {self.fields}"


def random_question(dice, file, variable, stored):
    """One of them, with all statistics."""
    selection, dropped = random_selection(dice, stored)
    fields = {"statistics": [{"name": name} for name in STATISTICS]}
    for asked in fields["statistics"]:
        if asked["name"] in ("var", "std"):
            asked["ddof"] = int(dice.integers(0, 3))
    fields |= {
        "selection": selection,
        "axis": random_axis(dice, stored, dropped),
        "missing": random_missing(dice, stored),
    }
    for name, share in (("keepdims", 0.3), ("skipna", 0.3)):
        if dice.random() < share:
            fields[name] = True
    if dice.random() < 0.2:
        fields["unpack"] = False
    return Question(file, variable, stored, {name: value for name, value in fields.items() if value is not None})


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
