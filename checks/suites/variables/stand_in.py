"""A small server that speaks the routes about variables over HTTP, and answers by NumPy and h5py.

Tests of the client and of tools run against it where the built service is not to be had. It reads files of one
directory, whatever store a URL names, and knows the statistics of the oracle. As a program it takes the options that
the service is started with here:

    STAND_IN_FILES=DIRECTORY python -m suites.variables.stand_in --host 127.0.0.1 --port PORT
"""

import argparse
import contextlib
import difflib
import json
import os
import signal
import sys
import threading
import zlib
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import cbor2
import h5py
import numpy as np

from suites.variables import oracle, reading
from suites.variables.oracle import Stored
from suites.variables.reducing import reduction_of
from suites.variables.statistics import STATISTICS

FIELDS = {
    *(
        "interface_type",
        "url",
        "format",
        "variable",
        "array",
        "chunks",
        "urls",
        "etag",
        "endpoints",
        "selection",
        "axis",
    ),
    *(
        "keepdims",
        "missing",
        "skipna",
        "unpack",
        "statistics",
        "weights",
        "groups",
        "result_dtype",
        "partial",
        "values",
    ),
}
READ = {"chunks": 1, "unwritten": 0, "requests": 1, "bytes": 0, "decoded": 0, "cached": 0, "passes": 1}
STEPS = 3  # of progress
READING = threading.Lock()  # netCDF4's library is not for several threads


class Refused(Exception):
    """Why there is no result: a status, a title and causes."""

    def __init__(self, status, title, *causes):
        super().__init__(title)
        self.status, self.title, self.causes = status, title, causes


@dataclass(frozen=True)
class Seen:
    """A request as it arrived."""

    path: str
    headers: Message
    fields: dict
    client: tuple[str, int]


class StandIn(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, directory, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.directory = Path(directory)
        self.seen = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """A connection that the other side has ended."""

    def file_of(self, fields):
        path = self.directory / Path(unquote(urlsplit(fields["url"]).path)).name
        if not path.is_file():
            raise Refused(400, "there is no such object", fields["url"])
        if fields.get("etag") not in (None, etag(path)):
            raise Refused(412, "the store has another version of the object", f"it is {etag(path)}")
        return path


def etag(path):
    return f'"{path.stat().st_mtime_ns:x}"'


# --- Answers ---------------------------------------------------------------------------------------------------


def reduce(server, fields):
    path = server.file_of(fields)
    stored = stored_of(path, fields)
    reduction = reduction_of(stored, fields, lambda name: stored_of(path, {"variable": name}))
    results = {}
    for asked in fields["statistics"]:
        asked = {"name": asked} if isinstance(asked, str) else asked
        if asked["name"] not in STATISTICS:
            raise Refused(400, "the request data is not valid", f"statistics: there is no {asked['name']}")
        found = reduction.statistic({"result_dtype": fields.get("result_dtype"), **with_floats(asked)})
        results[asked.get("as", asked["name"])] = encoded(found)
    dims, shape = [name for name, _ in reduction.dims], [length for _, length in reduction.dims]
    return {"dims": dims, "shape": shape, "etag": etag(path), "results": results, "read": READ}


def with_floats(value):
    """With the floats that JSON has strings for."""
    if isinstance(value, dict):
        return {name: each if name == "name" else with_floats(each) for name, each in value.items()}
    if isinstance(value, list):
        return [with_floats(each) for each in value]
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def select(server, fields):
    path = server.file_of(fields)
    stored = stored_of(path, fields)
    found = oracle.elements(stored, fields)
    is_unpacked = fields.get("unpack", True) and oracle.packing(stored.attributes)[0] is not None
    values = np.where(found.is_missing, np.nan, found.values) if is_unpacked else found.values
    of_values = encoded(values.astype(found.values.dtype))
    return of_values | {"dims": list(found.dims), "etag": etag(path), "read": READ}


def encoded(values):
    values = np.asarray(values)
    stored = values.astype(values.dtype.newbyteorder("<"))
    return {"dtype": values.dtype.name, "byte_order": "little", "shape": list(values.shape), "bytes": stored.tobytes()}


def stored_of(path, fields):
    if "array" in fields:
        return listed(path, fields["array"], fields["chunks"])
    if not h5py.is_hdf5(path):
        with READING:
            return dict(reading.classic_variables(path))[fields["variable"]]
    with h5py.File(path) as file:
        return reading.of_dataset(dataset_of(file, fields["variable"]))


def dataset_of(file, name):
    if name not in file or not isinstance(file[name], h5py.Dataset):
        near = difflib.get_close_matches(name, variables(file))
        suggestion = f"; did you mean {' or '.join(map(json.dumps, near))}?" if near else ""
        raise Refused(404, f"there is no variable {json.dumps(name)}{suggestion}")
    return file[name]


def listed(path, array, chunks):
    """An array of chunks that are listed, in C order, raw or zlib, shuffled or not."""
    dtype = np.dtype(array["dtype"]).newbyteorder("<" if array.get("byte_order", "little") == "little" else ">")
    values = np.full(array["shape"], array.get("fill_value") or 0, dtype)
    data, shape = path.read_bytes(), array["chunk_shape"]
    for index, offset, size in zip(chunks["index"], chunks["offset"], chunks["size"]):
        raw = decoded(data[offset : offset + size], array, dtype.itemsize)
        place = tuple(slice(at * step, (at + 1) * step) for at, step in zip(index, shape))
        chunk = np.frombuffer(raw, dtype).reshape(shape)
        values[place] = chunk[tuple(map(slice, values[place].shape))]
    return Stored(tuple(array["dims"]), values.astype(values.dtype.newbyteorder("=")), {})


def decoded(data, array, itemsize):
    if array.get("compression"):
        data = zlib.decompress(data)
    if array.get("filters"):
        data = np.frombuffer(data, "u1").reshape(itemsize, -1).T.tobytes()
    return data


def variables(file):
    found = {}
    file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
    return found


def describe(server, fields):
    path = server.file_of(fields)
    with h5py.File(path) as file:
        name = fields.get("variable")
        chosen = variables(file) if name is None else {name.strip("/"): dataset_of(file, name)}
        dimensions = {n: d.shape[0] for n, d in variables(file).items() if d.is_scale}
        of_each = {n: described(d, fields.get("chunks"), name is not None) for n, d in chosen.items()}
        head = {"format": "hdf5", "etag": etag(path), "size": path.stat().st_size, "dimensions": dimensions}
        return head | {"attributes": attributes(file), "variables": of_each}


def described(dataset, with_index, alone):
    said = {
        "dims": list(reading.dims_of(dataset)),
        "shape": list(dataset.shape),
        "dtype": dataset.dtype.name,
        "byte_order": "big" if dataset.dtype.byteorder == ">" else "little",
        "chunk_shape": list(dataset.chunks) if dataset.chunks else None,
        "order": "C",
        "attributes": attributes(dataset),
    }
    if alone and dataset.chunks:
        found = [dataset.id.get_chunk_info(number) for number in range(dataset.id.get_num_chunks())]
        stored = sum(chunk.size for chunk in found)
        said |= {"chunk_count": len(found), "stored_bytes": stored, "decoded_bytes": dataset.nbytes}
        if with_index:
            index = [[at // step for at, step in zip(c.chunk_offset, dataset.chunks)] for c in found]
            said["chunks"] = {"index": index, "offset": [c.byte_offset for c in found], "size": [c.size for c in found]}
    return said


def attributes(of):
    return {
        name: {"dtype": getattr(np.asarray(value).dtype, "name", "str"), "value": plain(value)}
        for name, value in reading.attributes_of(of).items()
    }


def plain(value):
    if isinstance(value, np.ndarray):
        return value.item() if value.size == 1 else value.tolist()
    return value.item() if isinstance(value, np.generic) else value


# --- HTTP ------------------------------------------------------------------------------------------------------

ROUTES = {"reduce": reduce, "select": select, "describe": describe}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.reply(200, b"ready\n", "text/plain")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            fields = cbor2.loads(body) if self.headers["Content-Type"] == "application/cbor" else json.loads(body)
            self.server.seen.append(Seen(self.path, self.headers, fields, self.client_address))
            answer = self.answer(fields)
        except Refused as refused:
            error = {"message": refused.title, "caused_by": list(refused.causes)}
            self.reply(refused.status, json.dumps({"error": error}).encode(), "application/json")
            return
        if self.headers["Accept"] == "application/cbor-seq":
            self.stream(answer)
        else:
            self.reply(200, cbor2.dumps(answer), "application/cbor")

    def answer(self, fields):
        route = self.path.strip("/").removeprefix("variables/v1/")
        if route not in ROUTES:
            raise Refused(404, "there is no such route")
        if unknown := set(fields) - FIELDS:
            raise Refused(400, "the request data is not valid", *(f"unknown field {name}" for name in sorted(unknown)))
        return ROUTES[route](self.server, fields)

    def reply(self, status, content, content_type):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-request-id", f"request-{len(self.server.seen)}")
        self.end_headers()
        self.wfile.write(content)

    def stream(self, answer):
        self.send_response(200)
        self.send_header("Content-Type", "application/cbor-seq")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        progress = ({"chunks_done": step, "chunks": STEPS, "bytes": step * 1000} for step in range(1, STEPS + 1))
        for item in (*({"progress": each} for each in progress), answer):
            content = cbor2.dumps(item)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def stand_in(directory):
    """One that reads the files of a directory, until the end of the block."""
    with StandIn(directory) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host")
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    StandIn(os.environ["STAND_IN_FILES"], options.port).serve_forever()


if __name__ == "__main__":
    main()
