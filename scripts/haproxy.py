"""HAProxy before instances of the service, as deployment/haproxy has it, and what it says of them."""

import contextlib
import csv
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from check_servers import free_port, process, wait_until_it_listens
from soak_processes import wait_until

FILES = Path(__file__).parent.parent / "deployment/haproxy"
BACKEND = "reductionist"


def installed(program, package):
    """Where a program is; Debian's package is installed if it is missing and we may do that."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if not shutil.which(program, path=path) and os.geteuid() == 0 and shutil.which("apt-get"):
        # It is started here, not by the package.
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for arguments in (["update", "-q"], ["install", "-q", "--yes", "--no-install-recommends", package]):
            subprocess.run(["apt-get", *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
    return shutil.which(program, path=path) or sys.exit(f"there is no {program}; it is in Debian's package {package}")


@dataclass
class Proxy:
    """An HAProxy that runs."""

    process: subprocess.Popen
    url: str
    admin: str
    tls_url: str | None

    @property
    def pid(self):
        return self.process.pid

    def column(self, name):
        """What HAProxy's statistics say of each instance, in their order."""
        with urllib.request.urlopen(f"{self.admin}/stats;csv") as answer:
            table = csv.DictReader(answer.read().decode().removeprefix("# ").splitlines())
        is_instance = lambda row: row["pxname"] == BACKEND and row["svname"].startswith(f"{BACKEND}-")
        return [row[name] for row in table if is_instance(row)]

    def states(self):
        """`UP` or `DOWN` of each instance."""
        return [status.split()[0] for status in self.column("status")]

    def wait_for(self, *states, seconds=10):
        """Whether the instances have come to these states in time."""
        return wait_until(lambda: self.states() == list(states), seconds, pause=0.02)


def servers(instances, options=""):
    """What is written into servers.cfg."""
    lines = [f"    server {BACKEND}-{n} 127.0.0.1:{each.port}{options}" for n, each in enumerate(instances, 1)]
    return "\n".join([f"backend {BACKEND} from instances", *lines, ""])


@contextlib.contextmanager
def haproxy(instances, pem=None, pinned=(), configuration=FILES / "haproxy.cfg", settings=()):
    """A `Proxy` before instances of the service, which has found that they are ready.

    `pem` is certificate and key, for HTTPS on another port; `pinned` what the command begins with; `settings` are more
    environment variables.
    """
    program, ports = installed("haproxy", "haproxy"), [free_port() for _ in range(3)]
    urls = [f"127.0.0.1:{port}" for port in ports]
    settings = dict(settings) | {"HAPROXY_BIND": urls[0], "HAPROXY_ADMIN_BIND": urls[1]}
    if pem:
        settings |= {"HAPROXY_TLS_BIND": urls[2], "HAPROXY_TLS_PEM": pem}
    environment = ["env", *(f"{name}={value}" for name, value in settings.items())]
    with tempfile.TemporaryDirectory() as directory:
        listed = Path(directory, "servers.cfg")
        listed.write_text(servers(instances))
        command = [*environment, *pinned, program, "-db", "-q", "-f", configuration, "-f", listed]
        with process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
            wait_until_it_listens(started, ports[0])
            proxy = Proxy(started, f"http://{urls[0]}", f"http://{urls[1]}", pem and f"https://{urls[2]}")
            if not proxy.wait_for(*["UP"] * len(instances)):
                sys.exit(f"HAProxy does not find the instances ready: {proxy.states()}")
            yield proxy
