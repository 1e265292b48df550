"""Compares what PyActiveStorage gets from the service with what NumPy makes of the same data.

Run it through scripts/check-clients, which installs the client and builds the service. A comparison is one call
of the client's `reduce_chunk` (result, dtype, shape, mask and counts), an error that has to come, or one answer of
its `Active`, which reads a netCDF file and combines the results of its chunks.
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numcodecs
import numpy as np
import requests
from activestorage import reductionist
from activestorage.active import Active

from client_requests import (
    PACKED,
    SAMPLE,
    all_axes,
    random_axis,
    random_chunks,
    random_requests,
    sample_chunks,
    sample_requests,
    sample_requests_over_axes,
)
from numpy_answers import identity

ODD_KEY = "tas 50% +é&#.nc"  # the sample once more, under a key that has to be encoded in a URL

ACCESS_KEY, SECRET_KEY = "storekeeper", "not-so-secret"
PRIVATE, PUBLIC = "private", "public"
THREADS = 30  # as many as users of the client run
START_SECONDS = STOP_SECONDS = 20
SHOWN = 10  # differences of a group


# --- The client ----------------------------------------------------------------------------------------------


def client_session(access_key=ACCESS_KEY, secret_key=SECRET_KEY):
    """The client's own session; it must take neither proxies nor passwords from the environment."""
    session = reductionist.get_session(access_key, secret_key, None)
    session.trust_env = False
    return session


def anonymous_session():
    """What the client cannot do itself: a session without credentials."""
    session = client_session()
    session.auth = None
    return session


@dataclass
class Client:
    """The client's function, and the two servers that it is told about."""

    server: str
    source: str
    session: requests.Session

    def ask(self, **arguments):
        """Result and counts, or the error in their place."""
        servers = {"session": self.session, "server": self.server, "source": self.source, "bucket": PRIVATE}
        try:
            return reductionist.reduce_chunk(**servers | arguments)
        except Exception as error:  # the client's own, or what it cannot make sense of
            return error

    def difference(self, request, **other):
        """What is wrong with the answer to a request; nothing if it is NumPy's."""
        got = self.ask(**request.arguments() | other)
        if agree(request, got):
            return None
        arguments = request.arguments() | {"source": self.source, "bucket": PRIVATE} | other
        arguments["selection"] = arguments.pop("chunk_selection")
        operation = arguments.pop("operation")
        for name in ("session", "server"):
            arguments.pop(name, None)
        body = json.dumps(reductionist.build_request_data(**arguments))
        return f"{operation} {body}\n    expected {request.expected}\n    got      {got}"

    def difference_of_error(self, request, texts, **other):
        """What is wrong with the answer to a request that has to fail with an error of these texts."""
        got = str(self.ask(**request.arguments() | other))
        if all(text in got for text in texts) and SECRET_KEY not in got:
            return None
        return f"request with {other}\n    expected an error with {texts}\n    got      {got}"


def agree(request, got):
    """Whether the client's result is NumPy's."""
    if isinstance(request.expected, OverflowError):
        return "HTTP 400" in str(got) and "result_dtype" in str(got)
    if isinstance(got, Exception):
        return False
    (result, count), (expected_result, expected_count) = got, request.expected
    # The client masks a result whose count is 0, where there is one count.
    is_masked = count == 0
    return (
        type(count) is (list if isinstance(expected_count, np.ndarray) else int)
        and same(np.array(count), np.array(expected_count), request.chunk.order)
        and result.shape == expected_result.shape
        and same(result.data, expected_result, request.chunk.order)
        and bool(np.all(np.ma.getmaskarray(result) == is_masked))
    )


def same(got, expected, order):
    """Whether two arrays are equal. The service lays results out in the request's order; the client does not know."""
    if got.size != expected.size or (got.dtype != expected.dtype and got.size > 0):
        return False
    return np.array_equal(got.ravel().reshape(expected.shape, order=order), expected, equal_nan=True)


@contextlib.contextmanager
def axes_are_ready():
    """Within, the client sends the axes to reduce; as it comes, it does not."""
    reductionist.REDUCTIONIST_AXIS_READY = True
    try:
        yield
    finally:
        reductionist.REDUCTIONIST_AXIS_READY = False


# --- The servers ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def process(command, **options):
    """A process that ends with the block, in order if it can, and whatever happens in the block."""
    settings = ("REDUCTIONIST_", "AWS_")  # of whoever runs this
    environment = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
    started = subprocess.Popen(command, env=environment, text=True, **options)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextlib.contextmanager
def store(programs, files):
    """The URL of an S3 store that has these files."""
    command = [programs / "examples/s3_store", "--port", "0", *files]
    with process(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as started:
        yield started.stdout.readline().strip() or sys.exit("the store did not start")


@contextlib.contextmanager
def service(programs, report, *flags):
    """The URL of the service, which has to stop in order after the block, with a log that gives nothing away."""
    port = free_port()
    command = [programs / "reductionist", "--host", "127.0.0.1", "--port", str(port), *flags]
    with tempfile.TemporaryFile("w+") as log:
        with process(command, stderr=log) as started:
            wait_until_it_listens(started, port)
            yield f"http://127.0.0.1:{port}"
        log.seek(0)
        text = log.read()
    report.group(
        " ".join(["the service stops at SIGTERM", *flags]),
        [
            None if started.returncode == 0 else f"exit code {started.returncode}, log:\n{text[-2000:]}",
            None if SECRET_KEY not in text else "the secret key is in the log",
            None if "panicked" not in text else f"a panic in the log:\n{text[-2000:]}",
        ],
    )


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_it_listens(started, port):
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and started.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    sys.exit(f"the service does not listen: exit code {started.poll()}")


# --- The checks ----------------------------------------------------------------------------------------------


class Report:
    """Counts comparisons and differences, a line for each group of them, and shows the first differences."""

    comparisons = differences = 0

    def group(self, name, outcomes):
        """Takes what `Client.difference` returned."""
        start, comparisons, differences = time.monotonic(), 0, []
        for outcome in outcomes:
            comparisons += 1
            differences += [outcome] if outcome else []
        seconds = time.monotonic() - start
        print(f"{name:<62} {comparisons:>6} comparisons, {len(differences)} differences, {seconds:5.1f} s")
        for difference in differences[:SHOWN]:
            print(f"  DIFFERENCE {difference}")
        sys.stdout.flush()
        self.comparisons += comparisons
        self.differences += len(differences)


def check_chunks(client, report, options):
    """Everything that `reduce_chunk` can ask."""
    dice = random.Random(options.seed)
    chunks, _ = sample_chunks()
    of_sample = list(sample_requests(chunks))
    packed, _ = random_chunks(dice, options.rounds)
    of_random = list(random_requests(dice, packed, all_axes))
    over_axes = random_requests(dice, packed, lambda chunk: random_axis(dice, chunk))
    report.group("sample file", map(client.difference, of_sample))
    report.group("random chunks", map(client.difference, of_random))
    with axes_are_ready():
        report.group("sample file, over some axes", map(client.difference, sample_requests_over_axes(chunks)))
        report.group("random chunks, over some axes", map(client.difference, over_axes))
    check_buckets(client, report, of_sample)
    at_once = (of_sample[:: len(of_sample) // 1000] + of_random) * 2
    with ThreadPoolExecutor(THREADS) as pool, contextlib.closing(pool.map(client.difference, at_once)) as outcomes:
        report.group(f"{THREADS} threads, one session", outcomes)


def check_buckets(client, report, some):
    """Access with and without credentials, a key that needs encoding, and errors."""
    some = some[::101]
    differences = (client.difference(request, object=ODD_KEY) for request in some)
    report.group(f"key {ODD_KEY!r}", differences)
    for name, session in (("without", anonymous_session()), ("with", client_session())):
        differences = (client.difference(request, bucket=PUBLIC, session=session) for request in some)
        report.group(f"public bucket, {name} credentials", differences)
    report.group("errors", errors(client, some[0]))


def errors(client, request):
    """Requests that have to fail, and what the error has to say."""
    size = request.chunk.size
    for texts, other in [
        (("HTTP 401", "Access Denied", "SignatureDoesNotMatch"), {"session": client_session(secret_key="wrong")}),
        (("HTTP 401", "Access Denied", "InvalidAccessKeyId"), {"session": client_session(access_key="nobody")}),
        (("HTTP 401", "Access Denied", "AccessDenied"), {"session": anonymous_session()}),
        (("HTTP 400", "NoSuchKey"), {"object": "no-such-object"}),
        (("HTTP 400", "NoSuchBucket"), {"bucket": "no-such-bucket"}),
        (("HTTP 400",), {"offset": 10**9}),
        (("HTTP 400", "zlib"), {"offset": request.chunk.offset + 1}),
        (("HTTP 400", "zlib"), {"size": size - 100}),
        (("HTTP 400",), {"shape": (4, 20, 31)}),
        (("HTTP 400", "size"), {"compression": None}),
        (("HTTP 400", "missing"), {"dtype": np.dtype("i4"), "missing": (0.5, None, None, None)}),
        (("HTTP 400", "missing"), {"missing": (None, None, 300.0, 240.0)}),
        (("HTTP 400", "selection"), {"chunk_selection": (slice(None),)}),
        (("HTTP 400", "selection"), {"chunk_selection": (slice(None, None, 0), 0, 0)}),
        (("HTTP 400", "storage_type"), {"storage_type": "https"}),
        (("HTTP 400", "compression"), {"compression": numcodecs.LZMA()}),
        (("HTTP 404",), {"operation": "median"}),
        (("HTTP 502",), {"source": f"http://127.0.0.1:{free_port()}"}),
    ]:
        yield client.difference_of_error(request, texts, **other)
    with axes_are_ready():
        yield client.difference_of_error(request, ("HTTP 400", "axis"), axis=(3,))


def active(client, method, axis, part):
    """What the client's reader of netCDF files, which goes through a file's chunks itself, makes of the sample."""
    keys = {"key": ACCESS_KEY, "secret": SECRET_KEY, "client_kwargs": {"endpoint_url": client.source}}
    servers = {"storage_type": "s3", "storage_options": keys, "active_storage_url": client.server}
    with contextlib.redirect_stdout(None):
        reader = Active(f"{PRIVATE}/{SAMPLE.name}", "tas", axis=axis, max_threads=THREADS, **servers)
        reader._version = 2  # 2 asks the service, 1 reduces in the client
        reader.method = method
        return reader[part]


def active_differences(client, methods, axes):
    """Reductions of the sample's variable, whole and in part, against NumPy's of the whole array."""
    _, whole = sample_chunks()
    parts = (slice(None),) * 3, (slice(2, 9), slice(3, 30), slice(10, 45)), (slice(0, 1), slice(0, 9), slice(5, 7))
    for method, axis, part in itertools.product(methods, axes, parts):
        got = active(client, method, axis, part)
        expected = np.ma.array(getattr(np.ma, method)(whole[part].astype("f8"), axis=axis, keepdims=True))
        if axis is not None:  # the client does not mask where there are several counts
            expected = np.ma.array(expected.filled(identity(method, expected.dtype)))
        same_mask = np.array_equal(np.ma.getmaskarray(got), np.ma.getmaskarray(expected))
        close = same_mask and np.ma.allclose(got, expected, rtol=1e-6, atol=0)
        yield None if close else f"{method} of {part} over {axis}\n    expected {expected}\n    got      {got}"


def check(options, directory):
    report = Report()
    _, packed = random_chunks(random.Random(options.seed), options.rounds)
    (directory / PACKED).write_bytes(packed)
    shutil.copy(SAMPLE, directory)
    shutil.copy(SAMPLE, directory / ODD_KEY)
    with store(options.programs, sorted(directory.iterdir())) as source:
        with service(options.programs, report) as server:
            client = Client(server, source, client_session())
            check_chunks(client, report, options)
            report.group("Active", active_differences(client, ("min", "max", "mean", "sum"), [None]))
        with service(options.programs, report, "--keepdims") as server, axes_are_ready():
            client = Client(server, source, client_session())
            axes = [(0,), (1,), (2,), (0, 2), (1, 2)]
            report.group("Active, over some axes", active_differences(client, ("min", "max"), axes))
    print(f"{report.comparisons} comparisons, {report.differences} differences")
    return 1 if report.differences else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=Path, default=Path("target/release"), help="where the built programs are")
    parser.add_argument("--seed", type=int, default=1, help="of the random chunks and requests")
    parser.add_argument("--rounds", type=int, default=2, help="random chunks of each dtype, order and encoding")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory() as directory:
        return check(options, Path(directory))


if __name__ == "__main__":
    sys.exit(main())
