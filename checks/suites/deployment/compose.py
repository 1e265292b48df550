"""What has to hold for deployment/compose.yaml, beside what Docker Compose itself checks."""

import json
import re
import subprocess
from pathlib import Path

import compose as docker_compose

PROGRAM = Path(docker_compose.__file__).parent / "docker-compose"  # the package's own command always exits with 0
FILE = Path("deployment/compose.yaml")
# Files of others that name services.
NEIGHBOURS = "haproxy/servers.cfg", "prometheus/targets/*.yml", "grafana/provisioning/datasources/*.yaml"


def claims(settings, least_grace):
    """What is wrong, or nothing, for each claim. `least_grace`: seconds that the service takes to stop."""
    command = [PROGRAM, "--file", FILE, "config", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    yield None if done.returncode == 0 and not done.stderr else f"docker-compose: {done.stderr}"
    if done.returncode != 0:
        return
    services = json.loads(done.stdout)["services"]
    for name, service in services.items():
        problems = claims_about_a_service(service, settings, least_grace)
        yield from (problem and f"{name}: {problem}" for problem in problems)
    published = [port["published"] for service in services.values() for port in service.get("ports", [])]
    yield None if len(published) == len(set(published)) else f"a port is published twice: {sorted(published)}"
    yield from claims_about_neighbours(services)


def claims_about_a_service(service, settings, least_grace):
    own, image = "build" in service, service["image"]
    yield None if own or re.search(r":[^:/]*\d[^:/]*$", image) else f"image {image} is not pinned"
    yield None if service.get("read_only") else "its root is not read-only"
    yield None if service.get("cap_drop") == ["ALL"] and "cap_add" not in service else "it keeps capabilities"
    yield None if "no-new-privileges:true" in service.get("security_opt", []) else "it may get new privileges"
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    yield None if limits.keys() >= {"cpus", "memory", "pids"} else f"limits are only {limits}"
    once = service.get("restart") == "no"
    health = service.get("healthcheck", {})
    yield None if health.get("disable") is once or (not once and "test" in health) else "it has no health check"
    ports = service.get("ports", [])
    yield None if all(port.get("host_ip") == "127.0.0.1" for port in ports) else f"others reach it: {ports}"
    sources = [volume["source"] for volume in service.get("volumes", []) if volume["type"] == "bind"]
    missing = [source for source in sources if not Path(source).exists()]
    yield f"there is no {', '.join(missing)}" if missing else None
    own_settings = {variable for variable in service.get("environment", {}) if variable.startswith("REDUCTIONIST_")}
    yield f"unknown settings {own_settings - settings}" if own_settings - settings else None
    if own:
        grace = in_seconds(service.get("stop_grace_period", "10s"))
        yield None if grace > least_grace else f"it is killed after {grace} s, but may take {least_grace} s to stop"


def in_seconds(duration):
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))


def claims_about_neighbours(services):
    """Hosts that other files name are services."""
    for pattern in NEIGHBOURS:
        files = list(FILE.parent.glob(pattern))
        yield None if files else f"there is no {pattern}"
        for file in files:
            lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
            hosts = set(re.findall(r"(?:^|[\s/-])([a-z][a-z0-9-]*):\d{4,5}\b", "\n".join(lines)))
            yield f"{file} names {hosts - services.keys()}, no service" if hosts - services.keys() else None
            # There is no Alertmanager.
            yield None if hosts or file.name == "alertmanager.yml" else f"{file} names no host"
