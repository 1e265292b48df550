"""Checks the service with PyActiveStorage 0.5.0, which speaks /v1 and reads S3. Run by test_clients.py."""

import contextlib
import functools
import itertools
from dataclasses import replace

from activestorage import reductionist
from activestorage.active import Active

from harness.processes import free_port
from harness.report import RemoteReport
from harness.stores import ACCESS_KEY, PRIVATE, PUBLIC, SECRET_KEY
from suites.clients.chunks import Client, anonymous_session, bucket_v1, client_session
from suites.clients.collapses import METHODS, Collapse
from suites.clients.comparisons import (
    THREADS,
    Requests,
    check_all_axes,
    check_some_axes,
    check_threads,
    differences,
    place_errors,
    request_errors,
)
from suites.clients.requests import ODD_KEY, SAMPLE, sample_variable
from suites.clients.setup import Setup

AXES = [(0,), (1,), (2,), (0, 2), (1, 2)]
PARTS = (slice(None),) * 3, (slice(2, 9), slice(3, 30), slice(10, 45)), (slice(0, 1), slice(0, 9), slice(5, 7))


@contextlib.contextmanager
def axes_are_ready():
    """Within, the client sends the axes to reduce; as it comes, it does not."""
    reductionist.REDUCTIONIST_AXIS_READY = True
    try:
        yield
    finally:
        reductionist.REDUCTIONIST_AXIS_READY = False


def check_buckets(client, report, store, some):
    """Access with and without credentials, a key that needs encoding, and errors."""
    odd = replace(client, place=lambda _: client.place(ODD_KEY))
    report.group(f"key {ODD_KEY!r}", differences(odd, some))
    public = replace(client, place=bucket_v1(store, PUBLIC))
    for name, session in (("without", anonymous_session()), ("with", client.session)):
        report.group(f"public bucket, {name} credentials", differences(replace(public, session=session), some))
    report.group("errors", all_errors(client, store, some[0]))


def all_errors(client, store, request):
    """Requests that have to fail."""
    yield from request_errors(client, request)
    no_store = f"http://127.0.0.1:{free_port()}"
    cases = [
        (("HTTP 401", "Access Denied", "SignatureDoesNotMatch"), {"session": client_session(password="wrong")}),
        (("HTTP 401", "Access Denied", "InvalidAccessKeyId"), {"session": client_session(user="nobody")}),
        (("HTTP 401", "Access Denied", "AccessDenied"), {"session": anonymous_session()}),
        (("HTTP 400", "NoSuchKey"), {"place": lambda _: client.place("no-such-object")}),
        (("HTTP 400", "NoSuchBucket"), {"place": bucket_v1(store, "no-such-bucket")}),
        (("HTTP 502",), {"place": bucket_v1(no_store, PRIVATE)}),
    ]
    yield from place_errors(client, request, cases)
    yield client.difference_of_error(request, ("HTTP 400", "storage_type"), storage_type="https")
    with axes_are_ready():
        yield client.difference_of_error(request, ("HTTP 400", "axis"), axis=(3,))


def active(collapse, store, service):
    """What the client's reader of netCDF files, which goes through a file's chunks itself, makes of the sample."""
    keys = {"key": ACCESS_KEY, "secret": SECRET_KEY, "client_kwargs": {"endpoint_url": store}}
    servers = {"storage_type": "s3", "storage_options": keys, "active_storage_url": service}
    with contextlib.redirect_stdout(None):
        uri, name = f"{PRIVATE}/{SAMPLE.name}", collapse.variable.name
        reader = Active(uri, name, axis=collapse.axis, max_threads=THREADS, **servers)
        reader._version = 2  # 2 asks the service, 1 reduces in the client
        reader.method = collapse.method
        return reader[collapse.part]


def active_differences(store, service, methods, axes):
    """Reductions of the sample's variable, whole and in part."""
    variable = sample_variable()
    for method, axis, part in itertools.product(methods, axes, PARTS):
        collapse = Collapse(variable, method, part, axis)
        expected = collapse.expected if axis is None else collapse.expected_unmasked
        yield collapse.difference(service, "v1", functools.partial(active, collapse, store, service), expected)


def main():
    setup = Setup.from_command_line()
    report = RemoteReport(setup.client)
    requests = Requests(setup.seed, setup.rounds)
    client = Client("v1", setup.service, bucket_v1(setup.store, PRIVATE), client_session())
    check_all_axes(client, report, "S3", requests)
    with axes_are_ready():
        check_some_axes(client, report, "S3", requests)
    check_buckets(client, report, setup.store, requests.some())
    check_threads(client, report, "S3", requests)
    report.group("Active", active_differences(setup.store, setup.service, METHODS, [None]))
    with axes_are_ready():
        over_axes = active_differences(setup.store, setup.keepdims_service, ("min", "max"), AXES)
        report.group("Active, over some axes, --keepdims", over_axes)


if __name__ == "__main__":
    main()
