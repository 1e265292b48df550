"""A part of the soak: objects, files, clients and bodies that mean no good to whoever reads whole variables."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from random import Random

from harness.asking import small
from harness.load import LONGEST_MS, check_load
from harness.service import Service, service
from tools.soak import bodies, clients, objects
from tools.soak.changing_store import ChangingStore, changing_store
from tools.soak.held import Before, check_nothing_left, in_use, shown, wait_for_idle_threads

CLIENT_SECONDS = 3  # for a client to take a part of its answer
FLAGS = ["--memory-limit", "256MiB", "--index-memory", "4MiB", "--client-timeout", f"{CLIENT_SECONDS}s"]
FLAGS += ["--max-variable-body-size", bodies.LIMIT]
AT_ONCE = 8  # requests of one attack
BESIDE = 2  # connections of those who mean well

ATTACKS = [
    objects.replaced_objects,
    objects.spoilt_files,
    clients.clients_that_leave,
    clients.clients_that_stop_reading,
    bodies.bodies_at_their_limit,
]


@dataclass(frozen=True)
class Scene:
    """What attacks need."""

    server: Service
    changing: ChangingStore
    store: str  # URL
    at_rest: dict[str, int]  # what is in use then
    random: Random
    share: float  # of the usual number of requests

    def count(self, usual):
        return max(1, round(usual * self.share))

    def all(self, outcome_of, cases):
        """What is wrong with each of some requests, several of which are under way at one time."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(outcome_of, cases))


def hostile(soak, report):
    """Objects that change, spoilt files, clients that leave or do not read, bodies at their limits: nothing stays behind."""
    with changing_store() as changing, service(soak.programs, *FLAGS, report=report) as server:
        share, random = (soak.seconds or 30) / 30, Random(soak.loads.seed)
        scene = Scene(server, changing, soak.store, in_use(server.url), random, share)
        asked = small(soak.store, server.url)
        # What is kept for good, such as connections and indexes, is there after a first time.
        first = replace(scene, share=share / 2)
        list(itertools.chain.from_iterable(attack(first, report) for attack in ATTACKS))
        wait_for_idle_threads(server)
        before = Before.of(server)
        report.say(f"before: {before}")
        with soak.loads.start(server.url, [asked], BESIDE, 600, "beside", 5) as beside:
            for attack in ATTACKS:
                begin = time.monotonic()
                report.group(attack.__doc__.splitlines()[0], attack(scene, report))
                report.say(f"{time.monotonic() - begin:.0f} s, then in use: {shown(in_use(server.url))}")
            told = beside.report()
        check_load(report, told, "16 KiB beside it")
        longest = told["requests"][asked.name]["max_ms"]
        report.check(f"16 KiB beside it: none takes {LONGEST_MS} ms", longest <= LONGEST_MS, f"{longest:.0f} ms")
        stores = [soak.store, changing.url]
        check_nothing_left(report, server, stores, before, AT_ONCE * objects.READS_AT_ONCE)
