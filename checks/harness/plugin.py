"""The harness in pytest: where the programs are, and a report whose failures are the test's."""

import os
import random
import signal
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from harness.places import ROOT, Programs
from harness.processes import environment
from harness.report import Report

SUITES: dict[str, str] = {
    "clients": "PyActiveStorage, cf-python and reductionist-client",
    "variables": "whole variables of files by h5py and netCDF4, beside NumPy",
    "codecs": "numcodecs, Zarr, h5py and netCDF4",
    "stores": "Ceph and rclone",
    "haproxy": "HAProxy before three instances",
    "dask": "clients on a cluster of Dask workers",
    "monitoring": "Prometheus, its rules, and Grafana's dashboard",
    "traces": "a receiver of OTLP",
    "deployment": "Dockerfile, compose file and Helm chart",
    "ansible": "the playbook",
    "site": "the documentation site",
    "pages": "the commands of pages",
    "openapi": "the description of the interface",
    "image": "the image of the Dockerfile, which takes ten minutes to build",
}
TOTALS = pytest.StashKey[dict[str, Counter[str]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("reductionist")
    group.addoption("--programs", type=Path, help="of programs that are built already, as is REDUCTIONIST_PROGRAMS")
    group.addoption("--seed", type=int, help="of random chunks and requests")
    group.addoption("--rounds", type=int, help="random chunks of each kind")
    group.addoption(
        "--stand-in", action="store_true", help="about variables, ask a small server of NumPy and h5py, not the service"
    )
    group.addoption(
        "--extra-files",
        action="append",
        metavar="PATH",
        help="of the suite `variables`, ask about these, too; may repeat",
    )
    group.addoption("--draw", type=Path, help="of the suite `traces`, draw a trace here: docs/images/trace.svg")
    group.addoption("--page", action="append", type=Path, help="of the suite `pages`, this one only; may repeat")


def pytest_configure(config: pytest.Config) -> None:
    for name, about in SUITES.items():
        config.addinivalue_line("markers", f"{name}: {about}")
    config.stash[TOTALS] = {}
    clean = environment()
    os.environ.clear()
    os.environ.update(clean)
    os.chdir(ROOT)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)  # blocks are left in order


@pytest.fixture(scope="session")
def programs(pytestconfig: pytest.Config) -> Programs:
    given: Path | None = pytestconfig.getoption("programs")
    return Programs((pytestconfig.invocation_params.dir / given).resolve()) if given else Programs.built()


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """Another one each time, unless it is given: for suites that need not ask the same again."""
    given: int | None = pytestconfig.getoption("seed")
    return random.randrange(2**31) if given is None else given


@pytest.fixture
def report() -> Report:
    return Report()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Counts what a test has compared, and has it fail if anything was wrong."""
    found = getattr(item, "funcargs", {}).get("report")
    if found is None:
        return (yield)
    print(flush=True)
    try:
        outcome = yield
    finally:
        for suite in SUITES:
            if item.get_closest_marker(suite):
                total = item.config.stash[TOTALS].setdefault(suite, Counter())
                total.update(comparisons=found.comparisons, differences=len(found.failures))
    if found.failures:
        pytest.fail("\n".join(found.failures[:20]), pytrace=False)
    return outcome


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for suite, total in config.stash[TOTALS].items():
        terminalreporter.write_line(f"{suite}: {total['comparisons']} comparisons, {total['differences']} differences")
