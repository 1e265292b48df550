"""Runs deployment/ansible into a scratch directory, as far as that needs no machine of its own, and starts the result.

An instance, balancers and a monitor are this machine, each with directories of its own. What is checked: lint and
syntax; that balancers are taken one after another; that a second run changes nothing; that systemd understands the unit
and finds the service well confined; that the program starts with the rendered settings, as another user and without
rights; that HAProxy with the rendered configuration reaches it over HTTPS, and is not root; that an update finds both;
that Prometheus would take what it is given.
"""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from harness.places import DEPLOYMENT, EXAMPLES
from harness.processes import free_port, process, wait_until, wait_until_it_listens
from harness.report import Failure
from harness.service import Service

pytestmark = pytest.mark.ansible

HERE = DEPLOYMENT / "ansible"
INSTANCES = "reductionist-1", "reductionist-2"
BALANCERS = "balancer-1", "balancer-2"
ALERTMANAGERS = ["alertmanager.example:9093"]
RUN = ",".join([*BALANCERS, INSTANCES[0], "monitor"])  # the other instance is only known to these
UNIT = "reductionist.service"
USER = "daemon"  # instead of one of its own: this machine is not to be changed
FILE_ROOT = str(EXAMPLES)
EXPOSURE = 2.0  # at most, by `systemd-analyze security`
STEP_SECONDS = 180  # for a program to end
READY_SECONDS = 15

# What a value in a file of environment variables may have in it.
TRICKY = """a "b" `c` $HOME \\ 'd' #e"""


def run(*command, fails=False, **options):
    """What a program says, which has to end well, or badly."""
    told = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=STEP_SECONDS, **options)
    if (told.returncode != 0) != fails:
        raise Failure(f"{' '.join(map(str, command))}: exit code {told.returncode}\n{told.stdout}{told.stderr}")
    return told.stdout + told.stderr


def tool(name):
    """A program that is installed beside Python here."""
    return Path(sys.prefix, "bin", name)


# --- The playbook --------------------------------------------------------------------------------------------


def hosts(scratch, program):
    """The inventory: all hosts are this machine, with ports and directories of their own."""
    balancers = {
        name: {
            "haproxy_directory": str(scratch / name),
            "haproxy_environment_file": str(scratch / name / "environment"),
            "haproxy_port": free_port(),
            "haproxy_local_port": free_port(),
            "haproxy_admin_host": "127.0.0.2",
            "haproxy_admin_port": free_port(),
        }
        for name in BALANCERS
    }
    instances = {
        name: {
            "reductionist_directory": str(scratch / name),
            "reductionist_program_directory": str(scratch / name),
            "reductionist_unit_directory": str(scratch / name),
            "reductionist_port": free_port(),
            "reductionist_admin_port": free_port(),
        }
        for name in INSTANCES
    }
    everybody = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_host": "127.0.0.1",
        "ansible_python_interpreter": "/usr/bin/python3",
        "certificates_authority": str(scratch / "authority"),
        "haproxy_admin_port": 8405,
        "haproxy_names": ["reductionist.example"],
        "prometheus_alertmanagers": ALERTMANAGERS,
        "prometheus_directory": str(scratch / "monitor"),
        "reductionist_admin_host": "127.0.0.1",
        "reductionist_admin_port": 9090,
        "reductionist_file_root": FILE_ROOT,
        "reductionist_group": USER,
        "reductionist_host": "127.0.0.1",
        "reductionist_https": True,
        "reductionist_memory_max": "400M",
        "reductionist_port": 8080,
        "reductionist_program": str(program),
        "reductionist_settings": {"REDUCTIONIST_KEEPDIMS": True, "RUST_LOG": "info", "TRICKY": TRICKY},
        "reductionist_shutdown_delay": 1,
        "reductionist_user": USER,
    }
    groups = {"reductionist": instances, "haproxy": balancers, "prometheus": {"monitor": {}}}
    return {"all": {"vars": everybody, "children": {name: {"hosts": each} for name, each in groups.items()}}}


def play(inventory, *arguments, tags=("--skip-tags", "system"), **expected):
    """What the playbook says, and how many tasks have changed something."""
    command = (tool("ansible-playbook"), "-i", inventory, *tags, *arguments, HERE / "site.yml")
    said = run(*command, env=os.environ | {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1"}, **expected)
    return said, sum(map(int, re.findall(r"changed=(\d+)", said)))


def write(scratch, program):
    """Has the playbook write everything, and says what each host has been told."""
    wanted = hosts(scratch, program)
    inventory = scratch / "hosts.yml"
    inventory.write_text(json.dumps(wanted))  # JSON is YAML
    for name in (*INSTANCES, *BALANCERS, "monitor"):
        (scratch / name).mkdir()
    said, _ = play(inventory, "--limit", RUN)
    if said.count("PLAY [Balancers") != len(BALANCERS):
        raise Failure(f"all balancers are taken at one time:\n{said}")
    said, changed = play(inventory, "--limit", RUN)
    if changed:
        raise Failure(f"a second run changes {changed} things:\n{said}")
    children = wanted["all"]["children"]
    return inventory, {name: host for group in children.values() for name, host in group["hosts"].items()}


def check_refused(scratch, inventory):
    """What would not start is refused, and what is there stays as it is."""
    wrong = {
        INSTANCES[0]: ({"reductionist_settings": {"RUST_LOG": "a\nb"}}, "No setting may have more than one line"),
        BALANCERS[0]: ({"haproxy_settings": {"HAPROXY_BUFSIZE": "many"}}, "failed to validate"),
    }
    for host, (variables, complaint) in wrong.items():
        before = (scratch / host / "environment").read_bytes()
        said, _ = play(inventory, "--limit", host, "-e", json.dumps(variables), fails=True)
        if complaint not in said or (scratch / host / "environment").read_bytes() != before:
            raise Failure(f"{variables} are not refused, or with other words:\n{said}")


def check_words():
    """Lint and syntax."""
    environment = os.environ | {"PATH": f"{tool('')}:{os.environ['PATH']}", "NO_COLOR": "1"}
    run(tool("ansible-lint"), "--offline", "--profile", "production", "--strict", cwd=HERE, env=environment)
    run(tool("ansible-playbook"), "-i", "inventory", "--syntax-check", "site.yml", cwd=HERE, env=environment)


# --- What it has written -------------------------------------------------------------------------------------


def check_unit(unit):
    """Whether systemd understands it; how far the service is exposed."""
    said = run("systemd-analyze", "verify", "--man=no", unit)
    if unit.name in said:
        raise Failure(f"systemd-analyze verify: {said}")
    if f"\nRequiresMountsFor={FILE_ROOT}\n" not in unit.read_text():
        raise Failure("the service would not wait for the mount of its files")
    threshold = f"--threshold={EXPOSURE * 10:.0f}"
    rating = run("systemd-analyze", "security", "--offline=true", "--no-pager", threshold, unit)
    return re.search(r"Overall exposure level.*: ([\d.]+)", rating)[1]


def check_modes(directory):
    """Who may read what."""
    for name, mode in (("environment", 0o640), ("key.pem", 0o640), ("cert.pem", 0o644), (".", 0o750)):
        found = (directory / name).stat().st_mode & 0o777
        if found != mode:
            raise Failure(f"{directory / name} has mode {found:o}")


def with_environment(file, *command):
    """A command in the environment that a file describes, for a shell and for systemd in the same words."""
    script = 'set -a; . "$1"; shift; exec "$@"'
    return ["env", "-i", "PATH=/usr/sbin:/usr/bin", "bash", "-c", script, "-", file, *command]


class Installed(Service):
    """A service as the unit starts it: its user, no rights, its settings."""

    @property
    def command(self):
        nobody = [
            "setpriv",
            "--reuid",
            USER,
            "--regid",
            USER,
            "--clear-groups",
            "--no-new-privs",
            "--bounding-set=-all",
        ]
        directory = self.programs
        return [*nobody, *with_environment(directory / "environment", directory / "reductionist")]


def wait_until_ready(port, name, authority):
    """Asks over HTTPS, by that name, until the answer is good."""
    context = ssl.create_default_context(cafile=authority)

    def is_ready():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
                # The name is not one that can be looked up.
                connection = http.client.HTTPConnection(name)
                connection.sock = context.wrap_socket(plain, server_hostname=name)
                connection.request("GET", "/readyz")
                answer = connection.getresponse().status
                connection.close()
                return answer == 200
        except (ConnectionError, http.client.HTTPException):
            return False

    if not wait_until(is_ready, READY_SECONDS, pause=0.05):
        raise Failure(f"port {port} does not become ready")


@contextlib.contextmanager
def balancer(place, told):
    """HAProxy as Debian's unit starts it, with a master that is root."""
    environment = place / "environment"
    extra = re.search(r'EXTRAOPTS="(.*)"', environment.read_text())[1].split()
    command = ["haproxy", "-Ws", "-f", place / "haproxy.cfg", *extra[extra.index("-f") :]]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with process(with_environment(environment, *command), **silent) as master:
        wait_until_it_listens(master, told["haproxy_admin_port"], told["haproxy_admin_host"])
        yield master


def workers(master):
    """User and root of each process that talks to clients."""
    listed = subprocess.run(["ps", "-o", "user=,pid=", "--ppid", str(master.pid)], capture_output=True, text=True)
    for line in listed.stdout.splitlines():
        user, worker = line.split()
        with contextlib.suppress(FileNotFoundError):  # it has ended
            yield user, os.readlink(f"/proc/{worker}/root")


def check_workers(master):
    """Whether what talks to clients may do nothing else, as soon as it is set up."""
    if not wait_until(lambda: set(workers(master)) == {("haproxy", "/var/lib/haproxy")}, READY_SECONDS, pause=0.05):
        raise Failure(f"workers of HAProxy run as users, and see: {set(workers(master))}")


def check_running(scratch, inventory, told):
    """Starts an instance and the balancers, and asks all. How the service fared."""
    directory, port = scratch / INSTANCES[0], told[INSTANCES[0]]["reductionist_port"]
    authority = directory / "ca.pem"
    tricky = run(*with_environment(directory / "environment", "printenv", "TRICKY")).rstrip("\n")
    if tricky != TRICKY:
        raise Failure(f"a setting has become {tricky!r}")
    with contextlib.ExitStack() as stack:
        installed = Installed(directory, port=port)
        installed.start()
        stack.callback(installed.stop)
        wait_until_ready(port, INSTANCES[0], authority)
        installed.process.send_signal(signal.SIGHUP)
        wait_until_ready(port, INSTANCES[0], authority)
        for name in BALANCERS:
            master = stack.enter_context(balancer(scratch / name, told[name]))
            for number in (0, signal.SIGUSR2):  # as it starts, and as its unit reloads it
                master.send_signal(number)
                wait_until_ready(told[name]["haproxy_port"], "reductionist.example", authority)
                check_workers(master)
        play(inventory, "--limit", INSTANCES[0], tags=("--tags", "wait"))
    return installed.outcomes()


def check_prometheus(directory, told):
    """Whether it would take what it is given, look where the instances are, and tell whom it should."""
    run("promtool", "check", "config", directory / "prometheus.yml")
    targets = (directory / "targets/reductionist.yml").read_text()
    for name in INSTANCES:
        if f"- 127.0.0.1:{told[name]['reductionist_admin_port']}\n" not in targets:
            raise Failure(f"{name} is not among the targets:\n{targets}")
    alertmanagers = (directory / "targets/alertmanager.yml").read_text()
    if not alertmanagers.endswith(f"- targets: {json.dumps(ALERTMANAGERS)}\n"):
        raise Failure(f"alerts go elsewhere:\n{alertmanagers}")


@pytest.fixture
def scratch():
    """A directory that the other user may read."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


def test_the_playbook_writes_what_runs(programs, report, scratch):
    assert os.geteuid() == 0, "this has to run as root, which the files will belong to"
    check_words()
    report.check("lint and syntax", True)
    inventory, told = write(scratch, programs.service)
    report.check("a second run changes nothing, balancers are taken one after another", True)
    check_refused(scratch, inventory)
    report.check("what would not start is refused", True)
    report.check("systemd understands the unit", True, f"exposure {check_unit(scratch / INSTANCES[0] / UNIT)}")
    check_modes(scratch / INSTANCES[0])
    report.check("who may read what", True)
    check_prometheus(scratch / "monitor", told)
    report.check("Prometheus takes what it is given", True)
    report.group("service and balancers run", check_running(scratch, inventory, told))
