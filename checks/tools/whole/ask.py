"""A statistic over time of a whole variable, in a process that knows nothing yet.

    python -m tools.whole.ask WAY STATISTIC URL SERVICE REFERENCES

It prints seconds, CPU seconds, the peak of its memory, and the mean of what is finite of the result, as a line of JSON.
Imports do not count.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tools.whole.files import VARIABLE

Array = np.ndarray[Any, Any]


def one_call(statistic: str, url: str, service: str, _: str) -> Callable[[], Array]:
    """One request about the variable."""
    from reductionist import Client, Credentials

    def ask() -> Array:
        with Client(service, Credentials()) as client:
            return client.reduce(url, VARIABLE, statistic, axis="time", interface="http")[statistic]

    return ask


def xarray_and_dask(statistic: str, url: str, _: str, __: str) -> Callable[[], Array]:
    """The file through h5netcdf, in blocks that Dask finds suitable."""
    import dask.array  # noqa: F401
    import fsspec
    import h5netcdf  # noqa: F401
    import xarray

    def ask() -> Array:
        with fsspec.open(url).open() as file, xarray.open_dataset(file, engine="h5netcdf", chunks="auto") as dataset:
            return values_of(dataset, statistic)

    return ask


def kerchunk(statistic: str, _: str, __: str, references: str) -> Callable[[], Array]:
    """The chunks that kerchunk has listed before, as an array of Zarr's."""
    import dask.array  # noqa: F401
    import xarray
    import zarr  # noqa: F401

    options = {
        "fo": references,
        "remote_protocol": "http",
        "asynchronous": True,
        "remote_options": {"asynchronous": True},
    }

    def ask() -> Array:
        how = {"storage_options": options, "consolidated": False}
        with xarray.open_dataset("reference://", engine="zarr", backend_kwargs=how, chunks="auto") as dataset:
            return values_of(dataset, statistic)

    return ask


def values_of(dataset: Any, statistic: str) -> Array:
    """The statistic over time, computed."""
    values: Array = getattr(dataset[VARIABLE], statistic)("time").values
    return values


WAYS = {"call": one_call, "dask": xarray_and_dask, "kerchunk": kerchunk}


def main() -> None:
    """Asks once."""
    way, statistic, url, service, references = sys.argv[1:]
    ask = WAYS[way](statistic, url, service, references)
    begin, cpu = time.perf_counter(), time.process_time()
    values = ask()
    seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    value = float(np.mean(values[np.isfinite(values)], dtype="f8"))
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mib": peak, "value": value}))


if __name__ == "__main__":
    main()
