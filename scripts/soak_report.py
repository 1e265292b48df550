"""What a part of the soak saw, and whether that is good enough."""

import math
from collections import Counter

import numpy as np

SHOWN = 10  # complaints
QUICK_MS, LONGEST_MS = 50, 1000  # the 99th percentile of small requests, and all of them
SHOWN_LEN = 400  # of what was seen


class Verdict:
    """Prints what a part sees as it sees it, and keeps what failed."""

    def __init__(self, part):
        self.part = part
        self.failures = []

    def say(self, text):
        print(f"  {text}", flush=True)

    def check(self, claim, holds, seen=""):
        """A claim that has to hold, and what was seen of it."""
        seen = f": {str(seen)[:SHOWN_LEN]}" if seen != "" else ""
        print(f"  {'ok    ' if holds else 'FAILED'} {claim}{seen}", flush=True)
        if not holds:
            self.failures.append(claim)

    def end(self):
        print(f"{self.part}: {'FAILED: ' + '; '.join(self.failures) if self.failures else 'passed'}\n", flush=True)
        return not self.failures

    def check_service(self, service):
        """After its end."""
        self.check("the service ends in order and its log is clean", not service.problems, "; ".join(service.problems))

    def check_load(self, report, what="requests"):
        """Every request was answered, in time, with what may be answered."""
        total = sum(statuses(report).values())
        self.say(f"{what}: {total} answered in {report['seconds']:.0f} s, by status: {shown(statuses(report))}")
        for complaint in report["complaints"][:SHOWN]:
            self.say(f"       {complaint}")
        self.check(f"{what}: there are answers", total > 0)
        for name, claim in [("wrong", "no wrong answer"), ("lost", "none is lost"), ("late", "none is late")]:
            self.check(f"{what}: {claim}", report[name] == 0, report[name])

    def check_quick(self, report, name, what):
        """Small requests are quick, whatever else goes on."""
        times = report["requests"][name]
        seen = f"p50 {times['p50_ms']:.1f} ms, p99 {times['p99_ms']:.1f} ms, longest {times['max_ms']:.1f} ms"
        self.check(f"{what}: 99 of 100 within {QUICK_MS} ms", times["p99_ms"] <= QUICK_MS, seen)
        # A stall of all connections at one time is few requests, whatever their share.
        self.check(f"{what}: none takes longer than {LONGEST_MS} ms", times["max_ms"] <= LONGEST_MS)

    def list_requests(self, report):
        """A line for each request."""
        for name, times in report["requests"].items():
            took = f"p50 {times['p50_ms']:6.0f} ms, p99 {times['p99_ms']:6.0f} ms"
            self.say(f"  {name:62} {took}, {shown(times['statuses'])}")


def statuses(report):
    """Answers by status, of all requests of a load."""
    total = Counter()
    for answered in report["requests"].values():
        total.update(answered["statuses"])
    return total


def shown(counts):
    return ", ".join(f"{name} × {count}" for name, count in sorted(counts.items()))


def rise(samples):
    """By how much the second half of the samples rises, and the standard error of that, both by least squares."""
    half = np.array(samples[len(samples) // 2 :])
    if len(half) < 3:
        return 0.0, math.inf
    times = np.linspace(-0.5, 0.5, len(half))
    slope = (times * half).sum() / (times**2).sum()
    residuals = half - half.mean() - slope * times
    variance = (residuals**2).sum() / (len(half) - 2)
    return float(slope), math.sqrt(variance / (times**2).sum())
