"""Measures questions about whole variables beside the store, where nothing delays them.

Ways: mean, std and max over time by one call, by xarray with Dask and h5netcdf, and by the same with kerchunk's references.
Chunks: what a chunk costs the service, asked for alone or as part of a variable. Growth: time and memory by the number of
chunks. Each has a service that has read nothing before; medians of rounds are told. Statistics: CPU time of several, of weights
and of groups beside less, of a service that knows the file. Median: the exact one of 10⁸ elements beside their mean.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from harness import tool
from harness.places import ROOT
from harness.stores import web_server
from tools.machine import machine
from tools.whole import files, measuring, report, statistics
from tools.whole.ask import WAYS

PARTS = ("ways", "chunks", "growth", "statistics", "median")
MIDDLE = 3_400  # chunks of the file that is read in all ways


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """All parts that are wanted, as one tree of numbers."""
    parts = options.part or PARTS
    numbers = sorted(
        {*(options.chunks if "growth" in parts else ()), *([MIDDLE] if {*parts} - {"growth", "median"} else [])}
    )
    files.make(options.data, numbers)
    results: dict[str, Any] = {"machine": machine(), "rounds": options.rounds}
    with web_server(options.data.resolve()) as (store, _):
        bench = measuring.Bench(options.programs, options.data, store, options.rounds)
        if "ways" in parts:
            results["ways"] = measuring.ways(bench, MIDDLE, options.way or tuple(WAYS))
        if "chunks" in parts:
            results["chunks"] = measuring.chunks_beside_variable(bench, MIDDLE)
        if "growth" in parts:
            results["growth"] = measuring.growth(bench, options.chunks)
        if "statistics" in parts:
            results["statistics"] = statistics.beside_less(
                bench, bench.url(MIDDLE), f"{bench.store}/{files.make_series(options.data).name}"
            )
        if "median" in parts:
            results["median"] = statistics.median_beside_mean(bench, files.make_large(options.data))
    return results


def options_of() -> argparse.Namespace:
    """The command line."""
    parser = tool.parser(__doc__ or "")
    parser.add_argument("--part", action="append", choices=PARTS, help="this one only; may repeat")
    parser.add_argument("--way", action="append", choices=WAYS, help="of the ways, this one only; may repeat")
    parser.add_argument("--rounds", type=int, default=3, help="%(default)s if not given")
    parser.add_argument(
        "--chunks",
        type=int,
        nargs="+",
        choices=files.SHAPES,
        default=list(files.SHAPES),
        help="of which growth is measured",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=ROOT / "target/whole",
        metavar="DIRECTORY",
        help="of the files, which are made if they are missing (default: target/whole)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures here")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw them here")
    parser.add_argument("--read", type=Path, metavar="FILE", help="show what an earlier run wrote, measure nothing")
    return parser.parse_args()


def main() -> None:
    """Measures, and shows the tables."""
    options = options_of()
    results = json.loads(options.read.read_text()) if options.read else measured(options)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    if options.svg:
        options.svg.write_text(report.draw(results))
    print(report.text(results))


if __name__ == "__main__":
    tool.run(main)
