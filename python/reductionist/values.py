"""Values on the command line, as the fields of a request have them."""

import argparse
import json
import math
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def listed(text: str) -> list[str]:
    """The parts of `4,20,30`, `(4, 20, 30)` or `[]`."""
    inner = text.strip("[]() ").removesuffix(",")
    return [part.strip() for part in inner.split(",")] if inner else []


def integers(text: str) -> list[int]:
    """A shape or axes: `4,20,30`."""
    try:
        return [int(part) for part in listed(text)]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of integers such as 4,20,30") from None


def selection(text: str) -> list[int | list[int | None]]:
    """A slice or an index for each dimension: `0:4,::2,3` is [[0, 4, 1], [None, None, 2], 3]."""
    return [slice_or_index(part) for part in listed(text)]


def slice_or_index(text: str) -> int | list[int | None]:
    """An index as an integer; `start:end:stride` as a list, in which None stands for what is left out."""
    try:
        if ":" not in text:
            return int(text)
        parts = [int(part) if part.strip() else None for part in text.split(":")]
        start, end, stride = parts + [None] * (3 - len(parts))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not an index and not start:end:stride") from None
    return [start, end, 1 if stride is None else stride]


def number(text: str) -> int | float | str:
    """A number as JSON has it: integers stay integers; NaN and infinities become strings."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number, NaN or Infinity") from None
    if math.isinf(value) and "inf" not in text.lower():
        raise argparse.ArgumentTypeError(f"{text!r} is more than a float64 can hold")
    return float_in_json(value)


def numbers(text: str) -> list[int | float | str]:
    """Several of them: `1e20,-9999,NaN`."""
    return [number(part) for part in listed(text)]


def bounds(text: str) -> list[int | float | str]:
    """Two of them: `LOW,HIGH`."""
    pair = numbers(text)
    if len(pair) != 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not LOW,HIGH")
    return pair


def fill_value(text: str) -> int | float | str:
    """A number; or what Zarr writes in place of one, such as `0x7fc00000`, for the service to understand."""
    try:
        return number(text)
    except argparse.ArgumentTypeError:
        return text


def in_json(value: Any) -> Any:
    """Replaces the floats that JSON does not have, also in lists, by strings that the service understands."""
    if isinstance(value, list):
        return [in_json(item) for item in value]
    return float_in_json(value) if isinstance(value, float) else value


def float_in_json(value: float) -> float | str:
    """The same for one float."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def codec(text: str) -> Any:
    """A codec by its id, which may be a number of HDF5, or in full as a JSON object."""
    if text.startswith("{"):
        return from_json(text)
    return {"id": int(text) if text.isdecimal() else text}


def codecs(text: str) -> Any:
    """The codecs of a Zarr v3 array, as its zarr.json has them."""
    value = from_json(text)
    if not isinstance(value, list):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of codecs")
    return value


def from_json(text: str) -> Any:
    """A value of any type."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON: {error}") from None


def shuffle(text: str) -> dict[str, Any]:
    """The shuffle filter, from the size of its elements."""
    try:
        return {"id": "shuffle", "element_size": int(text)}
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size in bytes") from None


def filter_mask(text: str) -> int:
    """The filters that were skipped: `5`, `0x5` or `0b101`."""
    try:
        return int(text, 0)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a mask of bits such as 5 or 0b101") from None


def seconds(text: str) -> float:
    """A time-out."""
    value = seconds_or_none(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def seconds_or_none(text: str) -> float:
    """A time that may be 0."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def at_least_one(text: str) -> int:
    """How many threads."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def web_address(text: str) -> str:
    """An address to talk to, which is shown in messages and so must be free of credentials."""
    parts = urlsplit(text)
    if "@" in parts.netloc:
        raise argparse.ArgumentTypeError("must not have credentials in it; use --user and --password")
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise argparse.ArgumentTypeError(f"{text!r} does not begin with http://HOST or https://HOST")
    return text.rstrip("/")


def existing_file(text: str) -> str:
    """The path of a file."""
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text!r}")
    return text
