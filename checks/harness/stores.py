"""S3 stores and web servers that have what is asked for."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.places import Programs
from harness.processes import Server, free_port, installed, process, wait_until_it_listens
from harness.report import Failure

ACCESS_KEY, SECRET_KEY = "storekeeper", "not-so-secret"  # of the private bucket, and of the private web server
PRIVATE, PUBLIC = "private", "public"  # buckets


@contextlib.contextmanager
def s3_store(programs: Programs, files: Iterable[Path]) -> Iterator[Server]:
    """The example `s3_store`, which has these files in both buckets."""
    command = [programs.example("s3_store"), "--port", "0", *files]
    with process(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as started:
        url = started.stdout.readline().strip() if started.stdout else ""
        if not url:
            raise Failure("the store did not start")
        yield Server(started, url)


@contextlib.contextmanager
def rclone(buckets: Path) -> Iterator[Server]:
    """rclone's S3 server, whose buckets are directories."""
    beside_python = Path(sys.prefix, "bin/rclone")
    program, port = beside_python if beside_python.exists() else installed("rclone"), free_port()
    flags = ["--addr", f"127.0.0.1:{port}", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--config", ""]
    with process([program, "serve", "s3", *flags, buckets], stderr=subprocess.DEVNULL) as started:
        wait_until_it_listens(started, port)
        yield Server(started, f"http://127.0.0.1:{port}")


@contextlib.contextmanager
def rclone_store(_: Programs, files: Iterable[Path]) -> Iterator[Server]:
    """rclone, which has these files in the private bucket."""
    with tempfile.TemporaryDirectory() as buckets:
        private = Path(buckets, PRIVATE)
        private.mkdir()
        for file in files:
            shutil.copy(file, private)
        with rclone(Path(buckets)) as server:
            yield server


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
def web_server(root: Path) -> Iterator[tuple[str, str]]:
    """URLs of an nginx that serves a directory, to anybody and to those who have the password."""
    ports = free_port(), free_port()
    with tempfile.TemporaryDirectory() as directory:
        configuration = Path(directory, "nginx.conf")
        configuration.write_text(NGINX.format(root=root, port=ports[0], private_port=ports[1]))
        Path(directory, "users").write_text(f"{ACCESS_KEY}:{{PLAIN}}{SECRET_KEY}\n")
        command = [installed("nginx"), "-p", directory, "-c", configuration, "-e", "stderr"]
        with process(command, stderr=subprocess.DEVNULL) as started:
            for port in ports:
                wait_until_it_listens(started, port)
            yield f"http://127.0.0.1:{ports[0]}", f"http://127.0.0.1:{ports[1]}"
