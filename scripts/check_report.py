"""What the checks of clients print: a line for each group of comparisons, the differences, and the totals."""

import json
import threading
import time
from dataclasses import asdict, dataclass

SHOWN = 10  # differences of a group


@dataclass
class Group:
    """Comparisons of one kind."""

    name: str
    comparisons: int
    differences: list[str]
    seconds: float

    @classmethod
    def of(cls, name, outcomes):
        """Takes for each comparison what is wrong, or nothing."""
        start, comparisons, differences = time.monotonic(), 0, []
        for outcome in outcomes:
            comparisons += 1
            differences += [outcome] if outcome else []
        return cls(name, comparisons, differences, time.monotonic() - start)

    def __str__(self):
        counts = f"{self.comparisons:>5} comparisons, {len(self.differences)} differences, {self.seconds:5.1f} s"
        return "\n".join(
            [f"{self.name:<84} {counts}", *(f"  DIFFERENCE {difference}" for difference in self.differences[:SHOWN])]
        )


class Report:
    """Prints and counts the groups of all clients, which run at the same time."""

    def __init__(self):
        self.lock = threading.Lock()
        self.comparisons = self.differences = 0

    def add(self, group):
        with self.lock:
            print(group, flush=True)
            self.comparisons += group.comparisons
            self.differences += len(group.differences)

    def follow(self, process):
        """Takes the groups of a `ClientReport` in another process until that ends, and returns its exit code."""
        for line in process.stdout:
            self.add(Group(**json.loads(line)))
        return process.wait()


class ClientReport:
    """Hands the groups of one client on to the process that prints them."""

    def __init__(self, client):
        self.client = client

    def group(self, name, outcomes):
        print(json.dumps(asdict(Group.of(f"{self.client}: {name}", outcomes))), flush=True)
