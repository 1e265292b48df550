"""Checks the service with cf-python 3.21.0, which collapses fields through PyActiveStorage. Run by test_clients.py."""

import contextlib
import functools
import itertools
import logging
import os
import tempfile
from pathlib import Path

import aiohttp
import cf

from harness.report import RemoteReport
from harness.service import requests_received
from harness.stores import ACCESS_KEY, PRIVATE, PUBLIC, SECRET_KEY
from suites.clients.collapses import AXES, METHODS, PARTS, Collapse
from suites.clients.files import DIMENSIONS, EDGES, NETCDF4_FILE, netcdf4_variables
from suites.clients.requests import SAMPLE, sample_variable
from suites.clients.setup import Setup

DASK_CHUNK = 7  # elements of each axis: across the chunks of the files


def fields(url, **options):
    """The fields of a file by the names of their variables."""
    with contextlib.redirect_stdout(None):
        return {field.nc_get_variable(): field for field in cf.read(url, **options)}


def collapsed(collapse, field, service):
    """The client's result for a collapse of a part of a field."""
    axes = None if collapse.axis is None else [f"ncdim%{DIMENSIONS[axis]}" for axis in collapse.axis]
    with contextlib.redirect_stdout(None), cf.configuration(active_storage=True, active_storage_url=service):
        return field.collapse(collapse.method, axes=axes).array


def difference(collapse, fields, service):
    """What is wrong with a collapse; Dask's chunks are each collapsed with requests of their own."""
    field = fields[collapse.variable.name][collapse.part]
    call = functools.partial(collapsed, collapse, field, service)
    return collapse.difference(service, "v2", call, collapse.expected_unmasked, field.data.chunks)


# --- The checks ------------------------------------------------------------------------------------------------


def over_all_axes(fields, parts, variables, service):
    """Of these parts in turns."""
    parts = itertools.cycle(parts)
    for variable, method in itertools.product(variables, METHODS):
        yield difference(Collapse(variable, method, next(parts)), fields, service)


def over_axes(fields, variables, service):
    """Over all sets of axes, of which the service has to keep those that it reduces."""
    parts = itertools.cycle(PARTS)
    for variable, method, axis in itertools.product(variables, METHODS, AXES):
        yield difference(Collapse(variable, method, next(parts), axis), fields, service)


def of_sample(fields, service):
    for method in METHODS:
        yield difference(Collapse(sample_variable(), method), fields, service)


@contextlib.contextmanager
def passwords(text):
    """Within, the environment has a file of passwords."""
    without = os.environ["NETRC"]
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "netrc")
        file.write_text(text)
        os.environ["NETRC"] = str(file)
        try:
            yield
        finally:
            os.environ["NETRC"] = without


# --- Limits ----------------------------------------------------------------------------------------------------


def limits(setup, netcdf4, private):
    """What the client cannot do, whatever the service does. Where it can after all, it has to be compared above."""
    # It leaves no axes where the service does not keep the others: PyActiveStorage needs a place for each result.
    over_one_axis = Collapse(sample_variable(), "sum", axis=(0,))
    yield refusal(over_one_axis, fields(f"{setup.web}/{SAMPLE.name}"), setup.service, UnboundLocalError)
    # It does not collapse unsigned integers, with or without a service.
    unsigned = next(variable for variable in netcdf4_variables() if variable.array.dtype.kind == "u")
    yield refusal(Collapse(unsigned, "sum"), netcdf4, setup.service, TypeError)
    # It opens files with credentials but does not hand them on.
    yield refusal(Collapse(sample_variable(), "sum"), private, setup.service, UnboundLocalError)
    # It hands a file in a bucket on without saying that it is one, so that it is reduced in the client.
    options = {"key": ACCESS_KEY, "secret": SECRET_KEY, "client_kwargs": {"endpoint_url": setup.store}}
    in_bucket = fields(f"s3:///{PRIVATE}/{SAMPLE.name}", storage_options=options)
    before = requests_received(setup.service)
    got = collapsed(Collapse(sample_variable(), "sum"), in_bucket["tas"], setup.service)
    sent = requests_received(setup.service) - before
    yield f"the client asked the service {sent} of a file in a bucket, and got {got}" if sent else None


def refusal(collapse, fields, service, error):
    """What is wrong with a collapse that has to fail with this kind of error.

    An UnboundLocalError is what the client makes of any error of PyActiveStorage, unless it logs at level info.
    """
    try:
        got = collapsed(collapse, fields[collapse.variable.name], service)
    except error:
        return None
    return f"{collapse.method} of {collapse.variable.name}\n    expected {error}\n    got      {got!r}"


def main():
    setup = Setup.from_command_line()
    report = RemoteReport(setup.client)
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of more connections than it keeps
    variables = [variable for variable in netcdf4_variables() if variable.array.dtype.kind != "u"]
    edges = [variable for variable in variables if variable.chunk_shape == EDGES]
    netcdf4 = fields(f"{setup.web}/{NETCDF4_FILE}")
    blocks = fields(f"{setup.web}/{NETCDF4_FILE}", dask_chunks=DASK_CHUNK)
    report.group("collapses", over_all_axes(netcdf4, PARTS[:1], variables, setup.service))
    report.group("collapses of parts, in Dask's chunks", over_all_axes(blocks, PARTS, variables, setup.service))
    outcomes = over_axes(netcdf4, edges, setup.keepdims_service)
    report.group("collapses over all sets of axes, --keepdims", outcomes)
    headers = {"Authorization": aiohttp.encode_basic_auth(ACCESS_KEY, SECRET_KEY)}
    private = fields(f"{setup.private_web}/{SAMPLE.name}", storage_options={"headers": headers})
    with passwords(f"machine 127.0.0.1 login {ACCESS_KEY} password {SECRET_KEY}\n"):
        report.group("collapses, web server that wants credentials", of_sample(private, setup.service))
    public = fields(f"{setup.store}/{PUBLIC}/{SAMPLE.name}")
    report.group("collapses, public bucket over HTTP", of_sample(public, setup.service))
    report.group("what it cannot do", limits(setup, netcdf4, private))


if __name__ == "__main__":
    main()
