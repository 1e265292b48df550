"""What is in an answer that is a result: its dtype and its elements, to be shown and compared by eye."""

import json
import struct

CODES = dict(
    zip(
        ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"],
        "bBhHiIqQefd",
    )
)
MOST = 12  # elements that are shown


def read_cbor(data, at=0):
    """One value of CBOR (RFC 8949), of the kinds that answers have, and where it ends."""
    kind, small = data[at] >> 5, data[at] & 31
    at += 1
    if small > 23:
        length = 1 << (small - 24)
        argument, at = int.from_bytes(data[at : at + length]), at + length
    else:
        argument = small
    if kind in (0, 1):
        return (argument if kind == 0 else -1 - argument), at
    if kind in (2, 3):
        text = data[at : at + argument]
        return (text if kind == 2 else text.decode()), at + argument
    values = []
    for _ in range(argument * (2 if kind == 5 else 1)):
        value, at = read_cbor(data, at)
        values.append(value)
    return (dict(zip(values[::2], values[1::2])) if kind == 5 else values), at


def parts(answer):
    """What an answer says, part by part. None if it is no result, or not all of it was kept."""
    if answer.status != 200 or not answer.is_whole():
        return None
    if answer.header("content-type") == "application/cbor":
        return read_cbor(answer.body)[0]
    dtype = answer.header("x-activestorage-dtype")
    if not dtype:
        return None
    count, shape = answer.header("x-activestorage-count"), answer.header("x-activestorage-shape")
    return {"dtype": dtype, "shape": json.loads(shape), "count": json.loads(count), "bytes": answer.body}


def elements(result):
    code = CODES[result["dtype"]]
    number = len(result["bytes"]) // struct.calcsize(code)
    return struct.unpack(f"={number}{code}", result["bytes"][: number * struct.calcsize(code)])


def shown(answer):
    """An answer in a few lines."""
    lines = [f"status {answer.status}", *(f"{name}: {short(value)}" for name, value in answer.headers)]
    result = parts(answer)
    if result:
        numbers = elements(result)
        lines += [f"{name}: {short(str(value))}" for name, value in result.items() if name != "bytes"]
        lines.append(f"values: {list(numbers[:MOST])}{' …' if len(numbers) > MOST else ''}")
        lines.append(f"bytes: {result['bytes'][:64].hex(' ', 8)}")
    else:
        lines.append(f"body of {answer.length} bytes, SHA-256 {answer.sha256[:16]}…: {short(repr(answer.body), 1500)}")
    return lines


def short(text, most=300):
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def differ_in_nan_alone(old, new):
    """Whether two results are the same but for which NaN they have."""
    if old.headers != new.headers:
        return False
    before, after = parts(old), parts(new)
    if not before or not after or any(before[name] != after[name] for name in before if name != "bytes"):
        return False
    pairs = list(zip(elements(before), elements(after), strict=True))
    return before["dtype"].startswith("float") and all(
        (a == b and str(a) == str(b)) or (a != a and b != b) for a, b in pairs
    )
