"""The load generator, and what is measured with it."""

import contextlib
import json
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from harness.asking import read_v2
from harness.places import Programs
from harness.processes import Server, process
from harness.report import Failure, WrongAnswer
from harness.stores import ACCESS_KEY, PRIVATE, SECRET_KEY, rclone_store, s3_store

KEYS = f"{ACCESS_KEY}:{SECRET_KEY}"
POOLS = {"tokio": [], "rayon": ["--use-rayon"]}  # flags of the service
STORES = {"memory": s3_store, "rclone": rclone_store}


# --- Load ----------------------------------------------------------------------------------------------------


@dataclass
class Figures:
    """What the load generator reports, by request."""

    rate: float
    p50_ms: float
    p99_ms: float
    client_cpu_ms: float  # of the load generator itself
    server_cpu_ms: float | None
    bytes: float

    @classmethod
    def of(cls, report, server=None):
        requests = report["requests"]
        if not requests:
            raise Failure("no request was answered within the measured time")
        cpu = report["cpu_seconds"]
        return cls(
            rate=requests / report["seconds"],
            p50_ms=report["p50_us"] / 1000,
            p99_ms=report["p99_us"] / 1000,
            client_cpu_ms=cpu["self"] * 1000 / requests,
            server_cpu_ms=cpu[str(server.pid)] * 1000 / requests if server else None,
            bytes=report["bytes"] / requests,
        )


@dataclass
class Loads:
    """Runs the load generator, for so many seconds each time."""

    programs: Programs
    directory: Path  # of chunks and requests
    store: Server
    seconds: float
    warm_up: float = 0.2

    def _command(self, mode, *arguments, seconds=None):
        times = ["--seconds", seconds or self.seconds, "--warm-up", self.warm_up]
        return [self.programs.example("load"), mode, *map(str, [*times, *arguments])]

    def _run(self, mode, *arguments):
        with process(self._command(mode, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
            output, errors = started.communicate(timeout=self.seconds + 60)
        if started.returncode:
            raise Failure(f"load {mode} failed: {errors}")
        return json.loads(output)

    def get(self, case, connections=8):
        """Bare signed GETs of a case's chunk."""
        url = f"{self.store.url}/{PRIVATE}/{case.key}"
        where = ["--url", url, "--keys", KEYS, "--size", len(case.encoded)]
        return Figures.of(self._run("get", *where, "--connections", connections))

    def metrics(self, server):
        """One connection that reads the metrics of the service."""
        return Figures.of(self._run("get", "--url", f"{server.url}/metrics", "--connections", 1))

    def inflate(self, case):
        """Bare libdeflate on a case's chunk."""
        file = self.directory / "chunks" / case.key
        return Figures.of(self._run("inflate", "--codec", case.codec, "--size", case.array.nbytes, file))

    def _post_arguments(self, case, server, connections):
        body, answer = self.directory / f"{case.name}.json", self.directory / f"{case.name}-{server.pid}.answer"
        body.write_text(json.dumps(case.request(self.store.url)))
        where = ["--url", f"{server.url}/v2/{case.operation}", "--keys", KEYS, "--body", body, "--answer", answer]
        return answer, [*where, "--connections", connections, "--pid", server.pid]

    def post(self, case, server, connections=8):
        """A case's request, again and again. The answers are all the same, and what NumPy says."""
        answer, arguments = self._post_arguments(case, server, connections)
        figures = Figures.of(self._run("post", *arguments), server)
        compare(case, answer.read_bytes())
        return figures

    @contextlib.contextmanager
    def busy(self, case, server, connections):
        """Keeps the service busy while the block runs."""
        _, arguments = self._post_arguments(case, server, connections)
        command = self._command("post", *arguments, seconds=300)
        with process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
            yield
            if started.poll() is not None:
                raise Failure(f"the load beside others has ended by itself, exit code {started.returncode}")


def compare(case, answer):
    """Compares an answer of /v2 with NumPy's, bit by bit."""
    result, found = read_v2(answer)
    expected, counts = case.expected
    same = result.dtype == expected.dtype and result.shape == expected.shape and (result == expected).all()
    if not same or found != counts.reshape(-1).tolist():
        raise WrongAnswer(f"{case.title}: {result} instead of {expected}, or wrong counts")


# --- Bytes ---------------------------------------------------------------------------------------------------


class Relay:
    """Stands between a client and a server, and counts the bytes that come back from the server."""

    def __init__(self, url):
        host, port = url.removeprefix("http://").split(":")
        self.server = host, int(port)
        self.bytes = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):  # the listener is closed in the end
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.server)
                threading.Thread(target=self._pass_on, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(server, client, True), daemon=True).start()

    def _pass_on(self, source, target, counted):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.bytes += len(data) if counted else 0
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
