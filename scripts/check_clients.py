"""Compares what clients get from the service with what NumPy makes of the same data.

Run it through scripts/check-clients, which installs the clients and builds the service. A comparison is one call of a
client's function for a storage chunk (result, dtype, shape, mask and counts), an error that has to come, or one
collapse of a variable, for which a client reads a netCDF file and combines the results of its chunks. The requests
that arrive are counted, as the clients work out for themselves what they do not ask.
"""

import argparse
import contextlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from check_report import Report
from check_servers import Setup, process, service, store, web_server
from client_files import write_files
from client_requests import ODD_KEY, PACKED, RAW_KEY, SAMPLE, random_chunks


def write_objects(directory, options):
    """Writes everything that the stores have."""
    _, packed = random_chunks(random.Random(options.seed), options.rounds)
    (directory / PACKED).write_bytes(packed)
    for name in (SAMPLE.name, ODD_KEY, RAW_KEY):
        shutil.copy(SAMPLE, directory / name)
    write_files(directory)


@contextlib.contextmanager
def checks_of(client, python, program, stores, options, report):
    """The checks of a client, in its own environment and with services of its own, which count its requests."""
    with (
        service(options.programs, report, client) as plain,
        service(options.programs, report, client, "--keepdims") as keepdims,
    ):
        setup = Setup(client, *stores, plain, keepdims, options.seed, options.rounds)
        command = [python, Path(__file__).with_name(program), setup.to_argument()]
        with process(command, stdout=subprocess.PIPE) as started:
            yield started


def check(options, directory):
    write_objects(directory, options)
    report = Report()
    clients = [
        ("PyActiveStorage 0.5.0", options.python_v1, "check_v1.py"),
        ("PyActiveStorage 0.8.0", sys.executable, "check_v2.py"),
        ("cf-python 3.21.0", sys.executable, "check_cf.py"),
    ]
    with (
        store(options.programs, sorted(directory.iterdir())) as store_url,
        web_server(directory) as web_urls,
        ThreadPoolExecutor() as pool,
        contextlib.ExitStack() as stack,
    ):
        stores = store_url, *web_urls
        all_checks = [stack.enter_context(checks_of(*client, stores, options, report)) for client in clients]
        exit_codes = list(pool.map(report.follow, all_checks))
    if any(exit_codes):
        sys.exit(f"not all checks came to their end: exit codes {exit_codes}")
    print(f"{report.comparisons} comparisons, {report.differences} differences")
    return 1 if report.differences else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=Path, default=Path("target/release"), help="where the built programs are")
    parser.add_argument("--python-v1", default="target/clients-v1/bin/python", help="with the client that speaks /v1")
    parser.add_argument("--seed", type=int, default=1, help="of the random chunks and requests")
    parser.add_argument("--rounds", type=int, default=2, help="random chunks of each dtype, order and encoding")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory() as directory:
        return check(options, Path(directory))


if __name__ == "__main__":
    sys.exit(main())
