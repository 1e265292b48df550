"""Comparisons of single storage chunks, as the clients of both dialects make them."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numcodecs
import numpy as np

from harness.service import requests_received
from suites.clients.requests import (
    all_axes,
    random_axis,
    random_chunks,
    random_requests,
    sample_chunks,
    sample_requests,
    sample_requests_over_axes,
)

THREADS = 30  # as many as users of the client run


class Requests:
    """What the client is made to ask, the same for every place."""

    def __init__(self, seed, rounds):
        dice = random.Random(seed)
        chunks, _ = sample_chunks()
        packed, _ = random_chunks(dice, rounds)
        self.of_sample = list(sample_requests(chunks))
        self.of_sample_over_axes = list(sample_requests_over_axes(chunks))
        self.of_random = list(random_requests(dice, packed, all_axes))
        self.of_random_over_axes = list(random_requests(dice, packed, lambda chunk: random_axis(dice, chunk)))

    def some(self):
        return self.of_sample[::101]


def check_all_axes(client, report, name, requests):
    """Reductions of all that is selected."""
    report.group(f"sample file, {name}", differences(client, requests.of_sample))
    report.group(f"random chunks, {name}", differences(client, requests.of_random))


def check_some_axes(client, report, name, requests):
    """Reductions that leave axes."""
    report.group(f"sample file, over some axes, {name}", differences(client, requests.of_sample_over_axes))
    report.group(f"random chunks, over some axes, {name}", differences(client, requests.of_random_over_axes))


def check_threads(client, report, name, requests):
    """One session in as many threads as users of the client run."""
    at_once = (requests.of_sample[:: len(requests.of_sample) // 1000] + requests.of_random) * 2
    with ThreadPoolExecutor(THREADS) as pool:
        report.group(f"{THREADS} threads, one session, {name}", differences(client, at_once, pool.map))


def differences(client, requests, each=map, **other):
    """The differences of all requests, and whether each was one request to the service."""
    before = requests_received(client.service)
    yield from each(lambda request: client.difference(request, **other), requests)
    sent = requests_received(client.service) - before
    number = sum(sent[path] for path in sent if path.startswith(f"/{client.dialect}/"))
    yield None if number == len(requests) else f"{len(requests)} calls of the client were {number} requests"


def request_errors(client, request):
    """Requests about a chunk of the sample that have to fail, and what the error has to say."""
    size = request.chunk.size
    for texts, other in [
        (("HTTP 400",), {"offset": 10**9}),
        (("HTTP 400", "zlib"), {"offset": request.chunk.offset + 1}),
        (("HTTP 400", "zlib"), {"size": size - 100}),
        (("HTTP 400",), {"shape": (4, 20, 31)}),
        (("HTTP 400", "size"), {"compression": None}),
        (("HTTP 400", "missing"), {"dtype": np.dtype("i4"), "missing": (0.5, None, None, None)}),
        (("HTTP 400", "missing"), {"missing": (None, None, 300.0, 240.0)}),
        (("HTTP 400", "selection"), {"chunk_selection": (slice(None),)}),
        (("HTTP 400", "selection"), {"chunk_selection": (slice(None, None, 0), 0, 0)}),
        (("HTTP 400", "compression"), {"compression": numcodecs.LZMA()}),
        (("HTTP 404",), {"operation": "median"}),
    ]:
        yield client.difference_of_error(request, texts, **other)


def place_errors(client, request, cases):
    """The same for requests to other places, or with other credentials."""
    for texts, other in cases:
        yield replace(client, **other).difference_of_error(request, texts)
