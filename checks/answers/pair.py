"""Two programs beside each other: CPU time of a request and peak memory, in many short rounds in turn.

Other work on the machine makes both slow, so they take precedence over it, where the system lets them, and rounds of one
are set beside rounds of the other at the same time. And one life of a program is not like the next: connections and memory
begin otherwise. So there are many short lives of both; each gives one ratio, and their median is what counts.
"""

import contextlib
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from harness.cases import ALL, BUSY

from .asking import Connection, head_of
from .recording import Request
from .servers import KEYS, s3_store, service

CASES = [*ALL, BUSY]
CONNECTIONS = 4
ROUND_SECONDS = 0.04  # CPU time of a service in one round, about
FEWEST_REQUESTS = 2 * CONNECTIONS
ROUNDS = 5  # of each program in one life

COLUMNS = "{:18} {:>8} {:>8} {:>8} {:>15} {:>15} {:>6} {:>12}"
HEAD = COLUMNS.format("case", "old ms", "new ms", "new/old", "middle half", "95 %", "lives", "peak MiB")


@dataclass
class Side:
    """One of the programs, running."""

    name: str
    port: int
    pid: int
    connections: list = field(init=False)
    rounds: list = field(default_factory=list)  # CPU seconds of a request in each
    peak: float = 0  # MiB of memory

    def __post_init__(self):
        self.connections = [Connection(self.port) for _ in range(CONNECTIONS)]

    def cpu_seconds(self):
        """CPU time of all threads there have been: what /proc/PID/stat has, in nanoseconds."""
        return time.clock_gettime(~self.pid << 3 | 2)

    def peak_mib(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


class Load:
    """One request again and again, over connections that are kept."""

    def __init__(self, case, store_port):
        self.body = json.dumps(case.request(f"http://127.0.0.1:{store_port}")).encode()
        self.path = f"/v2/{case.operation}"
        self.answers = set()

    def run(self, side, requests):
        """CPU seconds of the service for each request."""
        request = Request("", "POST", self.path, [*KEYS, ("Content-Type", "application/json")], self.body)
        head, left = head_of(request, side.port), iter(range(requests))

        def ask(connection):
            for _ in left:
                status, _, body = connection.ask(head, self.body, "POST")
                self.answers.add((status, body))

        threads = [threading.Thread(target=ask, args=(connection,)) for connection in side.connections]
        before = side.cpu_seconds()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = (side.cpu_seconds() - before) / requests
        if len(self.answers) != 1 or next(iter(self.answers))[0] != 200:
            sys.exit(f"answers are not the same, or no results: {[answer[:200] for answer in self.answers]}")
        return seconds


def take_precedence(say):
    """Over all that is not urgent to the system, for this process and those that it starts."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        say("this user may not take precedence: other work on the machine will move the figures")


def compare(options, say):
    cases = [case for case in CASES if not options.case or case.name in options.case]
    if not cases:
        sys.exit(f"the cases are {', '.join(case.name for case in CASES)}")
    take_precedence(say)
    store = options.store or options.old.parent / "examples/s3_store"
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        # How a file was written decides how it lies in memory, which moves costs by some 8 %: both are written alike.
        for name in ("old", "new"):
            setattr(options, name, shutil.copy(getattr(options, name), Path(directory, name)))
        files = [Path(directory, case.name) for case in cases]
        for case, file in zip(cases, files, strict=True):
            file.write_bytes(case.encoded)
        port = stack.enter_context(s3_store(store, files))
        print(HEAD)
        for case in cases:
            say(f"{case.name} …")
            load = Load(case, port)
            print(measured(case, load, options, options.seconds / len(cases)), flush=True)
    return 0


def measured(case, load, options, seconds):
    """A line about one case."""
    end, lives = time.monotonic() + seconds, []
    while time.monotonic() < end or not lives:
        lives.append(life(load, options))
    ratios = [cost(new) / cost(old) for old, new in lives]
    low, _, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    least, most = interval(ratios)
    of_sides = list(zip(*lives, strict=True))
    costs = [statistics.median(map(cost, sides)) * 1000 for sides in of_sides]
    peaks = [max(side.peak for side in sides) for sides in of_sides]
    return COLUMNS.format(
        case.name,
        *(f"{cost:.3f}" for cost in costs),
        f"{statistics.median(ratios):.3f}",
        f"{low:.3f}–{high:.3f}",
        f"{least:.3f}–{most:.3f}",
        len(lives),
        f"{peaks[0]:.0f}, {peaks[1]:.0f}",
    )


def life(load, options):
    """Both programs from their beginning to their end."""
    with contextlib.ExitStack() as stack:
        sides = []
        for name in ("old", "new"):
            port, process = stack.enter_context(service(getattr(options, name), "--shutdown-delay", "0s"))
            sides.append(Side(name, port, process.pid))
        for side in sides:  # connections, buffers, caches
            load.run(side, 2 * FEWEST_REQUESTS)
        requests = max(FEWEST_REQUESTS, int(ROUND_SECONDS / min(load.run(side, FEWEST_REQUESTS) for side in sides)))
        for _ in range(ROUNDS):
            for side in random.sample(sides, 2):  # in an order that is left to chance
                side.rounds.append(load.run(side, requests))
        for side in sides:
            side.peak = side.peak_mib()
            for connection in side.connections:
                connection.close()
    return sides


def cost(side):
    return statistics.median(side.rounds)


def interval(ratios, times=2000):
    """Where the median lies, by 95 of 100 samples of the lives."""
    dice = random.Random(1)
    medians = sorted(statistics.median(dice.choices(ratios, k=len(ratios))) for _ in range(times))
    return medians[times // 40], medians[-times // 40]
