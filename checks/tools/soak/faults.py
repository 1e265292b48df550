"""A part of the soak: faults of the store, made by a proxy before it."""

import itertools
import json
import time
from dataclasses import replace

from harness.asking import reduction, with_answer
from harness.cases import BY_NAME
from harness.load import ARM, check_load, list_requests, plague, shown
from harness.service import service
from tools.soak.held import Before, check_nothing_left, wait_for_idle_threads
from tools.soak.whole import FEW, with_whole_answer

FAULTS = 1000
SPOILT_CONNECTIONS, UNHARMED_CONNECTIONS = 40, 8
REQUEST_SECONDS, GRACE_SECONDS = 4, 1
TIMES = ["--read-timeout", "500ms", "--connect-timeout", "500ms"]
TIMES += itertools.chain.from_iterable((f"--{what}-timeout", f"{REQUEST_SECONDS}s") for what in ("request", "variable"))
FAILURES = (502, 504)
CHANGED = 409  # what a store says of the length of an object is compared, too


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
        before = Before.of(server)
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
        check_nothing_left(report, server, [soak.store], before, UNHARMED_CONNECTIONS)


def faulty_requests(soak, url, proxy):
    """Requests about chunks and variables that read through the proxy, and others that read from the store itself."""
    deadline = REQUEST_SECONDS + GRACE_SECONDS
    cases = [BY_NAME[name] for name in ("max-16k", "sum-1m", "sum-1m-zlib")]
    right = [with_answer(case, reduction(case, soak.store, dialect), url) for case in cases for dialect in ("v1", "v2")]
    whole = [with_whole_answer(FEW, soak.store, url, axis) for axis in (None, [1, 2])]
    right, whole = ([replace(asked, deadline_seconds=deadline) for asked in kind] for kind in (right, whole))
    spoilt = [through(proxy, soak.store, asked, FAILURES) for asked in right]
    return [*spoilt, *(through(proxy, soak.store, asked, (*FAILURES, CHANGED)) for asked in whole)], [*right, *whole]


def through(proxy, store, asked, alternatives):
    """The request, which reads through the proxy."""
    return replace(asked, body=asked.body.replace(store, proxy), alternatives=alternatives)


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
