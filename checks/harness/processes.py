"""Programs that run as long as a block does, on loopback."""

import contextlib
import os
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.report import Failure

START_SECONDS = STOP_SECONDS = 20
SYSTEM_PROGRAMS = "/usr/sbin:/usr/local/sbin:/sbin"  # which are not on everybody's path

# Below the ports that Linux gives to outgoing connections.
PORTS = random.sample(range(10_000, 32_768), 32_768 - 10_000)

MEDDLING = re.compile("(REDUCTIONIST|AWS|OTEL|CEPH|RCLONE)_.*|.*_(proxy|ca_bundle)", re.IGNORECASE)
NOWHERE = dict.fromkeys(("NETRC", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)


def environment(**variables: str) -> dict[str, str]:
    """That of a user who has set nothing but these variables: no settings, proxies or stored passwords."""
    return {name: value for name, value in os.environ.items() if not MEDDLING.fullmatch(name)} | NOWHERE | variables


@dataclass
class Server:
    """A process that answers at a URL."""

    process: subprocess.Popen[str]
    url: str

    @property
    def pid(self) -> int:
        return self.process.pid


@contextlib.contextmanager
def process(
    command: Sequence[Any], variables: Mapping[str, str] | None = None, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block, in order if it can, and whatever happens in the block."""
    words = list(map(str, command))
    started = subprocess.Popen(words, env=environment(**(variables or {})), text=True, **options)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
        for stream in (started.stdout, started.stderr):
            if stream:
                stream.close()


@contextlib.contextmanager
def logged(command: Sequence[Any], port: int, log: Path, host: str = "127.0.0.1", **options: Any) -> Iterator[Server]:
    """A server that listens on the port, until the end of the block; its last lines are shown if anything fails."""
    with log.open("w") as output, process(command, stdout=output, stderr=output, **options) as started:
        try:
            wait_until_it_listens(started, port, host)
            yield Server(started, f"http://{host}:{port}")
        except BaseException:
            print(f"-- the end of {log.name}", *log.read_text(errors="replace").splitlines()[-20:], sep="\n")
            raise


def free_port() -> int:
    """A port on which nothing listens, another one each time."""
    while True:
        with contextlib.suppress(OSError), socket.socket() as listener:
            port = PORTS.pop()
            listener.bind(("127.0.0.1", port))
            return port


def wait_until(true: Callable[[], Any], seconds: float, pause: float = 0.25) -> Any:
    """Whether it has become true in time."""
    give_up = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < give_up:
        time.sleep(pause)
    return found


def wait_until_it_listens(
    started: "subprocess.Popen[Any]", port: int, host: str = "127.0.0.1", seconds: float = START_SECONDS
) -> None:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up and started.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return
        time.sleep(0.02)
    name = Path(str(started.args[0] if isinstance(started.args, list) else started.args)).name
    raise Failure(f"{name} does not listen on port {port}: exit code {started.poll()}")


def installed(program: str, package: str | None = None) -> str:
    """Where a program is; Debian's package is installed if it is missing and we may do that."""
    path = f"{os.environ['PATH']}:{SYSTEM_PROGRAMS}"
    if package and not shutil.which(program, path=path) and os.geteuid() == 0 and shutil.which("apt-get"):
        # It is started here, not by the package.
        variables = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for arguments in (["update", "-q"], ["install", "-q", "--yes", "--no-install-recommends", package]):
            subprocess.run(["apt-get", *arguments], env=variables, check=True, stdout=subprocess.DEVNULL)
    found = shutil.which(program, path=path)
    if not found:
        raise Failure(f"there is no {program}" + (f"; it is in Debian's package {package}" if package else ""))
    return found


def certificate(directory: Path) -> tuple[Path, Path]:
    """Files of a certificate for this machine that signs itself, and of its key."""
    chain, key = directory / "cert.pem", directory / "key.pem"
    subject = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    of_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-keyout", key]
    command = ["openssl", "req", "-x509", *of_key, "-out", chain, *subject]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return chain, key
