"""Checks Dockerfile, compose file and Helm chart. Run it through scripts/check-deployment, which installs the tools."""

import re
import subprocess
import sys
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


def versions():
    """The version stands in three files, and on pages."""
    version = tomllib.loads(Path("Cargo.toml").read_text())["package"]["version"]
    chart = yaml.safe_load((check_chart.CHART / "Chart.yaml").read_text())["appVersion"]
    yield None if chart == version else f"appVersion of the chart is {chart}, version in Cargo.toml {version}"
    image = re.search(r"^ARG VERSION=(\S+)", Path("Dockerfile").read_text(), re.MULTILINE)[1]
    yield None if image == version else f"VERSION in the Dockerfile is {image}, version in Cargo.toml {version}"
    for page in (check_chart.README, *Path("docs/how-to").glob("*.md")):
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
