"""What a client does: ask the service, or read the chunk with boto3 and reduce it with NumPy."""

import time

import boto3
from botocore.config import Config

from harness.asking import HEADERS, Connection, question
from harness.report import WrongAnswer
from harness.stores import ACCESS_KEY, PRIVATE, SECRET_KEY
from tools.bench.loads import Relay, compare


class Asking(Connection):
    """Asks the service, over one connection that is kept."""

    def __init__(self, case, store_url, service_url):
        super().__init__(service_url)
        self.case, self.asked = case, question(case.operation, case.request(store_url), HEADERS)

    def __call__(self):
        status, _, body = self.ask(self.asked)
        if status != 200:
            raise WrongAnswer(f"{self.case.title}: {status} {body[:300]}")
        compare(self.case, body)


class Downloading:
    """Reads the chunk with boto3, decodes and reduces it."""

    def __init__(self, case, store_url):
        self.case = case
        session = boto3.session.Session(ACCESS_KEY, SECRET_KEY, region_name="us-east-1")
        settings = Config(s3={"addressing_style": "path"}, proxies={})
        self.client = session.client("s3", endpoint_url=store_url, config=settings)

    def __call__(self):
        where = {"Bucket": PRIVATE, "Key": self.case.key, "Range": f"bytes=0-{len(self.case.encoded) - 1}"}
        encoded = self.client.get_object(**where)["Body"].read()
        result, counts = self.case.reduce(self.case.decode(encoded))
        expected, expected_counts = self.case.expected
        if not ((result == expected).all() and (counts == expected_counts).all()):
            raise WrongAnswer(f"{self.case.title}: the client itself does not find the same twice")

    def close(self):
        self.client.close()


def bytes_moved(case, store, server):
    """Bytes that one request makes the store send, and the service; and those that a download would take."""
    with Relay(store.url) as from_store, Relay(server.url) as from_service:
        run_once(Asking(case, from_store.url, from_service.url))
        found = {"store_bytes": from_store.bytes, "client_bytes": from_service.bytes}
    with Relay(store.url) as relay:
        run_once(Downloading(case, relay.url))
        return found | {"download_bytes": relay.bytes}


def run_once(way):
    way()
    way.close()


def measure(case, store, server, seconds):
    """Milliseconds, on the clock and of the client's CPU, of both ways; they take turns."""
    ways = {"service": Asking(case, store.url, server.url), "download": Downloading(case, store.url)}
    times = {name: [0, 0.0, 0.0] for name in ways}
    for way in ways.values():
        way()
    end = time.monotonic() + 2 * seconds
    while time.monotonic() < end:
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            spent = time.perf_counter() - wall, time.process_time() - cpu
            times[name] = [total + one for total, one in zip(times[name], (1, *spent), strict=True)]
    for way in ways.values():
        way.close()
    return {
        name: {"wall_ms": wall * 1000 / runs, "cpu_ms": cpu * 1000 / runs} for name, (runs, wall, cpu) in times.items()
    }
