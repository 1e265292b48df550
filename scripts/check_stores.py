"""Runs the example `check_store` against real S3 stores.

Run it through scripts/check-stores, which installs rclone and builds the example. Each store is started with nothing
in it, listens on loopback only, keeps what it writes in a temporary directory, and ends with its check. If it does
not start, or ends by itself, the ends of its logs are shown.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from check_servers import free_port

ACCESS_KEY, SECRET_KEY = "storekeeper", "not-so-secret"
BUCKETS = "private", "public", "no-such-bucket"  # that are asked for
STEP_SECONDS = 60  # for a tool to end, or a server to listen
CHECK_SECONDS = 600  # for all claims about a store
SHOWN = 20  # lines of a log


# --- Programs ------------------------------------------------------------------------------------------------


class Failure(Exception):
    """Why the claims about a store cannot be checked."""


def start(program, *arguments, variables=None, **outputs):
    """A process that ends with this one, even if this one is killed."""
    settings = ("REDUCTIONIST_", "AWS_", "CEPH_", "RCLONE_")  # of whoever runs this
    environment = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
    command = ["setpriv", "--pdeathsig", "KILL", program, *arguments]
    return subprocess.Popen(command, env=environment | (variables or {}), stdin=subprocess.DEVNULL, **outputs)


def exit_code(started, seconds):
    """The exit code of a process that has so many seconds to end."""
    try:
        return started.wait(seconds)
    except subprocess.TimeoutExpired:
        return f"none after {seconds} s"
    finally:
        started.kill()
        started.wait()


class Programs:
    """The programs of a store, each with a log in the store's directory."""

    def __init__(self, directory):
        self.directory = directory

    def _start(self, program, *arguments):
        with (self.directory / f"{Path(program).name}.log").open("a") as log:
            return start(program, *arguments, stdout=log, stderr=log)

    def run(self, program, *arguments):
        """Runs a tool to its end, which has to be a good one."""
        code = exit_code(self._start(program, *arguments), STEP_SECONDS)
        if code != 0:
            raise Failure(f"exit code of {program}: {code}")

    @contextlib.contextmanager
    def serve(self, program, *arguments, port=None):
        """A server that runs as long as the block does, which begins when the server listens on the port, if any.

        In the end it is killed: nothing that it has is wanted any more.
        """
        server = self._start(program, *arguments)
        try:
            if port:
                wait_until_it_listens(server, port)
            yield
            if server.poll() is not None:
                raise Failure(f"{program} has ended by itself, exit code: {server.returncode}")
        finally:
            server.kill()
            server.wait()

    def show_logs(self):
        for log in sorted(self.directory.glob("*.log")):
            lines = filter(None, log.read_text(errors="replace").splitlines())
            print(f"-- the end of {log.name}", *list(lines)[-SHOWN:], sep="\n")


def wait_until_it_listens(server, port):
    give_up = time.monotonic() + STEP_SECONDS
    while time.monotonic() < give_up and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise Failure(f"nothing listens on port {port}, exit code: {server.returncode}")


# --- The stores ----------------------------------------------------------------------------------------------

# A cluster of one monitor and one object server that keeps everything in memory, without a manager. It has no keys
# of its own, so that the monitor's connections cannot be encrypted. Virtual hosts are those of `localhost`.
CEPH_CONF = """
[global]
fsid = {cluster}
mon_host = [v2:127.0.0.1:{monitor_port}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr1 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc secure

run_dir = {directory}
crash_dir = {directory}
admin_socket =
log_file =
log_to_stderr = true
err_to_stderr = true
debug_rocksdb = 0
mon_cluster_log_to_file = false

mon_data = {directory}/mon
mon_data_avail_crit = 0
mon_allow_pool_size_one = true
paxos_propose_interval = 0.05
paxos_min_wait = 0.01

osd_data = {directory}/osd
osd_objectstore = memstore
osd_pool_default_size = 1
osd_pool_default_pg_num = 1
osd_crush_chooseleaf_type = 0

rgw_frontends = beast endpoint=127.0.0.1:{gateway_port}
rgw_dns_name = localhost

[mon]
public_addrv = [v2:127.0.0.1:{monitor_port}]
"""


@contextlib.contextmanager
def ceph(programs):
    """The URL of Ceph's S3 gateway, with a cluster of its own behind it."""
    directory, ports = programs.directory, {"monitor_port": free_port(), "gateway_port": free_port()}
    (directory / "ceph.conf").write_text(CEPH_CONF.format(directory=directory, cluster=uuid.uuid4(), **ports))
    (directory / "osd").mkdir()
    conf, monitor, osd, osd_uuid = ("--conf", directory / "ceph.conf"), ("--id", "a"), ("--id", "0"), str(uuid.uuid4())
    user = ("--uid", ACCESS_KEY, "--display-name", ACCESS_KEY, "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)

    programs.run("ceph-mon", *conf, *monitor, "--mkfs")
    with programs.serve("ceph-mon", *conf, *monitor, "-f", port=ports["monitor_port"]):
        programs.run("ceph", *conf, "osd", "new", osd_uuid)
        programs.run("ceph-osd", *conf, *osd, "--mkfs", "--osd-uuid", osd_uuid)
        with programs.serve("ceph-osd", *conf, *osd, "-f"):
            programs.run("radosgw-admin", *conf, "user", "create", *user)
            with programs.serve("radosgw", *conf, "--name", "client.rgw", "-f", port=ports["gateway_port"]):
                yield f"http://127.0.0.1:{ports['gateway_port']}"


@contextlib.contextmanager
def rclone(programs):
    """The URL of rclone's S3 server, whose buckets are directories."""
    buckets = programs.directory / "buckets"
    buckets.mkdir()
    port = free_port()
    flags = ("--addr", f"127.0.0.1:{port}", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--config", "")
    with programs.serve(Path(sys.prefix) / "bin/rclone", "serve", "s3", *flags, buckets, port=port):
        yield f"http://127.0.0.1:{port}"


STORES = {store.__name__: store for store in (ceph, rclone)}
ADDRESSING = {"ceph": ("path", "virtual"), "rclone": ("path",)}  # where a store looks for the name of the bucket


# --- The check -----------------------------------------------------------------------------------------------


def ask(check_store, name, url, addressing, directory):
    """The exit code of `check_store`."""
    keys = ("--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)
    variables = {}
    if addressing == "virtual":
        url = url.replace("127.0.0.1", "localhost")
        variables = known_hosts(directory, "localhost", *(f"{bucket}.localhost" for bucket in BUCKETS))
    where = ("--name", f"{name}, {addressing} addressing", "--url", url, "--addressing", addressing)
    return exit_code(start(check_store, *where, *keys, variables=variables), CHECK_SECONDS)


def known_hosts(directory, *hosts):
    """The environment of a process for which these names stand for this machine."""
    (directory / "hosts").write_text("".join(f"127.0.0.1 {host}\n" for host in hosts))
    return {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": str(directory / "hosts")}


def check(name, check_store):
    """Whether every claim about a store holds."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        programs = Programs(Path(directory))
        try:
            with STORES[name](programs) as url:
                print(f"== {name} (started in {time.monotonic() - begin:.1f} s)", flush=True)
                codes = [ask(check_store, name, url, style, programs.directory) for style in ADDRESSING[name]]
            failure = Failure(f"exit codes: {codes}") if any(codes) else None
        except Failure as found:
            programs.show_logs()
            failure = found
    outcome = f"FAILED ({failure})" if failure else "passed"
    print(f"== {name}: {outcome}, {time.monotonic() - begin:.1f} s", flush=True)
    return not failure


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=Path, default=Path("target/release"), help="where the built programs are")
    parser.add_argument("--store", action="append", choices=STORES, help="check this one only; may repeat")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    stores = options.store or list(STORES)
    failed = [name for name in stores if not check(name, options.programs / "examples/check_store")]
    print(f"{len(stores)} stores checked, {len(failed)} failed", *failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
