"""Weights of elements, as Python writes them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from reductionist.errors import UsageError
from reductionist.fields import Fields
from reductionist.variables.location import located
from reductionist.variables.named_arrays import NamedArray, dims_and_values, listed

Weights = str | Mapping[str, Any] | Mapping[str, ArrayLike] | NamedArray | None


def weights_of(weights: Weights, endpoint: str | None) -> Fields | None:
    """Weights in the words of a request.

    A mapping from names of dimensions has weights along each, which are multiplied. A pair of names and an array, or xarray's
    DataArray, has them along several at once. Text names a variable of the same object, and a mapping with a `variable`, a
    `url` and perhaps an `interface` one of another.

    Raises:
        UsageError: if they are none of these, or no numbers.
    """
    if weights is None:
        return None
    if isinstance(weights, str):
        return {"variable": weights}
    if found := dims_and_values(weights, "weights"):
        dims, values = found
        return {"dims": dims, "values": numbers(values)}
    if not isinstance(weights, Mapping):
        raise UsageError("weights are by dimension, a pair of names and an array, or the name of a variable")
    if isinstance(weights.get("variable"), str):
        return of_variable(weights, endpoint)
    if {*weights} == {"dims", "values"}:
        return {"dims": weights["dims"], "values": numbers(weights["values"])}
    return {str(dim): numbers(values) for dim, values in weights.items()}


def of_variable(weights: Mapping[str, Any], endpoint: str | None) -> Fields:
    """A variable, and where it is if that is elsewhere."""
    place = {name: value for name, value in weights.items() if name != "interface"}
    if "url" in place:
        place |= located(str(place["url"]), weights.get("interface"), endpoint)
    return place


def numbers(values: Any) -> Any:
    """Weights as floats or integers.

    Raises:
        UsageError: if they are neither.
    """
    found = np.asarray(getattr(values, "values", values))
    if found.dtype.kind not in "iufb":
        raise UsageError(f"weights are numbers, not {found.dtype}")
    return listed(found.astype("f8") if found.dtype.kind == "b" else found)
