"""Parts of the soak: load, kill, slow, probes."""

import itertools
import time
from dataclasses import replace

from harness.asking import METRICS, mixture, reduction, small, with_answer
from harness.cases import BUSY, BY_NAME, Case
from harness.load import check_load, check_quick, list_requests, plague, statuses, write_requests
from harness.proxy import haproxy
from harness.service import service, services
from tools.soak.memory import Samples, rise

MEMORY_MIB, RESIDENT_MIB = 256, 320
FLAT_MIB = 8  # of a rise that is none
IDLE_MIB = 16  # what comes and goes at rest: idle buffers of chunks, and those of connections to the store

# --- load ----------------------------------------------------------------------------------------------------


def load(soak, report):
    """200 connections, chunks of 8 MiB among others, little memory: every answer is right, memory stays flat."""
    seconds = soak.seconds or 60
    with service(soak.programs, "--memory-limit", f"{MEMORY_MIB}MiB", report=report) as server:
        requests = [replace(asked, alternatives=(503,)) for asked in mixture(soak.store, server.url)]
        report.say(f"{len(requests)} different requests, all first answers are what NumPy says")
        soak.loads.run(server.url, requests, 200, seconds / 4)
        before = at_rest(server)
        with Samples(server.pid) as samples:
            told = soak.loads.run(server.url, requests, 200, seconds)
        after = at_rest(server)
    check_load(report, told)
    list_requests(report, told)
    errors = [status for status in statuses(told) if status.startswith("5") and status != "503"]
    report.check("no 5xx but 503", not errors, ", ".join(errors))
    check_memory(report, samples.mib, before, after)


def at_rest(server):
    """What the service holds when the last answers have gone out, and the allocator has given back what it will."""
    time.sleep(3)
    return server.held()


def check_memory(report, samples, before, after):
    """It stays below the limit, and what is held does not grow.

    Under load, what is resident goes up and down with the chunks in flight; a rise is one if it cannot be by chance. At
    rest, nothing hides what is never given back.
    """
    most = max(samples)
    report.check(f"at most {RESIDENT_MIB} MiB are resident", most <= RESIDENT_MIB, f"{most:.0f} MiB")
    rising, error = rise(samples)
    seen = f"{rising:+.1f} MiB, standard error {error:.1f} MiB"
    report.check("no rise in the second half", rising <= FLAT_MIB + 3 * error, seen)
    report.say(f"at rest before: {before}")
    report.say(f"at rest after:  {after}")
    grown = after.resident_mib - before.resident_mib
    report.check(
        f"at rest no more than {IDLE_MIB} MiB more than after the warm-up", grown <= IDLE_MIB, f"{grown:+.1f} MiB"
    )


# --- kill ----------------------------------------------------------------------------------------------------

DOWN_SECONDS, BETWEEN_SECONDS = 0.5, 1.5


def kill(soak, report):
    """Three instances behind HAProxy, which are killed or drained and started again: no request is lost."""
    seconds = soak.seconds or 30
    flags_of_each = [("--shutdown-timeout", "20s")] * 3
    with services(soak.programs, flags_of_each, report) as instances, haproxy(instances) as proxy:
        names = ("max-16k", "sum-1m", "sum-1m-zlib", "sum-8m-zlib")
        cases = [BY_NAME[name] for name in names]
        requests = [with_answer(c, reduction(c, soak.store, v), proxy.url) for c in cases for v in ("v1", "v2")]
        with soak.loads.start(proxy.url, requests, 16, seconds + 60) as running:
            killed, drained = kill_in_turn(instances, seconds)
            told = running.report()
    report.say(f"{killed} times one was killed, {drained} times one was drained")
    check_load(report, told)
    report.check("both happened", killed > 0 and drained > 0)


def kill_in_turn(instances, seconds):
    """Kills one, drains another, and so on; how often."""
    begin, done = time.monotonic(), [0, 0]
    for number, instance in enumerate(itertools.cycle(instances)):
        if time.monotonic() - begin >= seconds:
            break
        drains = number % 2
        instance.stop() if drains else instance.kill()
        time.sleep(DOWN_SECONDS)
        instance.start()
        done[drains] += 1
        time.sleep(BETWEEN_SECONDS)
    return done


# --- slow ----------------------------------------------------------------------------------------------------

SLOW_CONNECTIONS = 500
# More than what the system takes off the service's hands for a client that does not read.
LONG_ANSWER = Case("sum-8m", "8 MiB raw float32, all of it", "select", (32, 256, 256))


def slow(soak, report):
    """500 connections that send or read a byte a second: others are served as if these were not there."""
    seconds = soak.seconds or 30
    with service(soak.programs, "--memory-limit", f"{MEMORY_MIB}MiB", report=report) as server:
        asked = small(soak.store, server.url)
        quiet = soak.loads.run(server.url, [asked], 4, min(seconds, 5), pause_ms=2)
        check_quick(report, quiet, asked.name, "16 KiB, alone")
        with crowd(soak, server.url, seconds + 60) as slow_ones:
            time.sleep(3)  # until they are all there
            report.say(f"with them: {server.held()}")
            told = soak.loads.run(server.url, [asked], 4, seconds, pause_ms=2)
            report.say(f"at the end: {server.held()}")
            fared = slow_ones.report()
    for kind, of_kind in fared.items():
        seen = f"{of_kind['opened']} connections opened, {of_kind['ended']} of them ended by the service"
        report.say(f"slow {kind}: {seen}")
    check_load(report, told)
    check_quick(report, told, asked.name, "16 KiB, beside 500 slow ones")


def crowd(soak, url, seconds):
    """Slow clients of all kinds; their answers are long."""
    file = write_requests(soak.loads.directory, "slow", [reduction(LONG_ANSWER, soak.store, "v1")])
    flags = {"url": url, "requests": file, "connections": SLOW_CONNECTIONS, "seconds": seconds}
    return plague(soak.programs, "slow", *(f"--kind={kind}" for kind in ("head", "body", "answer")), **flags)


# --- probes --------------------------------------------------------------------------------------------------


def probes(soak, report):
    """Both CPU threads are busy with 8 MiB of zlib each: metrics and small requests are answered at once."""
    seconds = soak.seconds or 20
    with service(soak.programs, "--thread-limit", "2", report=report) as server:
        busy = with_answer(BUSY, reduction(BUSY, soak.store, "v2"), server.url)
        asked = small(soak.store, server.url)
        with soak.loads.start(server.url, [busy], 8, seconds + 60, "busy") as busy_ones:
            time.sleep(1)
            told = soak.loads.run(server.url, [METRICS, asked], 2, seconds, name="probes", pause_ms=5)
            beside = busy_ones.report()
        for name in (METRICS.name, asked.name):
            check_quick(report, told, name, name)
        check_load(report, told, "probes")
        check_load(report, beside, "8 MiB of zlib")
