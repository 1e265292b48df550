"""Attacks of the soak: bodies of questions about variables that go to their limits, and beyond."""

import http.client
import json
from collections import Counter

import cbor2
import numpy as np

from harness.cases import MIB
from harness.stores import PUBLIC
from tools.soak.whole import LARGE, VARIABLE, url_of

LIMIT = MIB
TIMES = 6  # that each body is sent, several at one time
DEEPEST = 64  # levels of CBOR that are read
JSON, CBOR = "application/json", "application/cbor"
LISTED = 54_000  # chunks of one element each: the list of them is nearly as long as a body may be
BUSY = 503


def bodies_at_their_limit(scene, report):
    """Bodies as long and as deep as they may be are answered, longer and deeper ones refused; what they list is right."""
    cases = [case for case in made(scene.store) for _ in range(scene.count(TIMES))]
    scene.random.shuffle(cases)
    statuses = Counter()

    def outcome(case):
        name, content_type, body, expected, total = case
        status, answer = sent(scene.server, content_type, body)
        statuses[status] += 1
        if status == BUSY and expected == 200:
            return None  # memory for bodies is shared
        if status != expected:
            return f"{name}: {status}, not {expected}: {answer[:300]!r}"
        return wrong_total(name, answer, total) if total is not None else None

    outcomes = scene.all(outcome, cases)
    report.say(f"bodies, by status: {dict(statuses)}")
    return [*outcomes, None if statuses[200] else "none was answered"]


def made(store):
    """Bodies: a name, the type, the bytes (or pieces, without a length), the status, and the right sum if there is one."""
    question = {"interface_type": "s3", "url": url_of(LARGE, store), "variable": VARIABLE, "selection": [0, 0, 0]}
    few = json.dumps(question | {"statistics": ["count"]}).encode()
    listed, total = chunk_list(store)
    in_json, in_cbor = json.dumps(listed).encode(), cbor2.dumps(listed)
    assert LIMIT / 2 < len(in_json) <= LIMIT, len(in_json)
    deep = {"statistics": ["count"], **question, "groups": 0}
    yield "as long as it may be", JSON, few.ljust(LIMIT), 200, None
    yield "longer by a byte", JSON, few.ljust(LIMIT + 1), 413, None
    yield "longer, of a length that is not said", JSON, [few, *[b" " * 65536] * 17], 413, None
    yield "a long list of chunks", JSON, in_json, 200, total
    yield "a long list of chunks in CBOR", CBOR, in_cbor, 200, total
    yield "brackets alone", JSON, b"[" * LIMIT, 400, None
    yield "lists in lists", CBOR, b"\x81" * LIMIT, 400, None
    yield "a list that says that it is endless", CBOR, b"\x9b" + b"\xff" * 8, 400, None
    yield "a field that is too deep", CBOR, cbor2.dumps(deep)[:-1] + b"\x81" * DEEPEST + b"\0", 400, None
    yield "thousands of fields", JSON, json.dumps({f"f{number}": 0 for number in range(60_000)}).encode(), 400, None
    yield "thousands of indices", JSON, json.dumps(question | indices()).encode(), 200, None


def indices():
    """A selection that is as long as a body may be, of which little is left."""
    return {"selection": [0, 0, {"indices": [7] * 300_000}], "statistics": ["count", "max"]}


def chunk_list(store):
    """A question about elements of a file, each a chunk of its own, and their sum."""
    numbers = np.arange(LISTED)
    listed = {
        "interface_type": "s3",
        "url": f"{store}/{PUBLIC}/bytes",
        "array": {"dtype": "uint8", "shape": [LISTED], "chunk_shape": [1]},
        "chunks": {"index": numbers[:, None].tolist(), "offset": numbers.tolist(), "size": [1] * LISTED},
        "statistics": ["sum"],
    }
    return listed, int(content().sum(dtype="i8"))


def content():
    return (np.arange(LISTED) * 7919 % 251).astype("u1")


def write_content(directory):
    """The object that is listed."""
    (directory / "bytes").write_bytes(content().tobytes())


def sent(server, content_type, body):
    """Status and body of the answer to a body; one in pieces has no length."""
    connection = http.client.HTTPConnection(server.address, timeout=60)
    try:
        connection.request(
            "POST",
            "/variables/v1/reduce",
            iter(body) if isinstance(body, list) else body,
            {"content-type": content_type},
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (BrokenPipeError, ConnectionResetError):
        # It is refused before all of it is there.
        return 413, b""
    finally:
        connection.close()


def wrong_total(name, answer, total):
    told = int(np.frombuffer(cbor2.loads(answer)["results"]["sum"]["bytes"], "u8")[0])
    return None if told == total else f"{name}: the sum is {told}, not {total}"
