"""What suites and tools see: printed as it is seen, counted, and kept if it is wrong."""

import json
import subprocess
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

SHOWN = 10  # differences of a group
SHOWN_LEN = 400  # of what was seen of a claim


class Failure(Exception):
    """Why nothing can be compared."""


class WrongAnswer(Failure):
    """The service does not answer what NumPy makes of the same chunk."""


@dataclass
class Group:
    """Comparisons of one kind."""

    name: str
    comparisons: int
    differences: list[str]
    seconds: float

    @classmethod
    def of(cls, name: str, outcomes: Iterable[str | None]) -> "Group":
        """Takes for each comparison what is wrong, or nothing."""
        start, comparisons, differences = time.monotonic(), 0, []
        for outcome in outcomes:
            comparisons += 1
            differences += [outcome] if outcome else []
        return cls(name, comparisons, differences, time.monotonic() - start)

    def __str__(self) -> str:
        counts = f"{self.comparisons:>5} comparisons, {len(self.differences)} differences, {self.seconds:5.1f} s"
        lines = [f"{self.name:<84} {counts}", *(f"  DIFFERENCE {each}" for each in self.differences[:SHOWN])]
        return "\n".join(lines)


class Report:
    """Prints and counts comparisons, which may be made at the same time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.comparisons = 0
        self.failures: list[str] = []

    def say(self, text: str) -> None:
        print(f"  {text}", flush=True)

    def check(self, claim: str, holds: object, seen: object = "") -> None:
        """A claim that has to hold, and what was seen of it."""
        shown = f": {str(seen)[:SHOWN_LEN]}" if seen != "" else ""
        with self.lock:
            print(f"  {'ok    ' if holds else 'FAILED'} {claim}{shown}", flush=True)
            self.comparisons += 1
            self.failures += [] if holds else [f"{claim}{shown}"]

    def group(self, name: str, outcomes: Iterable[str | None]) -> None:
        """Comparisons of one kind: of each what is wrong, or nothing."""
        self.add(Group.of(name, outcomes))

    def add(self, group: Group) -> None:
        with self.lock:
            print(group, flush=True)
            self.comparisons += group.comparisons
            self.failures += [f"{group.name}: {difference}" for difference in group.differences]

    def follow(self, process: "subprocess.Popen[str]") -> int:
        """Takes the groups of a `RemoteReport` in another process until that ends, and returns its exit code."""
        for line in process.stdout or ():
            self.add(Group(**json.loads(line)))
        return process.wait()


class RemoteReport:
    """Hands the groups of one client on to the process that prints them."""

    def __init__(self, client: str) -> None:
        self.client = client

    def group(self, name: str, outcomes: Iterable[str | None]) -> None:
        group: dict[str, Any] = asdict(Group.of(f"{self.client}: {name}", outcomes))
        print(json.dumps(group), flush=True)


def table(head: list[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table that is also easy to read as it is: numbers to the right of what they are of."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    rule = [f"{'-' * (width - 1)}:" if i else "-" * width for i, width in enumerate(widths)]

    def line(row: list[str]) -> str:
        padded = [f"{cell:>{width}}" if i else f"{cell:<{width}}" for i, (cell, width) in enumerate(zip(row, widths))]
        return f"| {' | '.join(padded)} |"

    return "\n".join(map(line, [head, rule, *cells]))
