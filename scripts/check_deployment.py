"""Checks Dockerfile, compose file and Helm chart. Run it through scripts/check-deployment, which installs the tools."""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import yaml

import check_chart
import check_compose
from check_report import Group, Report

SHUTDOWN_DELAY, SHUTDOWN_TIMEOUT = 2, 60  # seconds, unless they are set


def settings_of_the_service():
    """The variables that docs/configuration.md has."""
    return set(re.findall(r"`(REDUCTIONIST_[A-Z0-9_]+)`", Path("docs/configuration.md").read_text()))


def run(*command, **options):
    """What is wrong, as a program says it, or nothing."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    return None if done.returncode == 0 else f"{' '.join(map(str, command))}: {done.stdout[-2000:]}"


def versions():
    """The version stands in three files."""
    version = tomllib.loads(Path("Cargo.toml").read_text())["package"]["version"]
    chart = yaml.safe_load((check_chart.CHART / "Chart.yaml").read_text())["appVersion"]
    yield None if chart == version else f"appVersion of the chart is {chart}, version in Cargo.toml {version}"
    image = re.search(r"^ARG VERSION=(\S+)", Path("Dockerfile").read_text(), re.MULTILINE)[1]
    yield None if image == version else f"VERSION in the Dockerfile is {image}, version in Cargo.toml {version}"


def dockerfile():
    yield run("hadolint", "Dockerfile")
    yield from context()


def context():
    """Cargo finds everything that Cargo.toml names in what .dockerignore leaves."""
    first, *kept = [line for line in Path(".dockerignore").read_text().splitlines() if not line.startswith("#")]
    yield None if first == "*" and all(line.startswith("!") for line in kept) else ".dockerignore is no list of what stays"
    with tempfile.TemporaryDirectory() as directory:
        for name in (line[1:] for line in kept):
            copy = shutil.copytree if Path(name).is_dir() else shutil.copy
            copy(name, Path(directory, name))
        # Neither the network nor a compiler is wanted for this.
        yield run("cargo", "metadata", "--quiet", "--no-deps", "--offline", "--locked", "--format-version=1", cwd=directory)


def main():
    report = Report()
    settings = settings_of_the_service()
    report.add(Group.of("versions", versions()))
    report.add(Group.of("Dockerfile", dockerfile()))
    report.add(Group.of("compose file", check_compose.claims(settings, SHUTDOWN_DELAY + SHUTDOWN_TIMEOUT)))
    for name, claims in check_chart.groups(settings):
        report.add(Group.of(f"Helm chart: {name}", claims))
    print(f"{report.comparisons - report.differences} passed, {report.differences} failed")
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
