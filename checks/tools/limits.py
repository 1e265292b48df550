"""Compares how near to their limits the benches come with how near they came when that was last written down.

A limit is what nothing can pass: a read-only pass over the same memory, a copy, bare libdeflate, a bare GET. It is
measured in the same run, so that a slow machine, or one with other work to do, makes both slow. Families of CPUs, which
have loops of their own, have ratios of their own. Machines differ all the same, and so do runs: only a ratio that is
below its floor in each of several runs counts as lost.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RATIOS = ROOT / "benches" / "ratios.json"
RESULTS = ROOT / "target" / "criterion"
ALLOWED_LOSS = 0.2

# Benches by the beginning of their names, and the limit of each.
LIMITS = [
    ("whole_8MiB/", "read_only/8"),
    ("moments_8MiB_f32/", "read_only/8"),
    ("weighted_8MiB/", "read_only/8"),
    ("argmax_8MiB/", "read_only/8"),
    ("histogram_8MiB/", "read_only/8"),
    ("missing_8MiB_f32/", "read_only/8"),
    ("axes_f32_missing_value/{operation}/16x128x128/", "read_only/1"),
    ("axes_f32_missing_value/{operation}/32x180x364/", "read_only/8"),
    ("unshuffle/{bytes}/1", "memcpy/1"),
    ("unshuffle/{bytes}/8", "memcpy/8"),
    ("chunk/{codec}/1", "bare_libdeflate/{codec}/1"),
    ("chunk/{codec}/8", "bare_libdeflate/{codec}/8"),
]
PLACES = {"operation": ["sum", "max"], "bytes": ["2_bytes", "4_bytes", "8_bytes"], "codec": ["zlib", "gzip"]}


def family():
    """The family of CPUs whose loops run here, as `multiversion` tells them apart."""
    if platform.machine() != "x86_64":
        return platform.machine()
    flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags")).split()
    if {"avx512bw", "avx512_vbmi2", "vpclmulqdq"} <= set(flags):
        return "x86-64-v4"
    return "x86-64-v3" if {"avx2", "fma"} <= set(flags) else "x86-64-v2"


def limits():
    """Pairs of the beginning of a name and a limit, every place filled in."""
    for prefix, limit in LIMITS:
        places = [name for name in PLACES if "{" + name + "}" in prefix]
        values = PLACES[places[0]] if places else [None]
        for value in values:
            filled = {places[0]: value} if places else {}
            yield prefix.format(**filled), limit.format(**filled)


def run_benches(seconds):
    """Runs the benches, quickly; Criterion leaves the figures in files."""
    for bench in ("reduce", "codec"):
        options = ["--warm-up-time", "0.2", "--measurement-time", str(seconds), "--noplot"]
        command = [
            "cargo",
            "bench",
            "--quiet",
            "--locked",
            "--package",
            "reductionist-benches",
            "--bench",
            bench,
            "--",
            *options,
        ]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{run.stderr}")


def medians():
    """Nanoseconds by the full name of a bench."""
    found = {}
    for estimates in RESULTS.glob("**/new/estimates.json"):
        name = json.loads((estimates.parent / "benchmark.json").read_text())["full_id"]
        throughput = json.loads((estimates.parent / "benchmark.json").read_text())["throughput"]
        if throughput:
            nanoseconds = json.loads(estimates.read_text())["median"]["point_estimate"]
            found[name] = nanoseconds / next(iter(throughput.values()))  # per byte
    return found


def ratios(times):
    """How near each bench came to its limit: 1 is as fast."""
    near = {}
    for prefix, limit in limits():
        for name, time in times.items():
            if name.startswith(prefix):
                near[name] = times[limit] / time
    return near


def lost(near, floors):
    """Benches that fell below their floor, and those that were not run."""
    return sorted(name for name, floor in floors.items() if near.get(name, 0) < floor * (1 - ALLOWED_LOSS))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--update", action="store_true", help="write the ratios of this run down instead")
    parser.add_argument("--runs", type=int, default=3, help="runs at most (default: 3)")
    parser.add_argument("--seconds", type=float, default=0.4, help="time for each bench (default: 0.4)")
    args = parser.parse_args()
    seen, best = {}, {}
    all_floors = json.loads(RATIOS.read_text())
    floors = {} if args.update else all_floors.get(family(), {})
    if not floors and not args.update:
        sys.exit(f"nothing is written down for {family()} yet: scripts/bench limits --update does that")
    for number in range(1, args.runs + 1):
        print(f"run {number} of at most {args.runs}", flush=True)
        run_benches(args.seconds)
        for name, ratio in ratios(medians()).items():
            seen.setdefault(name, []).append(ratio)
            best[name] = max(seen[name])
        if not args.update and not lost(best, floors):
            break
    if args.update:
        # What runs reach as a rule, not the luckiest of them; nothing needs to be nearer than at its limit.
        all_floors[family()] = {name: round(min(statistics.median(seen[name]), 1), 2) for name in sorted(seen)}
        RATIOS.write_text(json.dumps(all_floors, indent=1, sort_keys=True) + "\n")
        print(f"{len(best)} ratios written to {RATIOS.relative_to(ROOT)} for {family()}")
        return 0
    for name in sorted(best):
        print(f"{best[name]:6.2f}  {floors.get(name, float('nan')):6.2f}  {name}")
    for name in lost(best, floors):
        print(f"LOST: {name}: {best.get(name, 0):.2f} of its limit, {floors[name]:.2f} before", file=sys.stderr)
    return 1 if lost(best, floors) else 0


if __name__ == "__main__":
    sys.exit(main())
