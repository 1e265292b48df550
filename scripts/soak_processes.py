"""The processes of a soak, and what they hold: memory, threads, file descriptors."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from check_servers import SECRET_KEY, free_port, process, wait_until_it_listens

# --- The service ---------------------------------------------------------------------------------------------


@dataclass
class Service:
    """A service that can be killed, drained and started again, on the same port; its log must give nothing away."""

    programs: Path
    flags: tuple
    port: int = field(default_factory=free_port)
    process: subprocess.Popen | None = None
    log: object = field(default_factory=lambda: tempfile.TemporaryFile("w+"))
    problems: list = field(default_factory=list)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        command = [self.programs / "reductionist", "--host", "127.0.0.1", "--port", str(self.port), *self.flags]
        # It is stopped by stop and kill; the context is for whatever else happens.
        self.context = process(command, stderr=self.log)
        self.process = self.context.__enter__()
        try:
            wait_until_it_listens(self.process, self.port)
        except BaseException:
            self.context.__exit__(None, None, None)
            raise

    def kill(self):
        """As a machine does that fails."""
        self.process.kill()
        self.process.wait()
        self.context.__exit__(None, None, None)

    def stop(self):
        """With SIGTERM: requests in flight are finished."""
        self.context.__exit__(None, None, None)
        if self.process.returncode:
            self.problems.append(f"exit code of the service after SIGTERM: {self.process.returncode}")

    def check_log(self):
        self.log.seek(0)
        text = self.log.read()
        self.problems += [f"{word} in the log" for word in ("panicked", SECRET_KEY) if word in text]

    def held(self):
        return Held.of(self.pid)


@contextlib.contextmanager
def service(programs, *flags):
    """A service, until the end of the block."""
    started = Service(programs, flags)
    started.start()
    try:
        yield started
    finally:
        started.stop()
        started.check_log()


# --- What a process holds ------------------------------------------------------------------------------------


def status(pid, name):
    """A number from /proc/PID/status."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    sys.exit(f"the system does not tell {name} of a process")


def resident_mib(pid):
    return status(pid, "VmRSS") / 1024


def peak_mib(pid):
    return status(pid, "VmHWM") / 1024


def forget_peak(pid):
    """From now on the peak is that of what follows."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@dataclass(frozen=True)
class Held:
    """What a process holds at one moment."""

    resident_mib: float
    threads: int
    descriptors: int
    peers: Counter  # connections that the process has made or taken, by the port at the other end

    @classmethod
    def of(cls, pid):
        targets = []
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # it has been closed meanwhile
                targets.append(os.readlink(descriptor))
        sockets = {target.removeprefix("socket:[").rstrip("]") for target in targets if target.startswith("socket:")}
        rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
        peers = Counter(int(row[2].split(":")[1], 16) for row in rows if row[9] in sockets)
        return cls(resident_mib(pid), status(pid, "Threads"), len(targets), peers)

    def connections_to(self, url):
        return self.peers[int(url.rsplit(":", 1)[1])]

    def __str__(self):
        connections = sum(count for port, count in self.peers.items() if port)
        of_files = f"{self.descriptors} file descriptors, {connections} of them connections"
        return f"{self.resident_mib:.0f} MiB, {self.threads} threads, {of_files}"


def wait_until(true, seconds, pause=0.25):
    """Whether it has become true in time."""
    give_up = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < give_up:
        time.sleep(pause)
    return found
