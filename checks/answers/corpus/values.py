"""Elements of every dtype, of every kind that sums, extrema or comparisons may trip over; shapes of every kind."""

import math

import numpy as np

INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
FLOATS = ["float16", "float32", "float64"]
DTYPES = INTEGERS + FLOATS

# Around the lengths at which loops change their ways, and primes.
LENGTHS = [
    1,
    2,
    3,
    5,
    7,
    8,
    9,
    11,
    13,
    15,
    16,
    17,
    19,
    23,
    31,
    32,
    33,
    47,
    61,
    63,
    64,
    65,
    97,
    127,
    128,
    129,
    131,
    251,
    255,
]
LONG = [256, 257, 509, 511, 512, 513, 521, 1021, 1023, 1024, 1025, 1031, 2047, 2048, 2049, 2053, 4095, 4096, 4097, 6151]
LARGE = [
    (200_003,),
    (3, 257, 259),
    (2, 99_991),
    (449, 443),
    (64, 32, 96),
    (97, 2049),
    (2053, 61),
    (16, 17, 16, 43),
    (7, 5, 3, 41, 43),
]


def random_shape(dice, large=0.0):
    """Of no dimension up to five; small as a rule."""
    if dice.random() < large:
        return dice.choice(LARGE)
    kind = dice.choices(["small", "one", "long", "two", "blocks", "scalar"], [8, 3, 5, 3, 2, 0.6])[0]
    if kind == "small":
        return tuple(dice.randint(1, 7) for _ in range(dice.randint(1, 4)))
    if kind == "one":
        return (dice.choice(LENGTHS + LONG),)
    if kind == "long":
        others = [dice.randint(1, 4) for _ in range(dice.randint(0, 3))]
        others.insert(dice.randint(0, len(others)), dice.choice(LONG[:-4]))
        return tuple(others)
    if kind == "two":
        return dice.choice(LENGTHS), dice.choice(LENGTHS)
    if kind == "blocks":
        return dice.randint(1, 3), dice.randint(60, 140), dice.randint(1, 45)
    return dice.choice([(), (1,), (1, 1), (1,) * 5, (3, 2, 3, 2, 3), (2, 1, 5, 1, 4)])


def random_values(dice, dtype, size):
    """So many elements, in the machine's byte order."""
    numbers = np.random.default_rng(dice.randrange(2**63))
    dtype = np.dtype(dtype)
    kinds = FLOAT_KINDS if dtype.kind == "f" else INTEGER_KINDS
    (make,) = dice.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
    with np.errstate(all="ignore"):
        values = np.asarray(make(numbers, dtype, size))
    if values.dtype != dtype:
        with np.errstate(all="ignore"):
            values = values.astype(dtype)
    return values


def wild(numbers, dtype, size):
    """Any bits: NaN of any payload, infinities, subnormal numbers."""
    return np.frombuffer(numbers.bytes(size * dtype.itemsize), dtype).copy()


def constant(numbers, dtype, size):
    return np.full(size, numbers.integers(0, 100))


def ramp(numbers, dtype, size):
    return np.arange(size) % (100 if dtype.itemsize == 1 else 20_000)


# --- Integers ------------------------------------------------------------------------------------------------


def small(numbers, dtype, size):
    return numbers.integers(-100 if dtype.kind == "i" else 0, 100, size)


def extremes(numbers, dtype, size):
    """The ends of the range, so that sums overflow, or come back before they would."""
    limits = np.iinfo(dtype)
    ends = [limits.min, limits.min + 1, limits.max - 1, limits.max, 0, 1]
    return np.array(ends, dtype)[numbers.integers(0, len(ends), size)]


def cancelling(numbers, dtype, size):
    """Large numbers whose sum is small."""
    limits = np.iinfo(dtype)
    values = numbers.integers(limits.max // 2, limits.max, size, dtype, endpoint=True)
    if dtype.kind == "i":
        values[1::2] = -values[: size // 2 * 2 : 2]
    return values


def filled(numbers, dtype, size):
    """Small numbers, and in many places one that stands for nothing."""
    values = small(numbers, dtype, size).astype(dtype)
    fill = np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max
    values[numbers.random(size) < numbers.choice([0.05, 0.5, 0.95])] = fill
    return values


def nearly_full(numbers, dtype, size):
    """Numbers whose sum is about as large as the dtype of the result, on either side of its end."""
    limits = np.iinfo(dtype if dtype.itemsize > 2 else f"{dtype.kind}8")
    each = min(limits.max // max(size, 1) + 1, np.iinfo(dtype).max)
    return dtype.type(each) - numbers.integers(0, 2, size).astype(dtype)


INTEGER_KINDS = [
    (small, 7),
    (filled, 3),
    (ramp, 1),
    (constant, 1),
    (wild, 1),
    (extremes, 0.7),
    (cancelling, 0.7),
    (nearly_full, 0.5),
]

# --- Floats --------------------------------------------------------------------------------------------------


def temperatures(numbers, dtype, size):
    """Alike, as physical quantities are."""
    return 273 + 30 * numbers.normal(size=size)


def rounded(numbers, dtype, size):
    return np.round(temperatures(numbers, dtype, size) * 8) / 8


def nearly_alike(numbers, dtype, size):
    """Alike, but for a few."""
    values = temperatures(numbers, dtype, size).astype(dtype)
    some = numbers.random(size) < 0.01
    values[some] = wild(numbers, dtype, int(some.sum()))
    return values


def masked(numbers, dtype, size):
    """Temperatures where there is land, and a number that is not one elsewhere."""
    values = temperatures(numbers, dtype, size).astype(dtype)
    values[numbers.random(size) < numbers.choice([0.1, 0.5, 0.9])] = dtype.type(1e20 if dtype.itemsize > 2 else -999)
    return values


def with_nan(numbers, dtype, size):
    values = temperatures(numbers, dtype, size).astype(dtype)
    values[numbers.random(size) < numbers.choice([0.002, 0.1, 0.9])] = np.nan
    return values


def with_infinities(numbers, dtype, size):
    values = temperatures(numbers, dtype, size).astype(dtype)
    some = numbers.random(size) < numbers.choice([0.001, 0.05])
    signs = numbers.choice([[1, 1], [-1, -1], [-1, 1]])
    values[some] = np.inf * numbers.choice(signs, int(some.sum()))
    return values


def zeros(numbers, dtype, size):
    """Of either sign, or of one."""
    return numbers.choice([[0.0, 0.0], [-0.0, -0.0], [-0.0, 0.0]])[numbers.integers(0, 2, size)]


def subnormal(numbers, dtype, size):
    """So near to zero that digits are lost."""
    return np.finfo(dtype).smallest_subnormal * numbers.integers(-1000, 1000, size).astype(dtype)


def wide(numbers, dtype, size):
    """Of any exponent."""
    limits = np.finfo(dtype)
    exponents = numbers.uniform(limits.minexp - limits.nmant, limits.maxexp - 1, size)
    return numbers.choice([-1, 1], size) * np.exp2(exponents)


def huge(numbers, dtype, size):
    """Whose sum may be infinite."""
    return np.finfo(dtype).max * numbers.uniform(-1, 1, size)


def floats_cancelling(numbers, dtype, size):
    """Large ones and their opposites among small ones."""
    values = wide(numbers, dtype, size).astype(dtype)
    half = size // 3
    values[half : 2 * half] = -values[:half]
    values[2 * half :] = numbers.normal(size=size - 2 * half)
    numbers.shuffle(values)
    return values


def few_digits(numbers, dtype, size):
    """Any number of a few values, as classes are, zeros of both signs among them."""
    return np.array([-1, -0.0, 0.0, 1, 2, 0.5])[numbers.integers(0, 6, size)]


FLOAT_KINDS = [
    (temperatures, 5), (rounded, 3), (masked, 4), (with_nan, 2), (nearly_alike, 1.5), (wild, 1), (with_infinities, 1),
    (zeros, 0.7),
    (subnormal, 0.7), (wide, 1.5), (huge, 0.7), (floats_cancelling, 1.5), (few_digits, 1), (ramp, 0.5), (constant, 0.5),
]  # fmt: skip


def elements(shape):
    return math.prod(shape)
