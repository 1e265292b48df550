"""Checks the rules of Prometheus and the dashboard of Grafana against what the service really tells.

A service (HTTP, with an admin listener), another one (HTTPS, without), HAProxy before them and Prometheus run on
loopback. Requests of all kinds are sent, failing ones too, and then

- Prometheus must have scraped all of them, with the configuration in deployment/prometheus and other targets;
- it must know the Alertmanager that it is told of;
- every series in a rule or panel must be one that is really exposed, and every series be in docs/monitoring.md;
- every expression of the dashboard and of that page, and every recording rule, must give numbers; every alert must be
  one that the runbook explains, that a test makes fire, that the dashboard shows, and whose series are there.
"""

import contextlib
import http.client
import json
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from harness import asking
from harness import faulty_store as at
from harness.asking import SAMPLE_CHUNK
from harness.places import DEPLOYMENT, SAMPLE
from harness.processes import certificate, free_port, installed, logged, wait_until
from harness.report import Failure
from harness.service import Service

pytestmark = pytest.mark.monitoring

PROMETHEUS, GRAFANA, RUNBOOK = DEPLOYMENT / "prometheus", DEPLOYMENT / "grafana", Path("docs/monitoring.md")
DEADLINE_SECONDS = 25  # for all expressions to give numbers
WINDOW = "15s"  # of Grafana's $__rate_interval
ALERTMANAGER = "alertmanager.invalid:9093"  # that Prometheus is told of; nobody listens
STAGES = "queue", "fetch", "decode", "reduce", "encode"

# What `promtool check metrics` may say: these names were there before the rules for names.
FIXED_NAMES = "incoming_requests", "outgoing_response", "response_time"

# Expressions that give numbers only when something is wrong that cannot be brought about here.
RARE = ('status_code="500"', "ALERTS{", "changes(")

RAW = {"dtype": "float32", "offset": 0, "size": 4000}


# --- Servers -------------------------------------------------------------------------------------------------


HAPROXY = """
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend clients
    bind 127.0.0.1:{port}
    default_backend reductionist
backend reductionist
    option httpchk GET /readyz
    default-server check inter 500ms
    server plain 127.0.0.1:{plain}
    server secure 127.0.0.1:{secure} ssl verify none
frontend admin
    bind 127.0.0.1:{exporter}
    http-request use-service prometheus-exporter if {{ path /metrics }}
"""


def configure_prometheus(directory, targets):
    """The checked-in configuration, but quick, and with other targets."""
    shutil.copytree(PROMETHEUS, directory)
    shutil.copy(directory.parent / "cert.pem", directory)
    file = directory / "prometheus.yml"
    changed = file.read_text()
    job = "job_name: reductionist\n"
    for old, new in ("_interval: 15s", "_interval: 1s"), (job, f"{job}    tls_config: {{ca_file: cert.pem}}\n"):
        if old not in changed:
            raise Failure(f"{file.name} has no {old!r}")
        changed = changed.replace(old, new)
    file.write_text(changed)
    for job, groups in targets.items():
        (directory / f"targets/{job}.yml").write_text(json.dumps(groups))  # JSON is YAML


@contextlib.contextmanager
def everything(programs, directory, report):
    """Two services, HAProxy's metrics and Prometheus by URL, and the store."""
    cert, key = certificate(directory)
    files = ["--file-root", SAMPLE.parent]
    admin, exporter, port, prometheus = (free_port() for _ in range(4))
    # One connection and little patience, so that a request can be turned away.
    plain = Service(programs, [*files, "--admin-address", f"127.0.0.1:{admin}", "--retries", 1, "--s3-connection-limit", 4,
                               "--http-connection-limit", 1, "--queue-timeout", "100ms"])  # fmt: skip
    secure = Service(programs, [*files, "--https", "--cert-file", cert, "--key-file", key])
    text = HAPROXY.format(plain=plain.port, secure=secure.port, port=port, exporter=exporter)
    (directory / "haproxy.cfg").write_text(text)
    configure_prometheus(directory / "prometheus", {
        "reductionist": [{"targets": [f"127.0.0.1:{admin}"]},
                         {"targets": [secure.address], "labels": {"__scheme__": "https"}}],
        "haproxy": [{"targets": [f"127.0.0.1:{exporter}"]}],
        "alertmanager": [{"targets": [ALERTMANAGER]}],
    })  # fmt: skip
    haproxy = [installed("haproxy"), "-db", "-f", directory / "haproxy.cfg"]
    scraper = [installed("prometheus"), f"--config.file={directory}/prometheus/prometheus.yml", "--log.level=warn",
               f"--web.listen-address=127.0.0.1:{prometheus}", f"--storage.tsdb.path={directory}/data"]  # fmt: skip
    with contextlib.ExitStack() as stack:
        for started in (plain, secure):
            started.start()
            stack.callback(started.stop)
        for command, listens in ((haproxy, exporter), (scraper, prometheus)):
            stack.enter_context(logged(command, listens, directory / f"{Path(command[0]).name}.log"))
        stored = stack.enter_context(at.faulty_store(SAMPLE.read_bytes()))
        urls = {"admin": admin, "exporter": exporter, "prometheus": prometheus}
        yield plain.url, secure.url, {name: f"http://127.0.0.1:{number}" for name, number in urls.items()}, stored
    for started in (plain, secure):
        report.group("the service stops at SIGTERM", started.outcomes())


def get(url, **parameters):
    """The body of an answer."""
    if parameters:
        url += "?" + urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


# --- Requests ------------------------------------------------------------------------------------------------

TRUSTING = ssl._create_unverified_context()  # the certificate is checked by Prometheus


def ask(service, operation, **request):
    """The status of a reduction."""
    return asking.ask(asking.question(operation, request), service, TRUSTING)[0]


def ask_all(service, stored):
    """One request of each kind, each of which has to be answered as it deserves."""
    file = {"interface_type": "file", "url": f"file:///{SAMPLE.name}"}
    answers = {
        "a file": (200, ask(service, "sum", **file, **SAMPLE_CHUNK)),
        "raw data": (200, ask(service, "select", **file, **RAW)),
        "nonsense": (400, ask(service, "max", **file)),
        "corrupt data": (400, ask(service, "max", **file, **SAMPLE_CHUNK | {"offset": 0})),
    }
    for interface in ("s3", "http"):
        for path, expected in ((at.GOOD, 200), (at.ABSENT, 400), (at.DENIED, 401), (at.DOWN, 502)):
            place = {"interface_type": interface, "url": stored.url(path)}
            answers[f"{interface} {path}"] = (expected, ask(service, "max", **place, **SAMPLE_CHUNK))
    wrong = {what: answer for what, answer in answers.items() if answer[0] != answer[1]}
    if wrong:
        raise Failure(f"requests that were not answered as expected (status expected, found): {wrong}")


def overload(service, stored):
    """Has a request turned away, since another one holds the only connection, and then that one given up by its client."""
    stored.asked_slow.clear()
    stored.go_on.clear()
    slow = {"interface_type": "http", "url": stored.url(at.SLOW)} | SAMPLE_CHUNK
    holder = http.client.HTTPConnection(urllib.parse.urlsplit(service).netloc, timeout=30)
    holder.request("POST", "/v2/sum", json.dumps(slow), {"content-type": "application/json"})
    try:
        if not stored.asked_slow.wait(10):
            raise Failure("the slow object is not asked for")
        status = ask(service, "sum", **slow)
    finally:
        # A client that only closes its side may still want the answer, and is given a while.
        holder.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        holder.close()
        stored.go_on.set()
    if status != 503:
        raise Failure(f"a request for a connection that is taken was answered with {status}")


# --- Expressions ---------------------------------------------------------------------------------------------


def dashboard_expressions():
    """Each expression of the dashboard by where it stands, as Grafana would ask it."""
    dashboard = json.loads((GRAFANA / "dashboard.json").read_text())
    asked = {(panel["title"], target["refId"]): target["expr"]
             for panel in dashboard["panels"] for target in panel.get("targets", ())}  # fmt: skip
    asked |= {(note["name"], ""): note["expr"] for note in dashboard["annotations"]["list"]}
    for (title, letter), expression in asked.items():
        expression = expression.replace("$instance", ".*").replace("$__rate_interval", WINDOW)
        for stage in STAGES if "$stage" in expression else ("",):
            yield f"panel {title.replace('$stage', stage)} {letter}", expression.replace("$stage", stage)


def guide_expressions():
    """The expressions that the page has people look at first."""
    section = RUNBOOK.read_text().partition("## What to look at first\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE)
    return [(f"{RUNBOOK}, {cell}", cell.replace("[5m]", f"[{WINDOW}]")) for cell in cells]


def rules(prometheus):
    groups = json.loads(get(f"{prometheus}/api/v1/rules"))["data"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


SELECTOR = re.compile(r"""(?<![\w:"$])([a-zA-Z_][\w:]*) \s* (\{[^}]*\})? (?=[\s\[)]|$)""", re.VERBOSE)
WORDS = {"and", "by", "count", "group_left", "ignoring", "max", "offset", "on", "or", "sum", "unless", "without"}


def selectors(expression):
    """The series that it is made of: names, and the braces behind them."""
    bare = re.sub(r"\b(by|on|ignoring|group_left)\s*\([^)]*\)", " ", expression)
    return {(name, braces or "") for name, braces in SELECTOR.findall(bare) if name not in WORDS}


def numbers(prometheus, expression):
    """How many of its values are numbers."""
    try:
        answer = json.loads(get(f"{prometheus}/api/v1/query", query=expression))
    except urllib.error.HTTPError as refused:
        with refused:
            raise Failure(f"Prometheus refuses {expression}: {refused.read().decode()}") from None
    return sum(element["value"][1] != "NaN" for element in answer["data"]["result"])


def exposed(text):
    """The names in what a program tells of itself."""
    return set(re.findall(r"^([a-zA-Z_:][\w:]*)(?=[{ ])", text, re.MULTILINE))


def families(text):
    return set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))


# --- The checks ----------------------------------------------------------------------------------------------


def check_files():
    """What can be said without a server."""
    for command in (["promtool", "check", "config", PROMETHEUS / "prometheus.yml"],
                    ["promtool", "test", "rules", PROMETHEUS / "rules_test.yml"],
                    [sys.executable, GRAFANA / "make-dashboard", "--check"]):  # fmt: skip
        told = subprocess.run(command, capture_output=True, text=True)
        if told.returncode:
            yield f"{' '.join(map(str, command))}: {told.stdout}{told.stderr}"


def check_words(metrics):
    """Whether the metrics are as Prometheus wants them."""
    told = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
    lines = (told.stdout + told.stderr).splitlines()
    yield from (f"promtool check metrics: {line}" for line in lines if not line.startswith(FIXED_NAMES))


def check_names(known, expressions):
    """Whether all series of expressions are there, in exactly these names."""
    for where, expression in expressions:
        unknown = {name for name, _ in selectors(expression)} - known
        if unknown:
            yield f"{where}: nobody exposes {', '.join(sorted(unknown))}"


OF_REQUESTS = re.compile(r"rate\((incoming_requests|outgoing_response|response_time\w*)(\{[^}]*\})?")


def check_operations(expressions):
    """Whether rates of requests are those of operations: probes and scrapes would hide what happens to them."""
    for where, expression in expressions:
        for name, braces in OF_REQUESTS.findall(expression):
            if 'path=~"/v[12]/.+"' not in braces:
                yield f"{where}: {name}{braces} has probes and scrapes in it"


def check_firing(alerts, expressions):
    """Whether the dashboard shows each alert, asking as a test in rules_test.yml does."""
    asked = dict(expressions)["panel Firing alerts A"]
    if asked not in (PROMETHEUS / "rules_test.yml").read_text():
        yield f"panel Firing alerts: no test asks for {asked}"
    shown = re.search(r'alertname=~"([^"]*)"', asked)
    for alert in alerts:
        if not shown or not re.fullmatch(shown[1], alert["name"]):
            yield f"panel Firing alerts: {alert['name']} is not shown"


def check_runbook(alerts, metrics):
    """Whether each alert and series is explained, and each alert has been seen firing."""
    runbook, tests = RUNBOOK.read_text(), (PROMETHEUS / "rules_test.yml").read_text()
    anchors = {f"{RUNBOOK}#{title.lower()}" for title in re.findall(r"^#+ (\S+)$", runbook, re.MULTILINE)}
    for alert in alerts:
        name, notes = alert["name"], alert["annotations"]
        if set(notes) != {"summary", "description", "runbook"} or "severity" not in alert["labels"]:
            yield f"{name}: wants severity, summary, description, runbook"
        elif notes["runbook"] not in anchors or notes["runbook"] != f"{RUNBOOK}#{name.lower()}":
            yield f"{name}: {notes['runbook']} does not exist, or is another one's"
        if f'alertname="{name}"' not in tests:
            yield f"{name}: no test makes it fire"
    yield from (f"{RUNBOOK} does not explain {name}" for name in sorted(families(metrics)) if f"`{name}" not in runbook)


def check_numbers(prometheus, expressions, ask_again):
    """Whether all expressions give numbers in the end. Requests have to be under way, since rates want some."""
    missing = dict(expressions)
    give_up = time.monotonic() + DEADLINE_SECONDS
    while missing and time.monotonic() < give_up:
        ask_again()
        missing = {where: asked for where, asked in missing.items() if not numbers(prometheus, asked)}
    yield from (f"{where}: no data: {asked}" for where, asked in missing.items())


def wanted(expressions, alerts):
    """What has to give numbers: expressions of the dashboard, recorded series, and what alerts look at."""
    asked = dict(expressions)
    for where, expression in alerts:
        asked |= {f"{where}, {name}{braces}": name + braces for name, braces in selectors(expression)}
    return {where: expression for where, expression in asked.items() if not any(word in expression for word in RARE)}


def scraped(prometheus):
    """Waits until all targets are."""
    found = []

    def all_are_up():
        found[:] = json.loads(get(f"{prometheus}/api/v1/targets"))["data"]["activeTargets"]
        return len(found) == 3 and all(target["health"] == "up" for target in found)

    if not wait_until(all_are_up, DEADLINE_SECONDS, pause=0.1):
        raise Failure(f"Prometheus cannot scrape: {found}")
    return [target["scrapeUrl"] for target in found]


def check_alertmanager(prometheus):
    """Whether Prometheus sends alerts where it is told to."""
    known = json.loads(get(f"{prometheus}/api/v1/alertmanagers"))["data"]["activeAlertmanagers"]
    if [urllib.parse.urlsplit(found["url"]).netloc for found in known] != [ALERTMANAGER]:
        yield f"alerts go to {known}"


def compared(report, name, subjects, problems):
    """As many comparisons as there are subjects, and at least one, of which some may be wrong."""
    found = list(problems)
    report.group(name, [*found, *[None] * max(len(subjects) - len(found), 1 - len(found))])


def test_what_operators_see_is_there(programs, report, tmp_path):
    compared(report, "files", range(3), check_files())
    with everything(programs, tmp_path, report) as (plain, secure, urls, stored):
        prometheus = urls["prometheus"]
        ask_all(plain, stored)
        overload(plain, stored)
        report.say(f"scraped: {', '.join(scraped(prometheus))}")
        metrics = get(f"{urls['admin']}/metrics")
        known = rules(prometheus)
        recorded = [(rule["name"], rule["query"]) for rule in known if rule["type"] == "recording"]
        alerts = [rule for rule in known if rule["type"] == "alerting"]
        looked_at = [(f"alert {alert['name']}", alert["query"]) for alert in alerts]
        expressions = [*dashboard_expressions(), *guide_expressions()]
        everywhere = [*expressions, *recorded, *looked_at]
        names = exposed(metrics) | exposed(get(f"{urls['exporter']}/metrics"))
        names |= {name for name, _ in recorded} | {"up", "ALERTS"}

        compared(report, "names and units of metrics", families(metrics), check_words(metrics))
        compared(report, "series of expressions are exposed", everywhere, check_names(names, everywhere))
        compared(report, "rates are those of operations", everywhere, check_operations(everywhere))
        compared(report, "the dashboard shows alerts that fire", alerts, check_firing(alerts, expressions))
        explained = [*alerts, *families(metrics)]
        compared(report, "the runbook explains alerts and series", explained, check_runbook(alerts, metrics))

        def ask_again():
            for service in (plain, secure):
                ask_all(service, stored)
            overload(plain, stored)

        asked = wanted([*expressions, *((name, name) for name, _ in recorded)], looked_at)
        report.say(
            f"{len(alerts)} alerts, {len(recorded)} recorded series, {len(expressions)} expressions of panels, pages"
        )
        compared(report, "expressions give numbers", asked, check_numbers(prometheus, asked, ask_again))
        compared(report, "alerts go to the Alertmanager", range(1), check_alertmanager(prometheus))
        for _, expression in looked_at:
            numbers(prometheus, expression)  # it has to be one; whether it gives data, time will tell
