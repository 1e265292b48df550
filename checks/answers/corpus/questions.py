"""What is asked of a chunk: operation, part, axes, what is missing, how values are packed, and how the answer is written."""

import base64
import math
import struct

import numpy as np

from .values import DTYPES, random_values

OPERATIONS = ["count", "min", "max", "sum", "select"]
NUMBER_BITS = {"float16": "e", "float32": "f", "float64": "d"}


def random_question(dice, chunk, dialect):
    """An operation, and fields of a request. Nearly all of them can be answered."""
    operation = dice.choices(OPERATIONS, [2, 3, 3, 6, 2])[0]
    fields = random_part(dice, chunk.shape) if chunk.shape is not None else {}
    if dice.random() < 0.5:
        fields["missing"] = random_missing(dice, chunk, chunk.dtype)
    fields |= random_dtypes(dice, chunk.dtype, operation)
    if dice.random() < 0.4:
        fields["keepdims"] = dice.choice([True, False, None])
    if dialect == "v2":
        options = ("option_shape_as_bytes", "option_count_as_bytes", "option_disable_chunk_cache")
        fields |= {option: dice.choice([True, True, False, None]) for option in options if dice.random() < 0.2}
    return operation, fields


def random_part(dice, shape):
    fields = {}
    if dice.random() < 0.45:
        fields["selection"] = random_selection(dice, shape)
    if dice.random() < 0.6:
        fields["axis"] = random_axis(dice, len(shape))
    return fields


def random_dtypes(dice, dtype, operation):
    """What the elements stand for, and the dtype of the result."""
    fields = random_packing(dice) if dice.random() < 0.2 else {}
    is_packed = bool(fields)
    if dtype.startswith(("int", "uint")) and dice.random() < 0.12:
        fields["unsigned"] = dice.random() < 0.8
    if dice.random() < 0.3 and (operation == "sum" or (is_packed and operation != "count")):
        fields["result_dtype"] = random_result(dice, dtype, is_packed)
    return fields


# --- Parts and axes ------------------------------------------------------------------------------------------


def random_selection(dice, shape):
    kind = dice.choices(["any", "inside", "whole", "empty", "one"], [4, 6, 1, 1, 1])[0]
    slices = [random_slice(dice, length, "inside" if kind == "empty" else kind) for length in shape]
    if kind == "empty" and slices:
        at = dice.randrange(len(slices))
        slices[at] = dice.choice([[0, 0, 1], [shape[at], None, 1], [2, 1, 1], [0, 5, -1], [-1, 0, 1]])
    return slices


def random_slice(dice, length, kind):
    """As NumPy understands it."""
    if kind == "whole" or dice.random() < 0.15:
        return dice.choice(
            [None, [None, None, None], [0, length, 1], [None, None, 1], [None, None, -1], [length - 1, None, -1]]
        )
    if kind == "one":
        at = dice.randrange(-length, length)
        return [at, at + 1 or None, 1]
    if kind == "inside":
        start, end = sorted((dice.randint(0, length), dice.randint(0, length)))
        stride = dice.choice([1, 1, 1, 1, 2, 2, 3, 5, 16, 64, 100])
        if dice.random() < 0.3:
            return [end - 1 if end else 0, start - 1 if start else None, -stride]
        return [start, end, stride]
    near = (
        [*range(-length - 2, length + 3)]
        if length < 50
        else [-length - 1, -length, -7, -1, 0, 1, length // 2, length, length + 1]
    )
    index = lambda: dice.choice([None, *dice.sample(near, min(8, len(near))), 2**63 - 1, -(2**63), 2**64 - 1])  # noqa: E731
    stride = dice.choice([None, 1, 1, 1, 2, 3, 4, -1, -1, -2, -3, 2**63 - 1, -(2**63)])
    return [index(), index(), stride]


def random_axis(dice, dimensions):
    kind = dice.choices(["null", "all", "none", "one", "list", "some"], [1, 1, 1, 4, 2, 5])[0]
    if kind == "null" or dimensions == 0:
        return dice.choice([None, []])
    axes = dice.sample(
        range(dimensions), {"all": dimensions, "none": 0, "some": dice.randint(1, dimensions)}.get(kind, 1)
    )
    axes = [axis - dimensions if dice.random() < 0.3 else axis for axis in axes]
    return axes[0] if kind == "one" else axes


# --- What is missing -----------------------------------------------------------------------------------------


def random_missing(dice, chunk, dtype):
    """By one rule or by several."""
    rules = {}
    kinds = ["missing_value", "missing_values", "valid_min", "valid_max", "valid_range"]
    for kind in dice.sample(kinds, dice.choice([1, 1, 1, 1, 2, 2, 3, 5])):
        number = lambda bound=False: random_number(dice, chunk, dtype, bound)  # noqa: E731
        if kind == "missing_values":
            rules[kind] = [number() for _ in range(dice.choice([0, 1, 2, 3, 4, 5, 8, 9, 16, 17, 18, 40]))]
        elif kind == "valid_range":
            rules[kind] = ordered([number(True), number(True)])
        else:
            rules[kind] = number(kind != "missing_value")
    if dice.random() < 0.05:
        rules[dice.choice(kinds)] = None
    return rules


def random_number(dice, chunk, dtype, bound):
    """One of the elements, or another value of the dtype; written somehow, if it is no bound."""
    is_one = chunk.values.size and chunk.values.dtype == dtype and dice.random() < 0.75
    pool = chunk.values if is_one else random_values(dice, dtype, 8)
    value = pool[dice.randrange(pool.size)].item()
    if np.dtype(dtype).kind != "f":
        return value
    value = float(value)
    if bound and math.isnan(value):
        value = 1.5
    if not bound and dice.random() < 0.1:
        return dice.choice(["NaN", "Infinity", "-Infinity", 0, -0.0, 1e20 if dtype != "float16" else 1e4])
    special = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(repr(value))
    if special or bound or dice.random() < 0.7:
        return special or value
    if dice.random() < 0.5:
        return "0x" + struct.pack(">" + NUMBER_BITS[dtype], value).hex()
    return base64.b64encode(struct.pack("<d", value)).decode()


def ordered(pair):
    special = {"NaN": math.inf, "Infinity": math.inf, "-Infinity": -math.inf}
    return sorted(pair, key=lambda number: special.get(number, number))


# --- Packing, results ----------------------------------------------------------------------------------------


def random_packing(dice):
    fields = {}
    if dice.random() < 0.75:
        fields["scale_factor"] = random_factor(dice)
    if dice.random() < 0.75:
        fields["add_offset"] = dice.choice([random_factor(dice), random_factor(dice), 0, 0.0, -0.0])
    return fields


def random_factor(dice):
    """As attributes have them, or any."""
    if dice.random() < 0.7:
        return dice.choice([0.01, -0.01, 1, 1.0, -1, 273.15, 1e-3, 2, 0.1, 1e300, 5e-324])
    return dice.uniform(-1e6, 1e6) * 10 ** dice.randint(-25, 25)


def random_result(dice, dtype, packed):
    if packed:
        return dice.choice(["float32", "float64"])
    kind, size = np.dtype(dtype).kind, np.dtype(dtype).itemsize
    return dice.choice(
        ["float64", *(other for other in DTYPES if np.dtype(other).kind == kind and np.dtype(other).itemsize >= size)]
    )
