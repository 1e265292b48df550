"""The house of a recording: two stores, and the services of a program. All listen on loopback, on ports that are free.

Whatever is recorded has placeholders for the ports, which are as long as the ports are, so that nothing else changes
with them.
"""

import base64
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from .web_store import WebStore

ACCESS_KEY, SECRET_KEY = "storekeeper", "not-so-secret"  # of the S3 store's bucket `private`
KEYS = [("Authorization", "Basic " + base64.b64encode(f"{ACCESS_KEY}:{SECRET_KEY}".encode()).decode())]
TOKEN = "one-of-the-services-tokens"  # wanted by the service STRICT

PLAIN, STRICT = "plain", "strict"  # services

# Placeholders.
S3, WEB, FAULTY, CLOSED = 65001, 65002, 65003, 65004
SERVICES = {PLAIN: 65005, STRICT: 65006}

START_SECONDS = STOP_SECONDS = 60

# Nothing shall be answered in another way because the machine is slow, or has more or less memory than another one.
PATIENT = {
    "request-timeout": "280s",
    "queue-timeout": "270s",
    "connect-timeout": "60s",
    "read-timeout": "120s",
    "client-timeout": "120s",
    "max-queue": "4096",
    "retries": "1",
    "shutdown-delay": "0s",
    "thread-limit": "2",
}
LIMITS = {
    PLAIN: {
        "memory-limit": "512MiB",
        "max-chunk-size": "8MiB",
        "max-decoded-size": "8MiB",
        "max-result-size": "32MiB",
    },
    STRICT: {
        "memory-limit": "1MiB",
        "max-chunk-size": "64KiB",
        "max-decoded-size": "128KiB",
        "max-result-size": "96KiB",
        "max-body-size": "16KiB",
        "cors-allow-origin": "https://pages.example",
    },
}


def free_ports():
    """Ports of five digits on which nothing listens, below those that Linux gives to outgoing connections."""
    ports = list(range(10_000, 32_768))
    random.shuffle(ports)
    for port in ports:
        with contextlib.suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            yield port


def clean_environment():
    """The environment without what could lead programs elsewhere: settings, proxies, stored passwords."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("REDUCTIONIST_", "AWS_", "OTEL_", "RUST_"))
    }
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    return kept | dict.fromkeys(("NETRC", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)


@contextlib.contextmanager
def process(command, **options):
    """A process that ends with the block, in order if it can."""
    started = subprocess.Popen(command, env=clean_environment(), **options)
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def wait_until_it_listens(started, port, log=None):
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and started.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    sys.exit(f"{Path(started.args[0]).name} does not listen: exit code {started.poll()} {log and log_of(log)[-1000:]}")


def log_of(file):
    file.seek(0)
    return file.read()


@contextlib.contextmanager
def s3_store(program, files):
    """The port of a store that has these files in the buckets `private` and `public`."""
    port = next(free_ports())
    with process([program, "--port", str(port), *files], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as started:
        # It listens at once, and says so when it has read all files.
        if not started.stdout.readline():
            sys.exit(f"{program} did not start")
        yield port


@contextlib.contextmanager
def service(program, *flags):
    """Port and process of a service, which has to end in order, without a panic."""
    port = next(free_ports())
    command = [program, "--host", "127.0.0.1", "--port", str(port), *flags]
    with tempfile.TemporaryFile("w+") as log:
        with process(command, stdout=subprocess.DEVNULL, stderr=log) as started:
            wait_until_it_listens(started, port, log)
            yield port, started
        text = log_of(log)
    if started.returncode or "panicked" in text:
        panics = [line for line in text.splitlines() if "panicked" in line] or text.splitlines()[-5:]
        sys.exit(f"exit code of the service: {started.returncode}\n" + "\n".join(panics[:5]))


@dataclass
class Ports:
    """Real ports by their placeholders."""

    real: dict = field(default_factory=dict)

    def to_real(self, text):
        for placeholder, port in self.real.items():
            text = text.replace(b"127.0.0.1:%d" % placeholder, b"127.0.0.1:%d" % port)
        return text

    def to_placeholders(self, text):
        for placeholder, port in self.real.items():
            text = text.replace(b"127.0.0.1:%d" % port, b"127.0.0.1:%d" % placeholder)
        return text


@contextlib.contextmanager
def house(program, store, objects):
    """The ports of stores that hold objects, and of the services of one program."""
    ports = Ports()
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        files = [directory / "objects" / name for name in objects]
        (directory / "objects").mkdir()
        for file, body in zip(files, objects.values(), strict=True):
            file.write_bytes(body)
        ports.real[S3] = stack.enter_context(s3_store(store, files))
        web = stack.enter_context(WebStore(objects, ports.to_real))
        ports.real[WEB], ports.real[FAULTY] = web.ports
        # A port that is taken, where nothing listens: connections are refused.
        closed = stack.enter_context(socket.socket())
        closed.bind(("127.0.0.1", next(free_ports())))
        ports.real[CLOSED] = closed.getsockname()[1]
        for name, placeholder in SERVICES.items():
            running = service(program, *flags_of(name, directory, ports))
            ports.real[placeholder], _ = stack.enter_context(running)
        yield ports


def flags_of(service_name, directory, ports):
    """The flags of a service; the strict one reads some places, wants a token, and has other defaults."""
    settings = PATIENT | LIMITS[service_name] | ({"file-root": directory / "objects"} if service_name == PLAIN else {})
    flags = [f"--{name}={value}" for name, value in settings.items()]
    if service_name == STRICT:
        (directory / "tokens").write_text(f"{TOKEN}\n")
        flags += ["--keepdims", "--use-rayon", f"--auth-token-file={directory / 'tokens'}"]
        for place in (f"{S3}/public", f"{S3}/private", f"{WEB}/plain", f"{WEB}/moved", f"{WEB}/elsewhere"):
            flags.append(ports.to_real(f"--allow-source=http://127.0.0.1:{place}".encode()).decode())
    return flags
