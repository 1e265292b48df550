"""The far side: a network namespace with a store and services in it, and the link between it and the user."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from harness.places import ROOT
from harness.processes import START_SECONDS, free_port, installed, process, wait_until
from harness.report import Failure

LOG_LEN = 2000  # that is shown of it
NGINX = """
daemon off; master_process off; pid nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nodelay on; keepalive_requests 100000;
    client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@dataclass
class FarProgram:
    """A program far away that can be started anew; what it has read before is forgotten then."""

    name: str
    command: Sequence[Any]
    settings: Mapping[str, str]
    url: str
    log: IO[str]
    running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def start(self) -> None:
        """Returns when it answers."""
        self.running.enter_context(process(self.command, self.settings, stdout=self.log, stderr=self.log))
        if not wait_until(functools.partial(answers, self.url), START_SECONDS):
            raise Failure(f"{self.name} does not answer:\n{end_of(self.log)}")

    def stop(self) -> None:
        """Returns when it has ended."""
        self.running.close()


@dataclass(frozen=True)
class Far:
    """What the user can reach over the link: the URLs of the store and of each service."""

    store: str
    services: Mapping[str, str]
    link: "subprocess.Popen[str]"
    programs: Mapping[str, FarProgram] = field(default_factory=dict)

    def renew(self, service: str) -> None:
        """Has a new process of a service, which knows nothing; what crosses the link meanwhile does not count."""
        self.programs[service].stop()
        self.programs[service].start()
        self.crossed()

    def crossed(self) -> dict[str, int]:
        """Bytes and connections since the last time."""
        self.link.send_signal(signal.SIGUSR1)
        counts: dict[str, int] = json.loads(self.link.stdout.readline() if self.link.stdout else "{}")
        return counts


@contextlib.contextmanager
def namespace() -> Iterator[str]:
    """A network namespace that has nothing but a loopback."""
    ip = installed("ip", "iproute2")
    name = f"reductionist-far-{os.getpid()}"
    try:
        subprocess.run([ip, "netns", "add", name], check=True, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise Failure(f"no network namespace can be made, which takes root: {error.stderr.strip()}") from None
    try:
        subprocess.run([ip, "-n", name, "link", "set", "lo", "up"], check=True)
        yield name
    finally:
        subprocess.run([ip, "netns", "delete", name], check=False)


@contextlib.contextmanager
def link(space: str | None, rtt_ms: float, mbit: float, ports: Sequence[Any]) -> Iterator["subprocess.Popen[str]"]:
    """The link to these ports, which have the same numbers on both sides unless they are pairs."""
    options = ["--rtt-ms", rtt_ms, "--mbit", mbit, *(["--namespace", space] if space else [])]
    command = [sys.executable, "-m", "tools.far.link", *options, *ports]
    with process(command, {"PYTHONPATH": str(ROOT / "checks")}, stdout=subprocess.PIPE) as started:
        if not started.stdout or started.stdout.readline() != "ready\n":
            raise Failure("the link did not start")
        yield started


@contextlib.contextmanager
def far_side(programs: Mapping[str, Path], root: Path, rtt_ms: float, mbit: float) -> Iterator[Far]:
    """A store that has the buckets below a directory, and services, all of them far away."""
    ports = {name: free_port() for name in ["", *programs]}  # the store has no name
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    with contextlib.ExitStack() as stack:
        space = stack.enter_context(namespace())
        inside = [installed("ip"), "netns", "exec", space]
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (directory / "nginx.conf").write_text(NGINX.format(port=ports[""], root=root))
        nginx = [installed("nginx", "nginx-light"), "-p", directory, "-c", directory / "nginx.conf", "-e", "stderr"]
        log = stack.enter_context((directory / "log").open("w+"))
        started = stack.enter_context(link(space, rtt_ms, mbit, list(ports.values())))
        store = FarProgram("the store", [*inside, *nginx], {}, urls[""], log)
        services = {
            # Settings of the environment: programs of earlier versions know them, too.
            name: FarProgram(name, [*inside, program], settings_of(ports[name]), urls[name], log)
            for name, program in programs.items()
        }
        for each in (store, *services.values()):
            stack.callback(each.stop)
            each.start()
        try:
            yield Far(urls.pop(""), urls, started, services)
        except Failure as failure:
            raise Failure(f"{failure}\n{end_of(log)}") from None


def settings_of(port: int) -> dict[str, str]:
    """Of a service."""
    return {"REDUCTIONIST_HOST": "127.0.0.1", "REDUCTIONIST_PORT": str(port)}


def end_of(log: IO[str]) -> str:
    """The last that programs far away have said."""
    log.seek(0)
    return log.read()[-LOG_LEN:]


def answers(url: str) -> bool:
    """Whether there is an HTTP server, whatever it says."""
    try:
        urllib.request.urlopen(url, timeout=START_SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        return False
    return True
