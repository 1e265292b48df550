"""What more of a question costs: several statistics, weights, groups, an exact median."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from harness.report import WrongAnswer
from harness.service import cpu_seconds, forget_peak, resident_mib, service
from tools.whole.files import SERIES_SHAPE, SHAPES, VARIABLE
from tools.whole.measuring import Bench, Figures, medians

AT_ONCE = 3  # times that a question is asked in a row, as CPU time is told in hundredths of a second
LAT = np.cos(np.linspace(-np.pi / 2, np.pi / 2, SHAPES[3_400][1]))
MONTHS = np.arange(SERIES_SHAPE[0]) % 12
MOST_OF_MEDIAN = 3.0  # times the mean


@dataclass(frozen=True)
class Asked:
    """Statistics over dimensions, with weights or groups."""

    statistics: list[str]
    options: Mapping[str, Any] = field(default_factory=dict)
    is_of_series: bool = False


@dataclass(frozen=True)
class Claim:
    """A question that may cost so many times what another one does."""

    asked: Asked
    beside: str
    at_most: float


MONTHLY = Asked(["mean"], {"axis": [], "groups": ("time", MONTHS)}, is_of_series=True)
OVER_TIME, OVER_MAPS = {"axis": "time"}, {"axis": ["lat", "lon"]}
BASES = {
    "sum": Asked(["sum"]),
    "mean over maps": Asked(["mean"], OVER_MAPS),
    "mean over time": Asked(["mean"], OVER_TIME, is_of_series=True),
}
CLAIMS = {
    "count, sum, min, max, var": Claim(Asked(["count", "sum", "min", "max", "var"]), "sum", 1.15),
    "mean weighted by latitude": Claim(Asked(["mean"], {**OVER_MAPS, "weights": {"lat": LAT}}), "mean over maps", 1.15),
    "mean of each month": Claim(MONTHLY, "mean over time", 1.25),
}


def beside_less(bench: Bench, url: str, of_series: str) -> dict[str, Figures]:
    """CPU seconds for each question about a file, or a long series; medians of ratios of rounds in which all take turns."""

    def ask(asked: Asked, server: str) -> None:
        file = of_series if asked.is_of_series else url
        bench.ask(file, server, asked.statistics, **asked.options)

    questions = BASES | {name: claim.asked for name, claim in CLAIMS.items()}
    rounds: dict[str, list[float]] = {name: [] for name in questions}
    with service(bench.programs) as server:
        for asked in questions.values():  # the index is read, and memory is there
            ask(asked, server.url)
        for _ in range(bench.rounds):
            for name, asked in questions.items():
                begin = cpu_seconds([server.pid])
                for _ in range(AT_ONCE):
                    ask(asked, server.url)
                rounds[name].append((cpu_seconds([server.pid]) - begin) / AT_ONCE)
    found = {name: {"cpu_seconds": median(took)} for name, took in rounds.items()}
    for name, claim in CLAIMS.items():
        ratios = (one / max(other, 1e-9) for one, other in zip(rounds[name], rounds[claim.beside]))
        found[name]["ratio"] = median(ratios)
    return found


def median_beside_mean(bench: Bench, path: Path) -> dict[str, Figures]:
    """Time and memory for each of them, of services that have done nothing yet; in rounds in which they take turns."""
    found: dict[str, list[Figures]] = {"mean": [], "median": []}
    for _ in range(bench.rounds):
        for name, figures in found.items():
            figures.append(of_nothing_yet(bench, f"{bench.store}/{path.name}", name))
    return {name: medians(figures) for name, figures in found.items()}


def of_nothing_yet(bench: Bench, url: str, statistic: str) -> Figures:
    """Of a service that has done nothing yet; half of what is there has to lie on each side of a median."""
    with service(bench.programs) as server:
        idle = resident_mib(server.pid)
        forget_peak(server.pid)
        begin, cpu = time.perf_counter(), cpu_seconds([server.pid])
        result = bench.ask(url, server.url, statistic)
        seconds, cpu = time.perf_counter() - begin, cpu_seconds([server.pid]) - cpu
        peak = server.peak_mib()
        if statistic == "median":
            check_median(bench, url, server.url, float(result["median"]))
    figures = {"seconds": seconds, "cpu_seconds": cpu, "idle_mib": idle, "peak_mib": peak}
    return figures | {"passes": float(result.read.passes)}


def check_median(bench: Bench, url: str, at: str, value: float) -> None:
    """As many elements are below it as above.

    Raises:
        WrongAnswer: if they are not.
    """
    edges = [-np.inf, value, np.nextafter(value, np.inf), np.inf]
    result = bench.ask(url, at, {"name": "histogram", "bins": edges})
    below, equal, above = result["histogram"].tolist()
    if not (below <= (below + equal + above) / 2 and above <= (below + equal + above) / 2):
        raise WrongAnswer(f"{value} is no median of {VARIABLE}: {below} elements are below, {above} above")
