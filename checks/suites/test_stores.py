"""Runs the example `check_store` against real S3 stores.

Each store is started with nothing in it, listens on loopback only, keeps what it writes in a temporary directory, and
ends with its check. If it does not start, or ends by itself, the ends of its logs are shown.
"""

import contextlib
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from harness.processes import environment, free_port, wait_until_it_listens
from harness.report import Failure
from harness.stores import ACCESS_KEY, SECRET_KEY, rclone

pytestmark = pytest.mark.stores

BUCKETS = "private", "public", "no-such-bucket"  # that are asked for
STEP_SECONDS = 60  # for a tool to end, or a server to listen
CHECK_SECONDS = 600  # for all claims about a store
SHOWN = 20  # lines of a log


# --- Programs ------------------------------------------------------------------------------------------------


def start(program, *arguments, variables=None, **outputs):
    """A process that ends with this one, even if this one is killed."""
    command = ["setpriv", "--pdeathsig", "KILL", program, *arguments]
    options = {"env": environment(**(variables or {})), "stdin": subprocess.DEVNULL} | outputs
    return subprocess.Popen(command, **options)


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
                wait_until_it_listens(server, port, seconds=STEP_SECONDS)
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
def of_rclone(programs):
    """The URL of rclone's S3 server, which has no buckets yet."""
    buckets = programs.directory / "buckets"
    buckets.mkdir()
    with rclone(buckets) as server:
        yield server.url


# --- The claims ----------------------------------------------------------------------------------------------


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


# Each store, and where it looks for the name of the bucket.
@pytest.mark.parametrize(
    ("store", "addressing"), [(ceph, ("path", "virtual")), (of_rclone, ("path",))], ids=["ceph", "rclone"]
)
def test_every_claim_about_a_store_holds(programs, report, tmp_path, store, addressing):
    begin, name = time.monotonic(), store.__name__.removeprefix("of_")
    of_store = Programs(tmp_path)
    try:
        with store(of_store) as url:
            report.say(f"{name} (started in {time.monotonic() - begin:.1f} s)")
            for style in addressing:
                code = ask(programs.example("check_store"), name, url, style, tmp_path)
                report.check(f"{name}, {style} addressing: every claim of check_store holds", code == 0, code)
    except Failure:
        of_store.show_logs()
        raise
