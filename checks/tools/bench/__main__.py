"""Measures what requests cost over HTTP, and says which goals are met.

Store, service and load generator are processes of their own, on loopback. What is compared as a ratio is measured in
turn, several times, and medians are compared, because machines have other work to do. Every answer is compared with
NumPy's.
"""

import contextlib
import json
import math
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from harness import tool
from harness.cases import ALL, BUSY, BY_NAME, QUICK
from harness.places import DOCS
from harness.service import service
from tools.bench import client, drawing, gains, report
from tools.bench.loads import POOLS, STORES, Loads
from tools.machine import machine

BEGIN = time.monotonic()


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    cases: list
    rounds: int
    seconds: float  # of one load
    throughput: dict  # connections by the name of a case
    throughput_rounds: int
    pools: list
    client_cases: list
    client_seconds: float
    latency: bool


ALL_CONNECTIONS = [1, 2, 4, 8, 16, 32, 64]


def plan(options):
    """Everything, or what takes half a minute, or the cases that were named and nothing else."""
    if options.case:
        cases = [BY_NAME[name] for name in options.case]
        return Plan(cases, 3, 1.0, {}, 0, list(POOLS), [], 0, latency=False)
    if options.quick:
        cases = [BY_NAME[name] for name in QUICK]
        return Plan(cases, 3, 0.4, {"max-16k": [1, 8, 64]}, 2, ["tokio"], [], 0, latency=False)
    throughput = dict.fromkeys(("max-16k", "sum-1m-zlib"), ALL_CONNECTIONS)
    return Plan(ALL, 3, 1.0, throughput, 3, list(POOLS), ALL[:4], 1.5, latency=True)


def say(text):
    """Tells whoever waits how far it is."""
    print(f"[{time.monotonic() - BEGIN:4.0f} s] {text}", file=sys.stderr, flush=True)


# --- Measuring -----------------------------------------------------------------------------------------------


def measure_case(case, loads, programs, plan):
    """A case beside its limit, with a fresh service for each pool, so that the peak of its memory means something."""
    limits, of_pools = [], {pool: [] for pool in plan.pools}
    with contextlib.ExitStack() as stack:
        services = {pool: stack.enter_context(service(programs, *POOLS[pool])) for pool in plan.pools}
        for number in range(1, plan.rounds + 1):
            say(f"{case.title}: round {number} of {plan.rounds}")
            get = loads.get(case).client_cpu_ms
            for pool, server in services.items():
                of_pools[pool].append(loads.post(case, server))
            inflate = loads.inflate(case).client_cpu_ms if case.codec else 0
            limits.append({"get_ms": get, "inflate_ms": inflate})
        peaks = {pool: server.peak_mib() for pool, server in services.items()}
        moved = client.bytes_moved(case, loads.store, next(iter(services.values())))
    limit = {name: median(limit[name] for limit in limits) for name in limits[0]}
    pools = {pool: summary(rounds, limits) | {"peak_mib": peaks[pool]} for pool, rounds in of_pools.items()}
    return limit | moved | {"pools": pools}


def summary(rounds, limits):
    """Medians of all rounds; the ratio is that of each round with its own limit."""
    ratios = [figures.server_cpu_ms / sum(limit.values()) for figures, limit in zip(rounds, limits, strict=True)]
    names = ("rate", "p50_ms", "p99_ms", "server_cpu_ms")
    return {name: median(getattr(figures, name) for figures in rounds) for name in names} | {"ratio": median(ratios)}


def measure_throughput(name, loads, programs, plan):
    """Requests per second, and CPU time of each, by connections, for each pool.

    Both are the best of the rounds, since other work on the machine only takes away. Rounds go up and down in turn.
    """
    case, found = BY_NAME[name], {pool: {} for pool in plan.pools}
    with contextlib.ExitStack() as stack:
        services = {pool: stack.enter_context(service(programs, *POOLS[pool])) for pool in plan.pools}
        for number in range(plan.throughput_rounds):
            for connections in plan.throughput[name][:: -1 if number % 2 else 1]:
                say(f"{case.title}: connections: {connections}")
                for pool, server in services.items():
                    figures = loads.post(case, server, connections)
                    best = found[pool].setdefault(str(connections), {"rate": 0, "server_cpu_ms": math.inf})
                    best["rate"] = max(best["rate"], figures.rate)
                    best["server_cpu_ms"] = min(best["server_cpu_ms"], figures.server_cpu_ms)
    return found


def measure_latency(loads, programs, pool):
    """How long small requests wait, while nobody and while somebody else keeps the service busy with large chunks."""
    small, found = BY_NAME["max-16k"], {}
    with service(programs, *POOLS[pool]) as server:
        for state in ("quiet", "busy"):
            say(f"latency, {pool}: {state}")
            beside = loads.busy(BUSY, server, 2) if state == "busy" else contextlib.nullcontext()
            with beside:
                of_load = {"request": loads.post(small, server, 1), "metrics": loads.metrics(server)}
            found[state] = {name: {"p50_ms": f.p50_ms, "p99_ms": f.p99_ms} for name, f in of_load.items()}
    return found


def measure(options):
    """Everything that is planned, as one tree of numbers."""
    planned, programs = plan(options), options.programs
    with tempfile.TemporaryDirectory() as directory, contextlib.ExitStack() as stack:
        chunks = Path(directory, "chunks")
        chunks.mkdir()
        say("making chunks")
        for case in BY_NAME.values():
            (chunks / case.key).write_bytes(case.encoded)
        store = stack.enter_context(STORES[options.store](programs, sorted(chunks.iterdir())))
        loads = Loads(programs, Path(directory), store, planned.seconds)
        results = {"machine": machine(), "store": options.store}
        results["cases"] = {case.name: measure_case(case, loads, programs, planned) for case in planned.cases}
        results["throughput"] = {
            name: measure_throughput(name, loads, programs, planned) for name in planned.throughput
        }
        results["client"] = {}
        for case in planned.client_cases:
            say(f"a client with and without the service: {case.title}")
            with service(programs) as server:
                results["client"][case.name] = client.measure(case, store, server, planned.client_seconds)
        pools = planned.pools if planned.latency else []
        results["latency"] = {pool: measure_latency(loads, programs, pool) for pool in pools}
    results["seconds"] = round(time.monotonic() - BEGIN)
    return results


# --- The rest ------------------------------------------------------------------------------------------------


def write_docs(results):
    """Renews the page of those who use the service, and that of those who work on it."""
    (DOCS / "performance.svg").write_text(drawing.draw_gains(results))
    report.renew(DOCS / "performance.md", gains.text(results))
    (DOCS / "inside/goals.svg").write_text(drawing.draw(results))
    report.renew(DOCS / "inside/goals.md", report.text(results))


def main():
    parser = tool.parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="half a minute: the goals that matter most, one pool")
    parser.add_argument("--case", action="append", choices=BY_NAME, help="this one only; may repeat")
    parser.add_argument("--store", choices=STORES, default="memory", help="which S3 store (default: memory)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw them here")
    parser.add_argument("--write-docs", action="store_true", help="renew figures and drawings in docs/")
    parser.add_argument("--read", type=Path, metavar="FILE", help="show what an earlier run wrote, measure nothing")
    options = parser.parse_args()
    if options.write_docs and (options.quick or options.case):
        parser.error("--write-docs wants a whole run")
    results = json.loads(options.read.read_text()) if options.read else measure(options)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.svg:
        options.svg.write_text(drawing.draw(results))
    print("\n\n".join([gains.text(results), report.text(results), report.missed(results)]))
    if options.write_docs:
        write_docs(results)
    return 1 if any(not goal.met for goal in report.goals(results)) else 0


if __name__ == "__main__":
    tool.run(main)
