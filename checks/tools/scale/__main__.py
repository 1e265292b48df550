"""Measures one, two and three instances of the service behind HAProxy, and one without it.

Store, service, HAProxy and load generator are processes of their own, on loopback. First they share all CPUs; then each
instance has so much of one to itself, so that more instances are more CPU time, which is what another machine would be.
"""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from harness import tool
from harness.asking import HEADERS, reduction, with_answer
from harness.cases import BY_NAME, MIB, Case
from harness.chunked_object import received
from harness.places import Programs
from harness.processes import Server, installed, process
from harness.proxy import haproxy
from harness.report import Failure, table
from harness.service import cpu_seconds, services
from harness.stores import s3_store
from tools.machine import machine

CONNECTIONS = 30  # kept, as PyActiveStorage's threads keep theirs
OBJECT_BYTES = 48 * MIB  # about; so many chunks that shares are even
MOST_INSTANCES = 3
WARM_UP_SECONDS = 1

LARGE = {"name": "sum-4m-zlib", "title": "4 MiB float32 zlib + shuffle, masked sum", "shape": (64, 128, 128)}
CASES = [BY_NAME["max-16k"], BY_NAME["sum-1m-zlib"], replace(BY_NAME["sum-1m-zlib"], **LARGE)]
QUICK_CASES = CASES[:2]


# --- What is asked -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """Requests for all chunks of an object, which are all alike."""

    case: Case
    chunks: int

    @classmethod
    def of(cls, case):
        return cls(case, OBJECT_BYTES // len(case.encoded))

    def write(self, directory):
        (directory / self.case.key).write_bytes(self.case.encoded * self.chunks)

    def bodies(self, store):
        offsets = range(0, self.chunks * len(self.case.encoded), len(self.case.encoded))
        return [json.dumps(self.case.request(store) | {"offset": offset}) for offset in offsets]


# --- CPUs ----------------------------------------------------------------------------------------------------


class Quota:
    """Control groups that give each instance a part of a CPU."""

    PERIOD_US = 10_000
    MOUNTS = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")  # version 1, version 2

    def __init__(self, part):
        self.part = part
        self.groups = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for group in self.groups:
            group.rmdir()

    def hold(self, pid):
        """Puts a process into a group of its own, or says that it cannot."""
        mount = next(mount for mount in self.MOUNTS if mount.exists())
        group = mount / f"reductionist-scale-{pid}"
        quota = int(self.part * self.PERIOD_US)
        try:
            group.mkdir()
            self.groups.append(group)
            if (group / "cpu.max").exists():
                (group / "cpu.max").write_text(f"{quota} {self.PERIOD_US}")
            else:
                (group / "cpu.cfs_period_us").write_text(str(self.PERIOD_US))
                (group / "cpu.cfs_quota_us").write_text(str(quota))
            (group / "cgroup.procs").write_text(str(pid))
        except OSError as error:
            raise NoQuota(f"no control group can be made for it: {error}") from error


class NoQuota(Exception):
    """Why instances cannot be given parts of CPUs."""


# --- Measuring -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """What was measured of one setup. CPU milliseconds are those of one request."""

    setup: str
    connections: int
    rate: float
    decoded_mb: float  # per second
    p50_ms: float
    p99_ms: float
    shares: list
    service_ms: float
    haproxy_ms: float | None
    store_ms: float

    @property
    def jain(self):
        """Jain's index of fairness: 1 if all instances have the same share, 1 / n if one has everything."""
        return sum(self.shares) ** 2 / (len(self.shares) * sum(share**2 for share in self.shares))


@dataclass(frozen=True)
class Scale:
    """What all measurements need."""

    programs: Programs
    directory: Path
    store: Server
    seconds: float

    def measure(self, work, number, balanced=True, part=None, connections=CONNECTIONS):
        """So many instances, each with a part of a CPU or with all of them."""
        flags = ["--shutdown-delay=0", *(["--thread-limit=1"] if part else [])]
        with contextlib.ExitStack() as stack:
            quota = stack.enter_context(Quota(part))
            instances = stack.enter_context(services(self.programs, [flags] * number))
            for instance in instances if part else ():
                quota.hold(instance.pid)
            proxy = stack.enter_context(haproxy(instances)) if balanced else None
            url = proxy.url if proxy else instances[0].url
            with_answer(work.case, reduction(work.case, self.store.url, "v2"), url)
            self.load(work, url, connections, WARM_UP_SECONDS)
            pids = {"service": [each.pid for each in instances], "store": [self.store.pid]}
            pids |= {"haproxy": [proxy.pid]} if proxy else {}
            before, cpu = received(instances), {name: cpu_seconds(each) for name, each in pids.items()}
            told = self.load(work, url, connections, self.seconds)
            spent = {name: (cpu_seconds(each) - cpu[name]) * 1000 / told["requests"] for name, each in pids.items()}
            shares = [now - was for was, now in zip(before, received(instances), strict=True)]
        rate = told["requests"] / told["seconds"]
        return Row(
            setup=f"{number} behind HAProxy" if balanced else "1, asked directly",
            connections=connections,
            rate=rate,
            decoded_mb=rate * work.case.array.nbytes / 1e6,
            p50_ms=told["p50_ms"],
            p99_ms=told["p99_ms"],
            shares=[share / sum(shares) for share in shares],
            service_ms=spent["service"],
            haproxy_ms=spent.get("haproxy"),
            store_ms=spent["store"],
        )

    def load(self, work, url, connections, seconds):
        """Runs wrk; every request has to be answered with 200."""
        bodies = self.directory / f"{work.case.name}.bodies"
        bodies.write_text("\n".join(work.bodies(self.store.url)))
        script = Path(__file__).with_name("scale.lua")
        command = [installed("wrk", "wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout=30s", "-s", script]
        arguments = [f"{url}/v2/{work.case.operation}", "--", bodies, HEADERS["authorization"]]
        with process([*command, *arguments], stdout=subprocess.PIPE) as started:
            output, _ = started.communicate(timeout=seconds + 60)
        told = json.loads(output.strip().splitlines()[-1])
        if told["failed"] or not told["requests"]:
            raise Failure(f"{work.case.title}: {told}")
        return told


# --- Tables --------------------------------------------------------------------------------------------------

HEAD = ["instances", "connections", "requests/s", "decoded MB/s", "p50 ms", "p99 ms", "shares %", "Jain"]
HEAD += [f"CPU ms: {name}" for name in ("service", "HAProxy", "store")]


def cells(row):
    shares = " ".join(f"{share * 100:.0f}" for share in row.shares)
    times = [row.service_ms, row.haproxy_ms, row.store_ms]
    return [
        row.setup,
        str(row.connections),
        f"{row.rate:.0f}",
        f"{row.decoded_mb:.0f}",
        f"{row.p50_ms:.2f}",
        f"{row.p99_ms:.2f}",
        shares,
        f"{row.jain:.3f}",
        *("–" if time is None else f"{time:.3f}" for time in times),
    ]


def show(title, rows):
    print(f"\n**{title}**\n\n{table(HEAD, map(cells, rows))}", flush=True)


def measure(scale, works, options):
    for work in works:
        where = f"{work.chunks} chunks of {work.case.title}"
        alone = [] if options.quick else [scale.measure(work, 1, balanced, connections=1) for balanced in (False, True)]
        shared = [scale.measure(work, 1, balanced=False)]
        shared += [scale.measure(work, number) for number in range(1, MOST_INSTANCES + 1)]
        show(f"{where}: all share {os.cpu_count()} CPUs", alone + shared)
        try:
            own = [scale.measure(work, number, part=options.part) for number in range(1, MOST_INSTANCES + 1)]
            show(f"{where}: each instance has {options.part:g} of a CPU", own)
        except NoQuota as why:
            print(f"\nNot measured: instances with a part of a CPU each; {why}", flush=True)


def main():
    parser = tool.parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="less than a minute")
    parser.add_argument("--part", type=float, help="of a CPU for each instance (default: a tenth of all CPUs)")
    options = parser.parse_args()
    options.part = options.part or min(1, os.cpu_count() / 10)
    begin, works = time.monotonic(), [Work.of(case) for case in (QUICK_CASES if options.quick else CASES)]
    with tempfile.TemporaryDirectory() as directory:
        objects = Path(directory, "objects")
        objects.mkdir()
        for work in works:
            work.write(objects)
        with s3_store(options.programs, objects.iterdir()) as store:
            measure(Scale(options.programs, Path(directory), store, 2 if options.quick else 4), works, options)
    facts = machine()
    where = f"{facts['cpu']}, {facts['cpus']} CPUs, {facts['system']}"
    load = os.getloadavg()[1]
    print(f"\n{where}; load average of 5 minutes {load:.1f}; {time.monotonic() - begin:.0f} s.")


if __name__ == "__main__":
    tool.run(main)
