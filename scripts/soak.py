"""Puts the service through load, faults and hostile clients, and says whether it holds.

Run it through scripts/soak, which builds the programs and installs NumPy. The service, the S3 store, HAProxy and what
plagues the service are processes of their own, on loopback. Every load ends by itself.
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import soak_bomb
import soak_faults
import soak_parts
from bench_load import memory_store
from soak_report import Verdict
from soak_requests import CHUNKS, WrongAnswer

PARTS = {
    "load": soak_parts.load,
    "faults": soak_faults.faults,
    "kill": soak_parts.kill,
    "slow": soak_parts.slow,
    "bomb": soak_bomb.bomb,
    "probes": soak_parts.probes,
}


@dataclass(frozen=True)
class Soak:
    """What all parts need."""

    programs: Path
    directory: Path
    store: str  # URL
    seconds: float | None
    seed: int


@contextlib.contextmanager
def prepared(options):
    """A store with all chunks."""
    with tempfile.TemporaryDirectory() as directory:
        chunks = Path(directory, "chunks")
        chunks.mkdir()
        for case in CHUNKS:
            (chunks / case.key).write_bytes(case.encoded)
        soak_bomb.write_zeros(chunks)
        with memory_store(options.programs, chunks) as store:
            yield Soak(options.programs, Path(directory), store.url, options.seconds, options.seed)


def run(name, soak):
    """Whether a part passes."""
    verdict, begin = Verdict(name), time.monotonic()
    print(f"{name}: {PARTS[name].__doc__.splitlines()[0]}", flush=True)
    try:
        PARTS[name](soak, verdict)
    except WrongAnswer as wrong:
        verdict.check("the first answers are right", False, wrong)
    verdict.say(f"{time.monotonic() - begin:.0f} s, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    return verdict.end()


def main():
    parts = "\n".join(f"  {name:7} {part.__doc__.splitlines()[0]}" for name, part in PARTS.items())
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=f"parts:\n{parts}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="load, faults, … (default: all, see below)")
    parser.add_argument("--programs", type=Path, default=Path("target/release"), help="where the built programs are")
    parser.add_argument("--seconds", type=float, help="time for the load of each part (default: each its own)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="order of requests and faults")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    print(f"seed {options.seed}", flush=True)
    with prepared(options) as soak:
        passed = {name: run(name, soak) for name in PARTS if name in (options.parts or PARTS)}
    failed = [name for name, has_passed in passed.items() if not has_passed]
    print(f"FAILED: {', '.join(failed)}" if failed else f"all passed: {', '.join(passed)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
