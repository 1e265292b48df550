"""Many requests at one time, each answer compared: the parts of examples/soak, and what they tell."""

import contextlib
import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.asking import Asked
from harness.places import Programs
from harness.processes import process
from harness.report import Failure, Report

GRACE_SECONDS = 90  # for a load to end, beyond what was asked for
ARM = signal.SIGUSR1  # has the proxy begin with its faults
SHOWN = 10  # complaints
QUICK_MS, LONGEST_MS = 50, 1000  # the 99th percentile of small requests, and all of them


@dataclass
class Plague:
    """One of the parts of examples/soak, which ends with a line of JSON."""

    part: str
    process: "subprocess.Popen[str]"

    def line(self) -> str:
        line = self.process.stdout.readline().strip() if self.process.stdout else ""
        if not line:
            raise Failure(f"soak {self.part} has ended early")
        return line

    def report(self, seconds: float = 0) -> dict[str, Any]:
        """Waits so long for its end, or brings that about."""
        if not seconds:
            self.process.terminate()
        output, _ = self.process.communicate(timeout=seconds + GRACE_SECONDS)
        if self.process.returncode:
            raise Failure(f"soak {self.part} failed: exit code {self.process.returncode}")
        told: dict[str, Any] = json.loads(output.strip().splitlines()[-1])
        return told


@contextlib.contextmanager
def plague(programs: Programs, part: str, *options: str, **flags: object) -> Iterator[Plague]:
    """It ends with the block at the latest."""
    named = [f"--{name.replace('_', '-')}={value}" for name, value in flags.items()]
    with process([programs.example("soak"), part, *options, *named], stdout=subprocess.PIPE) as started:
        yield Plague(part, started)


def write_requests(directory: Path, name: str, requests: Sequence[Asked]) -> Path:
    path = directory / f"{name}.json"
    path.write_text(json.dumps([asked.written() for asked in requests]))
    return path


@dataclass(frozen=True)
class Loads:
    """Starts loads."""

    programs: Programs
    directory: Path
    seed: int

    def run(self, url: str, requests: Sequence[Asked], connections: int, seconds: float, **more: Any) -> dict[str, Any]:
        """A load from its begin to its end."""
        with self.start(url, requests, connections, seconds, **more) as load:
            return load.report(seconds)

    @contextlib.contextmanager
    def start(
        self,
        url: str,
        requests: Sequence[Asked],
        connections: int,
        seconds: float,
        name: str = "load",
        pause_ms: int = 0,
    ) -> Iterator[Plague]:
        """A load that is under way while a block runs."""
        file = write_requests(self.directory, name, requests)
        flags = {"requests": file, "connections": connections, "seconds": seconds, "pause_ms": pause_ms}
        with plague(self.programs, "load", url=url, seed=self.seed, **flags) as started:
            yield started


# --- What a load has seen ------------------------------------------------------------------------------------


def check_load(report: Report, load: Mapping[str, Any], what: str = "requests") -> None:
    """Every request was answered, in time, with what may be answered."""
    total = sum(statuses(load).values())
    report.say(f"{what}: {total} answered in {load['seconds']:.0f} s, by status: {shown(statuses(load))}")
    for complaint in load["complaints"][:SHOWN]:
        report.say(f"       {complaint}")
    report.check(f"{what}: there are answers", total > 0)
    for name, claim in [("wrong", "no wrong answer"), ("lost", "none is lost"), ("late", "none is late")]:
        report.check(f"{what}: {claim}", load[name] == 0, load[name])


def check_quick(report: Report, load: Mapping[str, Any], name: str, what: str) -> None:
    """Small requests are quick, whatever else goes on."""
    times = load["requests"][name]
    seen = f"p50 {times['p50_ms']:.1f} ms, p99 {times['p99_ms']:.1f} ms, longest {times['max_ms']:.1f} ms"
    report.check(f"{what}: 99 of 100 within {QUICK_MS} ms", times["p99_ms"] <= QUICK_MS, seen)
    # A stall of all connections at one time is few requests, whatever their share.
    report.check(f"{what}: none takes longer than {LONGEST_MS} ms", times["max_ms"] <= LONGEST_MS)


def list_requests(report: Report, load: Mapping[str, Any]) -> None:
    """A line for each request."""
    for name, times in load["requests"].items():
        took = f"p50 {times['p50_ms']:6.0f} ms, p99 {times['p99_ms']:6.0f} ms"
        report.say(f"  {name:62} {took}, {shown(times['statuses'])}")


def statuses(load: Mapping[str, Any]) -> Counter[str]:
    """Answers by status, of all requests of a load."""
    total: Counter[str] = Counter()
    for answered in load["requests"].values():
        total.update(answered["statuses"])
    return total


def shown(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} × {count}" for name, count in sorted(counts.items()))
