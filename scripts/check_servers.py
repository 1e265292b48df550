"""The servers that the checks of clients need, on loopback: an S3 store, a web server, the service."""

import contextlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from check_report import Group

ACCESS_KEY, SECRET_KEY = "storekeeper", "not-so-secret"  # of the private bucket, and of the private web server
PRIVATE, PUBLIC = "private", "public"  # buckets

START_SECONDS = STOP_SECONDS = 20

PORTS = random.sample(range(10_000, 32_768), 32_768 - 10_000)


@dataclass(frozen=True)
class Setup:
    """What the checks of a client are told: its name, servers, and what to ask. All stores have the same files."""

    client: str
    store: str  # S3
    web: str
    private_web: str  # wants HTTP Basic credentials
    service: str
    keepdims_service: str  # the service with --keepdims
    seed: int
    rounds: int

    @classmethod
    def from_command_line(cls):
        return cls(**json.loads(sys.argv[1]))

    def to_argument(self):
        return json.dumps(asdict(self))


# --- Processes -----------------------------------------------------------------------------------------------


def clean_environment():
    """The environment without what could lead clients or service elsewhere: settings, proxies, stored passwords."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REDUCTIONIST_", "AWS_"))}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    nothing = ("NETRC", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    return kept | dict.fromkeys(nothing, os.devnull)


@contextlib.contextmanager
def process(command, **options):
    """A process that ends with the block, in order if it can, and whatever happens in the block."""
    started = subprocess.Popen(command, env=clean_environment(), text=True, **options)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


def free_port():
    """A port on which nothing listens, another one each time, below those that Linux gives to outgoing connections."""
    while True:
        with contextlib.suppress(OSError), socket.socket() as listener:
            port = PORTS.pop()
            listener.bind(("127.0.0.1", port))
            return port


def wait_until_it_listens(started, port, host="127.0.0.1"):
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and started.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
            return
        time.sleep(0.05)
    sys.exit(f"{Path(started.args[0]).name} does not listen: exit code {started.poll()}")


# --- Stores --------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def store(programs, files):
    """The URL of an S3 store that has these files."""
    command = [programs / "examples/s3_store", "--port", "0", *files]
    with process(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as started:
        yield started.stdout.readline().strip() or sys.exit("the store did not start")


# One process without a master, so that it runs as whoever runs the checks, and ends when that process does.
NGINX = """
daemon off; master_process off; pid nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    root {root};
    server {{ listen 127.0.0.1:{port}; }}
    server {{ listen 127.0.0.1:{private_port}; auth_basic private; auth_basic_user_file users; }}
}}
"""


@contextlib.contextmanager
def web_server(root):
    """URLs of an nginx that serves a directory, to anybody and to those who have the password."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or sys.exit("there is no nginx")
    ports = free_port(), free_port()
    with tempfile.TemporaryDirectory() as directory:
        configuration = Path(directory, "nginx.conf")
        configuration.write_text(NGINX.format(root=root, port=ports[0], private_port=ports[1]))
        Path(directory, "users").write_text(f"{ACCESS_KEY}:{{PLAIN}}{SECRET_KEY}\n")
        command = [program, "-p", directory, "-c", configuration, "-e", "stderr"]
        with process(command, stderr=subprocess.DEVNULL) as started:
            for port in ports:
                wait_until_it_listens(started, port)
            yield tuple(f"http://127.0.0.1:{port}" for port in ports)


# --- The service ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def service(programs, report, client, *flags):
    """The URL of a service for a client. It has to stop in order after the block; its log must give nothing away."""
    port = free_port()
    command = [programs / "reductionist", "--host", "127.0.0.1", "--port", str(port), *flags]
    with tempfile.TemporaryFile("w+") as log:
        with process(command, stderr=log) as started:
            wait_until_it_listens(started, port)
            yield f"http://127.0.0.1:{port}"
        log.seek(0)
        text = log.read()
    outcomes = [
        None if started.returncode == 0 else f"exit code {started.returncode}, log:\n{text[-2000:]}",
        None if SECRET_KEY not in text else "the secret key is in the log",
        None if "panicked" not in text else f"a panic in the log:\n{text[-2000:]}",
    ]
    report.add(Group.of(" ".join([f"{client}: the service stops at SIGTERM", *flags]), outcomes))


def requests_received(url):
    """How often each operation of the service was asked for until now, such as {"/v2/sum": 3}."""
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        text = answer.read().decode()
    series = r'^incoming_requests\{http_method="POST",path="(.*)"\} (\d+)$'
    return Counter({path: int(number) for path, number in re.findall(series, text, re.MULTILINE)})
