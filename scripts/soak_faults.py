"""A part of the soak: faults of the store, made by a proxy before it."""

import json
import os
import time
from dataclasses import replace

from bench_cases import BY_NAME
from soak_load import ARM, Plague, run_load, start_load
from soak_processes import service, wait_until
from soak_report import shown
from soak_requests import reduction, with_answer

FAULTS = 1000
SPOILT_CONNECTIONS, UNHARMED_CONNECTIONS = 40, 8
REQUEST_SECONDS, GRACE_SECONDS = 4, 1
SPARE_MIB = 16  # of memory that may be resident afterwards, beyond what was before
TIMES = ["--request-timeout", f"{REQUEST_SECONDS}s", "--read-timeout", "500ms", "--connect-timeout", "500ms"]


def faults(soak, verdict):
    """A store that fails in every way: each answer is right or a known error, in time, and nothing stays behind."""
    count = int(FAULTS * soak.seconds / 30) if soak.seconds else FAULTS
    verdict.say(f"{count} faults, seed {soak.seed}")
    store = soak.store.removeprefix("http://")
    arguments = ["--store", store, "--faults", count, "--seed", soak.seed]
    with service(soak.programs, *TIMES) as server:
        with Plague(soak.programs, "proxy", *arguments) as proxy:
            spoilt, unharmed = faulty_requests(soak, server.url, proxy.line())
            run_load(soak, server.url, spoilt, SPOILT_CONNECTIONS, 3)
            run_load(soak, server.url, unharmed, UNHARMED_CONNECTIONS, 1)
        wait_for_idle_threads(server)
        before = server.held()
        verdict.say(f"before: {before}")
        with Plague(soak.programs, "proxy", *arguments) as proxy:
            spoilt, _ = faulty_requests(soak, server.url, proxy.line())
            spoilt += unreachable(spoilt)
            begin = time.monotonic()
            with (
                start_load(soak, server.url, unharmed, UNHARMED_CONNECTIONS, 600, "unharmed", pause_ms=5) as beside,
                start_load(soak, server.url, spoilt, SPOILT_CONNECTIONS, 600, "spoilt") as at_proxy,
            ):
                proxy.signal(ARM)
                proxy.line()
                verdict.say(f"all faults within {time.monotonic() - begin:.0f} s")
                reports = at_proxy.report(), beside.report()
            made = proxy.report()["faults"]
        verdict.say(f"faults: {shown(made)}")
        check_faults(verdict, *reports)
        check_nothing_left(verdict, server, soak.store, before)
    verdict.check_service(server)


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


def check_faults(verdict, spoilt, unharmed):
    verdict.check_load(spoilt, "through the proxy")
    verdict.list_requests(spoilt)
    longest = max(times["max_ms"] for times in spoilt["requests"].values()) / 1000
    verdict.say(f"the longest took {longest:.1f} s; --request-timeout is {REQUEST_SECONDS} s")
    unresolved = sum(spoilt["requests"].get("no such host", {"statuses": {}})["statuses"].values())
    verdict.check("names that do not resolve were asked for", unresolved > 0, unresolved)
    verdict.check_load(unharmed, "beside it")
    slowest = max(times["p99_ms"] for times in unharmed["requests"].values())
    verdict.check("beside it: all are answered well within a second", slowest < 1000, f"p99 {slowest:.0f} ms")


def wait_for_idle_threads(server):
    """Threads that have nothing to do end after ten seconds: until their number stays the same for as long."""
    seen = []

    def is_calm():
        seen.append(server.held().threads)
        return len(seen) > 44 and len(set(seen[-44:])) == 1

    wait_until(is_calm, 40)


def check_nothing_left(verdict, server, store, before):
    """What the process holds is what it held before the faults, but for idle connections to the store that is well."""

    def besides(held):
        return held.descriptors - held.connections_to(store)

    def is_back():
        now = server.held()
        few = now.threads <= before.threads and besides(now) <= besides(before)
        return few and now.resident_mib <= before.resident_mib + SPARE_MIB

    wait_until(is_back, 30)
    after = server.held()
    verdict.say(f"after: {after}")
    verdict.check("file descriptors are back", besides(after) <= besides(before), f"{besides(after)} beside the next")
    idle = after.connections_to(store)
    # Each event loop may have needed one for each of the requests.
    most = UNHARMED_CONNECTIONS * os.cpu_count()
    verdict.check("connections to the store that is well are no more than were needed", idle <= most, idle)
    verdict.check("threads are back", after.threads <= before.threads, after.threads)
    grown = after.resident_mib - before.resident_mib
    verdict.check(f"memory is back but for {SPARE_MIB} MiB", grown <= SPARE_MIB, f"{grown:+.1f} MiB")
