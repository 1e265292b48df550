"""Checks what the service tells a receiver of traces, over gRPC and over HTTP.

A service that has traces switched off, or not on, is asked first; what arrives then must be of the later ones alone. Each
of these gets one request that is part of a trace, with credentials, for a chunk of two codecs in a store. It has to be
told by the spans below, and to the store; and whatever arrives, no bucket, object, key or secret may be in it.
"""

import base64
import gzip
import re
import secrets
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest
import rotel

from harness import asking
from harness.asking import JSON, question
from harness.faulty_store import faulty_store
from harness.processes import free_port, logged, wait_until
from harness.service import service
from suites.trace_drawing import drawing

pytestmark = pytest.mark.traces

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


def ask(programs, report, stored, variables=(), flags=()):
    """Starts a service, has it answer one request, and stops it. The trace that the request is part of."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    stored.traceparents.clear()
    options = {"report": report, "variables": dict(variables)}
    with service(programs, "--shutdown-delay", 0, *flags, **options) as server:
        headers = JSON | {
            "authorization": "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode(),
            "traceparent": f"00-{trace}-{span}-01",
            "x-request-id": "asked-by-a-check",
        }
        fields = REQUEST | {"url": stored.url(f"/{BUCKET}/{OBJECT}")}
        status, _, body = asking.ask(question("sum", fields, headers), server.url)
        assert status == 200, body
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
    found = []

    def are_there():
        found[:] = spans(log.read_text())
        return names <= {span.name for span in found if span.trace == trace}

    wait_until(are_there, ARRIVE_SECONDS, pause=0.05)
    return found


def outcomes(found, trace, span, traceparents):
    """What is wrong with each span of a trace, or nothing."""
    mine = {each.name: each for each in found if each.trace == trace}
    for name, wanted in SPANS.items():
        if name not in mine:
            yield f"no span {name!r}, but {sorted(mine)}"
            continue
        attributes = mine[name].attributes
        for attribute, value in wanted.items():
            is_right = attribute in attributes and value in (None, attributes[attribute])
            wrong = f"{name}: {attribute} is {attributes.get(attribute)!r}, not {value!r}; all are {attributes}"
            yield None if is_right else wrong
    server = mine.get("POST /v2/sum")
    is_right = server and (server.parent, server.kind) == (span, "SPAN_KIND_SERVER")
    yield None if is_right else f"the span of the request is {server}, not a child of the client's {span}"
    is_right = traceparents and all(trace in parent for parent in traceparents)
    yield None if is_right else f"the store was told of the traces {traceparents}, not {trace}"


@pytest.fixture
def receiver(tmp_path):
    """The receiver's log, and variables by which a service tells it over gRPC and over HTTP."""
    ports = free_port(), free_port()
    grpc, http = (f"127.0.0.1:{port}" for port in ports)
    agent = [Path(rotel.__file__).with_name("rotel-agent"), "start",
             "--otlp-grpc-endpoint", grpc, "--otlp-http-endpoint", http,
             "--exporter", "blackhole", "--debug-log", "traces", "--debug-log-verbosity", "detailed"]  # fmt: skip
    log = tmp_path / "receiver.log"
    over_grpc = {ENDPOINT: f"http://{grpc}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    over_http = {ENDPOINT: f"http://{http}", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    with logged(agent, ports[1], log):
        yield log, over_grpc, over_http


ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def test_traces_arrive_if_they_are_switched_on(programs, report, receiver, pytestconfig):
    log, over_grpc, over_http = receiver
    off = {"disabled": over_http | {"OTEL_SDK_DISABLED": "true"}, "not switched on": {"OTEL_SERVICE_NAME": "silent"}}
    on = {
        "gRPC": (over_grpc, ["--enable-jaeger"]),
        "HTTP": (over_http, ["--enable-jaeger"]),
        "HTTP, without the flag": (over_http | {"OTEL_SERVICE_NAME": "named"}, []),
    }
    traces = set()
    with faulty_store(CHUNK) as stored:
        for how, variables in off.items():
            ask(programs, report, stored, variables, ["--enable-jaeger"] if ENDPOINT in variables else [])
            report.check(f"traces {how}: the store is told of none", not stored.traceparents, stored.traceparents)
        for how, (variables, flags) in on.items():
            trace, span = ask(programs, report, stored, variables, flags)
            traces.add(trace)
            found = wait_for(log, trace, set(SPANS))
            report.say(f"{how}: {sum(each.trace == trace for each in found)} spans")
            if draw := pytestconfig.getoption("draw"):
                draw.write_text(drawing([each for each in found if each.trace == trace]))
            report.group(how, outcomes(found, trace, span, list(stored.traceparents)))
    text = log.read_text()
    unasked = [each for each in spans(text) if each.trace not in traces]
    report.check("no trace that was not asked for", not unasked, unasked or "")
    names = set(re.findall(r"service\.name: Str\((.*)\)", text))
    report.check("the services' names", names == {"reductionist", "named"}, names)
    telling = [line.strip() for line in text.splitlines() if any(word in line for word in HUSHED)]
    report.check("nothing tells too much", not telling, telling or "")
