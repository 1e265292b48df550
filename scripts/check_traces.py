"""Checks what the service tells a receiver of traces, over gRPC and over HTTP.

Run it through scripts/check-traces, which installs the receiver. A service that has traces switched off, or not on, is
asked first; what arrives then must be of the later ones alone. Each of these gets one request that is part of a trace,
with credentials, for a chunk of two codecs in a store. It has to be told by the spans below, and to the store; and
whatever arrives, no bucket, object, key or secret may be in it.
"""

import argparse
import base64
import contextlib
import gzip
import json
import os
import re
import secrets
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from dataclasses import dataclass
from pathlib import Path

import rotel
from check_servers import START_SECONDS, STOP_SECONDS, clean_environment, free_port, wait_until_it_listens
from monitored_store import store
from trace_drawing import drawing

ARRIVE_SECONDS = 10

BUCKET, OBJECT, KEY, SECRET = "hushed-bucket", "hushed/object.nc", "HUSHEDKEY", "hushed-secret"
HUSHED = "hushed", KEY, base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()

VALUES = struct.pack("<1000f", *range(1000))
CHUNK = gzip.compress(zlib.compress(VALUES))
REQUEST = {"interface_type": "s3", "dtype": "float32", "byte_order": "little", "offset": 0, "size": len(CHUNK),
           "shape": [10, 100], "filters": [{"id": "zlib"}], "compression": {"id": "gzip"}}  # fmt: skip

# Each span that there has to be, and some of its attributes; None for any value.
SPANS = {
    "POST /v2/sum": {"http.request.method": "POST", "http.route": "/v2/sum", "http.response.status_code": "200",
                     "dtype": "float32", "interface": "s3", "request_id": "asked-by-a-check"},
    "queue": {"resource": None},
    "download": {"bytes": str(len(CHUNK))},
    "decode gzip": {"codec": "gzip", "encoded_bytes": str(len(CHUNK)), "decoded_bytes": None},
    "decode zlib": {"codec": "zlib", "decoded_bytes": str(len(VALUES))},
    "operation": {"operation": "sum", "dtype": "float32", "bytes": str(len(VALUES))},
    "reply": {"bytes": None},
}  # fmt: skip


@contextlib.contextmanager
def started(command, port, log, variables=None):
    """A program that listens on the port; it has to stop in order after the block, and then has told everything."""
    with log.open("w") as output:
        server = subprocess.Popen(command, env=clean_environment() | (variables or {}), stdout=output, stderr=output)
    try:
        wait_until_it_listens(server, port)
        yield
        server.terminate()
        server.wait(STOP_SECONDS)
    finally:
        server.kill()
        server.wait()


def ask(program, directory, stored, variables=(), flags=()):
    """Starts a service, has it answer one request, and stops it. The trace that the request is part of."""
    port, trace, span = free_port(), secrets.token_hex(16), secrets.token_hex(8)
    command = [program, "--host", "127.0.0.1", "--port", str(port), "--shutdown-delay", "0", *flags]
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v2/sum",
        json.dumps(REQUEST | {"url": stored.url(f"/{BUCKET}/{OBJECT}")}).encode(),
        {
            "authorization": "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode(),
            "content-type": "application/json",
            "traceparent": f"00-{trace}-{span}-01",
            "x-request-id": "asked-by-a-check",
        },
    )
    stored.traceparents.clear()
    with started(command, port, directory / "service.log", dict(variables)):
        with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
            answer.read()
    return trace, span


@dataclass(frozen=True)
class Span:
    """A span as it arrived; times in nanoseconds."""

    name: str
    trace: str
    id: str
    parent: str
    kind: str
    start: int
    end: int
    attributes: dict


def spans(text):
    """The spans in what the receiver has written."""
    for part in re.split(r"^Span #\d+\n", text, flags=re.MULTILINE)[1:]:
        # What follows the attributes of the last span of an export belongs to the next one.
        own = part.split("ResourceSpans #")[0].split("ScopeSpans #")[0]
        fields = dict(re.findall(r"^ *([\w ]*\w) *: (.*)$", own, re.MULTILINE))
        attributes = dict(re.findall(r"^ +-> ([^:]+): \w+\((.*)\)$", own, re.MULTILINE))
        texts = (fields[name] for name in ("Name", "Trace ID", "ID", "Parent ID", "Kind"))
        times = (int(fields[name]) for name in ("Start time", "End time"))
        yield Span(*texts, *times, attributes)


def wait_for(log, trace, names):
    """What has arrived, as soon as these spans of the trace have, or after some time."""
    give_up = time.monotonic() + ARRIVE_SECONDS
    while True:
        found = list(spans(log.read_text()))
        if names <= {span.name for span in found if span.trace == trace} or time.monotonic() > give_up:
            return found
        time.sleep(0.05)


def check_trace(found, trace, span, traceparents):
    """What is wrong with the spans of a trace."""
    mine = {each.name: each for each in found if each.trace == trace}
    for name, wanted in SPANS.items():
        if name not in mine:
            yield f"no span {name!r}, but {sorted(mine)}"
            continue
        attributes = mine[name].attributes
        for attribute, value in wanted.items():
            if attribute not in attributes or value not in (None, attributes[attribute]):
                yield f"{name}: {attribute} is {attributes.get(attribute)!r}, not {value!r}; all are {attributes}"
    server = mine.get("POST /v2/sum")
    if server and (server.parent, server.kind) != (span, "SPAN_KIND_SERVER"):
        yield f"the span of the request is {server.kind}, child of {server.parent}, not of the client's {span}"
    if not traceparents or not all(trace in parent for parent in traceparents):
        yield f"the store was told of the traces {traceparents}, not {trace}"


def problems(program, directory, draw=None):
    grpc, http = (f"127.0.0.1:{free_port()}" for _ in range(2))
    agent = [Path(rotel.__file__).with_name("rotel-agent"), "start",
             "--otlp-grpc-endpoint", grpc, "--otlp-http-endpoint", http,
             "--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed"]  # fmt: skip
    log = directory / "receiver.log"
    endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
    over_grpc = {endpoint: f"http://{grpc}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    over_http = {endpoint: f"http://{http}", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    off = {"disabled": over_http | {"OTEL_SDK_DISABLED": "true"}, "not switched on": {"OTEL_SERVICE_NAME": "silent"}}
    on = {
        "gRPC": (over_grpc, ["--enable-jaeger"]),
        "HTTP": (over_http, ["--enable-jaeger"]),
        "HTTP, without the flag": (over_http | {"OTEL_SERVICE_NAME": "named"}, []),
    }
    with store(CHUNK) as stored, started(agent, int(http.rsplit(":", 1)[1]), log):
        for variables in off.values():
            ask(program, directory, stored, variables, ["--enable-jaeger"] if endpoint in variables else [])
            if stored.traceparents:
                yield f"traces are off, and the store was told of {stored.traceparents}"
        traces = set()
        for how, (variables, flags) in on.items():
            trace, span = ask(program, directory, stored, variables, flags)
            traces.add(trace)
            found = wait_for(log, trace, set(SPANS))
            print(f"{how}: {sum(each.trace == trace for each in found)} spans", flush=True)
            if draw:
                draw.write_text(drawing([each for each in found if each.trace == trace]))
            yield from (f"{how}: {problem}" for problem in check_trace(found, trace, span, list(stored.traceparents)))
    text = log.read_text()
    yield from (f"a trace that was not asked for: {each}" for each in spans(text) if each.trace not in traces)
    names = set(re.findall(r"service\.name: Str\((.*)\)", text))
    if names != {"reductionist", "named"}:
        yield f"the services' names are {names}"
    lines = text.splitlines()
    yield from (f"{line.strip()!r} tells too much" for line in lines if any(word in line for word in HUSHED))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, required=True, help="the service")
    parser.add_argument("--draw", type=Path, help="where to draw one of the traces: docs/images/trace.svg")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            del os.environ[name]
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        found = list(problems(options.program.resolve(), Path(directory), options.draw))
    print(*(f"FAILED: {problem}" for problem in found), sep="\n")
    print(f"traces checked in {time.monotonic() - begin:.0f} s, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
