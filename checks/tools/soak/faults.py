"""A part of the soak: faults of the store, made by a proxy before it."""

import json
import os
import time
from dataclasses import replace

from harness.asking import reduction, with_answer
from harness.cases import BY_NAME
from harness.load import ARM, check_load, list_requests, plague, shown
from harness.processes import wait_until
from harness.service import service

FAULTS = 1000
SPOILT_CONNECTIONS, UNHARMED_CONNECTIONS = 40, 8
REQUEST_SECONDS, GRACE_SECONDS = 4, 1
SPARE_MIB = 16  # of memory that may be resident afterwards, beyond what was before
TIMES = ["--request-timeout", f"{REQUEST_SECONDS}s", "--read-timeout", "500ms", "--connect-timeout", "500ms"]


def faults(soak, report):
    """A store that fails in every way: each answer is right or a known error, in time, and nothing stays behind."""
    count = int(FAULTS * soak.seconds / 30) if soak.seconds else FAULTS
    report.say(f"{count} faults")
    store = soak.store.removeprefix("http://")
    flags = {"store": store, "faults": count, "seed": soak.loads.seed}
    with service(soak.programs, *TIMES, report=report) as server:
        with plague(soak.programs, "proxy", **flags) as proxy:
            spoilt, unharmed = faulty_requests(soak, server.url, proxy.line())
            soak.loads.run(server.url, spoilt, SPOILT_CONNECTIONS, 3)
            soak.loads.run(server.url, unharmed, UNHARMED_CONNECTIONS, 1)
        wait_for_idle_threads(server)
        before = server.held()
        report.say(f"before: {before}")
        with plague(soak.programs, "proxy", **flags) as proxy:
            spoilt, _ = faulty_requests(soak, server.url, proxy.line())
            spoilt += unreachable(spoilt)
            begin = time.monotonic()
            with (
                soak.loads.start(server.url, unharmed, UNHARMED_CONNECTIONS, 600, "unharmed", 5) as beside,
                soak.loads.start(server.url, spoilt, SPOILT_CONNECTIONS, 600, "spoilt") as at_proxy,
            ):
                proxy.process.send_signal(ARM)
                proxy.line()
                report.say(f"all faults within {time.monotonic() - begin:.0f} s")
                reports = at_proxy.report(), beside.report()
            made = proxy.report()["faults"]
        report.say(f"faults: {shown(made)}")
        check_faults(report, *reports)
        check_nothing_left(report, server, soak.store, before)


def faulty_requests(soak, url, proxy):
    """Requests that read through the proxy, and others that read from the store itself."""
    deadline = REQUEST_SECONDS + GRACE_SECONDS
    cases = [BY_NAME[name] for name in ("max-16k", "sum-1m", "sum-1m-zlib")]
    right = [with_answer(case, reduction(case, soak.store, dialect), url) for case in cases for dialect in ("v1", "v2")]
    right = [replace(asked, deadline_seconds=deadline) for asked in right]
    spoilt = [replace(asked, body=asked.body.replace(soak.store, proxy), alternatives=(502, 504)) for asked in right]
    return spoilt, right


def unreachable(spoilt):
    """Requests about a host whose name does not resolve."""
    fields = json.loads(spoilt[0].body) | {"source": "http://store.invalid"}
    body = json.dumps(fields)
    return [replace(spoilt[0], name="no such host", body=body, status=502, answer=None, answer_headers={})]


def check_faults(report, spoilt, unharmed):
    check_load(report, spoilt, "through the proxy")
    list_requests(report, spoilt)
    longest = max(times["max_ms"] for times in spoilt["requests"].values()) / 1000
    report.say(f"the longest took {longest:.1f} s; --request-timeout is {REQUEST_SECONDS} s")
    unresolved = sum(spoilt["requests"].get("no such host", {"statuses": {}})["statuses"].values())
    report.check("names that do not resolve were asked for", unresolved > 0, unresolved)
    check_load(report, unharmed, "beside it")
    slowest = max(times["p99_ms"] for times in unharmed["requests"].values())
    report.check("beside it: all are answered well within a second", slowest < 1000, f"p99 {slowest:.0f} ms")


def wait_for_idle_threads(server):
    """Threads that have nothing to do end after ten seconds: until their number stays the same for as long."""
    seen = []

    def is_calm():
        seen.append(server.held().threads)
        return len(seen) > 44 and len(set(seen[-44:])) == 1

    wait_until(is_calm, 40)


def check_nothing_left(report, server, store, before):
    """What the process holds is what it held before the faults, but for idle connections to the store that is well."""

    def besides(held):
        return held.descriptors - held.connections_to(store)

    def is_back():
        now = server.held()
        few = now.threads <= before.threads and besides(now) <= besides(before)
        return few and now.resident_mib <= before.resident_mib + SPARE_MIB

    wait_until(is_back, 30)
    after = server.held()
    report.say(f"after: {after}")
    report.check("file descriptors are back", besides(after) <= besides(before), f"{besides(after)} beside the next")
    idle = after.connections_to(store)
    # Each event loop may have needed one for each of the requests.
    most = UNHARMED_CONNECTIONS * os.cpu_count()
    report.check("connections to the store that is well are no more than were needed", idle <= most, idle)
    report.check("threads are back", after.threads <= before.threads, after.threads)
    grown = after.resident_mib - before.resident_mib
    report.check(f"memory is back but for {SPARE_MIB} MiB", grown <= SPARE_MIB, f"{grown:+.1f} MiB")
