"""Bodies with faults: of one field or of several, of the JSON, or of all of it."""

import json
from pathlib import Path

# Lines of a field and a JSON text of a value that it cannot have, or seldom; * stands for any field.
VALUES = Path(__file__).with_name("wrong_values.txt")
IN_SHARD = ["crc32c"] * 20
IN_SHARD = [
    {"name": "sharding_indexed", "configuration": {"chunk_shape": [1], "codecs": ["bytes", *IN_SHARD, *IN_SHARD]}}
]
LONG = {
    "etag": ["x" * 2000],
    "shape": [[1] * 64, [1] * 65],
    "axis": [[0] * 65],
    "filters": [[{"id": "zlib"}] * 33, [{"id": "lz4"}] * 32],
    "codecs": [["bytes"] + ["crc32c"] * 32, ["bytes"] + ["crc32c"] * 40, IN_SHARD],
    "missing": [{"missing_values": list(range(0, 6000, 2))}, {"missing_values": [10**i + 0.5 for i in range(12)]}],
    "scale_factor": [10**400],
    "add_offset": [10**309],
    "source": ["x" * 2049],
    "bucket": ["x" * 256],
    "object": ["x" * 1025],
    "url": ["u" * 9000],
}


def wrong_values():
    """Texts by the names of fields."""
    values = {name: [json.dumps(value) for value in of_field] for name, of_field in LONG.items()}
    for line in VALUES.read_text().splitlines():
        name, text = line.split(" ", 1)
        values.setdefault(name, []).append(text)
    values["filters"] += [f"[{codec}]" for codec in values["compression"]]
    return values


WRONG = wrong_values()
GENERIC = [*WRONG.pop("*"), "10" * 200]
OF_ONE_DIALECT = ("source", "bucket", "object", "url", "interface_type", "option_")
SHARED = [name for name in WRONG if not name.startswith(OF_ONE_DIALECT)]
ZARR = [json.loads(text) for text in WRONG["codecs"]]
UNKNOWN = [
    "colour",
    "Dtype",
    "axes",
    "sizes",
    "",
    " dtype",
    "type",
    "missing_value",
    "interface",
    "chunk_shape",
    "shap\u0435",
]
UNKNOWN += ["a" * 300, "__proto__"]
REQUIRED = ["source", "bucket", "object", "dtype", "url", "interface_type"]


def written(pairs, dice=None):
    """The JSON of pairs of a field and a text of JSON."""
    colon, comma = dice.choice([(":", ","), (": ", ", "), (" : ", ",\n  ")]) if dice else (": ", ", ")
    return "{" + comma.join(f"{json.dumps(name)}{colon}{text}" for name, text in pairs) + "}"


def texts(fields):
    return [(name, json.dumps(value)) for name, value in fields.items()]


def with_wrong_fields(dice, fields):
    """One, two or more fields at fault; what was right stays, as faults of one field must not hide those of another."""
    pairs = texts(fields)
    for _ in range(dice.choice([1, 1, 1, 1, 2, 2, 3, 5])):
        pairs = dice.choices(FIELD_FAULTS, [weight for _, weight in FIELD_FAULTS])[0][0](dice, pairs)
    if dice.random() < 0.3:
        dice.shuffle(pairs)
    return written(pairs, dice).encode("utf-8", "surrogatepass")


def wrong_value(dice, pairs):
    name = dice.choice([known for known, _ in pairs if known in WRONG] * 2 + SHARED)
    return [pair for pair in pairs if pair[0] != name] + [(name, dice.choice(WRONG[name]))]


def generic_value(dice, pairs):
    at = dice.randrange(len(pairs) or 1)
    return [(name, dice.choice(GENERIC) if number == at else text) for number, (name, text) in enumerate(pairs)]


def without(dice, pairs):
    given = [name for name, _ in pairs if name in REQUIRED] if dice.random() < 0.7 else [name for name, _ in pairs]
    gone = dice.choice(given or ["dtype"])
    return [pair for pair in pairs if pair[0] != gone]


def twice(dice, pairs):
    return [*pairs, dice.choice(pairs)] if pairs else pairs


def unknown(dice, pairs):
    names = dice.sample(UNKNOWN, dice.choice([1, 1, 2, 5]))
    if dice.random() < 0.15:
        names = [f"field{number}" for number in range(dice.choice([30, 120, 200]))]
    return [*pairs, *((name, dice.choice(GENERIC)) for name in names)]


def deep(dice, pairs):
    name = dice.choice([name for name, _ in pairs] or ["shape"])
    depth = dice.choice([2, 10, 100, 126, 127, 128, 129, 500])
    opening, closing = dice.choice([("[", "]"), ('{"a":', "}")])
    return [pair for pair in pairs if pair[0] != name] + [(name, opening * depth + "1" + closing * depth)]


def long(dice, pairs):
    """Longer than is read of one field."""
    name = dice.choice(["shape", "selection", "axis", "filters", "etag", "codecs", "dtype"])
    return [pair for pair in pairs if pair[0] != name] + [(name, "[" + "1, " * 30_000 + "1]")]


FIELD_FAULTS = [
    (wrong_value, 10),
    (generic_value, 5),
    (without, 4),
    (twice, 1.5),
    (unknown, 2),
    (deep, 0.7),
    (long, 0.15),
]

# --- The text itself -----------------------------------------------------------------------------------------

NO_OBJECTS = [
    b"", b" ", b"null", b"true", b"0", b'"x"', b"[]", b"[1]", b"{", b"}", b"{}", b"{}{}", b"{},", b"[" * 200,
    b"{" * 200, b'{"a"}', b'{"a":}', b"{'a': 1}",
    b'{"a":1,}', b"{a: 1}", b'{"a": NaN}', b'{"a": 01}', b'{"a": .5}', b'{"a": 1.}', b'{"a": +1}', b'{"a": "\t"}',
    b'{"a": "\\x"}', b'{"a": "\\ud800"}', b"\xef\xbb\xbf{}",
    b'{"\xff": 1}', b'{"a": "\xc3"}', b"\x00", b"dtype=int8&source=x", b"<x/>", b"// c\n{}", b'{"a": 1} x',
    b'{"a": tru}', b'{"dtype": "int8"', b"{\x80}", "{}".encode("utf-16"),
]  # fmt: skip


def wrong_text(dice, fields):
    """What is no JSON, or no object, or what is left of one after an accident."""
    if dice.random() < 0.3:
        return dice.choice(NO_OBJECTS)
    head = {name: value for name, value in fields.items() if name in REQUIRED}
    kept = written(texts(head)).encode()[:-1]  # ports are not to be changed
    body = written(texts(fields | head)).encode()
    rest = bytearray(written(texts({name: value for name, value in fields.items() if name not in head})).encode()[1:])
    if not rest[:-1]:
        return body[:-1]
    kind, at = (
        dice.choice(["cut", "delete", "insert", "replace", "escape", "tail", "blanks"]),
        dice.randrange(len(rest)),
    )
    if kind == "cut":
        del rest[at:]
    elif kind == "delete":
        del rest[at : at + dice.choice([1, 1, 1, 2, 5])]
    elif kind == "insert":
        rest[at:at] = dice.choice(
            [b",", b"}", b'"', b"\x00", b"\xff", b"[", b"\\", b"1", b"e", b"\n", "ü".encode(), b"//", b":"]
        )
    elif kind == "replace":
        rest[at] = dice.randrange(256)
    elif kind == "escape":
        rest = rest.replace(b'"shape"', b'"sh\\u0061pe"').replace(b'"int', b'"\\u0069nt')
    elif kind == "blanks":
        rest = rest.replace(b" ", b" \r\n\t ")
    else:
        rest += dice.choice([b" ", b"\n", b",", b"}", b"x", b"{}", b"\x00", b"null"])
    return kept + b", " + bytes(rest)
