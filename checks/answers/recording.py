"""A recording: the requests, the objects that they read, and what was answered. One SQLite file."""

import hashlib
import json
import sqlite3
import zlib
from contextlib import closing
from dataclasses import dataclass, field

WHOLE_BYTES = 8 << 10  # of an answer that is kept as it is; of longer ones that are no errors, the beginning and a hash
BEGINNING = 512

TABLES = """
    create table objects (name text primary key, body blob);
    create table requests (id integer primary key, service text, method text, path text, headers text, body blob, labels text);
    create table answers (id integer primary key, status integer, headers blob, body blob, length integer, sha256 text);
"""


@dataclass
class Request:
    """A request to one of the services. Ports in it are placeholders."""

    service: str
    method: str
    path: str
    headers: list  # of pairs of name and value
    body: bytes | None
    labels: dict = field(default_factory=dict)  # what it is about, for people

    @property
    def label(self):
        """What it is about, in one line."""
        return " ".join(str(value) for value in self.labels.values())


@dataclass(frozen=True)
class Answer:
    """What was answered, without what differs from one time to the next."""

    status: int
    headers: tuple  # of pairs of name and value
    body: bytes  # or its beginning
    length: int
    sha256: str

    @classmethod
    def of(cls, status, headers, body):
        kept = body if status >= 400 or len(body) <= WHOLE_BYTES else body[:BEGINNING]
        return cls(status, tuple(headers), kept, len(body), hashlib.sha256(body).hexdigest())

    def header(self, name):
        return next((value for known, value in self.headers if known == name), None)

    def is_whole(self):
        return len(self.body) == self.length


class Recording:
    """A file of requests and answers, to be read or to be filled."""

    def __init__(self, path):
        self.database = sqlite3.connect(path)

    @classmethod
    def create(cls, path):
        path.unlink(missing_ok=True)
        recording = cls(path)
        recording.database.executescript(TABLES)
        return recording

    @classmethod
    def open(cls, path):
        if not path.exists():
            raise SystemExit(f"there is no {path}")
        return cls(path)

    def close(self):
        self.database.commit()
        self.database.close()

    def add_objects(self, objects):
        rows = ((name, zlib.compress(body, 1)) for name, body in objects.items())
        self.database.executemany("insert into objects values (?, ?)", rows)

    def add_requests(self, requests):
        rows = (
            (r.service, r.method, r.path, json.dumps(r.headers), packed(r.body), json.dumps(r.labels)) for r in requests
        )
        self.database.executemany("insert into requests values (null, ?, ?, ?, ?, ?, ?)", rows)

    def add_answers(self, answers):
        """Answers by the number of their request."""
        rows = (
            (number, a.status, packed(json.dumps(a.headers).encode()), packed(a.body), a.length, a.sha256)
            for number, a in answers.items()
        )
        self.database.executemany("insert into answers values (?, ?, ?, ?, ?, ?)", rows)

    def objects(self):
        with closing(self.database.execute("select name, body from objects")) as rows:
            yield from ((name, zlib.decompress(body)) for name, body in rows)

    def requests(self):
        """Requests by their number."""
        rows = self.database.execute("select id, service, method, path, headers, body, labels from requests")
        return {
            number: Request(service, method, path, json.loads(headers), unpacked(body), json.loads(labels))
            for number, service, method, path, headers, body, labels in rows
        }

    def answers(self):
        """Answers by the number of their request."""
        rows = self.database.execute("select id, status, headers, body, length, sha256 from answers")
        return {
            number: Answer(status, tuple(map(tuple, json.loads(unpacked(headers)))), unpacked(body), length, sha256)
            for number, status, headers, body, length, sha256 in rows
        }


def packed(data):
    return None if data is None else zlib.compress(data, 1)


def unpacked(data):
    return None if data is None else zlib.decompress(data)
