"""The figures as tables, and the goals that they meet or miss."""

from dataclasses import dataclass

from harness.cases import BUSY, BY_NAME
from harness.report import table

EARLIER_SHARE = 1 / 3  # of an earlier server's CPU time that a request may take
NOISE = 0.1  # that throughput may fall by
START, END = "<!-- figures: scripts/bench --write-docs -->", "<!-- end of figures -->"


@dataclass(frozen=True)
class Goal:
    """A figure that shall not be above a bound."""

    what: str
    value: float
    bound: float

    @property
    def met(self):
        return self.value <= self.bound

    def __str__(self):
        return f"≤ {number(self.bound)} {'✓' if self.met else '✗'}"


# --- Goals ---------------------------------------------------------------------------------------------------


def limit_goal(case, pool, of_pool):
    if not case.limit_factor:
        return None
    return Goal(f"{case.title} ({pool}): CPU by its limit", of_pool["ratio"], case.limit_factor)


def earlier_goal(case, pool, of_pool):
    if not case.earlier_ms:
        return None
    what = f"{case.title} ({pool}): CPU by an earlier server's"
    return Goal(what, of_pool["server_cpu_ms"] / case.earlier_ms, EARLIER_SHARE)


def peak_goal(case, pool, of_pool):
    if not case.peak_mib:
        return None
    return Goal(f"{case.title} ({pool}): peak MiB", of_pool["peak_mib"], case.peak_mib)


def throughput_goal(name, pool, found):
    """No number of connections beyond 8 may be slower than 8 are. The value is what the slowest loses, as a share."""
    slowest = min(best["rate"] for connections, best in found.items() if int(connections) >= 8)
    what = f"{BY_NAME[name].title} ({pool}): throughput lost beyond 8 connections"
    return Goal(what, 1 - slowest / found["8"]["rate"], NOISE)


def goals(results):
    """All goals that the results say anything about."""
    found = [
        goal(BY_NAME[name], pool, of_pool)
        for name, of_case in results["cases"].items()
        for pool, of_pool in of_case["pools"].items()
        for goal in (limit_goal, earlier_goal, peak_goal)
    ]
    for name, of_case in results["throughput"].items():
        found += [throughput_goal(name, pool, of_pool) for pool, of_pool in of_case.items()]
    return [goal for goal in found if goal]


# --- Tables --------------------------------------------------------------------------------------------------


def number(value):
    """Three digits that matter, and no more zeros than that."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:.{digits}f}" if value else "0"


def size(count):
    return f"{count / 2**20:.2f} MiB" if count >= 2**20 else f"{count / 2**10:.1f} KiB"


def rows_of_cases(results):
    """(case, its figures, pool, figures of the pool)"""
    for name, of_case in results["cases"].items():
        for pool, of_pool in of_case["pools"].items():
            yield BY_NAME[name], of_case, pool, of_pool


def cpu_table(results):
    head = ["8 connections", "pool", "CPU ms", "bare GET", "inflate", "× limit", "goal", "earlier", "share", "goal"]
    rows = []
    for case, of_case, pool, of_pool in rows_of_cases(results):
        earlier = earlier_goal(case, pool, of_pool)
        rows.append(
            [
                case.title,
                pool,
                number(of_pool["server_cpu_ms"]),
                number(of_case["get_ms"]),
                number(of_case["inflate_ms"]) if case.codec else "–",
                f"{of_pool['ratio']:.2f}",
                limit_goal(case, pool, of_pool) or "–",
                number(case.earlier_ms) if earlier else "–",
                f"{earlier.value:.2f}" if earlier else "–",
                earlier or "–",
            ]
        )
    return table(head, rows)


def speed_table(results):
    head = ["8 connections", "pool", "requests/s", "p50 ms", "p99 ms", "from store", "to client", "peak MiB", "goal"]
    return table(
        head,
        [
            [
                case.title,
                pool,
                f"{of_pool['rate']:.0f}",
                number(of_pool["p50_ms"]),
                number(of_pool["p99_ms"]),
                size(of_case["store_bytes"]),
                size(of_case["client_bytes"]),
                f"{of_pool['peak_mib']:.0f}",
                peak_goal(case, pool, of_pool) or "–",
            ]
            for case, of_case, pool, of_pool in rows_of_cases(results)
        ],
    )


def throughput_table(results):
    connections = next(iter(next(iter(results["throughput"].values())).values()))
    rows = []
    for name, of_case in results["throughput"].items():
        for pool, found in of_case.items():
            goal, best = throughput_goal(name, pool, found), found.values()
            verdict = f"{goal.value:.0%} {'✓' if goal.met else '✗'}"
            rows.append([f"{BY_NAME[name].title}: requests/s", pool, *(f"{one['rate']:.0f}" for one in best), verdict])
            rows.append(["CPU ms of each", pool, *(number(one["server_cpu_ms"]) for one in best), "–"])
    return table(["connections", "pool", *connections, "lost beyond 8"], rows)


def latency_table(results):
    head = ["one connection", "pool", "quiet: p50 ms", "p99 ms", "busy: p50 ms", "p99 ms"]
    titles = {"request": BY_NAME["max-16k"].title, "metrics": "GET /metrics"}
    return table(
        head,
        [
            [
                title,
                pool,
                *(number(of_pool[state][what][p]) for state in ("quiet", "busy") for p in ("p50_ms", "p99_ms")),
            ]
            for pool, of_pool in results["latency"].items()
            for what, title in titles.items()
        ],
    )


PARTS = [
    ("cases", "CPU time of the service for one request", cpu_table),
    ("cases", "Speed, bytes and memory", speed_table),
    ("throughput", "Throughput by connections", throughput_table),
    ("latency", f"Small requests, while two connections ask for the {BUSY.title}, and while none does", latency_table),
]


def circumstances(results):
    """Where it was measured, in a line."""
    machine = results["machine"]
    store = {"memory": "the example `s3_store`"}.get(results["store"], results["store"])
    return f"{machine['cpu']}, {machine['cpus']} CPUs, {machine['system']}; store: {store}; {results['seconds']} s."


def text(results):
    """All figures of the service, for those who work on it, and how many goals are missed."""
    parts = [circumstances(results)]
    for name, title, make in PARTS:
        if results[name]:
            parts.append(f"**{title}**\n\n{make(results)}")
    return "\n\n".join([*parts, verdict(goals(results))])


def missed(results):
    """Which goals are missed, one in each line."""
    return "\n".join(f"- {goal.what}: {number(goal.value)}, goal {goal}" for goal in goals(results) if not goal.met)


def verdict(found):
    met = sum(goal.met for goal in found)
    return f"{met} of {len(found)} goals met, {len(found) - met} missed."


def renew(document, text):
    """Puts new figures between the two comments of a document."""
    old = document.read_text()
    before, after = old[: old.index(START) + len(START)], old[old.index(END) :]
    document.write_text(f"{before}\n\n{text}\n\n{after}")
