"""The right answers: what is selected of a variable, by cells, and the cells in the shape of a result."""

from dataclasses import dataclass, replace

import numpy as np

from suites.variables import oracle
from suites.variables.statistics import STATISTICS, Cells


@dataclass(frozen=True)
class Groups:
    """To which group elements belong, or -1; along which axes that is said, and what the new dimension is called."""

    labels: np.ndarray  # as many axes as the elements have, of length one where it makes no difference
    axes: tuple[int, ...]
    size: int
    name: str


@dataclass(frozen=True)
class Reduction:
    """How elements are reduced: over these axes, those of groups among them."""

    found: oracle.Elements
    axes: tuple[int, ...]
    keepdims: bool
    weights: np.ndarray | None  # broadcast to the elements
    groups: Groups | None

    @property
    def dims(self):
        """Names and lengths of a result's dimensions, those of a statistic's own aside."""
        first, *others = self.groups.axes if self.groups else (None,)
        named = []
        for axis, (name, length) in enumerate(zip(self.found.dims, self.found.values.shape)):
            if axis == first:
                named.append((self.groups.name, self.groups.size))
            elif axis not in self.axes or (self.keepdims and axis not in others):
                named.append((name, 1 if axis in self.axes else length))
        return named

    def statistic(self, asked):
        """One of them, in the shape of the result."""
        with np.errstate(all="ignore"):
            if not self.groups:
                return self.shaped(STATISTICS[asked["name"]](self.cells(), asked), self.axes)
            of_groups = [self.of_group(number, asked) for number in range(self.groups.size)]
        first, *others = self.groups.axes
        gone = others if self.keepdims else [axis for axis in self.axes if axis != first]
        return np.concatenate(of_groups, axis=first).squeeze(tuple(gone))

    def of_group(self, number, asked):
        """With all axes, those that are reduced of length one."""
        cells = self.cells(self.groups.labels == number)
        return with_axes(STATISTICS[asked["name"]](cells, asked), self.found.values.shape, self.axes)

    def shaped(self, values, axes):
        values = with_axes(values, self.found.values.shape, axes)
        return values if self.keepdims else values.squeeze(axes)

    def cells(self, inside=True):
        """Elements by cells; all that are not inside are missing."""
        present = ~self.found.is_missing & inside
        weights = None if self.weights is None else by_cells(self.weights, self.axes)
        lengths = tuple(self.found.values.shape[axis] for axis in sorted(self.axes))
        return Cells(by_cells(self.found.values, self.axes), by_cells(present, self.axes), weights, lengths)

    def scale(self, name):
        """How large what a statistic is made of is: roundings are measured by that where terms cancel. That of a root is that
        of its square."""
        sizes = np.where(np.isfinite(self.found.magnitude), self.found.magnitude, 0)
        if name in ("var", "std", "sum_of_squares"):
            sizes = sizes * sizes
        if "weights" in name or name == "histogram":
            sizes = np.ones_like(sizes)
        stand_in = replace(self.found, values=sizes)
        kind = "mean" if name in ("mean", "var", "std") else "sum"
        return np.nan_to_num(replace(self, found=stand_in).statistic({"name": kind}))


def by_cells(values, axes):
    """The axes as one, behind one of all others."""
    ordered, values = sorted(axes), np.asarray(values)
    moved = np.moveaxis(values, ordered, range(values.ndim - len(ordered), values.ndim))
    kept = moved.shape[: values.ndim - len(ordered)]
    return moved.reshape(int(np.prod(kept)), int(np.prod([values.shape[axis] for axis in ordered])))


def with_axes(values, shape, axes):
    """Cells in their order, the axes that they are made of with length one; a statistic's own dimension is the last."""
    kept = [1 if axis in axes else length for axis, length in enumerate(shape)]
    return values.reshape((*kept, *values.shape[1:]))


# --- Requests ------------------------------------------------------------------------------------------------


def reduction_of(stored, fields, other=None):
    """What a request about a variable reduces, and how. `other` finds a variable by its name."""
    found = oracle.elements(stored, fields)
    groups = groups_of(stored, fields, found, other)
    axes = {*reduced_axes(stored, fields, found.dims), *(groups.axes if groups else ())}
    weights = weights_of(stored, fields, found, other)
    return Reduction(found, tuple(sorted(axes)), bool(fields.get("keepdims")), weights, groups)


def reduced_axes(stored, fields, kept):
    """The axes of what is selected that a request reduces. With groups alone, all others stay."""
    axis = fields.get("axis")
    if axis is None:
        return tuple(range(len(kept)))
    names = [stored.dims[each] if isinstance(each, int) else each for each in axis]
    return tuple(kept.index(name) for name in names)


def weights_of(stored, fields, found, other):
    said = fields.get("weights")
    if said is None:
        return None
    shape = found.values.shape
    if "variable" in said:
        weights = of_other(stored, fields, found, other(said["variable"]))
    elif "values" in said:
        weights = spread(np.array(said["values"], "f8"), said["dims"], found, stored)
    else:
        weights = 1.0
        for dim, values in said.items():
            weights = weights * spread(np.array(values, "f8"), [dim], found, stored)
    return np.broadcast_to(weights, shape)


def groups_of(stored, fields, found, other):
    said = fields.get("groups")
    if said is None:
        return None
    if "variable" in said:
        labelled = other(said["variable"])
        dims = [dim for dim in labelled.dims if dim in found.dims]
        labels, name = of_other(stored, fields, found, labelled), said["variable"].rpartition("/")[2]
    else:
        dims = [said["axis"]] if "axis" in said else said["dims"]
        labels = spread(np.array(said["labels"]), dims, found, stored)
        name = "group"
    axes = sorted(found.dims.index(name_of(stored, dim)) for dim in dims)
    name = found.dims[axes[0]] if len(axes) == 1 else name
    return Groups(labels, tuple(axes), said["size"], name)


def name_of(stored, dim):
    return stored.dims[dim] if isinstance(dim, int) else dim


def spread(values, dims, found, stored):
    """Values along some dimensions, flat or not, with as many axes as the elements have."""
    axes = [found.dims.index(name_of(stored, dim)) for dim in dims]
    values = values.reshape([found.values.shape[axis] for axis in axes])
    return with_all_axes(values, axes, found.values.ndim)


def of_other(stored, fields, found, labelled):
    """What is selected of a variable that has some of the dimensions of the one that is asked about."""
    _, chosen = oracle.chosen_of(stored.dims, stored.values.shape, fields.get("selection"))
    own = [chosen[stored.dims.index(dim)] for dim in labelled.dims]
    values = oracle.part(labelled.values, own)
    axes = [found.dims.index(dim) for dim, one in zip(labelled.dims, own) if not isinstance(one, int)]
    return with_all_axes(values, axes, found.values.ndim)


def with_all_axes(values, axes, ndim):
    """Axes in their order; those that are not there have length one."""
    ordered = values.transpose(np.argsort(axes))
    return np.expand_dims(ordered, [axis for axis in range(ndim) if axis not in axes])
