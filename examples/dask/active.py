"""PyActiveStorage on a Dask cluster: each task asks the service for the chunks of a part of a variable.

    pip install PyActiveStorage==0.8.0 distributed
    python active.py --service http://127.0.0.1:8080 --store http://127.0.0.1:9000 public/temperature.nc tas

prints the largest value and the mean as JSON. Workers are processes of this machine; give `Client` the address of a
scheduler to use others, which have to reach the store (for the file's index) and the service.
"""

import argparse
import json

import fsspec
import pyfive
from activestorage.active import Active
from dask.distributed import Client, LocalCluster


def access(store):
    """How the file's index is read: by anybody. Where that will not do, give `key` and `secret` instead of `anon`."""
    return {"anon": True, "client_kwargs": {"endpoint_url": store}}


def shape_of(uri, variable, store):
    with fsspec.filesystem("s3", **access(store)).open(uri) as file:
        return pyfive.File(file)[variable].shape


def reduce_part(uri, variable, store, service, method, part):
    """What the service makes of a part: the value, and how many elements are not missing. Runs on a worker."""
    active = Active(
        uri, ncvar=variable, interface_type="s3", storage_options=access(store), active_storage_url=service
    )
    active._version = 2  # 2 asks the service, 1 reduces on the worker
    active.method = method
    active.components = True
    reduced = active[part]
    return reduced[method].item(), reduced["n"].item()


def parts(shape, length):
    """So much of the first axis each. They should begin and end where chunks do, as each chunk is a request."""
    everything = (slice(None),) * (len(shape) - 1)
    return [(slice(begin, min(begin + length, shape[0])), *everything) for begin in range(0, shape[0], length)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("uri", help="bucket and key of a netCDF4 file that anybody may read")
    parser.add_argument("variable")
    parser.add_argument("--store", required=True, help="URL of the S3 endpoint")
    parser.add_argument("--service", required=True, help="URL of the service, or of what stands before its instances")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--length", type=int, default=8, help="of a part, along the first axis")
    options = parser.parse_args()
    where = options.uri, options.variable, options.store
    pieces = parts(shape_of(*where), options.length)
    with LocalCluster(n_workers=options.workers, dashboard_address=None) as cluster, Client(cluster) as client:

        def reduced(method):
            tasks = [client.submit(reduce_part, *where, options.service, method, part) for part in pieces]
            return zip(*client.gather(tasks), strict=True)

        maxima, _ = reduced("max")
        sums, counts = reduced("sum")
    print(json.dumps({"max": max(maxima), "mean": sum(sums) / sum(counts)}))


if __name__ == "__main__":
    main()
