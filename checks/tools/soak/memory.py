"""The resident memory of a process while it is under load."""

import math
import threading

import numpy as np

from harness.service import resident_mib

SAMPLE_SECONDS = 0.5


class Samples:
    """What is resident, each half a second, while a block runs."""

    def __init__(self, pid):
        self.pid = pid
        self.mib = []
        self.end = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.end.wait(SAMPLE_SECONDS):
            self.mib.append(resident_mib(self.pid))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()


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
