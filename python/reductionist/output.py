"""The result, for people and for machines."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from reductionist.answers import Answer, Array
from reductionist.values import in_json


def result(operation: str, answer: Answer, result_dtype: str | None = None) -> Array:
    """What was asked for. Where no element is left there is no minimum, maximum and mean: those are masked."""
    if operation not in ("min", "max", "mean"):
        return answer.values
    values = answer.values
    if operation == "mean":
        means = values.astype(np.float64) / np.maximum(answer.counts, 1)
        values = means.astype(result_dtype or "float64")
    return np.ma.array(values, mask=answer.counts == 0)


def is_all_missing(answer: Answer) -> bool:
    """Whether no element was left: all of them missing, or none selected."""
    return not answer.counts.any()


def are_nan(values: Array) -> Any:
    """Which values are NaN, and not for want of elements."""
    with np.errstate(invalid="ignore"):
        return np.ma.filled(values != values, False)


def notes(operation: str, answer: Answer, values: Array) -> Iterator[str]:
    """What people should know before they believe a result."""
    if is_all_missing(answer):
        yield "no element is left: all of them are missing, or none is selected"
    elif operation != "select" and not answer.counts.all():
        empty = int((answer.counts == 0).sum())
        yield f"of {empty} of {answer.counts.size} results no element is left"
    found = int(np.sum(are_nan(values)))
    if found and operation == "select":
        yield f"{found} of {values.size} elements are NaN"
    elif found:
        which = "the result is" if values.size == 1 else f"{found} of {values.size} results are"
        yield f"{which} NaN: there are NaNs, or infinities of both signs, which are not missing (--missing-value NaN)"


def as_text(operation: str, answer: Answer, values: Array, *, timing: bool) -> str:
    """A result for people."""
    # Of `count`, the first two rows are one.
    rows: dict[str, Any] = {
        operation: values,
        "count": answer.counts,
        "dtype": values.dtype,
        "shape": str(list(values.shape)),
    }
    if timing:
        rows["time"] = f"{answer.seconds * 1000:.1f} ms, {answer.received} bytes received"
    return "\n".join(f"{name}\n{row!s}" if np.ndim(row) else f"{name:<7} {row!s}" for name, row in rows.items())


def as_object(operation: str, answer: Answer, values: Array, *, timing: bool) -> dict[str, Any]:
    """A result for machines."""
    fields = {
        "operation": operation,
        "result": in_json(values.tolist()),
        "count": answer.counts.tolist(),
        "dtype": values.dtype.name,
        "shape": list(values.shape),
        "all_missing": is_all_missing(answer),
        "nan": bool(np.any(are_nan(values))),
    }
    if answer.etag is not None:
        fields["etag"] = answer.etag
    return fields | ({"seconds": answer.seconds, "bytes_received": answer.received} if timing else {})
