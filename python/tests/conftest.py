"""Starts what all tests talk to: the real service, and an S3 store."""

import contextlib
from pathlib import Path

import pytest

from data import FILES, ODD_KEY
from harness.places import SAMPLE
from harness.service import service
from harness.stores import s3_store
from running import Servers
from suites.variables.stand_in import stand_in
from test_whole_arrays import write_arrays


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker("clients")


@pytest.fixture(scope="session", autouse=True)
def servers(programs, tmp_path_factory, pytestconfig):
    directory = tmp_path_factory.mktemp("files")
    for name, array in FILES.items():
        (directory / name).write_bytes(array.tobytes())
    for key in (SAMPLE.name, ODD_KEY):
        (directory / key).write_bytes(SAMPLE.read_bytes())
    Servers.programs, Servers.file_root = programs, directory
    write_arrays(directory)
    files = sorted(path for path in directory.iterdir() if path.is_file())
    with (
        s3_store(programs, files) as store,
        service(programs, "--file-root", directory) as server,
        stand_in(directory) if pytestconfig.getoption("stand_in") else contextlib.nullcontext(server) as variables,
    ):
        Servers.store, Servers.service, Servers.variables = store.url, server.address, variables.url
        yield
