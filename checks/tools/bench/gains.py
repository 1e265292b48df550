"""What users of the service gain, as tables: of all that is measured, the part that says what to expect."""

from harness.cases import BY_NAME
from harness.report import table
from tools.bench.report import circumstances, number, size

POOL = "tokio"  # the default


def of_default_pool(results):
    """The same, of the service as it comes."""
    cases = {name: case | {"pools": {POOL: case["pools"][POOL]}} for name, case in results["cases"].items()}
    throughput = {name: {POOL: pools[POOL]} for name, pools in results["throughput"].items()}
    latency = {pool: of_pool for pool, of_pool in results["latency"].items() if pool == POOL}
    return results | {"cases": cases, "throughput": throughput, "latency": latency}


def ways(results):
    """(case, its figures, those of a client that asks, those of one that downloads)"""
    for name, of_case in results["client"].items():
        yield BY_NAME[name], results["cases"][name], of_case["service"], of_case["download"]


def client_table(results):
    """Each figure of the client that asks, and behind a slash that of the one that downloads."""
    head = ["asked / downloaded", "ms", "CPU ms", "bytes"]
    rows = []
    for case, of_case, asked, downloaded in ways(results):
        times = [f"{number(asked[figure])} / {number(downloaded[figure])}" for figure in ("wall_ms", "cpu_ms")]
        rows.append([case.title, *times, f"{size(of_case['client_bytes'])} / {size(of_case['download_bytes'])}"])
    return table(head, rows)


def service_table(results):
    head = ["8 connections", "requests/s", "p50 ms", "p99 ms", "CPU ms", "bare minimum", "×", "peak MiB"]
    rows = []
    for name, of_case in results["cases"].items():
        of_pool = of_case["pools"][POOL]
        least = of_case["get_ms"] + of_case["inflate_ms"]
        figures = [number(value) for value in (of_pool["p50_ms"], of_pool["p99_ms"], of_pool["server_cpu_ms"], least)]
        rows.append(
            [
                BY_NAME[name].title,
                f"{of_pool['rate']:.0f}",
                *figures,
                f"{of_pool['ratio']:.2f}",
                f"{of_pool['peak_mib']:.0f}",
            ]
        )
    return table(head, rows)


def throughput_table(results):
    rows = {name: pools[POOL] for name, pools in results["throughput"].items()}
    head = ["requests/s by connections", *next(iter(rows.values()))]
    return table(
        head, [[BY_NAME[name].title, *(f"{one['rate']:.0f}" for one in of.values())] for name, of in rows.items()]
    )


def latency_table(results):
    head = ["one connection", "quiet: p50 ms", "p99 ms", "busy: p50 ms", "p99 ms"]
    titles = {"request": BY_NAME["max-16k"].title, "metrics": "GET /metrics"}
    of_pool = results["latency"][POOL]
    return table(
        head,
        [
            [title, *(number(of_pool[state][what][p]) for state in ("quiet", "busy") for p in ("p50_ms", "p99_ms"))]
            for what, title in titles.items()
        ],
    )


PARTS = [
    ("client", "What a client saves", client_table),
    ("cases", "What a request costs", service_table),
    ("throughput", "More clients", throughput_table),
    ("latency", "Small requests beside large ones", latency_table),
]


def text(results):
    parts = [f"### {title}\n\n{make(results)}" for name, title, make in PARTS if results[name]]
    return "\n\n".join([circumstances(results), *parts])
