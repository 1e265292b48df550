"""The service, as everything here starts it, and what its process holds: memory, threads, file descriptors."""

import contextlib
import os
import re
import subprocess
import tempfile
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from harness.places import Programs
from harness.processes import free_port, process, wait_until_it_listens
from harness.report import Failure, Report
from harness.stores import SECRET_KEY


@dataclass
class Service:
    """A service that can be killed, drained and started again, on the same port."""

    programs: Programs
    flags: Sequence[Any] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    log: IO[str] = field(default_factory=lambda: tempfile.TemporaryFile("w+"))  # noqa: SIM115
    problems: list[str | None] = field(default_factory=list)
    process: "subprocess.Popen[str]" = field(init=False)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if '--https' in self.flags else 'http'}://{self.address}"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def command(self) -> list[Any]:
        return [self.programs.service, "--host", "127.0.0.1", "--port", self.port, *self.flags]

    def start(self) -> None:
        # It is stopped by stop and kill; the context is for whatever else happens.
        self.context = process(self.command, self.variables, stdout=self.log, stderr=self.log)
        self.process = self.context.__enter__()
        try:
            wait_until_it_listens(self.process, self.port)
        except Failure as silent:
            self.context.__exit__(None, None, None)
            raise Failure(f"{silent}, log:\n{self.text()[-2000:]}") from None

    def kill(self) -> None:
        """As a machine does that fails."""
        self.process.kill()
        self.process.wait()
        self.context.__exit__(None, None, None)

    def stop(self) -> None:
        """With SIGTERM: requests in flight are finished."""
        self.context.__exit__(None, None, None)
        code = self.process.returncode
        self.problems.append(f"exit code {code}, log:\n{self.text()[-2000:]}" if code else None)

    def text(self) -> str:
        """What it has logged."""
        self.log.seek(0)
        return self.log.read()

    def outcomes(self) -> list[str | None]:
        """After its end: whether it ended in order, gave no secret away and did not panic."""
        text = self.text()
        return [
            *self.problems,
            "the secret key is in the log" if SECRET_KEY in text else None,
            f"a panic in the log:\n{text[-2000:]}" if "panicked" in text else None,
        ]

    def held(self) -> "Held":
        return Held.of(self.pid)

    def peak_mib(self) -> float:
        """The most memory that it has had."""
        return status(self.pid, "VmHWM") / 1024


@contextlib.contextmanager
def service(
    programs: Programs,
    *flags: Any,
    report: Report | None = None,
    name: str = "",
    variables: Mapping[str, str] | None = None,
) -> Iterator[Service]:
    """A service, until the end of the block. It has to stop in order, and its log must give nothing away."""
    with services(programs, [flags], report, name, variables) as (started,):
        yield started


@contextlib.contextmanager
def services(
    programs: Programs,
    flags_of_each: Sequence[Sequence[Any]],
    report: Report | None = None,
    name: str = "",
    variables: Mapping[str, str] | None = None,
) -> Iterator[list[Service]]:
    """Several of them."""
    all_of_them = [Service(programs, flags, variables or {}) for flags in flags_of_each]
    with contextlib.ExitStack() as stack:
        for each in all_of_them:
            each.start()
            stack.callback(each.stop)
        yield all_of_them
    for each in all_of_them:
        words = [f"{name}: the service" if name else "the service", "stops at SIGTERM", *map(str, each.flags)]
        if report:
            report.group(" ".join(words), each.outcomes())
        elif problems := list(filter(None, each.outcomes())):
            raise Failure("; ".join(problems))


def requests_received(url: str) -> Counter[str]:
    """How often each operation of the service was asked for until now, such as {"/v2/sum": 3}."""
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        text = answer.read().decode()
    series = r'^incoming_requests\{http_method="POST",path="(.*)"\} (\d+)$'
    return Counter({path: int(number) for path, number in re.findall(series, text, re.MULTILINE)})


# --- What a process holds ------------------------------------------------------------------------------------


def status(pid: int, name: str) -> int:
    """A number from /proc/PID/status."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise Failure(f"the system does not tell {name} of a process")


def resident_mib(pid: int) -> float:
    return status(pid, "VmRSS") / 1024


def forget_peak(pid: int) -> None:
    """From now on the peak is that of what follows."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of processes until now."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Held:
    """What a process holds at one moment."""

    resident_mib: float
    threads: int
    descriptors: int
    peers: Counter[int]  # connections that the process has made or taken, by the port at the other end

    @classmethod
    def of(cls, pid: int) -> "Held":
        targets = []
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # it has been closed meanwhile
                targets.append(os.readlink(descriptor))
        sockets = {target.removeprefix("socket:[").rstrip("]") for target in targets if target.startswith("socket:")}
        rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
        peers = Counter(int(row[2].split(":")[1], 16) for row in rows if row[9] in sockets)
        return cls(resident_mib(pid), status(pid, "Threads"), len(targets), peers)

    def connections_to(self, url: str) -> int:
        return self.peers[int(url.rsplit(":", 1)[1])]

    def __str__(self) -> str:
        connections = sum(count for port, count in self.peers.items() if port)
        of_files = f"{self.descriptors} file descriptors, {connections} of them connections"
        return f"{self.resident_mib:.0f} MiB, {self.threads} threads, {of_files}"
