"""Puts the service through load, faults and hostile clients, and says whether it holds.

The service, the S3 store, HAProxy and what plagues the service are processes of their own, on loopback. Every load ends
by itself.
"""

import argparse
import contextlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from harness import tool
from harness.asking import CHUNKS
from harness.load import Loads
from harness.places import Programs
from harness.report import Report, WrongAnswer
from harness.stores import s3_store
from tools.soak import bodies, bomb, faults, hostile, parts, variables, whole

PARTS = {
    "load": parts.load,
    "variables": variables.variables,
    "faults": faults.faults,
    "kill": parts.kill,
    "slow": parts.slow,
    "bomb": bomb.bomb,
    "probes": parts.probes,
    "hostile": hostile.hostile,
}


@dataclass(frozen=True)
class Soak:
    """What all parts need."""

    programs: Programs
    loads: Loads
    chunks: Path  # a directory
    store: str  # URL
    seconds: float | None


@contextlib.contextmanager
def prepared(options):
    """A store with all chunks."""
    with tempfile.TemporaryDirectory() as directory:
        chunks = Path(directory, "chunks")
        chunks.mkdir()
        for case in CHUNKS:
            (chunks / case.key).write_bytes(case.encoded)
        bomb.write_zeros(chunks)
        bodies.write_content(chunks)
        for variable in whole.VARIABLES:
            variable.write(chunks)
        with s3_store(options.programs, sorted(chunks.iterdir())) as store:
            loads = Loads(options.programs, Path(directory), options.seed)
            yield Soak(options.programs, loads, chunks, store.url, options.seconds)


def run(name, soak):
    """Whether a part passes."""
    report, begin = Report(), time.monotonic()
    print(f"{name}: {PARTS[name].__doc__.splitlines()[0]}", flush=True)
    try:
        PARTS[name](soak, report)
    except WrongAnswer as wrong:
        report.check("the first answers are right", False, wrong)
    report.say(f"{time.monotonic() - begin:.0f} s, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    print(f"{name}: {'FAILED: ' + '; '.join(report.failures) if report.failures else 'passed'}\n", flush=True)
    return not report.failures


def main():
    listed = "\n".join(f"  {name:9} {part.__doc__.splitlines()[0]}" for name, part in PARTS.items())
    layout = {"epilog": f"parts:\n{listed}", "formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = tool.parser(__doc__, **layout)
    parser.add_argument("parts", nargs="*", metavar="PART", help="load, faults, … (default: all, see below)")
    parser.add_argument("--seconds", type=float, help="time for the load of each part (default: each its own)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="order of requests and faults")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    print(f"seed {options.seed}", flush=True)
    with prepared(options) as soak:
        passed = {name: run(name, soak) for name in PARTS if name in (options.parts or PARTS)}
    failed = [name for name, has_passed in passed.items() if not has_passed]
    print(f"FAILED: {', '.join(failed)}" if failed else f"all passed: {', '.join(passed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    tool.run(main)
