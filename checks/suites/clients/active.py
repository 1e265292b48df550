"""PyActiveStorage's reader of netCDF files, `Active`, in the version that speaks /v2."""

import contextlib
from dataclasses import dataclass, field

import fsspec
import pyfive
from activestorage.active import Active

from harness.stores import ACCESS_KEY, PRIVATE, PUBLIC, SECRET_KEY
from suites.clients.comparisons import THREADS

KEYS = {"key": ACCESS_KEY, "secret": SECRET_KEY}


@dataclass(frozen=True)
class Access:
    """A way to files: what stands before their names, and arguments of the reader."""

    prefix: str
    arguments: dict = field(default_factory=dict)


def bucket(store):
    """Files in an S3 bucket. The client would take this for a web server if it were not told."""
    storage_options = KEYS | {"client_kwargs": {"endpoint_url": store}}
    return Access(f"{PRIVATE}/", {"interface_type": "s3", "storage_options": storage_options})


def bucket_url(store):
    """The same, as a URL."""
    return Access(f"s3://{PRIVATE}/", {"storage_options": KEYS | {"endpoint_url": store}})


def public_bucket(store):
    """Files in an S3 bucket that anybody may read."""
    storage_options = {"anon": True, "client_kwargs": {"endpoint_url": store}}
    return Access(f"{PUBLIC}/", {"interface_type": "s3", "storage_options": storage_options})


def web(server):
    """Files on a web server."""
    return Access(f"{server}/")


def private_web(server):
    """Files on a web server that wants credentials."""
    return Access(f"{server}/", {"storage_options": {"username": ACCESS_KEY, "password": SECRET_KEY}})


def collapsed(collapse, access, file, service, **other):
    """The client's result for a collapse of a variable of a file."""
    return read(f"{access.prefix}{file}", collapse, service, ncvar=collapse.variable.name, **access.arguments | other)


def collapsed_opened(collapse, access, file, service):
    """The same for a variable that was opened before, as cf-python hands it over."""
    options = access.arguments.get("storage_options", {})
    files = fsspec.filesystem(access.arguments.get("interface_type", "http"), **options)
    with files.open(f"{access.prefix}{file}", "rb") as opened:
        return read(pyfive.File(opened)[collapse.variable.name], collapse, service, **access.arguments)


def read(dataset, collapse, service, **arguments):
    with contextlib.redirect_stdout(None):
        reader = Active(dataset, axis=collapse.axis, max_threads=THREADS, active_storage_url=service, **arguments)
        reader._version = 2  # 2 asks the service, 1 reduces in the client
        reader.method = collapse.method
        return reader[collapse.part]
