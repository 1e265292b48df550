"""Checks the service with PyActiveStorage 0.8.0, which speaks /v2 and reads S3 and HTTP. Run by test_clients.py."""

import functools
import itertools
from dataclasses import replace
from urllib.parse import quote

import numpy as np

from harness.processes import free_port
from harness.report import RemoteReport
from harness.stores import PRIVATE, PUBLIC
from suites.clients import active
from suites.clients.chunks import Client, anonymous_session, bucket_v2, client_session, web
from suites.clients.collapses import AXES, METHODS, PARTS, Collapse
from suites.clients.comparisons import (
    Requests,
    check_all_axes,
    check_some_axes,
    check_threads,
    differences,
    place_errors,
    request_errors,
)
from suites.clients.files import (
    EDGES,
    EVEN,
    H5PY_FILE,
    NETCDF4_FILE,
    SHAPE,
    UNSUPPORTED_FILE,
    Variable,
    h5py_variables,
    narrow_sums_variable,
    netcdf4_variables,
)
from suites.clients.requests import ODD_KEY, RAW_KEY, SAMPLE, sample_variable
from suites.clients.setup import Setup

# --- Single chunks ---------------------------------------------------------------------------------------------


def check_chunks(report, setup):
    """Everything that `reduce_chunk` can ask, of either kind of store."""
    requests = Requests(setup.seed, setup.rounds)
    s3 = Client("v2", setup.service, bucket_v2(setup.store, PRIVATE), client_session())
    http = Client("v2", setup.service, web(setup.web), client_session(None, None))
    check_all_axes(s3, report, "S3", requests)
    check_some_axes(s3, report, "S3", requests)
    check_threads(s3, report, "S3", requests)
    keepdims = replace(s3, service=setup.keepdims_service, keepdims=True)
    check_some_axes(keepdims, report, "S3, --keepdims", requests)
    report.group("random chunks, HTTP", differences(http, requests.of_random))
    report.group("random chunks, over some axes, HTTP", differences(http, requests.of_random_over_axes))
    check_threads(http, report, "HTTP", requests)
    check_other_places(report, setup, s3, http, requests.some())


def check_other_places(report, setup, s3, http, some):
    """Access with and without credentials, a name that needs encoding, an option, and errors."""
    public = replace(s3, place=bucket_v2(setup.store, PUBLIC))
    private = replace(http, place=web(setup.private_web, "http"), session=client_session())
    for name, client in [
        ("public bucket, without credentials", replace(public, session=anonymous_session())),
        ("public bucket, with credentials", public),
        ("web server that wants credentials", private),
        (f"key {ODD_KEY!r}, S3", replace(s3, place=lambda _: s3.place(ODD_KEY))),
        (f"name {ODD_KEY!r}, HTTP", replace(http, place=lambda _: http.place(ODD_KEY))),
    ]:
        report.group(name, differences(client, some))
    report.group("without the chunk cache", differences(s3, some, option_disable_chunk_cache=True))
    report.group("errors, S3", s3_errors(s3, setup.store, some[0]))
    report.group("errors, HTTP", http_errors(private, some[0]))


def s3_errors(client, store, request):
    yield from request_errors(client, request)
    yield client.difference_of_error(request, ("HTTP 400", "axis"), axis=(3,))
    yield client.difference_of_error(request, ("HTTP 400", "interface_type"), interface_type="ftp")
    cases = [
        (("HTTP 401", "Access Denied", "SignatureDoesNotMatch"), {"session": client_session(password="wrong")}),
        (("HTTP 401", "Access Denied", "InvalidAccessKeyId"), {"session": client_session(user="nobody")}),
        (("HTTP 401", "Access Denied", "AccessDenied"), {"session": anonymous_session()}),
        (("HTTP 400", "NoSuchKey"), {"place": lambda _: client.place("no-such-object")}),
        (("HTTP 400", "NoSuchBucket"), {"place": bucket_v2(store, "no-such-bucket")}),
        (("HTTP 400", "url"), {"place": lambda _: {"url": store}}),
        (("HTTP 502",), {"place": bucket_v2(f"http://127.0.0.1:{free_port()}", PRIVATE)}),
    ]
    yield from place_errors(client, request, cases)


def http_errors(client, request):
    yield from request_errors(client, request)
    cases = [
        (("HTTP 401", "Access Denied"), {"session": client_session(password="wrong")}),
        (("HTTP 401", "Access Denied"), {"session": anonymous_session()}),
        (("HTTP 400", "no such"), {"place": lambda _: client.place("no-such-file")}),
        (("HTTP 502",), {"place": web(f"http://127.0.0.1:{free_port()}")}),
    ]
    yield from place_errors(client, request, cases)


# --- Files -----------------------------------------------------------------------------------------------------


def check_files(report, setup):
    """Everything that `Active` can collapse."""
    files = [(NETCDF4_FILE, netcdf4_variables()), (H5PY_FILE, list(h5py_variables()))]
    s3, http = active.bucket(setup.store), active.web(setup.web)
    for name, access in (("S3", s3), ("HTTP", http)):
        outcomes = (outcome for file in files for outcome in whole_and_in_part(access, *file, setup.service))
        report.group(f"Active, {name}", outcomes)
    outcomes = over_axes([s3, http], setup.keepdims_service)
    report.group("Active, over all sets of axes, S3 and HTTP, --keepdims", outcomes)
    report.group("Active, other ways to the files", other_ways(setup, s3, http))
    report.group("Active, what it cannot do", limits(setup, s3, http))


def whole_and_in_part(access, file, variables, service):
    parts = itertools.cycle(PARTS)
    for variable, method in itertools.product(variables, METHODS):
        for part in (PARTS[0], next(parts)):
            yield difference(Collapse(variable, method, part), access, file, service)


def over_axes(accesses, service):
    """Of variables that have several chunks along each axis, edge chunks among them."""
    parts = itertools.cycle(PARTS)
    variables = [variable for variable in netcdf4_variables() if variable.chunk_shape == EDGES]
    for variable, access in zip(variables, itertools.cycle(accesses)):
        for method, axis in itertools.product(METHODS, AXES):
            yield difference(Collapse(variable, method, next(parts), axis), access, NETCDF4_FILE, service)


def other_ways(setup, s3, http):
    """Other ways to say where a file is, other credentials, and names that need encoding."""
    edges = next(variable for variable in netcdf4_variables() if variable.chunk_shape == EDGES)
    ways = [
        (active.collapsed, active.bucket_url(setup.store)),
        (active.collapsed, active.public_bucket(setup.store)),
        (active.collapsed, active.web(f"{setup.store}/{PUBLIC}")),
        (active.collapsed, active.private_web(setup.private_web)),
        (active.collapsed_opened, s3),
        (active.collapsed_opened, http),
    ]
    for (collapsed, access), method in itertools.product(ways, METHODS):
        yield difference(Collapse(edges, method), access, NETCDF4_FILE, setup.service, collapsed)
    for access, name in ((s3, RAW_KEY), (http, quote(ODD_KEY))):
        yield difference(Collapse(sample_variable(), "sum"), access, name, setup.service)
    yield difference(Collapse(edges, "sum"), s3, NETCDF4_FILE, setup.service, option_disable_chunk_cache=True)


def difference(collapse, access, file, service, collapsed=active.collapsed, **other):
    call = functools.partial(collapsed, collapse, access, file, service, **other)
    return collapse.difference(service, "v2", call, collapse.expected_unmasked)


# --- Limits ----------------------------------------------------------------------------------------------------


def limits(setup, s3, http):
    """What the client cannot do, whatever the service does. Where it can after all, it has to be compared above."""
    for name, error in [
        ("int8", "Unexpected byte order"),  # it does not know what to make of "|"
        ("integer_fill", "not JSON serializable"),  # it makes JSON numbers of NumPy's floats only
        ("nan_fill", "not JSON compliant"),  # it sends NaN as a number
        ("missing_values", "truth value"),  # it asks an array of several whether it is true
        ("shuffled_only", "list index out of range"),  # it takes a filter for compression, of which there is none
        ("checksummed", "cannot yet support filter"),
        ("half_written", "KeyError"),  # it looks for chunks that were never written
    ]:
        collapse = Collapse(Variable(name, np.empty(SHAPE), EVEN), "sum")
        yield refusal(collapse, error, http, UNSUPPORTED_FILE, setup.service)
    sample = sample_variable()
    for part, error in [(([0, 2], PARTS[0][1], PARTS[0][2]), "not JSON serializable"), ((0, 0, 0), "drops the axis")]:
        yield refusal(Collapse(sample, "sum", part), error, http, SAMPLE.name, setup.service)
    # It puts keys into URLs as they are, and # ends the path of a URL.
    yield refusal(Collapse(sample, "sum"), "HTTP 400", s3, ODD_KEY, setup.service)
    # It keeps the sums of chunks in the dtype of the data.
    narrow = Collapse(narrow_sums_variable(), "sum")
    wrapped = np.ma.array(narrow.expected.astype("i2"))
    call = functools.partial(active.collapsed, narrow, http, UNSUPPORTED_FILE, setup.service)
    yield narrow.difference(setup.service, "v2", call, wrapped)


def refusal(collapse, error, access, file, service):
    """What is wrong with a call that has to fail with this error."""
    try:
        got = repr(active.collapsed(collapse, access, file, service))
    except Exception as refused:
        got = repr(refused)
    return None if error in got else f"{collapse}\n    expected {error}\n    got      {got}"


def main():
    setup = Setup.from_command_line()
    report = RemoteReport(setup.client)
    check_chunks(report, setup)
    check_files(report, setup)


if __name__ == "__main__":
    main()
