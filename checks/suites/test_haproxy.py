"""Checks deployment/haproxy with three instances of the service: does it do what its README says?"""

import base64
import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import chunked_object, faulty_store
from harness.asking import HEADERS, Asked, ask, get, reduction, with_answer
from harness.cases import Case
from harness.chunked_object import homes, one_by_one, received
from harness.load import Loads, check_load
from harness.places import DOCS, Programs
from harness.processes import certificate, installed, wait_until
from harness.proxy import FILES, haproxy
from harness.report import Failure
from harness.service import service, services
from harness.stores import s3_store
from harness.stub import stub

pytestmark = pytest.mark.haproxy

CHUNKS, INSTANCES = 200, 3
FAIR = 0.35, 1.65  # of the mean share: more than six standard deviations, if chunks fell as dice do
AT_ONCE = ("--shutdown-delay=0",)  # instances end without waiting for HAProxy to see it
CONNECTIONS = 30  # as many as PyActiveStorage opens
LOAD_SECONDS = 30  # at most; it is ended earlier
AMONG_LOAD = 300  # requests that others answer before and after something happens

# Version 1 has its 16384 counts in one header.
LONG_HEAD = Case("long-head", "1 MiB raw float32, max over axis 0", "max", (16, 128, 128), axis=(0,))


@dataclass(frozen=True)
class Check:
    """What all tests need."""

    programs: Programs
    loads: Loads
    store: str  # URL
    chunks: list
    pem: Path  # certificate and key of 127.0.0.1

    @contextlib.contextmanager
    def running(self, flags_of_each, report, **options):
        """Instances with these flags, and HAProxy before them."""
        with services(self.programs, flags_of_each, report) as instances, haproxy(instances, **options) as proxy:
            yield instances, proxy


@pytest.fixture(scope="module")
def check(programs, seed, tmp_path_factory):
    """A store with all chunks, and a certificate."""
    directory, objects = (tmp_path_factory.mktemp(name) for name in ("haproxy", "objects"))
    chunks = chunked_object.chunks(CHUNKS)
    (objects / chunked_object.KEY).write_bytes(chunked_object.encoded(chunks))
    (objects / LONG_HEAD.key).write_bytes(LONG_HEAD.encoded)
    pem = directory / "haproxy.pem"
    pem.write_bytes(b"".join(file.read_bytes() for file in certificate(directory)))
    with s3_store(programs, objects.iterdir()) as store:
        yield Check(programs, Loads(programs, directory, seed), store.url, chunks, pem)


# --- files ---------------------------------------------------------------------------------------------------


def test_files(check, report, tmp_path):
    """HAProxy finds nothing to complain of in the files."""
    # The instances' names are not known here, which it would tell.
    listed = tmp_path / "servers.cfg"
    listed.write_text(re.sub(r"(server \S+) \S+:", r"\1 127.0.0.1:", (FILES / "servers.cfg").read_text()))
    https = {"HAPROXY_TLS_BIND": "127.0.0.1:8443", "HAPROXY_TLS_PEM": str(check.pem)}
    for name, settings in [("HTTP", {}), ("HTTPS", https)]:
        command = [installed("haproxy", "haproxy"), "-c", "-q", "-f", FILES / "haproxy.cfg", "-f", listed]
        told = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True)
        report.check(f"haproxy -c, {name}", told.returncode == 0 and not told.stderr, told.stderr)
    times = dict(re.findall(r"--(queue|request)-timeout[ `]+\(?(\d+) ?s", (FILES / "README.md").read_text()))
    server = int(re.search(r"timeout server (\d+)s", (FILES / "haproxy.cfg").read_text())[1])
    report.check("HAProxy waits longer than an instance", server > sum(map(int, times.values())), (server, times))


# --- heads ---------------------------------------------------------------------------------------------------


def echo():
    """An instance that is always ready, and keeps what arrived."""
    return stub(lambda: (200, {}, b"{}"))


def test_heads(check, report):
    """What arrives at an instance, and what at clients and operators."""
    with echo() as instance, haproxy([instance]) as proxy:
        sent = {"x-request-id": "mine", "x-reductionist-token": "token", "traceparent": "00-1-2-01"} | HEADERS
        for headers, body in ((HEADERS, "{}"), (HEADERS, "{}"), (sent, "{}"), (HEADERS, " " * (1 << 20))):
            ask(Asked("anything", "/v2/max", body, headers=headers), proxy.url)
        first, second, handed_on, long = instance.seen
        ids = [seen.headers["x-request-id"] for seen in (first, second)]
        report.check("requests get ids", len(set(ids)) == 2 and all(len(each) == 36 for each in ids), ids)
        got = {name.lower(): value for name, value in handed_on.headers.items()}
        report.check("what clients send is handed on", sent.items() <= got.items(), got)
        report.check("a body may be longer than the buffer", len(long.body) == 1 << 20, len(long.body))
    with check.running([AT_ONCE], report, pem=check.pem) as (_, proxy):
        with_answer(LONG_HEAD, reduction(LONG_HEAD, check.store, "v1"), proxy.url)
        report.check("16384 counts in a head come through", True)
        trusted = ssl.create_default_context(cafile=check.pem)
        report.check("HTTPS", ask(get("/readyz"), proxy.tls_url, trusted)[2] == b"ready\n")
        status, *_ = ask(get("/metrics"), proxy.url)
        report.check("no metrics of an instance that is picked by chance", status == 404, status)
        status, _, text = ask(get("/metrics"), proxy.admin)
        report.check("but those of HAProxy", b'server="reductionist-1",state="UP"} 1' in text, status)
        status, *_ = ask(get("/livez"), proxy.admin)
        report.check("HAProxy lives", status == 200, status)


# --- routes --------------------------------------------------------------------------------------------------


def test_routes(check, report):
    """Each chunk has an instance of its own, also when one is killed or drained; no request is lost."""
    with check.running([()] * INSTANCES, report) as (instances, proxy):
        everything = check.chunks, instances, check.store, proxy.url
        where = homes(*everything)
        claim = "each chunk is always at the same instance, in both versions, its fields in any order"
        report.check(claim, all(len(home) == 1 for home in where), dict(Counter(map(len, where))))
        shares = [sum(home == {number} for home in where) for number in range(INSTANCES)]
        fair = all(FAIR[0] <= share * INSTANCES / CHUNKS <= FAIR[1] for share in shares)
        report.check("the chunks of one object are shared fairly", fair, shares)
        named(check, report, instances, proxy)
        requests = chunked_object.requests(check.chunks, check.store, proxy.url)
        with check.loads.start(proxy.url, requests, CONNECTIONS, LOAD_SECONDS) as load:
            kill(report, instances, proxy)
            check_load(report, load.report(), "one is killed")
        check_moved(report, where, homes(*everything))
        with check.loads.start(proxy.url, requests, CONNECTIONS, LOAD_SECONDS) as load:
            restart(report, instances[1], instances, proxy)
            drain(report, instances, proxy)
            restart(report, instances[2], instances, proxy)
            check_load(report, load.report(), "one comes back, another is drained")
        repeated = sum(int(number) for name in ("wretr", "wredis") for number in proxy.column(name))
        report.say(f"HAProxy has sent {repeated} requests once more")
        report.check("all chunks are where they were", homes(*everything) == where)


def named(check, report, instances, proxy):
    """The header decides, where there is one."""
    before = received(instances)
    with one_by_one(proxy.url) as ask_for:
        for chunk in check.chunks[:20]:
            asked = chunk.asked(check.store, "v2")
            asked.headers["x-reductionist-affinity"] = "anything"
            ask_for(chunk, asked)
    came = sorted(now - was for was, now in zip(before, received(instances), strict=True))
    report.check("chunks are where x-reductionist-affinity says", came == [0, 0, 20], came)


def busy(instances):
    """Waits until each of the instances that live has been asked for many more chunks."""
    begin = received(instances)

    def are_busy():
        pairs = zip(begin, received(instances), strict=True)
        return all(was is None or now - was >= AMONG_LOAD for was, now in pairs)

    if not wait_until(are_busy, LOAD_SECONDS / 3):
        raise Failure(f"too few requests arrive: {received(instances)} until now, {begin} before")


def kill(report, instances, proxy):
    """The second one ends as if its machine had failed."""
    busy(instances)
    instances[1].kill()
    report.check("HAProxy sees that one is gone", proxy.wait_for("UP", "DOWN", "UP", seconds=3), proxy.states())
    busy(instances)


def check_moved(report, before, after):
    """The chunks of the second instance are shared by the others, which keep theirs."""
    moved = [now for was, now in zip(before, after, strict=True) if was == {1}]
    stayed = [was == now for was, now in zip(before, after, strict=True) if was != {1}]
    report.check("the others keep their chunks", all(stayed), f"{sum(stayed)} of {len(stayed)}")
    shares = [moved.count({number}) for number in (0, 2)]
    fair = min(shares) > 0.1 * len(moved) and sum(shares) == len(moved)
    report.check("and share those of the one that is gone", fair, shares)


def drain(report, instances, proxy):
    """The third one is told to stop, and finishes what it has."""
    busy(instances)
    draining = instances[2].process
    draining.terminate()
    seen = proxy.wait_for("UP", "UP", "DOWN", seconds=2)
    with socket.socket() as connection:
        accepts = connection.connect_ex(("127.0.0.1", instances[2].port)) == 0
    report.check("HAProxy sees that one is to stop while that still accepts", seen and accepts, proxy.states())
    draining.wait(LOAD_SECONDS)
    instances[2].stop()
    busy(instances)


def restart(report, instance, instances, proxy):
    instance.start()
    report.check("HAProxy sees that one is back", proxy.wait_for("UP", "UP", "UP", seconds=3), proxy.states())
    busy(instances)


# --- full ----------------------------------------------------------------------------------------------------

FULL_MIB = 16
QUEUE = 4  # half of it is for one client, which all are that send no credentials


def test_a_full_instance(check, report):
    """What an instance has no room for is answered by another, but it keeps its chunks."""
    sizes = [f"--{name}={FULL_MIB}MiB" for name in ("memory-limit", "max-chunk-size", "max-decoded-size")]
    tight = (*AT_ONCE, *sizes, f"--max-queue={QUEUE}")
    with check.running([tight, AT_ONCE], report) as (instances, proxy), filled(instances[0]) as is_full:
        report.check("one is full", is_full)
        report.check("HAProxy knows", wait_until(lambda: proxy.column("check_code")[0] == "503", 3))
        before = received(instances)
        with one_by_one(proxy.url) as ask_for:
            for chunk in check.chunks[:50]:
                ask_for(chunk, chunk.asked(check.store, "v2"))
        came = [now - was for was, now in zip(before, received(instances), strict=True)]
        report.check("the other one answers for it", came[1] == 50, came)
        report.check("it stays where requests go to", came[0] > 0 and proxy.states() == ["UP", "UP"], proxy.states())


@contextlib.contextmanager
def filled(instance):
    """Has requests about chunks of a silent store take an instance's memory, and places to wait for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent, contextlib.ExitStack() as stack:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/chunk"
        size = (FULL_MIB - 1) << 20
        fields = {"interface_type": "http", "url": url, "dtype": "uint8", "size": size, "shape": [size]}
        for user in range(1 + QUEUE):
            connection = stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", instance.port)))
            basic = base64.b64encode(f"user{user}:secret".encode()).decode()
            connection.request("POST", "/v2/max", json.dumps(fields), HEADERS | {"authorization": f"Basic {basic}"})
        yield wait_until(lambda: ask(get("/readyz"), instance.url)[0] == 503, 5)


# --- slow ----------------------------------------------------------------------------------------------------

PLAN = DOCS / "scaling.md"
ASKED, LIMIT, READ_SECONDS = 20, 4, 2
QUEUE_SECONDS = 5  # three reads, one after the other, begin in time, with a second to spare


def test_a_slow_store(check, report):
    """Where the store is slow, limits do what docs/scaling.md says, and its plan has enough."""
    check_plan(report)
    for limit, in_time in [(ASKED, ASKED), (LIMIT, LIMIT * (1 + int(QUEUE_SECONDS / READ_SECONDS)))]:
        came = statuses_of_slow_reads(check, report, limit)
        right = came == Counter({200: in_time, 503: ASKED - in_time})
        report.check(f"{limit} connections, {ASKED} requests at one time", right, came)
    settings = {"HAPROXY_MAXCONN": 5000, "HAPROXY_SERVER_MAXCONN": 2000}
    with echo() as instance, haproxy([instance], settings=settings) as proxy:
        _, _, text = ask(get("/metrics"), proxy.admin)
        most = int(re.search(rb"^haproxy_process_max_connections (\d+)", text, re.MULTILINE)[1])
        seen = {"HAPROXY_MAXCONN": most, "HAPROXY_SERVER_MAXCONN": int(proxy.column("slim")[0])}
        report.check("HAProxy has as many connections as it is told", seen == settings, seen)


def check_plan(report):
    """Whether the plan's settings bear the requests in flight that it has when a read takes 1 s, with one node away."""
    text = PLAN.read_text().partition("## A plan")[2]

    def number(pattern):
        return float(re.search(pattern, text)[1].replace(",", ""))

    in_flight, nodes = number(r"\| requests in flight .* 1 s: ([\d,]+) "), number(r"\*\*(\d+) \+ 1\*\*")
    mib_of_each = number(r"\*\*mean\*\*.*\*\*([\d.]+) MiB\*\* \|\n")
    bounds = {
        "memory": number(r"--memory-limit (\d+)GiB") * 1024 / mib_of_each,
        "connections": number(r"--s3-connection-limit (\d+)"),
        "server": number(r"HAPROXY_SERVER_MAXCONN=(\d+)"),
        "HAProxy": number(r"HAPROXY_MAXCONN=(\d+)") / nodes,
    }
    report.check("the plan bears a slow store", min(bounds.values()) > in_flight / nodes, (in_flight / nodes, bounds))


def statuses_of_slow_reads(check, report, limit):
    """How often each status is the answer to requests that come at one time and have to share so many connections."""
    flags = f"--s3-connection-limit={limit}", f"--queue-timeout={QUEUE_SECONDS}s"
    with (
        service(check.programs, *AT_ONCE, *flags, report=report) as instance,
        faulty_store.faulty_store(bytes(ASKED)) as store,
        ThreadPoolExecutor(ASKED) as threads,
    ):
        store.slow_seconds = READ_SECONDS
        fields = {"interface_type": "s3", "url": store.url(faulty_store.SLOW)}
        fields |= {"dtype": "uint8", "shape": [1], "size": 1}
        asked = [Asked("slow", "/v2/max", json.dumps(fields | {"offset": offset})) for offset in range(ASKED)]
        return Counter(status for status, *_ in threads.map(lambda each: ask(each, instance.url), asked))
