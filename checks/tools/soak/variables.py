"""A part of the soak: whole variables are reduced without pause."""

import time
from statistics import median

from harness.asking import small
from harness.load import LONGEST_MS, QUICK_MS, check_load, list_requests
from harness.service import service
from tools.soak.held import Before, check_nothing_left, wait_for_idle_threads
from tools.soak.whole import LARGE, MANY, with_elements, with_whole_answer

MEMORY_MIB = 256
WINDOWS = 5  # that small requests are looked at in: what disturbs the machine for a moment disturbs one of them
LIMIT_MS = 5  # the 99th percentile of small requests beside whole variables
QUIET_MS = 2  # the same alone, on a machine that has nothing else to do
SMALL_CONNECTIONS = 2


def variables(soak, report):
    """Two clients reduce whole variables without pause: all answers are right, and requests of 16 KiB stay quick."""
    seconds = soak.seconds or 30
    with service(soak.programs, "--memory-limit", f"{MEMORY_MIB}MiB", report=report) as server:
        asked = small(soak.store, server.url)
        of_clients = [questions(soak, server.url, MANY), questions(soak, server.url, LARGE)]
        report.say("all first answers are what NumPy says")
        run_beside(soak, server, of_clients, asked, seconds / 4)
        wait_for_idle_threads(server)
        before = Before.of(server)
        report.say(f"before: {before}")
        alone = windows(soak, server, asked, seconds / 4)
        told, beside = run_beside(soak, server, of_clients, asked, seconds)
        check_nothing_left(report, server, [soak.store], before, 2 * READS_AT_ONCE + SMALL_CONNECTIONS)
    for variable, of_client in zip((MANY, LARGE), told):
        check_load(report, of_client, variable.title)
        list_requests(report, of_client)
    check_small(report, asked.name, alone, beside)


READS_AT_ONCE = 16  # of one variable


def questions(soak, url, variable):
    """What one of the clients asks in turn, with right answers."""
    reductions = [with_whole_answer(variable, soak.store, url, axis) for axis in (None, [0, 1], [1, 2])]
    return [*reductions, with_elements(variable, soak.store, url, 0, 1)]


def run_beside(soak, server, of_clients, asked, seconds):
    """What the clients saw of variables, and what others saw of small requests beside them, window by window."""
    many, large = of_clients
    with (
        soak.loads.start(server.url, many, 1, 600, "many") as one,
        soak.loads.start(server.url, large, 1, 600, "large") as other,
    ):
        time.sleep(0.5)
        seen = windows(soak, server, asked, seconds)
        return [one.report(), other.report()], seen


def windows(soak, server, asked, seconds):
    return [
        soak.loads.run(server.url, [asked], SMALL_CONNECTIONS, seconds / WINDOWS, name="small", pause_ms=2)
        for _ in range(WINDOWS)
    ]


def check_small(report, name, alone, beside):
    """Small requests wait for no variable."""

    def times(seen, which):
        return [window["requests"][name][which] for window in seen]

    def shown(seen):
        return ", ".join(f"{p99:.1f}" for p99 in times(seen, "p99_ms"))

    for window in (*alone, *beside):
        for complaint in ("wrong", "lost", "late"):
            if window[complaint]:
                report.check(f"16 KiB: none is {complaint}", False, window["complaints"])
    quiet, p99 = median(times(alone, "p99_ms")), median(times(beside, "p99_ms"))
    report.say(f"16 KiB, alone: p50 {median(times(alone, 'p50_ms')):.1f} ms, p99 of windows {shown(alone)} ms")
    report.say(f"16 KiB, beside: p50 {median(times(beside, 'p50_ms')):.1f} ms, p99 of windows {shown(beside)} ms")
    is_quiet = quiet <= QUIET_MS
    if not is_quiet:
        report.say(f"the machine is not quiet: p99 alone is more than {QUIET_MS} ms, so that more is allowed beside")
    limit = LIMIT_MS if is_quiet else QUICK_MS
    report.check(f"16 KiB beside whole variables: 99 of 100 within {limit} ms", p99 <= limit, f"{p99:.1f} ms")
    longest = max(times(beside, "max_ms"))
    report.check(
        f"16 KiB beside whole variables: none takes {LONGEST_MS} ms", longest <= LONGEST_MS, f"{longest:.0f} ms"
    )
