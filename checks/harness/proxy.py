"""HAProxy before instances of the service, as deployment/haproxy has it, and what it says of them."""

import contextlib
import csv
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.places import DEPLOYMENT
from harness.processes import Server, free_port, installed, process, wait_until, wait_until_it_listens
from harness.report import Failure

FILES = DEPLOYMENT / "haproxy"
BACKEND = "reductionist"


@dataclass
class Proxy(Server):
    """An HAProxy that runs."""

    admin: str
    tls_url: str | None

    def column(self, name: str) -> list[str]:
        """What HAProxy's statistics say of each instance, in their order."""
        with urllib.request.urlopen(f"{self.admin}/stats;csv") as answer:
            table = csv.DictReader(answer.read().decode().removeprefix("# ").splitlines())
        return [row[name] for row in table if row["pxname"] == BACKEND and row["svname"].startswith(f"{BACKEND}-")]

    def states(self) -> list[str]:
        """`UP` or `DOWN` of each instance."""
        return [status.split()[0] for status in self.column("status")]

    def wait_for(self, *states: str, seconds: float = 10) -> bool:
        """Whether the instances have come to these states in time."""
        return bool(wait_until(lambda: self.states() == list(states), seconds, pause=0.02))


def servers(instances: Sequence[Any]) -> str:
    """What is written into servers.cfg."""
    lines = [f"    server {BACKEND}-{n} 127.0.0.1:{each.port}" for n, each in enumerate(instances, 1)]
    return "\n".join([f"backend {BACKEND} from instances", *lines, ""])


@contextlib.contextmanager
def haproxy(
    instances: Sequence[Any], pem: Path | None = None, settings: Mapping[str, object] | None = None
) -> Iterator[Proxy]:
    """A `Proxy` before instances of the service, or what has a port as they do, which has found that they are ready.

    `pem` is certificate and key, for HTTPS on another port; `settings` are more environment variables.
    """
    ports = [free_port() for _ in range(3)]
    addresses = [f"127.0.0.1:{port}" for port in ports]
    variables = {"HAPROXY_BIND": addresses[0], "HAPROXY_ADMIN_BIND": addresses[1]}
    if pem:
        variables |= {"HAPROXY_TLS_BIND": addresses[2], "HAPROXY_TLS_PEM": str(pem)}
    variables |= {name: str(value) for name, value in (settings or {}).items()}
    with tempfile.TemporaryDirectory() as directory:
        listed = Path(directory, "servers.cfg")
        listed.write_text(servers(instances))
        command = [installed("haproxy", "haproxy"), "-db", "-q", "-f", FILES / "haproxy.cfg", "-f", listed]
        with process(command, variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
            wait_until_it_listens(started, ports[0])
            tls_url = f"https://{addresses[2]}" if pem else None
            proxy = Proxy(started, f"http://{addresses[0]}", f"http://{addresses[1]}", tls_url)
            if not proxy.wait_for(*["UP"] * len(instances)):
                raise Failure(f"HAProxy does not find the instances ready: {proxy.states()}")
            yield proxy
