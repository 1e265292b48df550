"""A part of the soak: whole variables are reduced without pause."""

import time
from statistics import median

from harness.asking import small
from harness.load import LONGEST_MS, QUICK_MS, check_load, list_requests
from harness.service import services
from tools.soak.held import Before, check_nothing_left, wait_for_idle_threads
from tools.soak.whole import LARGE, MANY, with_elements, with_whole_answer

MEMORY_MIB = 256
WINDOWS = 5  # that small requests are looked at in: what disturbs the machine for a moment disturbs one of them
LIMIT_MS = 5  # the 99th percentile of small requests beside whole variables
SMALL_CONNECTIONS = 2
READS_AT_ONCE = 16  # of one variable


def variables(soak, report):
    """Two clients reduce whole variables without pause: all answers are right, and requests of 16 KiB stay quick."""
    seconds, flags = soak.seconds or 30, [["--memory-limit", f"{MEMORY_MIB}MiB"]] * 2
    with services(soak.programs, flags, report) as (server, other):
        asked = small(soak.store, server.url)
        of_clients = [questions(soak, server.url, variable) for variable in (MANY, LARGE)]
        report.say("all first answers are what NumPy says")
        run_beside(soak, server, of_clients, server, asked, seconds / 4)
        wait_for_idle_threads(server)
        before = Before.of(server)
        report.say(f"before: {before}")
        # The machine is as busy then, but not the service.
        told_by_other, apart = run_beside(soak, other, of_clients, server, asked, seconds / 2)
        told, beside = run_beside(soak, server, of_clients, server, asked, seconds)
        check_nothing_left(report, server, [soak.store], before, 2 * READS_AT_ONCE + SMALL_CONNECTIONS)
    for variable, of_other, of_client in zip((MANY, LARGE), told_by_other, told, strict=True):
        check_load(report, of_other, f"{variable.title}, another instance")
        check_load(report, of_client, variable.title)
        list_requests(report, of_client)
    check_small(report, asked.name, apart, beside)


def questions(soak, url, variable):
    """What one of the clients asks in turn, with right answers."""
    reductions = [with_whole_answer(variable, soak.store, url, axis) for axis in (None, [0, 1], [1, 2])]
    return [*reductions, with_elements(variable, soak.store, url, 0, 1)]


def run_beside(soak, busy, of_clients, server, asked, seconds):
    """What the clients of one service saw of variables, and what those of another, or the same, saw of small requests."""
    many, large = of_clients
    with (
        soak.loads.start(busy.url, many, 1, 600, "many") as one,
        soak.loads.start(busy.url, large, 1, 600, "large") as other,
    ):
        time.sleep(1)
        seen = [
            soak.loads.run(server.url, [asked], SMALL_CONNECTIONS, seconds / WINDOWS, name="small", pause_ms=2)
            for _ in range(WINDOWS)
        ]
        return [one.report(), other.report()], seen


def check_small(report, name, apart, beside):
    """Small requests wait for no variable: what they saw while another instance was busy, and while the same one was."""

    def times(seen, which):
        return [window["requests"][name][which] for window in seen]

    for what, seen in (("another instance is", apart), ("the same is", beside)):
        p99s = ", ".join(f"{p99:.1f}" for p99 in times(seen, "p99_ms"))
        report.say(f"16 KiB while {what} busy: p50 {median(times(seen, 'p50_ms')):.1f} ms, p99 by window {p99s} ms")
    for claim in ("wrong", "lost", "late"):
        report.check(f"16 KiB: none is {claim}", not any(window[claim] for window in (*apart, *beside)))
    is_quiet = median(times(apart, "p99_ms")) <= LIMIT_MS
    limit = LIMIT_MS if is_quiet else QUICK_MS
    if not is_quiet:
        report.say(f"the machine is too busy for {LIMIT_MS} ms even while the service is not: {limit} ms are allowed")
    p99 = median(times(beside, "p99_ms"))
    report.check(f"16 KiB beside whole variables: 99 of 100 within {limit} ms", p99 <= limit, f"{p99:.1f} ms")
    longest = max(times(beside, "max_ms"))
    report.check(
        f"16 KiB beside whole variables: none takes {LONGEST_MS} ms", longest <= LONGEST_MS, f"{longest:.0f} ms"
    )
