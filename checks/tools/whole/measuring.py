"""What is measured, each part as a tree of numbers."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from harness.asking import Asked, Connection
from harness.places import ROOT, Programs
from harness.processes import environment
from harness.report import Failure, WrongAnswer
from harness.service import Service, cpu_seconds, forget_peak, resident_mib, service
from reductionist import Client, Credentials, Result
from reductionist.variables.question import Statistic
from tools.whole import files
from tools.whole.ask import WAYS

STATISTICS = ("mean", "std", "max")
CONNECTIONS = 8  # that chunks are asked for over
LIMIT_SECONDS = 600
SAME = 1e-3  # relative: others add in float32

Figures = dict[str, float]


@dataclass(frozen=True)
class Bench:
    """What all parts need."""

    programs: Programs
    directory: Path
    store: str  # URL of a web server that has the directory
    rounds: int

    def url(self, chunks: int) -> str:
        """Of the file of so many chunks."""
        return f"{self.store}/{files.path_of(self.directory, chunks).name}"

    def ask(self, url: str, at: str, statistics: Statistic | list[str], **options: Any) -> Result:
        """One request about the variable."""
        with Client(at, Credentials()) as client:
            return client.reduce(url, files.VARIABLE, statistics, interface="http", **options)


# --- Ways ----------------------------------------------------------------------------------------------------


def ways(bench: Bench, chunks: int, names: Sequence[str] = tuple(WAYS)) -> dict[str, dict[str, Figures]]:
    """Of each statistic over time, what each way takes; medians of rounds in which they take turns."""
    references = files.references_of(bench.directory, chunks)
    begin = time.perf_counter()
    if "kerchunk" in names:
        files.make_references(files.path_of(bench.directory, chunks), bench.url(chunks), references)
    listed = time.perf_counter() - begin
    found: dict[str, dict[str, Figures]] = {}
    for statistic in STATISTICS:
        told: dict[str, list[Figures]] = {name: [] for name in names}
        for _ in range(bench.rounds):
            for name in names:
                with service(bench.programs) as server:  # which has nothing of it in memory
                    told[name].append(asked(name, statistic, bench.url(chunks), server.url, references))
        found[statistic] = {name: medians(rounds) for name, rounds in told.items()}
        check_values(statistic, found[statistic])
    if "kerchunk" in names:
        found["references"] = {"kerchunk": {"seconds": listed}}
    return found


def asked(way: str, statistic: str, url: str, server: str, references: Path) -> Figures:
    """What one client tells of itself."""
    command = [sys.executable, "-m", "tools.whole.ask", way, statistic, url, server, str(references)]
    variables = environment(PYTHONPATH=str(ROOT / "checks"))
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    if done.returncode:
        raise Failure(f"{way}, {statistic}: {done.stderr.strip().splitlines()[-1][:500]}")
    told: Figures = json.loads(done.stdout.splitlines()[-1])
    return told


def medians(rounds: Sequence[Figures]) -> Figures:
    """Of each figure."""
    return {name: median(one[name] for one in rounds) for name in rounds[0]}


def check_values(statistic: str, found: dict[str, Figures]) -> None:
    """All ways have to find the same."""
    values = {name: figures["value"] for name, figures in found.items()}
    first = next(iter(values.values()))
    if any(not abs(value - first) <= SAME * abs(first) for value in values.values()):
        raise WrongAnswer(f"the ways differ about {statistic}: {values}")


# --- Chunks --------------------------------------------------------------------------------------------------


def chunks_beside_variable(bench: Bench, chunks: int) -> dict[str, Figures]:
    """What each chunk of 16 KiB takes: asked for by a request of its own, or as part of one about the variable."""
    bodies = files.chunk_requests(files.path_of(bench.directory, chunks), bench.url(chunks))
    found: dict[str, list[Figures]] = {"requests": [], "variable": []}
    for _ in range(bench.rounds):
        for name, work in (("requests", by_requests), ("variable", by_variable)):
            with service(bench.programs) as server:
                found[name].append(
                    spent(server, lambda work=work, at=server.url: work(bench, chunks, bodies, at), len(bodies))
                )
    return {name: medians(rounds) for name, rounds in found.items()}


def spent(server: Service, work: Any, chunks: int) -> Figures:
    """Milliseconds of a chunk: CPU time of the service, and on the clock."""
    begin, cpu = time.perf_counter(), cpu_seconds([server.pid])
    work()
    seconds, cpu = time.perf_counter() - begin, cpu_seconds([server.pid]) - cpu
    return {"cpu_ms": cpu * 1000 / chunks, "ms": seconds * 1000 / chunks, "seconds": seconds}


def by_requests(_: Bench, __: int, bodies: Sequence[str], server: str) -> None:
    """A request for each chunk, over several connections that are kept."""
    of_thread = threading.local()

    def ask(body: str) -> None:
        if not hasattr(of_thread, "connection"):
            of_thread.connection = Connection(server)
        question = Asked("sum", "/v2/sum", body, headers={"content-type": "application/json"})
        status, _, answer = of_thread.connection.ask(question)
        if status != 200:
            raise WrongAnswer(f"a chunk: {status} {answer[:300]!r}")

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(ask, bodies))


def by_variable(bench: Bench, chunks: int, _: Sequence[str], server: str) -> None:
    """One request for all of them."""
    bench.ask(bench.url(chunks), server, "sum")


# --- Growth --------------------------------------------------------------------------------------------------


def growth(bench: Bench, numbers: Sequence[int]) -> dict[str, Figures]:
    """Time and memory of one request, by the number of chunks."""
    found = {}
    for chunks in numbers:
        rounds = [grown(bench, chunks) for _ in range(bench.rounds)]
        found[str(chunks)] = medians(rounds)
    return found


def grown(bench: Bench, chunks: int) -> Figures:
    """Of a service that has done nothing yet."""
    with service(bench.programs) as server:
        idle = resident_mib(server.pid)
        forget_peak(server.pid)
        begin, cpu = time.perf_counter(), cpu_seconds([server.pid])
        result = bench.ask(bench.url(chunks), server.url, ["mean", "count"], axis="time")
        seconds = time.perf_counter() - begin
        cpu = cpu_seconds([server.pid]) - cpu
        peak = server.peak_mib()
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "idle_mib": idle,
        "peak_mib": peak,
        "counted": float(result["count"].sum()),
    }
