"""Measures how long a user who is far from the data waits for the mean of a variable, in three ways.

Plain reading, PyActiveStorage, which asks the service about each chunk, and one call, which asks about the variable. Store
and services are in a network namespace; between it and the user lies a link with delay and a rate. Each way starts anew,
several times in turn with the others, and medians are compared. One call is asked of a service that has just started, and
has to read the index of the file, and then of the same one, which knows it.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness import tool
from harness.places import ROOT
from harness.processes import environment
from harness.report import Failure
from tools.far import files, report
from tools.far.ask import BUCKET, WAYS
from tools.far.setup import Far, far_side
from tools.machine import machine

LIMIT_SECONDS = 600  # of one round of one way
TITLES = {"plain": "plain reading", "active": report.ACTIVE, "call": "one call"}
OURS, OTHER = "service", "other"
COLD, WARM = "index unknown", "index known"


@dataclass(frozen=True)
class Asked:
    """A way, the service that is asked, and what that knows where it matters."""

    way: str
    service: str = OURS
    knows: str = ""

    @property
    def title(self) -> str:
        """What it is called."""
        of_other = f"{self.service} service" if self.service != OURS else ""
        return ", ".join(filter(None, [TITLES[self.way], of_other, self.knows]))


def questions(way: str, services: Iterable[str]) -> list[Asked]:
    """How a way is measured. What a service knows is known to the next in line."""
    if way == "call":
        return [Asked(way, knows=COLD), Asked(way, knows=WARM)]  # the other service knows chunks alone
    return [Asked(way, name) for name in services] if way == "active" else [Asked(way)]


def measured(far: Far, layout: str, ways: list[str], rounds: int) -> list[report.Row]:
    """All ways to the mean of one file, in turn."""
    asked = [each for way in ways for each in questions(way, far.services)]
    found: dict[Asked, list[dict[str, float]]] = {each: [] for each in asked}
    crossed: dict[Asked, dict[str, int]] = {each: {} for each in asked}
    far.crossed()
    for number in range(rounds):
        for each in asked:
            if each.way == "plain" and number:
                continue  # it takes long, and no server makes it slower or faster
            say(f"{layout}: {each.title}, round {number + 1} of {rounds}")
            if each.knows == COLD:
                far.renew(each.service)
            found[each].append(once(each.way, layout, far.store, far.services[each.service]))
            counts = far.crossed()
            crossed[each] = {what: crossed[each].get(what, 0) + count for what, count in counts.items()}
    return [report.Row.of(layout, each.title, found[each], crossed[each]) for each in asked]


def once(way: str, layout: str, store: str, service: str) -> dict[str, float]:
    """What one user sees."""
    command = [sys.executable, "-m", "tools.far.ask", way, layout, store, service]
    variables = environment(PYTHONPATH=str(ROOT / "checks"))
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    if done.returncode:
        raise Failure(f"{layout}, {TITLES[way]}: {done.stderr.strip().splitlines()[-1][:500]}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


BEGIN = time.monotonic()


def say(text: str) -> None:
    """Tells whoever waits how far it is."""
    print(f"[{time.monotonic() - BEGIN:4.0f} s] {text}", file=sys.stderr, flush=True)


def options_of() -> argparse.Namespace:
    """The command line."""
    parser = tool.parser(__doc__ or "")
    parser.add_argument("--rtt-ms", type=float, default=20.0, help="round trip; %(default)g if not given")
    parser.add_argument("--mbit", type=float, default=100.0, help="rate per second; %(default)g if not given")
    parser.add_argument("--rounds", type=int, default=3, help="of all but plain reading; %(default)s if not given")
    parser.add_argument("--layout", action="append", choices=files.LAYOUTS, help="this one only; may repeat")
    parser.add_argument("--way", action="append", choices=WAYS, help="this one only; may repeat")
    parser.add_argument("--other", type=Path, metavar="PROGRAM", help="another service for PyActiveStorage to ask")
    parser.add_argument(
        "--data",
        type=Path,
        default=ROOT / "target/far",
        metavar="DIRECTORY",
        help="of the files, 360 MB each, which are made if they are missing (default: target/far)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    return parser.parse_args()


def main() -> int:
    """Measures, and shows the table."""
    options = options_of()
    say("making files, if they are missing")
    files.make(options.data / BUCKET)
    programs = {OURS: options.programs.service} | ({OTHER: options.other.resolve()} if options.other else {})
    rows: list[report.Row] = []
    with far_side(programs, options.data.resolve(), options.rtt_ms, options.mbit) as far:
        for layout in options.layout or files.LAYOUTS:
            rows += measured(far, layout, options.way or list(WAYS), options.rounds)
    settings = {"rtt_ms": options.rtt_ms, "mbit": options.mbit, "rounds": options.rounds, "machine": machine()}
    if options.json:
        options.json.write_text(json.dumps(report.in_json(rows, settings), indent=1) + "\n")
    print(f"{options.rtt_ms:g} ms, {options.mbit:g} Mbit/s\n\n{report.text(rows)}")
    for way in report.wrong(rows):
        print(f"another mean: {way}")
    return 1 if report.wrong(rows) else 0


if __name__ == "__main__":
    tool.run(main)
