"""What the service holds after a part of the soak: no more than before."""

import os
import re
import urllib.request
from dataclasses import dataclass

from harness.processes import wait_until
from harness.service import Held

SPARE_MIB = 16  # of memory that may be resident afterwards, beyond what was before
BACK_SECONDS = 30
GAUGES = "permits_used|memory_used_bytes|requests_waiting|requests_in_flight"
IN_USE = re.compile(rf"^reductionist_((?:{GAUGES})\S*) (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Before:
    """What was held before."""

    held: Held
    in_use: dict[str, int]

    @classmethod
    def of(cls, server):
        return cls(server.held(), in_use(server.url))

    def __str__(self):
        return f"{self.held}, in use: {shown(self.in_use)}"


def in_use(url):
    """Permits, memory of the budget and requests that the service counts as in use."""
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        text = answer.read().decode()
    return {name: int(number) for name, number in IN_USE.findall(text) if int(number)}


def shown(used):
    return ", ".join(f"{name} {number}" for name, number in used.items()) or "nothing"


def wait_for_idle_threads(server):
    """Threads that have nothing to do end after ten seconds: until their number stays the same for as long."""
    seen = []

    def is_calm():
        seen.append(server.held().threads)
        return len(seen) > 44 and len(set(seen[-44:])) == 1

    wait_until(is_calm, 40)


def check_nothing_left(report, server, stores, before, connections):
    """What the process holds is what it held before, but for idle connections to stores that are well.

    Of those there may be one for each of so many connections that asked, on each event loop.
    """

    def besides(held):
        return held.descriptors - sum(held.connections_to(store) for store in stores)

    seen = []

    def is_back():
        # To look again would see the connection of this look.
        seen.append(now := Before.of(server))
        few = now.held.threads <= before.held.threads and besides(now.held) <= besides(before.held)
        return few and now.in_use == before.in_use and now.held.resident_mib <= before.held.resident_mib + SPARE_MIB

    wait_until(is_back, BACK_SECONDS)
    after = seen[-1]
    report.say(f"after: {after}")
    others = besides(after.held)
    report.check("file descriptors are back", others <= besides(before.held), f"{others} beside the next")
    idle = sum(after.held.connections_to(store) for store in stores)
    most = connections * os.cpu_count()
    report.check("connections to the stores that are well are no more than were needed", idle <= most, idle)
    report.check("permits and memory of the budget are back", after.in_use == before.in_use, shown(after.in_use))
    report.check("threads are back", after.held.threads <= before.held.threads, after.held.threads)
    grown = after.held.resident_mib - before.held.resident_mib
    report.check(f"memory is back but for {SPARE_MIB} MiB", grown <= SPARE_MIB, f"{grown:+.1f} MiB")
