"""Run it in `checks/`: `python -m answers --help`."""

import argparse
import contextlib
import signal
import sys
import time
from pathlib import Path

from . import differences
from .asking import ask_all
from .recording import Recording
from .servers import house


def say(text):
    print(text, file=sys.stderr, flush=True)


class Progress:
    """Tells whoever waits how far it is, every few seconds."""

    def __init__(self, total):
        self.total, self.begin, self.told = total, time.monotonic(), time.monotonic()

    def __call__(self, count):
        now = time.monotonic()
        if now > self.told + 10:
            self.told = now
            say(f"[{now - self.begin:4.0f} s] {count} of {self.total} requests")


def store_of(options):
    store = options.store or options.program.parent / "examples/s3_store"
    return store if store.exists() else sys.exit(f"there is no {store}: name the S3 store with --store")


@contextlib.contextmanager
def asked(options, objects, requests):
    """What the program answers, by the number of the request, and the ports of what still runs."""
    progress = Progress(len(requests))
    with house(options.program, store_of(options), objects) as ports:
        answers, repeated = ask_all(ports, requests, options.workers, options.order, progress)
        seconds = time.monotonic() - progress.begin
        say(f"{len(answers)} answers in {seconds:.0f} s; {repeated} times one that came too late was asked for again")
        yield answers, ports


def record(options):
    from . import corpus  # needs the libraries that write chunks; the rest does not

    recording = Recording.create(options.out)
    with contextlib.closing(recording):
        begin = time.monotonic()
        for objects, requests in corpus.batches(options.requests, options.seed):
            recording.add_objects(objects)
            recording.add_requests(requests)
        requests = recording.requests()
        say(f"{len(requests)} requests were made in {time.monotonic() - begin:.0f} s")
        with asked(options, dict(recording.objects()), requests) as (answers, _):
            recording.add_answers(answers)
    print("\n".join(differences.coverage(requests, answers)))
    return 0


def replay(options):
    recording = Recording.open(options.recording)
    requests, old = recording.requests(), recording.answers()
    if options.only:
        requests = {number: requests[number] for number in options.only}
        old = {number: old[number] for number in options.only}
    with asked(options, dict(recording.objects()), requests) as (new, ports):
        text = "\n".join(differences.report(requests, old, new, options.most))
        print(ports.to_real(text.encode()).decode() if options.stay else text, flush=True)
        if options.stay:
            say("services and stores stay until they are interrupted")
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    return 1 if differences.found(old, new) else 0


def show(options):
    recording = Recording.open(options.recording)
    requests, answers = recording.requests(), recording.answers()
    if not options.only:
        print("\n".join(differences.coverage(requests, answers)))
    for number in options.only:
        print("\n".join(differences.difference(number, requests[number], answers[number], answers[number])))
    return 0


def pair(options):
    from . import pair  # needs NumPy

    return pair.compare(options, say)


def add_what_asks(add, order):
    add("--program", type=Path, required=True, help="the program `reductionist`")
    add("--store", type=Path, help="the S3 store (default: examples/s3_store beside the program)")
    add("--workers", type=int, default=16, help="connections to each service (default: 16)")
    add("--order", type=int, default=order, help="of the requests, by chance (default: %(default)s)")


def parsed():
    text = "Proves that no answer of a program changes, and what it costs."
    parser = argparse.ArgumentParser(prog="answers", description=text)
    commands = parser.add_subparsers(required=True)

    def command(run, text):
        added = commands.add_parser(run.__name__, help=text, description=text)
        added.set_defaults(run=run)
        return added.add_argument

    add = command(record, "Make requests, and keep them with what the program answers.")
    add_what_asks(add, order=1)
    add("--out", type=Path, required=True, metavar="FILE", help="the recording")
    add("--requests", type=int, default=24_000, help="how many, about (default: 24000)")
    add("--seed", type=int, default=1, help="of the requests (default: 1)")

    add = command(replay, "Ask a program the same again; fails if any answer is another one.")
    add_what_asks(add, order=2)
    add("--recording", type=Path, required=True, metavar="FILE")
    add("--most", type=int, default=differences.MOST_TOLD, help="differences that are told (default: 10)")
    add("--only", type=int, nargs="+", metavar="NUMBER", help="these requests alone")
    add("--stay", action="store_true", help="keep services and stores, and tell their ports")

    add = command(show, "What a recording covers, or single requests with their answers.")
    add("--recording", type=Path, required=True, metavar="FILE")
    add("--only", type=int, nargs="+", default=[], metavar="NUMBER", help="these requests")

    add = command(pair, "CPU time of requests and peak memory of two programs, in turn.")
    add("--old", type=Path, required=True)
    add("--new", type=Path, required=True)
    add("--store", type=Path, help="the S3 store (default: examples/s3_store beside the old program)")
    add("--seconds", type=float, default=150, help="that it may take, about (default: 150)")
    add("--case", action="append", help="this one only; may repeat")
    return parser.parse_args()


def main():
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    options = parsed()
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
