"""Builds the image of the Dockerfile with buildah and runs it: ten minutes or more, nearly all of it cargo.

It needs no Docker and pulls nothing, but root, on Debian 12 or a relative of it. Stand-ins for the two base images are
made here and tagged with their names: Debian with gcc and this machine's Rust for the first one, the files of few of
its packages, as in distroless images, for the last one. Images and caches stay in the work directory for the next time,
processes and containers end with the check.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from harness.asking import SAMPLE_CHUNK, ask, get, question
from harness.faulty_store import faulty_store
from harness.places import ROOT, SAMPLE
from harness.processes import free_port, installed, wait_until
from harness.report import Failure
from harness.service import status

pytestmark = pytest.mark.image

IMAGE, REVISION = "localhost/reductionist:check", "0123456789abcdef"
DEBIAN = "bookworm"
COMPILER = "ca-certificates,gcc,libc6-dev"
RUNTIME = "libc6", "libgcc-s1"  # whose libraries the last base image has, beside the certificates
# What a program starts and mounts is gone with it, and it with this process, even if that is killed.
ALONE = "setpriv", "--pdeathsig", "KILL", "unshare", "--mount-proc", "--pid", "--fork", "--kill-child"
CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")
HEALTH_SECONDS = 30
STOP_SECONDS = 30
BUILD_SECONDS = 3600

# The chunk that the README reduces: 304.5625 is the largest of 1903 values that are not missing, here in CBOR.
CHUNK = SAMPLE_CHUNK | {"interface_type": "http", "missing": {"missing_value": 1e20}}
LARGEST, COUNT = b"\x44" + struct.pack("<f", 304.5625), b"\x81\x19" + struct.pack(">H", 1903)


# --- Tools ---------------------------------------------------------------------------------------------------


class Buildah:
    """Buildah with images of its own, in a directory."""

    def __init__(self, work):
        (work / "tmp").mkdir(parents=True, exist_ok=True)
        storage = ("--root", work / "storage", "--runroot", work / "run", "--storage-driver", "vfs")
        self.command = ["buildah", *storage]
        # Caches of builds are kept where temporary files are.
        self.environment = os.environ | {"TMPDIR": str(work / "tmp"), "BUILDAH_ISOLATION": "chroot"}

    def __call__(self, *arguments, **options):
        """What it prints."""
        command = [*self.command, *arguments]
        done = subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, text=True, check=True, **options)
        return done.stdout.strip()

    def start(self, *arguments, **options):
        """A process that has to be killed."""
        command = [*ALONE, *self.command, *arguments]
        return subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, **options)

    def code(self, *arguments):
        command, nowhere = [*self.command, *arguments], subprocess.DEVNULL
        return subprocess.run(command, env=self.environment, stdout=nowhere, stderr=nowhere).returncode

    @contextlib.contextmanager
    def container(self, image):
        name = self("from", "--pull-never", image)
        try:
            yield name
        finally:
            self("rm", name)

    def label(self, image, name):
        """A label of an image, or nothing."""
        there = self.code("inspect", "--type", "image", image) == 0
        return self.config(image)["Labels"].get(name) if there else None

    def config(self, image):
        return json.loads(self("inspect", "--type", "image", image))["Docker"]["config"]


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


# --- Base images ---------------------------------------------------------------------------------------------


def make_base_images(buildah, compiler_image, runtime_image):
    """The stand-ins, unless they are there for this version of Rust."""
    version = output("rustc", "--version")
    if all(buildah.label(image, "rust") == version for image in (compiler_image, runtime_image)):
        return
    with tempfile.TemporaryDirectory(dir=buildah.environment["TMPDIR"]) as directory:
        tree, runtime = Path(directory, "debian"), Path(directory, "runtime")
        subprocess.run([*ALONE, "debootstrap", "--variant=minbase", f"--include={COMPILER}", DEBIAN, tree], check=True)
        copy_packages(tree, runtime)
        commit_tree(buildah, runtime, runtime_image, version)
        copy_toolchain(tree / "usr/local")
        commit_tree(buildah, tree, compiler_image, version, "--env", "CARGO_HOME=/usr/local/cargo")


def copy_packages(tree, runtime):
    """The libraries of a few packages, and the certificates, in a tree without shell or package manager."""
    runtime.mkdir()
    lists = [file for name in RUNTIME for file in (tree / "var/lib/dpkg/info").glob(f"{name}*.list")]
    names = {line[1:] for file in lists for line in file.read_text().splitlines() if line.startswith("/lib")}
    names = [name for name in sorted(names) if (tree / name).is_file()]
    # A path may lead through a link of the tree: the copy has a directory there.
    archive = subprocess.run(["tar", "-C", tree, "-c", *names, CERTIFICATES], stdout=subprocess.PIPE, check=True)
    subprocess.run(["tar", "-C", runtime, "-x"], input=archive.stdout, check=True)


def copy_toolchain(to):
    toolchain = Path(output("rustc", "--print", "sysroot"))
    for part in ("bin", "lib"):
        shutil.copytree(toolchain / part, to / part, symlinks=True, dirs_exist_ok=True)


def commit_tree(buildah, tree, image, version, *config):
    with buildah.container("scratch") as container:
        buildah("add", container, tree, "/")
        buildah("config", "--label", f"rust={version}", *config, container)
        buildah("commit", "--quiet", container, image)


# --- The image -----------------------------------------------------------------------------------------------


def build(buildah, context, log):
    """Builds the image, with the crates' registry reached as it is from here."""
    cargo = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"), "config.toml")
    certificates = Path(os.environ.get("SSL_CERT_FILE", "/" / CERTIFICATES))
    seen = {cargo: "/usr/local/cargo/config.toml", certificates: f"/{CERTIFICATES}"}
    volumes = [f"--volume={here}:{there}:ro" for here, there in seen.items() if here.exists()]
    arguments = ("--pull-never", "--format", "docker", "--build-arg", f"REVISION={REVISION}", "--tag", IMAGE)
    with log.open("w") as out:
        building = buildah.start("build", *volumes, *arguments, context, stdout=out, stderr=out)
        try:
            code = building.wait(BUILD_SECONDS)
        finally:
            building.kill()
            building.wait()
    if code != 0:
        raise Failure(f"{log.read_text()[-4000:]}\nthe build has failed, exit code {code}")


def files(buildah, image):
    """Sizes of an image's files."""
    with buildah.container(image) as container:
        root = Path(buildah("mount", container))
        found = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
        return {f"/{path.relative_to(root)}": path.stat().st_size for path in found}


def claims_about_the_image(buildah, runtime_image):
    config = buildah.config(IMAGE)
    program = config["Entrypoint"][0]
    before, after = files(buildah, runtime_image), files(buildah, IMAGE)
    added = {path: size for path, size in after.items() if before.get(path) != size}
    sizes = sum(after.values()) / 1e6, after[program] / 1e6
    print("size of the image {:.1f} MB (on the base made here), of the program in it {:.1f} MB".format(*sizes))
    yield None if list(added) == [program] else f"more than the program is added to the base image: {added}"
    number = re.fullmatch(r"[1-9]\d*:[1-9]\d*", config["User"])
    yield None if number else f"the user is {config['User']}: root, or not told as a number"
    label = config["Labels"].get("org.opencontainers.image.revision")
    yield None if label == REVISION else f"the label of the revision is {label}"


# --- The container -------------------------------------------------------------------------------------------


def facts(pid):
    """What the kernel says of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def processes_below(pid):
    """A process and those that descend from it, children after their parents."""
    children = {}
    for found in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            children.setdefault(status(int(found.name), "PPid"), []).append(int(found.name))
    below = [pid]
    for parent in below:
        below += children.get(parent, [])
    return below


def wait_for_health(is_healthy, running):
    wait_until(lambda: running.poll() is not None or is_healthy(), HEALTH_SECONDS, pause=0.1)
    return None if running.poll() is None and is_healthy() else f"not healthy, exit code {running.poll()}"


def claims_about_requests(service, web):
    code, _, body = ask(question("max", CHUNK | {"url": f"{web}/temperature.nc"}), service)
    right = code == 200 and LARGEST in body and COUNT in body
    yield None if right else f"the largest value of a chunk: status {code}, {body}"
    code, _, body = ask(get("/version"), service)
    yield None if code == 200 and json.loads(body)["revision"] == REVISION else f"/version: {code}, {body}"


def claims_about_the_process(pid, user):
    found = facts(pid)
    ids = {*found["Uid"].split(), *found["Gid"].split()}
    yield None if ids == {user} else f"users and groups are {ids}"
    yield None if int(found["CapEff"], 16) == 0 else f"capabilities are {found['CapEff']}"


def claims_about_the_container(buildah, container, web, log):
    config = buildah.config(IMAGE)
    port, user = free_port(), config["User"].split(":")[0]
    settings = {"HOST": "127.0.0.1", "PORT": port, "ALLOW_SOURCE": web, "MEMORY_LIMIT": "256MiB"}
    buildah("config", *(f"--env=REDUCTIONIST_{name}={value}" for name, value in settings.items()), container)
    command, *health = config["Healthcheck"]["Test"]
    yield None if command == "CMD" else f"the health check wants a shell: {config['Healthcheck']}"

    def is_healthy():
        return buildah.code("run", container, "--", *health) == 0

    yield "healthy before it is started" if is_healthy() else None
    running = buildah.start("run", container, "--", *config["Entrypoint"], stdout=log, stderr=log)
    try:
        yield wait_for_health(is_healthy, running)
        pid = processes_below(running.pid)[-1]
        yield from claims_about_the_process(pid, user)
        yield from claims_about_requests(f"http://127.0.0.1:{port}", web)
        written = output("find", buildah("mount", container), "-xdev", "-uid", user)
        yield f"it has written {written}" if written else None
        os.kill(pid, getattr(signal, config["StopSignal"]))
        code = running.wait(STOP_SECONDS)
        yield None if code == 0 else f"exit code {code}"
    except subprocess.TimeoutExpired:
        yield f"still there {STOP_SECONDS} s after {config['StopSignal']}"
    finally:
        running.kill()
        running.wait()


@pytest.fixture
def buildah():
    for program in ("buildah", "debootstrap"):
        installed(program, program)
    found = Buildah(ROOT / "target/image")
    for leftovers in ("rm", "--all"), ("rmi", "--prune"):  # of a check that was killed
        found(*leftovers)
    return found


def test_the_image_is_built_and_runs(report, buildah):
    work = ROOT / "target/image"
    compiler_image, runtime_image = re.findall(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    make_base_images(buildah, compiler_image, runtime_image)
    begin = time.monotonic()
    build(buildah, ROOT, work / "build.log")
    report.say(f"built in {time.monotonic() - begin:.0f} s")
    report.group("the image", claims_about_the_image(buildah, runtime_image))
    with (
        faulty_store(SAMPLE.read_bytes()) as web,
        buildah.container(IMAGE) as container,
        (work / "service.log").open("w") as log,
    ):
        report.group("a container of it", claims_about_the_container(buildah, container, web.url(""), log))
    if report.failures:
        print("-- the log of the service", (work / "service.log").read_text()[-4000:], sep="\n")
