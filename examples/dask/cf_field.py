"""cf-python on a Dask cluster: a field's collapses are tasks of Dask, each of which asks the service for its chunks.

    pip install cf-python==3.21.0 PyActiveStorage==0.8.0 distributed
    python cf_field.py --service http://127.0.0.1:8080 http://127.0.0.1:9000/public/temperature.nc tas

prints the mean and the largest value at each place as JSON. The service has to be started with --keepdims.
"""

import argparse
import contextlib
import json
import sys

import cf
from dask.distributed import Client, LocalCluster
from pyfive.utilities import MetadataBufferingWrapper


def use_service(url):
    """Prepares a process. Settings of cf-python are those of one process, so that each worker needs them too."""
    cf.configuration(active_storage=True, active_storage_url=url)
    # A file of pyfive 1.3.0 cannot go to another process without this: while it is unpickled, what wraps it looks up
    # attributes in a file that it does not have yet.
    MetadataBufferingWrapper.__setstate__ = lambda self, state: self.__dict__.update(state)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", help="of a netCDF file on a web server, or in a bucket that anybody may read")
    parser.add_argument("variable")
    parser.add_argument("--service", required=True, help="URL of the service, or of what stands before its instances")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    with (
        LocalCluster(n_workers=options.workers, dashboard_address=None) as cluster,
        Client(cluster) as client,
        contextlib.redirect_stdout(sys.stderr),
    ):
        use_service(options.service)
        client.run(use_service, options.service)
        field = cf.read(options.url, dask_chunks="storage-exact").select_field(f"ncvar%{options.variable}")
        mean = field.collapse("mean").array
        largest = field.collapse("max", axes="T").array
    print(json.dumps({"mean": float(mean.squeeze()), "max over time": largest.squeeze().tolist()}))


if __name__ == "__main__":
    main()
