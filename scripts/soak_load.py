"""What plagues the service: load, a proxy that spoils answers, slow clients; and samples of its memory meanwhile."""

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

from check_servers import process
from soak_processes import resident_mib

SAMPLE_SECONDS = 0.5
GRACE_SECONDS = 90  # for a load to end, beyond what was asked for
ARM = signal.SIGUSR1  # has the proxy begin with its faults


class Samples:
    """The resident memory of a process, each half a second, while a block runs."""

    def __init__(self, pid):
        self.pid = pid
        self.mib = []
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.end.wait(SAMPLE_SECONDS):
            self.mib.append(resident_mib(self.pid))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()


class Plague:
    """One of the parts of examples/soak, a process that ends with a line of JSON, and with the block at the latest."""

    def __init__(self, programs, part, *arguments):
        command = [programs / "examples/soak", part, *map(str, arguments)]
        self.part = part
        self.context = process(command, stdout=subprocess.PIPE)

    def __enter__(self):
        self.process = self.context.__enter__()
        return self

    def __exit__(self, *raised):
        self.context.__exit__(*raised)

    def line(self):
        return self.process.stdout.readline().strip() or sys.exit(f"soak {self.part} has ended early")

    def signal(self, number):
        self.process.send_signal(number)

    def report(self, seconds=0):
        """Waits so long for its end, or brings that about."""
        if not seconds:
            self.process.terminate()
        output, _ = self.process.communicate(timeout=seconds + GRACE_SECONDS)
        if self.process.returncode:
            sys.exit(f"soak {self.part} failed: exit code {self.process.returncode}")
        return json.loads(output.strip().splitlines()[-1])


def write_requests(directory, name, requests):
    path = Path(directory, f"{name}.json")
    path.write_text(json.dumps([asked.written() for asked in requests]))
    return path


def run_load(soak, url, requests, connections, seconds, name="load", **options):
    """A load from its begin to its end."""
    with start_load(soak, url, requests, connections, seconds, name, **options) as load:
        return load.report(seconds)


def start_load(soak, url, requests, connections, seconds, name, pause_ms=0):
    """A load that is under way while a block runs."""
    file = write_requests(soak.directory, name, requests)
    flags = {"url": url, "requests": file, "connections": connections, "seconds": seconds}
    flags |= {"pause-ms": pause_ms, "seed": soak.seed}
    return Plague(soak.programs, "load", *(f"--{flag}={value}" for flag, value in flags.items()))
