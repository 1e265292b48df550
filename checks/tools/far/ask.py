"""What a user does who is far away, in a process that knows nothing yet: the mean of a variable, in one of three ways.

    python -m tools.far.ask WAY LAYOUT STORE SERVICE

It prints the mean, and the seconds until the file was open, of the rest, and of both, as a line of JSON. Imports do not
count.
"""

import contextlib
import io
import json
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

from harness.stores import ACCESS_KEY, SECRET_KEY
from tools.far.files import VARIABLE, selection_of

BUCKET = "bucket"
READ_AHEAD_BYTES = 1 << 20

Timed = tuple[float, float]  # the mean, and when the file was open


def one_call(layout: str, store: str, service: str) -> Callable[[], Timed]:
    """One request about the variable."""
    from reductionist import Client, Credentials

    def ask() -> Timed:
        opened = time.perf_counter()
        with Client(service, Credentials(ACCESS_KEY, SECRET_KEY)) as client:
            url = f"{store}/{BUCKET}/{layout}.nc"
            result = client.reduce(url, VARIABLE, "mean", selection=selection_of(layout))
        return float(result["mean"]), opened

    return ask


def active(layout: str, store: str, service: str) -> Callable[[], Timed]:
    """PyActiveStorage, which asks the service about each chunk."""
    return with_active(layout, store, service, reads_plainly=False)


def plain(layout: str, store: str, service: str) -> Callable[[], Timed]:
    """The same library without the service: every chunk crosses the link."""
    return with_active(layout, store, service, reads_plainly=True)


def with_active(layout: str, store: str, service: str, *, reads_plainly: bool) -> Callable[[], Timed]:
    """PyActiveStorage either way."""
    from activestorage.active import Active

    options = {
        "key": ACCESS_KEY,
        "secret": SECRET_KEY,
        "client_kwargs": {"endpoint_url": store, "region_name": "us-east-1"},
        "default_fill_cache": False,
        "default_cache_type": "readahead",
        "default_block_size": READ_AHEAD_BYTES,
    }
    chosen = (selection_of(layout).get("t", slice(None)), slice(None), slice(None))

    def ask() -> Timed:
        how = {"axis": (0, 1, 2), "interface_type": "s3", "storage_options": options, "active_storage_url": service}
        with contextlib.redirect_stdout(io.StringIO()):
            found = Active(f"{BUCKET}/{layout}.nc", VARIABLE, **how)
            found._version = 1 if reads_plainly else 2
            found.method = None if reads_plainly else "mean"
            opened = time.perf_counter()
            values = found[chosen]
        return float(np.mean(values, dtype="f8")), opened

    return ask


WAYS = {"plain": plain, "active": active, "call": one_call}


def main() -> None:
    """Asks once."""
    warnings.simplefilter("ignore")
    way, layout, store, service = sys.argv[1:]
    ask = WAYS[way](layout, store, service)
    begin = time.perf_counter()
    value, opened = ask()
    end = time.perf_counter()
    print(json.dumps({"value": value, "open": opened - begin, "reduce": end - opened, "all": end - begin}))


if __name__ == "__main__":
    main()
