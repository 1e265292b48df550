"""Arrays whose dimensions have names: pairs of names and values, or xarray's DataArray."""

from collections.abc import Hashable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reductionist.errors import UsageError


@runtime_checkable
class DataArray(Protocol):
    """What is used of xarray's DataArray, which need not be installed."""

    @property
    def dims(self) -> tuple[Hashable, ...]:
        """Names of the dimensions."""

    @property
    def values(self) -> Any:
        """The elements."""


NamedArray = tuple[str | int | Sequence[str | int], ArrayLike] | DataArray


def dims_and_values(array: Any, what: str) -> tuple[list[str | int], NDArray[Any]] | None:
    """Names or numbers of dimensions, and values with as many dimensions; None of what is no array with names.

    Raises:
        UsageError: if there are not as many names as dimensions.
    """
    if isinstance(array, DataArray):
        names: list[str | int] = [*map(str, array.dims)]
        values = np.asarray(array.values)
    elif isinstance(array, tuple) and len(array) == 2:
        names = [array[0]] if isinstance(array[0], (str, int)) else [*array[0]]
        values = np.asarray(array[1])
    else:
        return None
    if len(names) != values.ndim:
        raise UsageError(f"{what} have {values.ndim} dimensions, and names for {len(names)}")
    return names, values


def listed(values: NDArray[Any]) -> NDArray[Any]:
    """Values as they are sent: nested, so that their shape is checked, but for none, of which lists lose the shape."""
    return values if values.size else values.reshape(-1)
