"""Groups of positions along dimensions, as Python writes them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reductionist.errors import UsageError
from reductionist.fields import Fields
from reductionist.variables.named_arrays import NamedArray, dims_and_values, listed

Groups = Mapping[str, Any] | NamedArray | None


def groups_of(groups: Groups) -> Fields | None:
    """Groups in the words of a request.

    A pair of a dimension, or of several, and labels for their positions within the selection, or xarray's DataArray of labels:
    there are as many groups as the largest label wants. A mapping may say otherwise with `size`: `{"axis": "time", "labels":
    […], "size": 12}`, `{"dims": […], "labels": …, "size": …}` or `{"variable": "basin", "size": 5}`.

    Raises:
        UsageError: if they are none of these, or labels are no integers.
    """
    if groups is None:
        return None
    if found := dims_and_values(groups, "labels"):
        dims, values = found
        return sized({"axis": dims[0]} if len(dims) == 1 else {"dims": dims}, values)
    if not isinstance(groups, Mapping):
        raise UsageError(
            "groups are a pair of dimensions and labels, or a map such as {'variable': 'basin', 'size': 5}"
        )
    if "labels" not in groups:
        return dict(groups)
    return sized(groups, groups["labels"])


def sized(groups: Mapping[str, Any], labels: Any) -> Fields:
    """Groups with their labels, and how many there are."""
    found = np.asarray(labels)
    if found.size == 0:
        found = found.astype("i8")
    if found.dtype.kind not in "iu":
        raise UsageError(f"labels are integers from 0 on, and -1 for what is in no group, not {found.dtype}")
    size = groups.get("size")
    return {**groups, "labels": listed(found), "size": int(found.max(initial=-1)) + 1 if size is None else size}
