"""Attacks of the soak: objects that are replaced while they are read, and HDF5 files that are spoilt."""

import itertools
import json
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cbor2

from harness.asking import JSON, Asked, ask
from harness.places import ROOT
from tools.soak.whole import WholeVariable

READS_AT_ONCE = 16  # of one variable
REPLACED, SPOILT = 80, 200  # requests
SPOILT_BYTES = 8 << 10  # of the beginning of a file: indexes, for the most part
REFUSALS = {400, 404, 409, 413}  # of what a file says


# --- Replaced ------------------------------------------------------------------------------------------------

# Not compressed, so that a mixture of two versions would not be noticed by itself.
OLD = WholeVariable("old.h5", "an object that is replaced", (512, 64, 64), (1, 64, 64))
NEW = replace(OLD, first=300.0)


class Replaced:
    """Two versions of an object, which take turns after a few reads."""

    def __init__(self, random):
        self.random = random
        self.lock = threading.Lock()
        self.versions = {}
        with TemporaryDirectory() as directory:
            for tag, variable in (('"old"', OLD), ('"new"', NEW)):
                self.versions[tag] = variable, variable.write(Path(directory)).read_bytes()
        self.tags = itertools.cycle(self.versions)
        self.left = 0

    def current(self):
        with self.lock:
            if not self.left:
                self.tag, self.left = next(self.tags), self.random.randint(1, 40)
            self.left -= 1
            return self.tag, self.versions[self.tag][1]


def replaced_objects(scene, report):
    """An object that is replaced while it is read: the values of one version, or a conflict."""
    replaced, statuses = Replaced(scene.random), Counter()
    url = scene.changing.put("/replaced.h5", replaced.current)

    def outcome(_):
        status, _, body = ask(OLD.question(url, "http"), scene.server.url)
        statuses[status] += 1
        if status == 409:
            return None
        if status != 200:
            return f"{status} {body[:300]!r}"
        answer = cbor2.loads(body)
        variable, _ = replaced.versions[answer["etag"]]
        return variable.wrong(answer)

    outcomes = scene.all(outcome, range(scene.count(REPLACED)))
    report.say(f"replaced objects, by status: {dict(statuses)}")
    return [
        *outcomes,
        *(f"no answer was a {status}" for status in (200, 409) if scene.share >= 1 and not statuses[status]),
    ]


# --- Spoilt --------------------------------------------------------------------------------------------------


def spoilt_files(scene, report):
    """HDF5 files with other bytes in places: an answer, or a refusal that says why."""
    files = sorted((ROOT / "tests/hdf5").glob("*.h5"))
    cases = [
        (number, spoilt(scene.random.choice(files).read_bytes(), scene.random)) for number in range(scene.count(SPOILT))
    ]
    statuses = Counter()

    def outcome(case):
        number, content = case
        url = scene.changing.put(f"/spoilt-{number}.h5", lambda: (f'"{number}"', content))
        described = ask(about("describe", url), scene.server.url)
        found = [described]
        if described[0] == 200:
            names = list(cbor2.loads(described[2])["variables"])[:8]
            found += [
                ask(about("reduce", url, variable=name, statistics=["sum", "max"]), scene.server.url) for name in names
            ]
        statuses.update(status for status, *_ in found)
        return next(filter(None, map(refused_badly, found)), None)

    outcomes = scene.all(outcome, cases)
    report.say(f"spoilt files, by status: {dict(statuses)}")
    return outcomes


def about(route, url, **fields):
    body = {"interface_type": "http", "url": url} | fields
    return Asked(route, f"/variables/v1/{route}", json.dumps(body), headers=dict(JSON))


def spoilt(content, random):
    """A file with other bytes in a few places, or without its end."""
    changed = bytearray(content)
    for _ in range(random.randint(1, 8)):
        changed[random.randrange(min(len(changed), SPOILT_BYTES))] = random.choice(
            [0, 1, 0x7F, 0xFF, random.randrange(256)]
        )
    return bytes(changed[: random.randrange(len(changed))] if random.random() < 0.1 else changed)


def refused_badly(answer):
    """What is wrong with an answer about something that may be spoilt."""
    status, _, body = answer
    if status == 200:
        return None
    if status not in REFUSALS:
        return f"{status} {body[:300]!r}"
    return None if json.loads(body)["error"]["message"] else f"{status} without a message"
